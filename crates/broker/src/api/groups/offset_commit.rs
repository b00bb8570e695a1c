//! OffsetCommit.
//!
//! v2–4: retention by request.  v6: leader epochs.  v7: static members.  v9: consumer protocol.
//! v10: topic ids instead of names.
//!
//! Partitions that don't exist are refused here; the coordinator decides about the rest.

use std::collections::HashMap;

use ottla_coordinator::{Body, Response};
use ottla_metadata::MetadataImage;
use ottla_wire::messages::offset_commit_request::OffsetCommitRequestTopic;
use ottla_wire::messages::offset_commit_response::{
    OffsetCommitResponsePartition, OffsetCommitResponseTopic,
};
use ottla_wire::messages::{OffsetCommitRequest, OffsetCommitResponse};
use ottla_wire::{ErrorCode, Uuid};

use super::group_call::ask;
use crate::broker::Broker;
use crate::request::Caller;

pub(crate) async fn offset_commit(
    broker: &Broker,
    caller: &Caller,
    mut request: OffsetCommitRequest,
) -> OffsetCommitResponse {
    let by_id = caller.version >= 10;
    let mut topics = Topics::default();
    {
        let image = broker.image();
        for topic in std::mem::take(&mut request.topics) {
            topics.sort(&image, topic, by_id);
        }
    }
    let Topics { accepted, mut answered, ids } = topics;
    if !accepted.is_empty() {
        request.topics = accepted;
        let group_id = request.group_id.clone();
        let wanted = request.topics.clone();
        match ask(broker, caller, &group_id, Body::OffsetCommit(request)).await {
            // What nobody refused is answered in the words of the request.
            Ok(Response::OffsetCommit(response)) if answered.topics.is_empty() => {
                answered.topics = response.topics;
            }
            Ok(Response::OffsetCommit(response)) => {
                for topic in response.topics {
                    answered.add(topic);
                }
            }
            Ok(other) => unreachable!("a coordinator answers what it was asked, not {other:?}"),
            Err(code) => {
                for topic in wanted {
                    answered.add(refused(&topic, code));
                }
            }
        }
    }
    let mut topics = answered.topics;
    for topic in &mut topics {
        if let Some(id) = ids.get(&topic.name) {
            topic.topic_id = *id;
        }
    }
    OffsetCommitResponse { topics, ..OffsetCommitResponse::default() }
}

/// A request's topics, told apart.
#[derive(Default)]
struct Topics {
    accepted: Vec<OffsetCommitRequestTopic>,
    answered: Answered,
    ids: HashMap<String, Uuid>,
}

impl Topics {
    fn sort(&mut self, image: &MetadataImage, mut topic: OffsetCommitRequestTopic, by_id: bool) {
        let found = if by_id {
            image.topics.by_id(topic.topic_id)
        } else {
            image.topics.by_name(&topic.name)
        };
        let Some(found) = found else {
            let code =
                if by_id { ErrorCode::UnknownTopicId } else { ErrorCode::UnknownTopicOrPartition };
            self.answered.add(refused(&topic, code));
            return;
        };
        topic.name = found.name.to_string();
        if by_id {
            self.ids.insert(topic.name.clone(), found.id);
        }
        let (known, unknown): (Vec<_>, Vec<_>) = std::mem::take(&mut topic.partitions)
            .into_iter()
            .partition(|partition| found.partition(partition.partition_index).is_some());
        if !unknown.is_empty() {
            topic.partitions = unknown;
            self.answered.add(refused(&topic, ErrorCode::UnknownTopicOrPartition));
        }
        if !known.is_empty() {
            topic.partitions = known;
            self.accepted.push(topic);
        }
    }
}

fn refused(topic: &OffsetCommitRequestTopic, code: ErrorCode) -> OffsetCommitResponseTopic {
    let partition = |index| OffsetCommitResponsePartition {
        partition_index: index,
        error_code: code.code(),
        ..OffsetCommitResponsePartition::default()
    };
    OffsetCommitResponseTopic {
        name: topic.name.clone(),
        topic_id: topic.topic_id,
        partitions: topic.partitions.iter().map(|known| partition(known.partition_index)).collect(),
        ..OffsetCommitResponseTopic::default()
    }
}

/// An answer that has each topic once.
#[derive(Default)]
struct Answered {
    topics: Vec<OffsetCommitResponseTopic>,
    /// Where a topic stands: by its name, or by its id where it has none.
    places: HashMap<(String, Option<Uuid>), usize>,
}

impl Answered {
    fn add(&mut self, topic: OffsetCommitResponseTopic) {
        let id = topic.name.is_empty().then_some(topic.topic_id);
        let place = self.places.entry((topic.name.clone(), id)).or_insert(self.topics.len());
        match self.topics.get_mut(*place) {
            Some(known) => known.partitions.extend(topic.partitions),
            None => self.topics.push(topic),
        }
    }
}
