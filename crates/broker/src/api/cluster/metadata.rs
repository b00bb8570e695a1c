//! Metadata.
//!
//! v0: an empty list asks for all topics; v1+: null does, and an empty list asks for none.
//! v4: auto-creation by request.  v10: topic ids.  v12: asking by id.  v13: a top-level error.
//!
//! A topic that is created by being asked for is described at once: the answer waits for the
//! controller instead of telling the client to come again.

use std::collections::BTreeSet;

use ottla_metadata::{BrokerImage, MetadataImage, PartitionImage, TopicImage};
use ottla_wire::messages::metadata_request::MetadataRequestTopic;
use ottla_wire::messages::metadata_response::{
    MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic,
};
use ottla_wire::messages::{MetadataRequest, MetadataResponse};
use ottla_wire::{ErrorCode, Uuid};

use crate::api::access::{CLUSTER_OPERATIONS, TOPIC_OPERATIONS};
use crate::broker::Broker;
use crate::internal_topics::{self, is_internal};
use crate::request::Caller;

pub(crate) async fn metadata(
    broker: &Broker,
    caller: &Caller,
    request: MetadataRequest,
) -> MetadataResponse {
    if let Some(refused) = misused(&request, caller.version) {
        return refused;
    }
    let topics = match &request.topics {
        Some(topics) if caller.version >= 12 && topics.iter().any(has_id) => {
            let image = broker.image();
            let mut seen = BTreeSet::new();
            topics
                .iter()
                .filter(|topic| has_id(topic) && seen.insert(topic.topic_id))
                .map(|topic| identified(&image, caller, topic))
                .collect()
        }
        Some(topics) if !(topics.is_empty() && caller.version == 0) => {
            let mut topics: Vec<MetadataRequestTopic> = topics.clone();
            let mut seen = BTreeSet::new();
            topics.retain(|topic| seen.insert(topic.name.clone()));
            if request.allow_auto_topic_creation {
                create_missing(broker, caller, &topics).await;
            }
            let image = broker.image();
            topics.iter().map(|topic| named(broker, &image, caller, topic)).collect()
        }
        _ => {
            let image = broker.image();
            image.topics.iter().map(|topic| describe(&image, caller, topic)).collect()
        }
    };
    let image = broker.image();
    let mut response = MetadataResponse {
        brokers: brokers(&image, caller),
        cluster_id: Some(broker.cluster_id.clone()),
        controller_id: any_active(broker, &image),
        topics,
        ..MetadataResponse::default()
    };
    if request.include_topic_authorized_operations {
        for topic in &mut response.topics {
            if topic.name.is_some() {
                topic.topic_authorized_operations = TOPIC_OPERATIONS;
            }
        }
    }
    if request.include_cluster_authorized_operations {
        response.cluster_authorized_operations = CLUSTER_OPERATIONS;
    }
    response
}

/// Names may be null, and ids given, only from version 12 on: nothing is answered otherwise.
fn misused(request: &MetadataRequest, version: i16) -> Option<MetadataResponse> {
    let topics = request.topics.as_deref().unwrap_or_default();
    let wrong = version < 12
        && topics.iter().any(|topic| topic.name.is_none() || !topic.topic_id.is_zero());
    let refused = |topic: &MetadataRequestTopic| MetadataResponseTopic {
        error_code: ErrorCode::InvalidRequest.code(),
        name: Some(topic.name.clone().unwrap_or_default()),
        topic_id: topic.topic_id,
        ..MetadataResponseTopic::default()
    };
    wrong.then(|| MetadataResponse {
        topics: topics.iter().map(refused).collect(),
        controller_id: -1,
        ..MetadataResponse::default()
    })
}

async fn create_missing(broker: &Broker, caller: &Caller, topics: &[MetadataRequestTopic]) {
    let missing: Vec<String> = {
        let image = broker.image();
        let automatic = broker.settings().auto_create_topics;
        topics
            .iter()
            .filter_map(|topic| topic.name.as_deref())
            .filter(|name| image.topics.by_name(name).is_none())
            .filter(|name| automatic || is_internal(name))
            .map(str::to_owned)
            .collect()
    };
    if !missing.is_empty() {
        internal_topics::create(broker, &missing, &caller.connection.principal).await;
    }
}

/// Where one topic has an id, names are not looked at: clients send them empty (KIP-516).
fn has_id(topic: &MetadataRequestTopic) -> bool {
    !topic.topic_id.is_zero()
}

fn identified(
    image: &MetadataImage,
    caller: &Caller,
    wanted: &MetadataRequestTopic,
) -> MetadataResponseTopic {
    match image.topics.by_id(wanted.topic_id) {
        Some(topic) => describe(image, caller, topic),
        None => MetadataResponseTopic {
            error_code: ErrorCode::UnknownTopicId.code(),
            name: None,
            topic_id: wanted.topic_id,
            ..MetadataResponseTopic::default()
        },
    }
}

fn named(
    broker: &Broker,
    image: &MetadataImage,
    caller: &Caller,
    wanted: &MetadataRequestTopic,
) -> MetadataResponseTopic {
    let found = match &wanted.name {
        Some(name) => image.topics.by_name(name),
        None => image.topics.by_id(wanted.topic_id),
    };
    if let Some(topic) = found {
        return describe(image, caller, topic);
    }
    let code = match &wanted.name {
        None => ErrorCode::UnknownTopicId,
        Some(name) if ottla_metadata::topic_name::check(name).is_err() => {
            ErrorCode::InvalidTopicException
        }
        Some(_) => ErrorCode::UnknownTopicOrPartition,
    };
    tracing::debug!(node = broker.node_id, topic = ?wanted.name, ?code, "unknown topic asked for");
    MetadataResponseTopic {
        error_code: code.code(),
        name: wanted.name.clone(),
        topic_id: if wanted.name.is_none() { wanted.topic_id } else { Uuid::ZERO },
        is_internal: wanted.name.as_deref().is_some_and(is_internal),
        ..MetadataResponseTopic::default()
    }
}

fn describe(image: &MetadataImage, caller: &Caller, topic: &TopicImage) -> MetadataResponseTopic {
    let partition = |(index, partition): (&i32, &std::sync::Arc<PartitionImage>)| {
        let leader = image.broker(partition.leader).filter(|broker| broker.is_active());
        let listed = leader.is_some_and(|leader| listener(leader, caller).is_some());
        let code = match leader {
            None => ErrorCode::LeaderNotAvailable,
            Some(_) if listed => ErrorCode::None,
            Some(_) if caller.version >= 6 => ErrorCode::ListenerNotFound,
            Some(_) => ErrorCode::LeaderNotAvailable,
        };
        MetadataResponsePartition {
            error_code: code.code(),
            partition_index: *index,
            leader_id: if listed { partition.leader } else { -1 },
            leader_epoch: partition.leader_epoch,
            replica_nodes: partition.replicas.clone(),
            isr_nodes: partition.isr.clone(),
            offline_replicas: offline(image, partition),
            ..MetadataResponsePartition::default()
        }
    };
    MetadataResponseTopic {
        name: Some(topic.name.to_string()),
        topic_id: topic.id,
        is_internal: is_internal(&topic.name),
        partitions: topic.partitions.iter().map(partition).collect(),
        ..MetadataResponseTopic::default()
    }
}

/// Replicas on brokers that are not there, or on a directory that is not.
pub(in crate::api) fn offline(image: &MetadataImage, partition: &PartitionImage) -> Vec<i32> {
    let is_offline = |id: &i32| match image.broker(*id) {
        None => true,
        Some(broker) if broker.fenced => true,
        Some(broker) => partition
            .directory_of(*id)
            .is_some_and(|directory| !broker.has_online_directory(directory)),
    };
    partition.replicas.iter().copied().filter(|id| is_offline(id)).collect()
}

/// The endpoint that a broker advertises on the caller's listener.
pub(crate) fn listener<'a>(
    broker: &'a BrokerImage,
    caller: &Caller,
) -> Option<&'a ottla_metadata::Endpoint> {
    broker.endpoint(&caller.connection.listener)
}

fn brokers(image: &MetadataImage, caller: &Caller) -> Vec<MetadataResponseBroker> {
    let active = image.brokers.values().filter(|broker| broker.is_active());
    active
        .filter_map(|broker| {
            let endpoint = listener(broker, caller)?;
            Some(MetadataResponseBroker {
                node_id: broker.id,
                host: endpoint.host.clone(),
                port: i32::from(endpoint.port),
                rack: broker.rack.clone(),
                ..MetadataResponseBroker::default()
            })
        })
        .collect()
}

/// Clients send controller requests to the broker named here; any broker forwards them (KIP-590).
pub(in crate::api) fn any_active(broker: &Broker, image: &MetadataImage) -> i32 {
    let active: Vec<i32> = image
        .brokers
        .values()
        .filter(|broker| broker.is_active())
        .map(|broker| broker.id)
        .collect();
    match u64::try_from(active.len()) {
        Ok(count) if count > 0 => {
            let chosen = usize::try_from(broker.random.below(count)).unwrap_or(0);
            active[chosen]
        }
        _ => -1,
    }
}
