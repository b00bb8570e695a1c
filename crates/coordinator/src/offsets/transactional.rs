//! TxnOffsetCommit, and the markers that make of its offsets what they are worth.
//!
//! v3: member and generation.  v4, v5: KIP-890.  v6: topic ids; the broker resolves them.
//!
//! Whether the producer may write is judged before: by the transaction coordinator and by the log. What is committed
//! is an OffsetCommit's, in the records of a transaction.

use ottla_machine::{Decision, Millis, Token};
use ottla_wire::ErrorCode;
use ottla_wire::messages::offset_commit_request::{
    OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use ottla_wire::messages::offset_commit_response::OffsetCommitResponseTopic;
use ottla_wire::messages::txn_offset_commit_request::TxnOffsetCommitRequestTopic;
use ottla_wire::messages::txn_offset_commit_response::{
    TxnOffsetCommitResponsePartition, TxnOffsetCommitResponseTopic,
};
use ottla_wire::messages::{TxnOffsetCommitRequest, TxnOffsetCommitResponse};

use super::commit::{Times, refused};
use crate::coordinator::{GroupCoordinator, Touch};
use crate::group::{Group, Work};
use crate::record::Record;
use crate::request::{EndedTransaction, Response};
use crate::transaction::ProducerEpoch;

impl GroupCoordinator {
    pub(crate) fn commit_transactional_offsets(
        &self,
        token: Token,
        mut request: TxnOffsetCommitRequest,
        now: Millis,
    ) -> Decision<Self> {
        let topics: Vec<_> = std::mem::take(&mut request.topics).into_iter().map(plain).collect();
        let mut decision = Decision::nothing();
        match self.validate_transactional_commit(&request, &topics) {
            Ok(touch) => decision.touches.extend(touch),
            Err(error) => return Decision::answer(token, answer(refused(topics, error))),
        }
        let TxnOffsetCommitRequest { group_id, producer_id, producer_epoch, .. } = request;
        let producer = ProducerEpoch { producer_id, producer_epoch };
        let (records, topics) = self.commit(&group_id, topics, Times { now, expires_at: -1 });
        let work = Work { offset_commits: records.len() as u64, ..Work::default() };
        decision.touches.extend(Touch::worked(work));
        let in_transaction = |record: Record| record.in_transaction(producer);
        decision.records = records.into_iter().map(in_transaction).collect();
        decision.and_answer(token, answer(topics))
    }

    fn validate_transactional_commit(
        &self,
        request: &TxnOffsetCommitRequest,
        topics: &[OffsetCommitRequestTopic],
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
        self.check_partitions(&permit, topics).map_err(told)?;
        Ok(None)
    }

    pub(crate) fn end_transaction(&self, token: Token, ended: EndedTransaction) -> Decision<Self> {
        let mut decision = Decision::answer(token, Response::TransactionEnded);
        decision.records.push(Record::EndTransaction(ended));
        decision
    }
}

/// What a topic commits, as OffsetCommit has it.
fn plain(topic: TxnOffsetCommitRequestTopic) -> OffsetCommitRequestTopic {
    let partitions = topic.partitions.into_iter().map(|partition| OffsetCommitRequestPartition {
        partition_index: partition.partition_index,
        committed_offset: partition.committed_offset,
        committed_leader_epoch: partition.committed_leader_epoch,
        committed_metadata: partition.committed_metadata,
        ..OffsetCommitRequestPartition::default()
    });
    OffsetCommitRequestTopic {
        name: topic.name,
        topic_id: topic.topic_id,
        partitions: partitions.collect(),
        ..OffsetCommitRequestTopic::default()
    }
}

fn answer(topics: Vec<OffsetCommitResponseTopic>) -> Response {
    let transactional = |topic: OffsetCommitResponseTopic| TxnOffsetCommitResponseTopic {
        partitions: topic
            .partitions
            .into_iter()
            .map(|partition| TxnOffsetCommitResponsePartition {
                partition_index: partition.partition_index,
                error_code: partition.error_code,
                ..TxnOffsetCommitResponsePartition::default()
            })
            .collect(),
        name: topic.name,
        topic_id: topic.topic_id,
        ..TxnOffsetCommitResponseTopic::default()
    };
    let topics = topics.into_iter().map(transactional).collect();
    Response::TxnOffsetCommit(TxnOffsetCommitResponse {
        topics,
        ..TxnOffsetCommitResponse::default()
    })
}

#[cfg(test)]
mod tests;
