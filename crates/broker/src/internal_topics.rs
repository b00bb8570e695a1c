//! Topics that the platform keeps for itself, and topics that are created by being asked for.

pub(crate) use ottla_coordination::{OFFSETS_TOPIC, TRANSACTIONS_TOPIC};
use ottla_wire::messages::create_topics_request::{CreatableTopic, CreatableTopicConfig};
use ottla_wire::messages::{CreateTopicsRequest, RequestBody};

use crate::broker::Broker;
use crate::settings::Settings;

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

/// What Kafka wants in sync of the transaction topic where it has so many replicas.
const TRANSACTIONS_MIN_ISR: i32 = 2;

fn wanted(name: &str, settings: &Settings, active_brokers: usize) -> CreatableTopic {
    let most = i16::try_from(active_brokers).unwrap_or(i16::MAX).max(1);
    let replicas = |given: Option<i16>| given.unwrap_or(INTERNAL_REPLICAS.min(most));
    let topic = |num_partitions, replication_factor, configs: &[(&str, &str)]| CreatableTopic {
        name: name.to_owned(),
        num_partitions,
        replication_factor,
        configs: configs.iter().map(|(name, value)| config(name, value)).collect(),
        ..CreatableTopic::default()
    };
    match name {
        OFFSETS_TOPIC => topic(
            settings.offsets_partitions,
            replicas(settings.offsets_replication),
            &[
                ("cleanup.policy", "compact"),
                ("compression.type", "producer"),
                ("segment.bytes", &settings.offsets_segment_bytes.to_string()),
            ],
        ),
        TRANSACTIONS_TOPIC => {
            let transactions = &settings.transactions;
            let replicas = replicas(transactions.replication);
            let min_isr = transactions.min_isr;
            let min_isr = min_isr.unwrap_or(TRANSACTIONS_MIN_ISR.min(i32::from(replicas)));
            topic(
                transactions.partitions,
                replicas,
                &[
                    ("unclean.leader.election.enable", "false"),
                    ("compression.type", "uncompressed"),
                    ("cleanup.policy", "compact"),
                    ("min.insync.replicas", &min_isr.to_string()),
                    ("segment.bytes", &transactions.segment_bytes.to_string()),
                ],
            )
        }
        _ => topic(-1, -1, &[]),
    }
}

fn config(name: &str, value: &str) -> CreatableTopicConfig {
    CreatableTopicConfig {
        name: name.to_owned(),
        value: Some(value.to_owned()),
        ..CreatableTopicConfig::default()
    }
}
