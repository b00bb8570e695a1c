//! OffsetFetch.
//!
//! v2: all topics when null.  v6: flexible.  v7: require stable.  v8: several groups.
//! v9: member and epoch.  v10: topic ids instead of names.

use ottla_coordinator::{Body, Response};
use ottla_metadata::MetadataImage;
use ottla_wire::ErrorCode;
use ottla_wire::messages::offset_fetch_request::{
    OffsetFetchRequestGroup, OffsetFetchRequestTopics,
};
use ottla_wire::messages::offset_fetch_response::{
    OffsetFetchResponseGroup, OffsetFetchResponsePartition, OffsetFetchResponsePartitions,
    OffsetFetchResponseTopic, OffsetFetchResponseTopics,
};
use ottla_wire::messages::{OffsetFetchRequest, OffsetFetchResponse};

use super::group_call::ask;
use crate::api::repeats;
use crate::broker::Broker;
use crate::request::Caller;

/// Whatever is named brings the metadata of a commit along, kilobytes for the four bytes of a partition.
///
/// # Errors
/// Why the connection ends.
pub(crate) fn check_repeats(request: &OffsetFetchRequest) -> Result<(), String> {
    repeats::check(request.groups.iter().map(|group| &group.group_id))?;
    let topics = request.topics.iter().flatten();
    repeats::check(topics.flat_map(|topic| {
        topic.partition_indexes.iter().map(|index| (topic.name.as_str(), *index))
    }))?;
    for group in &request.groups {
        let topics = group.topics.iter().flatten();
        repeats::check(topics.flat_map(|topic| {
            let name = (topic.name.as_str(), topic.topic_id);
            topic.partition_indexes.iter().map(move |index| (name, *index))
        }))?;
    }
    Ok(())
}

pub(crate) async fn offset_fetch(
    broker: &Broker,
    caller: &Caller,
    request: OffsetFetchRequest,
) -> OffsetFetchResponse {
    if caller.version >= 8 {
        let mut response = OffsetFetchResponse::default();
        for group in request.groups {
            let answer = fetch_group(broker, caller, group, request.require_stable).await;
            response.groups.push(answer);
        }
        return response;
    }
    single(broker, caller, request).await
}

/// One group of version 8 and later.
async fn fetch_group(
    broker: &Broker,
    caller: &Caller,
    mut group: OffsetFetchRequestGroup,
    require_stable: bool,
) -> OffsetFetchResponseGroup {
    let by_id = caller.version >= 10;
    let group_id = group.group_id.clone();
    let mut unknown = Vec::new();
    if by_id && let Some(topics) = &mut group.topics {
        let image = broker.image();
        unknown = resolve(&image, topics);
    }
    let request =
        OffsetFetchRequest { groups: vec![group], require_stable, ..OffsetFetchRequest::default() };
    let mut answer = match ask(broker, caller, &group_id, Body::OffsetFetch(request)).await {
        Ok(Response::OffsetFetch(mut response)) => response.groups.pop().unwrap_or_default(),
        Ok(other) => unreachable!("a coordinator answers what it was asked, not {other:?}"),
        Err(code) => OffsetFetchResponseGroup {
            group_id,
            error_code: code.code(),
            ..OffsetFetchResponseGroup::default()
        },
    };
    if by_id {
        let image = broker.image();
        // Topics that were deleted meanwhile can't be named any more.
        answer.topics.retain_mut(|topic| match image.topics.id_of(&topic.name) {
            Some(id) => {
                topic.topic_id = id;
                true
            }
            None => false,
        });
        if answer.error_code == 0 {
            answer.topics.extend(unknown);
        }
    }
    answer
}

/// Gives every topic its name; those without one are answered here.
fn resolve(
    image: &MetadataImage,
    topics: &mut Vec<OffsetFetchRequestTopics>,
) -> Vec<OffsetFetchResponseTopics> {
    let mut unknown = Vec::new();
    topics.retain_mut(|topic| match image.topics.by_id(topic.topic_id) {
        Some(found) => {
            topic.name = found.name.to_string();
            true
        }
        None => {
            unknown.push(OffsetFetchResponseTopics {
                topic_id: topic.topic_id,
                partitions: topic.partition_indexes.iter().map(|index| refused(*index)).collect(),
                ..OffsetFetchResponseTopics::default()
            });
            false
        }
    });
    unknown
}

fn refused(index: i32) -> OffsetFetchResponsePartitions {
    OffsetFetchResponsePartitions {
        partition_index: index,
        committed_offset: -1,
        committed_leader_epoch: -1,
        metadata: Some(String::new()),
        error_code: ErrorCode::UnknownTopicId.code(),
        ..OffsetFetchResponsePartitions::default()
    }
}

/// The one group of versions before 8.
async fn single(
    broker: &Broker,
    caller: &Caller,
    request: OffsetFetchRequest,
) -> OffsetFetchResponse {
    let group_id = request.group_id.clone();
    let wanted = request.topics.clone();
    match ask(broker, caller, &group_id, Body::OffsetFetch(request)).await {
        Ok(Response::OffsetFetch(response)) => response,
        Ok(other) => unreachable!("a coordinator answers what it was asked, not {other:?}"),
        Err(code) => {
            // Version 1 has no place for the error but at each partition.
            let topics =
                wanted.unwrap_or_default().into_iter().map(|topic| OffsetFetchResponseTopic {
                    name: topic.name,
                    partitions: topic
                        .partition_indexes
                        .into_iter()
                        .map(|index| OffsetFetchResponsePartition {
                            partition_index: index,
                            committed_offset: -1,
                            metadata: Some(String::new()),
                            error_code: code.code(),
                            ..OffsetFetchResponsePartition::default()
                        })
                        .collect(),
                    ..OffsetFetchResponseTopic::default()
                });
            let topics = if caller.version < 2 { topics.collect() } else { Vec::new() };
            OffsetFetchResponse { topics, error_code: code.code(), ..Default::default() }
        }
    }
}
