//! DeleteTopics.
//!
//! Up to v5 by name, from v6 on by name or id. A topic that is named twice, even once by name and
//! once by id, is not deleted at all.

use std::collections::{BTreeMap, BTreeSet};

use ottla_wire::messages::delete_topics_response::DeletableTopicResult;
use ottla_wire::messages::{
    DeleteTopicsRequest, DeleteTopicsResponse, MetadataRecord, RemoveTopicRecord,
};
use ottla_wire::{ErrorCode, Uuid};

use crate::controller::{Controller, Outcome, RECORDS_PER_REQUEST_MAX};
use crate::refusal::Refusal;

/// Names or ids, each with whether it came more than once; in the order in which they came.
struct Given<T> {
    order: Vec<T>,
    seen: BTreeSet<T>,
    repeated: BTreeSet<T>,
}

impl<T: Clone + Ord> Given<T> {
    fn new() -> Self {
        Self { order: Vec::new(), seen: BTreeSet::new(), repeated: BTreeSet::new() }
    }

    fn add(&mut self, item: T) {
        if self.seen.insert(item.clone()) {
            self.order.push(item);
        } else {
            self.repeated.insert(item);
        }
    }

    fn once(&self) -> impl Iterator<Item = &T> {
        self.order.iter().filter(|item| !self.repeated.contains(*item))
    }
}

impl Controller {
    pub(crate) fn delete_topics(&self, request: DeleteTopicsRequest, version: i16) -> Outcome {
        if !self.settings.server.flag("delete.topic.enable") {
            return Outcome::answer(deletion_disabled(&request, version));
        }
        let mut responses = Vec::new();
        let (names, ids) = sort_out(request, &mut responses);
        for name in &names.repeated {
            let refusal = Refusal::invalid_request("Duplicate topic name.");
            responses.push(refused(Some(name), Uuid::ZERO, refusal));
        }
        for id in &ids.repeated {
            let refusal = Refusal::invalid_request("Duplicate topic id.");
            responses.push(refused(None, *id, refusal));
        }
        let mut chosen: BTreeMap<Uuid, String> = BTreeMap::new();
        for id in ids.once() {
            match self.image.topics.by_id(*id) {
                None => {
                    responses.push(refused(None, *id, Refusal::plain(ErrorCode::UnknownTopicId)))
                }
                Some(topic) => {
                    chosen.insert(*id, topic.name.to_string());
                }
            }
        }
        for name in names.once() {
            let Some(id) = self.image.topics.id_of(name) else {
                let refusal = Refusal::plain(ErrorCode::UnknownTopicOrPartition);
                responses.push(refused(Some(name), Uuid::ZERO, refusal));
                continue;
            };
            if ids.repeated.contains(&id) || chosen.remove(&id).is_some() {
                let message = "The provided topic name maps to an ID that was already supplied.";
                responses.push(refused(Some(name), id, Refusal::invalid_request(message)));
            } else {
                chosen.insert(id, name.clone());
            }
        }
        let mut records = Vec::new();
        for (topic_id, name) in chosen {
            if records.len() >= RECORDS_PER_REQUEST_MAX {
                // What Kafka says of each that its list of records has no room for.
                let refusal = Refusal::silent(ErrorCode::UnknownServerError);
                responses.push(refused(Some(&name), topic_id, refusal));
                continue;
            }
            records.push(MetadataRecord::RemoveTopic(RemoveTopicRecord {
                topic_id,
                ..Default::default()
            }));
            let name = Some(name);
            responses.push(DeletableTopicResult { name, topic_id, ..Default::default() });
        }
        Outcome::new(records, DeleteTopicsResponse { responses, ..Default::default() })
    }
}

/// Names and ids; entries with neither, or with both, are answered at once.
fn sort_out(
    request: DeleteTopicsRequest,
    responses: &mut Vec<DeletableTopicResult>,
) -> (Given<String>, Given<Uuid>) {
    let (mut names, mut ids) = (Given::new(), Given::new());
    for name in request.topic_names {
        names.add(name);
    }
    for topic in request.topics {
        match (topic.name, topic.topic_id.is_zero()) {
            (Some(name), true) => names.add(name),
            (None, false) => ids.add(topic.topic_id),
            (None, true) => {
                let message = "Neither topic name nor id were specified.";
                responses.push(refused(None, Uuid::ZERO, Refusal::invalid_request(message)));
            }
            (Some(name), false) => {
                let message = "You may not specify both topic name and topic id.";
                let refusal = Refusal::invalid_request(message);
                responses.push(refused(Some(&name), topic.topic_id, refusal));
            }
        }
    }
    (names, ids)
}

fn refused(name: Option<&String>, topic_id: Uuid, refusal: Refusal) -> DeletableTopicResult {
    DeletableTopicResult {
        name: name.cloned(),
        topic_id,
        error_code: refusal.code.code(),
        error_message: refusal.message,
        ..Default::default()
    }
}

/// Before v3 there was no code for it.
fn deletion_disabled(request: &DeleteTopicsRequest, version: i16) -> DeleteTopicsResponse {
    let code =
        if version < 3 { ErrorCode::InvalidRequest } else { ErrorCode::TopicDeletionDisabled };
    let named = request.topic_names.iter().map(|name| (Some(name.clone()), Uuid::ZERO));
    let others = request.topics.iter().map(|topic| (topic.name.clone(), topic.topic_id));
    let responses = named.chain(others).map(|(name, topic_id)| DeletableTopicResult {
        name,
        topic_id,
        error_code: code.code(),
        ..Default::default()
    });
    DeleteTopicsResponse { responses: responses.collect(), ..Default::default() }
}
