//! What clients of the classic protocol commit, by itself or in a transaction, and what becomes of it.
//!
//! Transactions are those of KIP-447: offsets are committed by the member, and who is assigned a partition does not
//! read them before the transaction has ended. Their producers are judged elsewhere.

use std::collections::{BTreeMap, BTreeSet};

use ottla_wire::ErrorCode;
use ottla_wire::messages::offset_commit_request::{
    OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use ottla_wire::messages::offset_fetch_request::OffsetFetchRequestTopic;
use ottla_wire::messages::txn_offset_commit_request::{
    TxnOffsetCommitRequestPartition, TxnOffsetCommitRequestTopic,
};
use ottla_wire::messages::{OffsetCommitRequest, OffsetFetchRequest, TxnOffsetCommitRequest};

use super::client::{Phase, Transaction};
use super::world::World;
use crate::trial::{GROUP, code};
use crate::{Body, EndedTransaction, Record, Response};

const TOPIC: &str = "topic";
const COMMIT_VERSION: i16 = 9;
const TRANSACTIONAL_VERSION: i16 = 5;
const FETCH_VERSION: i16 = 7;

/// A commit that is on its way for long.
pub(super) struct Late {
    /// Of the group, and its generation then.
    since: (usize, i32),
    version: i16,
    body: Body,
}

/// What the group has committed for some partitions.
pub(super) enum Fetched {
    Offsets(BTreeMap<i32, i64>),
    /// A transaction may yet move them.
    Unstable,
    /// Nobody answers.
    Nothing,
}

impl World {
    /// What the group has committed. What somebody has read is never lost either.
    pub(super) fn committed(&mut self, partitions: &BTreeSet<i32>) -> Fetched {
        let topic = OffsetFetchRequestTopic {
            name: TOPIC.to_owned(),
            partition_indexes: partitions.iter().copied().collect(),
            ..OffsetFetchRequestTopic::default()
        };
        let request = OffsetFetchRequest {
            group_id: GROUP.to_owned(),
            topics: Some(vec![topic]),
            require_stable: true,
            ..OffsetFetchRequest::default()
        };
        let Some(response) = self.call(FETCH_VERSION, Body::OffsetFetch(request)) else {
            return Fetched::Nothing;
        };
        let Response::OffsetFetch(response) = response else { panic!("{response:?}") };
        let mut committed = BTreeMap::new();
        for partition in response.topics.iter().flat_map(|topic| &topic.partitions) {
            match code(partition.error_code) {
                ErrorCode::None => {}
                ErrorCode::UnstableOffsetCommit => return Fetched::Unstable,
                other => panic!("no client would expect {other:?}"),
            }
            let known = self.acknowledged.entry(partition.partition_index).or_insert(0);
            let offset = partition.committed_offset.max(0);
            assert!(offset >= *known, "{partition:?} is read, {known} was committed");
            *known = offset;
            committed.insert(partition.partition_index, offset);
        }
        Fetched::Offsets(committed)
    }

    /// Moves every position forward and commits it.
    pub(super) fn commit(&mut self, index: usize, faults: bool) {
        let step = 1 + self.dice.below(3) as i64;
        let client = &mut self.clients[index];
        let Phase::Working { generation, positions } = &mut client.phase else { return };
        positions.values_mut().for_each(|position| *position += step);
        if positions.is_empty() {
            return;
        }
        // Consumed is consumed, whatever becomes of the commit.
        let (generation, positions) = (*generation, positions.clone());
        let in_transaction = faults && client.transaction.is_none() && self.dice.one_in(3);
        let (version, body) = match in_transaction {
            true => (TRANSACTIONAL_VERSION, self.transactional(index, generation, &positions)),
            false => (COMMIT_VERSION, self.plain(index, generation, &positions)),
        };
        if faults && self.dice.one_in(10) {
            let since = (self.life(), generation);
            return self.late.push(Late { since, version, body });
        }
        let answer = self.call(version, body);
        let told = answer.map(|response| error_of(&response));
        if in_transaction {
            let was_told = told == Some(ErrorCode::None);
            if was_told || told.is_none() {
                self.clients[index].transaction =
                    Some(Transaction { positions: positions.clone(), was_told });
            }
        } else if told == Some(ErrorCode::None) {
            self.commits += 1;
            self.acknowledge(&positions);
        }
        match told {
            None | Some(ErrorCode::None) => {}
            Some(error) => self.failed(index, error),
        }
    }

    fn acknowledge(&mut self, positions: &BTreeMap<i32, i64>) {
        for (partition, position) in positions {
            let known = self.acknowledged.entry(*partition).or_insert(0);
            *known = (*known).max(*position);
        }
    }

    fn plain(&self, index: usize, generation: i32, positions: &BTreeMap<i32, i64>) -> Body {
        let client = &self.clients[index];
        let partition = |(partition, position): (&i32, &i64)| OffsetCommitRequestPartition {
            partition_index: *partition,
            committed_offset: *position,
            ..OffsetCommitRequestPartition::default()
        };
        Body::OffsetCommit(OffsetCommitRequest {
            group_id: GROUP.to_owned(),
            generation_id_or_member_epoch: generation,
            member_id: client.member_id.clone(),
            group_instance_id: client.instance.clone(),
            topics: vec![OffsetCommitRequestTopic {
                name: TOPIC.to_owned(),
                partitions: positions.iter().map(partition).collect(),
                ..OffsetCommitRequestTopic::default()
            }],
            ..OffsetCommitRequest::default()
        })
    }

    fn transactional(&self, index: usize, generation: i32, positions: &BTreeMap<i32, i64>) -> Body {
        let client = &self.clients[index];
        let partition = |(partition, position): (&i32, &i64)| TxnOffsetCommitRequestPartition {
            partition_index: *partition,
            committed_offset: *position,
            ..TxnOffsetCommitRequestPartition::default()
        };
        Body::TxnOffsetCommit(TxnOffsetCommitRequest {
            transactional_id: format!("id-{index}"),
            group_id: GROUP.to_owned(),
            producer_id: client.producer.producer_id,
            producer_epoch: client.producer.producer_epoch,
            generation_id_or_member_epoch: generation,
            member_id: client.member_id.clone(),
            group_instance_id: client.instance.clone(),
            topics: vec![TxnOffsetCommitRequestTopic {
                name: TOPIC.to_owned(),
                partitions: positions.iter().map(partition).collect(),
                ..TxnOffsetCommitRequestTopic::default()
            }],
            ..TxnOffsetCommitRequest::default()
        })
    }

    /// The marker of a client's transaction arrives, however the client is by then.
    pub(super) fn end_transaction(&mut self, index: usize) {
        let client = &self.clients[index];
        let Some(transaction) = client.transaction.clone() else { return };
        let is_commit = transaction.was_told && transaction.is_commit();
        let ended = EndedTransaction {
            producer: client.producer,
            is_commit,
            coordinator_epoch: 0,
            transaction_version: 0,
        };
        // Whoever writes markers asks until it is answered.
        let Some(Response::TransactionEnded) = self.call(0, Body::EndTransaction(ended)) else {
            return;
        };
        let client = &mut self.clients[index];
        client.transaction = None;
        client.producer.producer_epoch += 1;
        if is_commit {
            self.transactions += 1;
            self.acknowledge(&transaction.positions);
        }
    }

    /// A commit arrives when its generation is over: nobody may lose what others have committed since.
    pub(super) fn deliver_late(&mut self) {
        let newest =
            self.owners.keys().next_back().map(|(life, generation, _)| (*life, *generation));
        let Some(at) = self.late.iter().position(|late| Some(late.since) < newest) else { return };
        let late = self.late.swap_remove(at);
        let Some(response) = self.call(late.version, late.body) else { return };
        assert_ne!(error_of(&response), ErrorCode::None, "a generation that is over commits");
    }

    /// Committed offsets only grow, none that was acknowledged is lost, and the coordinator has what the log says.
    pub(super) fn check_offsets(&self) {
        let mut committed: BTreeMap<i32, (usize, i64)> = BTreeMap::new();
        let mut pending: BTreeMap<i64, BTreeMap<i32, (usize, i64)>> = BTreeMap::new();
        let mut commit = |partition: i32, written: (usize, i64)| {
            let before = committed.get(&partition).copied();
            // Of two commits that one counts which lies later in the log.
            if before.is_none_or(|before| before.0 < written.0) {
                let is_later = before.is_none_or(|before| before.1 <= written.1);
                assert!(is_later, "partition {partition} goes back from {before:?} to {written:?}");
                committed.insert(partition, written);
            }
        };
        for (place, record) in self.trial.log.iter().enumerate() {
            match record {
                Record::OffsetCommit { key, value: Some(value) } => {
                    commit(key.partition, (place, value.offset));
                }
                Record::TransactionalOffset { producer, key, value: Some(value) } => {
                    let written = pending.entry(producer.producer_id).or_default();
                    written.insert(key.partition, (place, value.offset));
                }
                Record::EndTransaction(ended) => {
                    let written = pending.remove(&ended.producer.producer_id).unwrap_or_default();
                    for (partition, written) in written.into_iter().filter(|_| ended.is_commit) {
                        commit(partition, written);
                    }
                }
                _ => {}
            }
        }
        for (partition, acknowledged) in &self.acknowledged {
            let kept = committed.get(partition).map_or(0, |(_, offset)| *offset);
            assert!(kept >= *acknowledged, "partition {partition} lost {acknowledged}");
        }
        let known = self.trial.machine().committed_offsets();
        let known: BTreeMap<i32, i64> = known.map(|each| (each.partition, each.offset)).collect();
        let said = committed.into_iter().map(|(partition, (_, offset))| (partition, offset));
        assert_eq!(known, said.collect(), "the coordinator has what the log says");
    }
}

/// What is answered for the one topic's first partition, and so for all of them.
fn error_of(response: &Response) -> ErrorCode {
    match response {
        Response::OffsetCommit(response) => code(response.topics[0].partitions[0].error_code),
        Response::TxnOffsetCommit(response) => code(response.topics[0].partitions[0].error_code),
        other => panic!("not an answer to a commit: {other:?}"),
    }
}
