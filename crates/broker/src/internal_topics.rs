//! Topics that the platform keeps for itself, and topics that are created by being asked for.

use ottla_wire::messages::create_topics_request::{CreatableTopic, CreatableTopicConfig};
use ottla_wire::messages::{CreateTopicsRequest, RequestBody};

use crate::broker::Broker;
use crate::settings::Settings;

/// Where groups and their offsets are kept.
pub(crate) const OFFSETS_TOPIC: &str = "__consumer_offsets";
/// Where transactions are kept.
pub(crate) const TRANSACTIONS_TOPIC: &str = "__transaction_state";
/// Where share groups keep their progress.
pub(crate) const SHARE_STATE_TOPIC: &str = "__share_group_state";

/// The newest version of CreateTopics, which the controller is asked in.
const CREATE_TOPICS_VERSION: i16 = 7;

/// How long the controller may take.
const CREATE_TIMEOUT_MS: i32 = 30_000;

/// What Kafka keeps three of where there are as many brokers.
const INTERNAL_REPLICAS: i16 = 3;

/// Whether clients are told that the topic is internal.
#[must_use]
pub(crate) fn is_internal(topic: &str) -> bool {
    matches!(topic, OFFSETS_TOPIC | TRANSACTIONS_TOPIC | SHARE_STATE_TOPIC)
}

/// Asks the controller to create topics with the broker's defaults. What fails stays unknown, and
/// the caller finds that out from the image.
pub(crate) async fn create(broker: &Broker, names: &[String], principal: &str) {
    let topics = {
        let settings = broker.settings();
        let active = broker.image().brokers.values().filter(|known| known.is_active()).count();
        names.iter().map(|name| wanted(name, &settings, active)).collect()
    };
    let request =
        CreateTopicsRequest { topics, timeout_ms: CREATE_TIMEOUT_MS, ..Default::default() };
    let body = RequestBody::CreateTopics(Box::new(request));
    if let Err(code) = broker.controller.ask(body, CREATE_TOPICS_VERSION, principal).await {
        tracing::warn!(?names, ?code, "cannot create topics");
    }
}

fn wanted(name: &str, settings: &Settings, active_brokers: usize) -> CreatableTopic {
    if name != OFFSETS_TOPIC {
        return CreatableTopic {
            name: name.to_owned(),
            num_partitions: -1,
            replication_factor: -1,
            ..CreatableTopic::default()
        };
    }
    let most = i16::try_from(active_brokers).unwrap_or(i16::MAX).max(1);
    let replicas = settings.offsets_replication.unwrap_or(INTERNAL_REPLICAS.min(most));
    let config = |name: &str, value: String| CreatableTopicConfig {
        name: name.to_owned(),
        value: Some(value),
        ..CreatableTopicConfig::default()
    };
    CreatableTopic {
        name: name.to_owned(),
        num_partitions: settings.offsets_partitions,
        replication_factor: replicas,
        configs: vec![
            config("cleanup.policy", "compact".to_owned()),
            config("compression.type", "producer".to_owned()),
            config("segment.bytes", settings.offsets_segment_bytes.to_string()),
        ],
        ..CreatableTopic::default()
    }
}
