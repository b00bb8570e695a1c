//! TxnOffsetCommit, and the markers that make of its offsets what they are worth.
//!
//! v3: member and generation.  v4, v5: KIP-890.  v6: topic ids; the broker resolves them.
//!
//! Whether the producer may write is judged before: by the transaction coordinator and by the log.

use ottla_machine::{Decision, Millis, Token};
use ottla_wire::ErrorCode;
use ottla_wire::messages::txn_offset_commit_request::{
    TxnOffsetCommitRequestPartition, TxnOffsetCommitRequestTopic,
};
use ottla_wire::messages::txn_offset_commit_response::{
    TxnOffsetCommitResponsePartition, TxnOffsetCommitResponseTopic,
};
use ottla_wire::messages::{OffsetCommitValue, TxnOffsetCommitRequest, TxnOffsetCommitResponse};

use crate::coordinator::{GroupCoordinator, Touch};
use crate::group::Group;
use crate::record::Record;
use crate::request::{EndedTransaction, Response};
use crate::transaction::ProducerEpoch;

impl GroupCoordinator {
    pub(crate) fn commit_transactional_offsets(
        &self,
        token: Token,
        request: TxnOffsetCommitRequest,
        now: Millis,
    ) -> Decision<Self> {
        let mut decision = Decision::nothing();
        match self.validate_transactional_commit(&request) {
            Ok(touch) => decision.touches.extend(touch),
            Err(error) => return Decision::answer(token, refusal(request, error)),
        }
        let producer = ProducerEpoch {
            producer_id: request.producer_id,
            producer_epoch: request.producer_epoch,
        };
        let mut topics = Vec::with_capacity(request.topics.len());
        for topic in request.topics {
            let mut partitions = Vec::with_capacity(topic.partitions.len());
            for partition in &topic.partitions {
                let metadata = partition.committed_metadata.as_deref().unwrap_or_default();
                if self.is_too_large(metadata) {
                    partitions.push(outcome(partition, ErrorCode::OffsetMetadataTooLarge));
                    continue;
                }
                partitions.push(outcome(partition, ErrorCode::None));
                let value = OffsetCommitValue {
                    offset: partition.committed_offset,
                    leader_epoch: partition.committed_leader_epoch,
                    metadata: metadata.to_owned(),
                    commit_timestamp: now,
                    topic_id: topic.topic_id,
                    ..OffsetCommitValue::default()
                };
                let index = partition.partition_index;
                let record = Record::offset(&request.group_id, &topic.name, index, value);
                decision.records.push(record.in_transaction(producer));
            }
            topics.push(response_topic(topic, partitions));
        }
        let response = TxnOffsetCommitResponse { topics, ..TxnOffsetCommitResponse::default() };
        decision.and_answer(token, Response::TxnOffsetCommit(response))
    }

    fn validate_transactional_commit(
        &self,
        request: &TxnOffsetCommitRequest,
    ) -> Result<Option<Touch>, ErrorCode> {
        let Some(group) = self.group(&request.group_id) else {
            return match request.generation_id_or_member_epoch {
                ..0 => Ok(Some(Touch::put_group(Group::simple(request.group_id.clone(), None)))),
                0.. => Err(ErrorCode::IllegalGeneration),
            };
        };
        // Producers know generations, not epochs.
        let told = |error| match error {
            ErrorCode::StaleMemberEpoch => ErrorCode::IllegalGeneration,
            error => error,
        };
        let permit = group.validate_transactional_commit(request).map_err(told)?;
        for topic in &request.topics {
            let topic_id = self.metadata().id_of(&topic.name);
            for partition in &topic.partitions {
                permit.check(topic_id, partition.partition_index).map_err(told)?;
            }
        }
        Ok(None)
    }

    pub(crate) fn end_transaction(&self, token: Token, ended: EndedTransaction) -> Decision<Self> {
        let mut decision = Decision::answer(token, Response::TransactionEnded);
        decision.records.push(Record::EndTransaction(ended));
        decision
    }
}

/// The answer when nothing of the request could be done.
fn refusal(request: TxnOffsetCommitRequest, error: ErrorCode) -> Response {
    let refuse = |topic: TxnOffsetCommitRequestTopic| {
        let partitions =
            topic.partitions.iter().map(|partition| outcome(partition, error)).collect();
        response_topic(topic, partitions)
    };
    let topics = request.topics.into_iter().map(refuse).collect();
    let response = TxnOffsetCommitResponse { topics, ..TxnOffsetCommitResponse::default() };
    Response::TxnOffsetCommit(response)
}

fn response_topic(
    topic: TxnOffsetCommitRequestTopic,
    partitions: Vec<TxnOffsetCommitResponsePartition>,
) -> TxnOffsetCommitResponseTopic {
    TxnOffsetCommitResponseTopic {
        name: topic.name,
        topic_id: topic.topic_id,
        partitions,
        ..TxnOffsetCommitResponseTopic::default()
    }
}

fn outcome(
    partition: &TxnOffsetCommitRequestPartition,
    error: ErrorCode,
) -> TxnOffsetCommitResponsePartition {
    TxnOffsetCommitResponsePartition {
        partition_index: partition.partition_index,
        error_code: error.code(),
        ..TxnOffsetCommitResponsePartition::default()
    }
}

#[cfg(test)]
mod tests;
