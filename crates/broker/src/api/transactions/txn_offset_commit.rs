//! TxnOffsetCommit, versions 0 to 6.
//!
//! Offsets that count when their transaction is committed, and not before.
//! v2: leader epochs.  v3: member and generation (KIP-447).  v5: adds the partition to the transaction (KIP-890).
//! v6: topic ids instead of names.
//!
//! Partitions that don't exist are refused here; the coordinators of the transaction and of the group decide the rest.

use std::collections::HashMap;

use ottla_coordinator::transaction::Producer;
use ottla_coordinator::{Body, Response};
use ottla_wire::ErrorCode;
use ottla_wire::messages::txn_offset_commit_request::TxnOffsetCommitRequestTopic;
use ottla_wire::messages::txn_offset_commit_response::{
    TxnOffsetCommitResponsePartition, TxnOffsetCommitResponseTopic,
};
use ottla_wire::messages::{TxnOffsetCommitRequest, TxnOffsetCommitResponse};

use crate::api::groups::group_call::request as group_request;
use crate::api::transactions::verification::{ClientSupport, Wanted, verify};
use crate::broker::Broker;
use crate::internal_topics::OFFSETS_TOPIC;
use crate::request::Caller;

const FIRST_VERSION_WITH_IDS: i16 = 6;
const FIRST_VERSION_THAT_LOADS: i16 = 2;
const FIRST_VERSION_WITH_ABORTABLE: i16 = 4;
const FIRST_VERSION_THAT_ADDS: i16 = 5;

pub(crate) async fn txn_offset_commit(
    broker: &Broker,
    caller: &Caller,
    mut request: TxnOffsetCommitRequest,
) -> TxnOffsetCommitResponse {
    let mut answered = Answered::default();
    let mut accepted = Vec::new();
    for topic in std::mem::take(&mut request.topics) {
        sort(broker, caller, topic, &mut accepted, &mut answered);
    }
    if !accepted.is_empty() {
        request.topics.clone_from(&accepted);
        match commit(broker, caller, request).await {
            Ok(topics) => topics.into_iter().for_each(|topic| answered.add(topic)),
            Err(code) => {
                let code = spoken(code, caller.version);
                accepted.iter().for_each(|topic| answered.add(refused(topic, code)));
            }
        }
    }
    TxnOffsetCommitResponse { topics: answered.topics, ..TxnOffsetCommitResponse::default() }
}

/// Tells partitions that exist from others, and gives topics their names.
fn sort(
    broker: &Broker,
    caller: &Caller,
    mut topic: TxnOffsetCommitRequestTopic,
    accepted: &mut Vec<TxnOffsetCommitRequestTopic>,
    answered: &mut Answered,
) {
    let by_id = caller.version >= FIRST_VERSION_WITH_IDS;
    let image = broker.image();
    let found = match by_id {
        true => image.topics.by_id(topic.topic_id),
        false => image.topics.by_name(&topic.name),
    };
    let Some(found) = found else {
        let code =
            if by_id { ErrorCode::UnknownTopicId } else { ErrorCode::UnknownTopicOrPartition };
        return answered.add(refused(&topic, code));
    };
    topic.name = found.name.to_string();
    let (known, unknown) = std::mem::take(&mut topic.partitions)
        .into_iter()
        .partition(|partition| found.partition(partition.partition_index).is_some());
    let unknown = TxnOffsetCommitRequestTopic { partitions: unknown, ..topic.clone() };
    if !unknown.partitions.is_empty() {
        answered.add(refused(&unknown, ErrorCode::UnknownTopicOrPartition));
    }
    topic.partitions = known;
    if !topic.partitions.is_empty() {
        accepted.push(topic);
    }
}

async fn commit(
    broker: &Broker,
    caller: &Caller,
    request: TxnOffsetCommitRequest,
) -> Result<Vec<TxnOffsetCommitResponseTopic>, ErrorCode> {
    if request.group_id.is_empty() {
        return Err(ErrorCode::InvalidGroupId);
    }
    let index = broker.groups.partition_of(&request.group_id);
    let index = index.ok_or(ErrorCode::CoordinatorNotAvailable)?;
    let found = broker.partitions.find(OFFSETS_TOPIC, index, &broker.image());
    let partition = found.map_err(|_| ErrorCode::NotCoordinator)?;
    let producer = Producer {
        transactional_id: request.transactional_id.clone(),
        producer_id: request.producer_id,
        producer_epoch: request.producer_epoch,
    };
    let support = match caller.version {
        FIRST_VERSION_THAT_ADDS.. => ClientSupport::ImplicitPartitions,
        FIRST_VERSION_WITH_ABORTABLE.. => ClientSupport::AbortableError,
        _ => ClientSupport::None,
    };
    let wanted = [Wanted { partition: &partition, base_sequence: 0 }];
    let verified = verify(broker, &producer, &wanted, support).await;
    let verification = verified.into_iter().next().unwrap_or(Err(ErrorCode::UnknownServerError))?;
    let group_id = request.group_id.clone();
    let asked = group_request(broker, caller, Body::TxnOffsetCommit(request));
    match broker.groups.ask_in_transaction(&group_id, asked, verification).await? {
        Response::TxnOffsetCommit(response) => Ok(response.topics),
        other => unreachable!("a coordinator answers what it was asked, not {other:?}"),
    }
}

/// Clients before version 2 know no coordinator that loads.
fn spoken(code: ErrorCode, version: i16) -> ErrorCode {
    match code {
        ErrorCode::CoordinatorLoadInProgress if version < FIRST_VERSION_THAT_LOADS => {
            ErrorCode::CoordinatorNotAvailable
        }
        code => code,
    }
}

fn refused(topic: &TxnOffsetCommitRequestTopic, code: ErrorCode) -> TxnOffsetCommitResponseTopic {
    let partitions = topic.partitions.iter().map(|known| TxnOffsetCommitResponsePartition {
        partition_index: known.partition_index,
        error_code: code.code(),
        ..TxnOffsetCommitResponsePartition::default()
    });
    TxnOffsetCommitResponseTopic {
        name: topic.name.clone(),
        topic_id: topic.topic_id,
        partitions: partitions.collect(),
        ..TxnOffsetCommitResponseTopic::default()
    }
}

/// The topics that are answered, and where each name among them stands.
#[derive(Default)]
struct Answered {
    topics: Vec<TxnOffsetCommitResponseTopic>,
    places: HashMap<String, usize>,
}

impl Answered {
    /// Adds a topic's partitions to the answer that may have some of them already.
    fn add(&mut self, topic: TxnOffsetCommitResponseTopic) {
        if !topic.name.is_empty() {
            if let Some(at) = self.places.get(&topic.name) {
                self.topics[*at].partitions.extend(topic.partitions);
                return;
            }
            self.places.insert(topic.name.clone(), self.topics.len());
        }
        self.topics.push(topic);
    }
}
