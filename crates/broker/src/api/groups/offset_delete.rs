//! OffsetDelete.
//!
//! Deletes committed offsets of topics that the group does not subscribe to (KIP-496).

use std::collections::HashMap;

use ottla_coordinator::{Body, Response};
use ottla_metadata::MetadataImage;
use ottla_wire::ErrorCode;
use ottla_wire::messages::offset_delete_response::{
    OffsetDeleteResponsePartition, OffsetDeleteResponseTopic,
};
use ottla_wire::messages::{OffsetDeleteRequest, OffsetDeleteResponse};

use super::group_call::ask;
use crate::broker::Broker;
use crate::request::Caller;

pub(crate) async fn offset_delete(
    broker: &Broker,
    caller: &Caller,
    mut request: OffsetDeleteRequest,
) -> OffsetDeleteResponse {
    let unknown = take_unknown(&broker.image(), &mut request);
    let group_id = request.group_id.clone();
    match ask(broker, caller, &group_id, Body::OffsetDelete(request)).await {
        Ok(Response::OffsetDelete(mut response)) => {
            if response.error_code == ErrorCode::None.code() {
                merge(&mut response, unknown);
            }
            response
        }
        Ok(other) => unreachable!("a coordinator answers what it was asked, not {other:?}"),
        Err(code) => {
            OffsetDeleteResponse { error_code: code.code(), ..OffsetDeleteResponse::default() }
        }
    }
}

/// Partitions that the cluster does not have, with their answers; they leave the request.
pub(in crate::api) fn take_unknown(
    image: &MetadataImage,
    request: &mut OffsetDeleteRequest,
) -> Vec<OffsetDeleteResponseTopic> {
    let mut unknown = Vec::new();
    for topic in &mut request.topics {
        let known = image.topics.by_name(&topic.name);
        let mut partitions = Vec::new();
        topic.partitions.retain(|asked| {
            let index = asked.partition_index;
            let exists = known.is_some_and(|known| known.partition(index).is_some());
            if !exists {
                partitions.push(OffsetDeleteResponsePartition {
                    partition_index: index,
                    error_code: ErrorCode::UnknownTopicOrPartition.code(),
                });
            }
            exists
        });
        if !partitions.is_empty() {
            unknown.push(OffsetDeleteResponseTopic { name: topic.name.clone(), partitions });
        }
    }
    request.topics.retain(|topic| !topic.partitions.is_empty());
    unknown
}

/// What is unknown comes first, and takes in what is known of the same topic.
fn merge(response: &mut OffsetDeleteResponse, unknown: Vec<OffsetDeleteResponseTopic>) {
    let known = std::mem::replace(&mut response.topics, unknown);
    let mut strangers: HashMap<String, usize> = HashMap::new();
    for (at, topic) in response.topics.iter().enumerate() {
        strangers.entry(topic.name.clone()).or_insert(at);
    }
    for topic in known {
        match strangers.get(&topic.name) {
            Some(at) => response.topics[*at].partitions.extend(topic.partitions),
            None => response.topics.push(topic),
        }
    }
}
