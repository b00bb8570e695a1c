//! Where transactions write to: a partition of records, or a group's offsets with the group's coordinator.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use ottla_wire::ErrorCode;
use ottla_wire::messages::TxnOffsetCommitRequest;
use ottla_wire::messages::txn_offset_commit_request::{
    TxnOffsetCommitRequestPartition, TxnOffsetCommitRequestTopic,
};

use crate::transaction::{Markers, ProducerEpoch};
use crate::trial::{Crash, GROUP, Trial, code, hard_state};
use crate::{Body, Config, EndedTransaction, Record, Response};

/// One transaction of one producer, as the model counts them.
pub(super) type Tag = u64;

/// What has become of a write.
pub(super) enum Write {
    Done,
    /// The broker is gone; the write may be there or not.
    Lost,
    Refused(ErrorCode),
}

/// What the log of the place knows, and what a reader of committed records finds in it.
#[derive(Default)]
pub(super) struct Place {
    epochs: BTreeMap<i64, i16>,
    /// The transactional ids and transactions that producers have open.
    open: BTreeMap<i64, BTreeSet<(u64, Tag)>>,
    pub(super) committed: BTreeSet<Tag>,
    pub(super) aborted: BTreeSet<Tag>,
    /// The last committed transaction of each transactional id: what its offset must be, if this is a group.
    latest: BTreeMap<u64, Tag>,
    group: Option<Box<Group>>,
}

struct Group {
    trial: Trial,
    /// How much of the log is known here.
    seen: usize,
}

impl Place {
    pub(super) fn records() -> Self {
        Self::default()
    }

    pub(super) fn group() -> Self {
        let group = Group { trial: Trial::new(Config::default()), seen: 0 };
        Self { group: Some(Box::new(group)), ..Self::default() }
    }

    pub(super) fn crashes(&self) -> usize {
        self.group.as_ref().map_or(0, |group| group.trial.crashes)
    }

    pub(super) fn log_bytes(&self) -> Vec<(Bytes, Option<Bytes>)> {
        self.group.as_ref().map(|group| group.trial.log_bytes()).unwrap_or_default()
    }

    pub(super) fn crash_after(&mut self, after: u64, keeps_records: bool) {
        if let Some(group) = &mut self.group {
            group.trial.crash = Some(Crash { after, keeps_records });
        }
    }

    pub(super) fn calm(&mut self) {
        if let Some(group) = &mut self.group {
            group.trial.crash = None;
        }
    }

    pub(super) fn pass(&mut self, duration_ms: i32) {
        if let Some(group) = &mut self.group {
            group.trial.pass(duration_ms);
        }
        self.read_log();
    }

    /// Whether the producer's transaction has begun here, so that nobody need be asked.
    pub(super) fn is_open(&self, producer: ProducerEpoch) -> bool {
        self.open.contains_key(&producer.producer_id)
            && self.epochs.get(&producer.producer_id) == Some(&producer.producer_epoch)
    }

    pub(super) fn write(&mut self, producer: ProducerEpoch, (id, tag): (u64, Tag)) -> Write {
        let ProducerEpoch { producer_id, producer_epoch } = producer;
        let current = self.epochs.get(&producer_id).copied().unwrap_or(producer_epoch);
        if producer_epoch < current {
            return Write::Refused(ErrorCode::InvalidProducerEpoch);
        }
        let has_open = self.open.contains_key(&producer_id);
        let is_newer = producer_epoch > current;
        assert!(!is_newer || !has_open, "{producer:?} writes into a transaction of {current}");
        let Some(group) = &mut self.group else {
            self.epochs.insert(producer_id, producer_epoch);
            self.open.entry(producer_id).or_default().insert((id, tag));
            return Write::Done;
        };
        let crashes = group.trial.crashes;
        let token = group.trial.ask(5, Body::TxnOffsetCommit(commit(producer, (id, tag))));
        if group.trial.crashes > crashes {
            self.read_log();
            return Write::Lost;
        }
        let Some(Response::TxnOffsetCommit(response)) = group.trial.answer(token) else {
            panic!("a commit is answered")
        };
        self.read_log();
        match code(response.topics[0].partitions[0].error_code) {
            ErrorCode::None => Write::Done,
            code => Write::Refused(code),
        }
    }

    /// Takes a marker, or knows it already. False when the broker is gone: nobody knows.
    pub(super) fn mark(&mut self, marker: &Markers) -> bool {
        let current = self.epochs.get(&marker.producer_id).copied().unwrap_or(-1);
        let is_stale = match marker.transaction_version >= 2 {
            true => marker.producer_epoch <= current,
            false => marker.producer_epoch < current,
        };
        if is_stale {
            // A repetition. What is open is of a later transaction, and the marker must leave it alone.
            return true;
        }
        let (producer_id, producer_epoch) = (marker.producer_id, marker.producer_epoch);
        let ended = EndedTransaction {
            producer: ProducerEpoch { producer_id, producer_epoch },
            is_commit: marker.is_commit,
            coordinator_epoch: 0,
            transaction_version: marker.transaction_version,
        };
        let Some(group) = &mut self.group else {
            self.end(ended);
            return true;
        };
        let crashes = group.trial.crashes;
        group.trial.ask(0, Body::EndTransaction(ended));
        let is_done = group.trial.crashes == crashes;
        self.read_log();
        is_done
    }

    fn end(&mut self, ended: EndedTransaction) {
        let ProducerEpoch { producer_id, producer_epoch } = ended.producer;
        self.epochs.insert(producer_id, producer_epoch);
        for (id, tag) in self.open.remove(&producer_id).unwrap_or_default() {
            if !ended.is_commit {
                self.aborted.insert(tag);
                continue;
            }
            let before = self.latest.insert(id, tag);
            assert!(before <= Some(tag), "id {id} went back from {before:?} to {tag}");
            self.committed.insert(tag);
        }
    }

    /// What is in a group's log is there, whoever was told; the coordinator must agree with it.
    fn read_log(&mut self) {
        let Some(group) = &mut self.group else { return };
        let new = group.trial.log[group.seen..].to_vec();
        group.seen = group.trial.log.len();
        let has_news = !new.is_empty();
        for record in new {
            match record {
                Record::TransactionalOffset { producer, key, value: Some(value) } => {
                    self.epochs.insert(producer.producer_id, producer.producer_epoch);
                    let written = (key.partition as u64, value.offset as Tag);
                    self.open.entry(producer.producer_id).or_default().insert(written);
                }
                Record::EndTransaction(ended) => self.end(ended),
                other => assert!(matches!(other, Record::GroupMetadata { .. }), "{other:?}"),
            }
        }
        if has_news {
            self.check_offsets();
        }
    }

    /// What is committed is what committed transactions wrote last, and nothing of any other.
    fn check_offsets(&self) {
        let Some(group) = &self.group else { return };
        let committed = group.trial.runner.machine().committed_offsets();
        let committed: BTreeMap<u64, Tag> = committed
            .map(|committed| (committed.partition as u64, committed.offset as Tag))
            .collect();
        assert_eq!(committed, self.latest);
    }

    pub(super) fn check_reload(&self) {
        let Some(group) = &self.group else { return };
        let loaded = group.trial.loaded();
        let living = hard_state(group.trial.runner.machine());
        assert_eq!(hard_state(loaded.machine()), living, "a reload changes nothing");
        let pending = |machine: &crate::GroupCoordinator| machine.offsets().pending().clone();
        let living = pending(group.trial.runner.machine());
        assert_eq!(pending(loaded.machine()), living, "nor what is pending");
    }

    /// Nothing is open when everything has ended.
    pub(super) fn check_rest(&self) {
        assert!(self.open.is_empty(), "it hangs: {:?}", self.open);
        let Some(group) = &self.group else { return };
        let machine = group.trial.runner.machine();
        assert_eq!(machine.offsets().pending().of_group(GROUP).next(), None, "it hangs");
    }
}

/// The offset of a transactional id's partition is the transaction's number.
fn commit(producer: ProducerEpoch, (id, tag): (u64, Tag)) -> TxnOffsetCommitRequest {
    let partition = TxnOffsetCommitRequestPartition {
        partition_index: id as i32,
        committed_offset: tag as i64,
        ..TxnOffsetCommitRequestPartition::default()
    };
    TxnOffsetCommitRequest {
        group_id: GROUP.to_owned(),
        producer_id: producer.producer_id,
        producer_epoch: producer.producer_epoch,
        generation_id_or_member_epoch: -1,
        topics: vec![TxnOffsetCommitRequestTopic {
            name: "topic".to_owned(),
            partitions: vec![partition],
            ..TxnOffsetCommitRequestTopic::default()
        }],
        ..TxnOffsetCommitRequest::default()
    }
}
