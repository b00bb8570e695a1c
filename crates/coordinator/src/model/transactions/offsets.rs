//! A group's offsets: its coordinator, and the log of its partition as brokers have it, which judges producers.

use std::collections::{BTreeMap, BTreeSet};

use ottla_log::{Verification, VerificationGuard};
use ottla_wire::ErrorCode;
use ottla_wire::messages::TxnOffsetCommitRequest;
use ottla_wire::messages::txn_offset_commit_request::{
    TxnOffsetCommitRequestPartition, TxnOffsetCommitRequestTopic,
};

use super::producer::Tag;
use super::records::{Records, Sent};
use crate::transaction::ProducerEpoch;
use crate::trial::{GROUP, Trial, code, hard_state};
use crate::{Body, Config, EndedTransaction, GroupCoordinator, Record, Response};

/// What has become of a write.
pub(super) enum Write {
    Done,
    /// The broker is gone or waits for its replicas; the write may be there or not.
    Unknown,
    Refused(ErrorCode),
}

pub(super) struct Offsets {
    pub(super) trial: Trial,
    /// The same log with its producers, record for record.
    judge: Records,
    /// How many records of the log the judge has.
    judged: usize,
    crashes: usize,
}

/// What the log says of transactions.
#[derive(Debug, Default)]
pub(super) struct Account {
    pub(super) open: BTreeMap<i64, BTreeSet<(u64, Tag)>>,
    pub(super) committed: BTreeSet<Tag>,
    pub(super) aborted: BTreeSet<Tag>,
    /// The last committed transaction of each transactional id: what its offset must be.
    latest: BTreeMap<u64, Tag>,
}

impl Offsets {
    pub(super) fn new() -> Self {
        let trial = Trial::new(Config::default());
        let mut judge = Records::new(trial.now);
        judge.lags = true;
        Self { trial, judge, judged: 0, crashes: 0 }
    }

    pub(super) fn pass(&mut self, duration_ms: i32) {
        self.trial.pass(duration_ms);
        self.judge.set_now(self.trial.now);
        self.judge_log();
    }

    pub(super) fn depose(&mut self, kept: usize) {
        self.trial.depose(kept);
        self.judge_log();
    }

    /// The log as brokers have it.
    pub(super) fn log(&self) -> &Records {
        &self.judge
    }

    /// What the coordinator of transactions is to confirm; nothing when the transaction has begun here.
    pub(super) fn verify(&mut self, producer: ProducerEpoch) -> Option<VerificationGuard> {
        self.judge.verify(&sent(producer), false)
    }

    /// The transaction's number, as the offset of its transactional id.
    pub(super) fn write(
        &mut self,
        producer: ProducerEpoch,
        written: (u64, Tag),
        guard: Option<VerificationGuard>,
    ) -> Write {
        let verification = Verification::Required(guard);
        if let Err(code) = self.judge.would_append(&sent(producer), verification) {
            return Write::Refused(code);
        }
        let token = self.trial.ask(5, Body::TxnOffsetCommit(commit(producer, written)));
        self.judge_log();
        match self.trial.answer(token) {
            None => Write::Unknown,
            Some(Response::TxnOffsetCommit(response)) => {
                match code(response.topics[0].partitions[0].error_code) {
                    ErrorCode::None => Write::Done,
                    code => Write::Refused(code),
                }
            }
            Some(other) => panic!("not an answer to a commit: {other:?}"),
        }
    }

    /// Takes a marker, or knows better. False when nobody knows whether it is there.
    pub(super) fn mark(&mut self, ended: EndedTransaction) -> Result<bool, ErrorCode> {
        self.judge.would_mark(ended)?;
        let token = self.trial.ask(0, Body::EndTransaction(ended));
        self.judge_log();
        Ok(self.trial.answer(token).is_some())
    }

    /// The judge has what the log has: what was cut off is forgotten, what is new is judged.
    fn judge_log(&mut self) {
        if self.trial.crashes > self.crashes {
            self.crashes = self.trial.crashes;
            self.judged = self.judged.min(self.trial.cut);
            self.judge.cut(self.judged as i64);
        }
        for index in self.judged..self.trial.log.len() {
            let record = self.trial.log[index].clone();
            self.judge_record(&record);
        }
        let has_news = self.judged < self.trial.log.len();
        self.judged = self.trial.log.len();
        if has_news {
            self.check_offsets();
        }
    }

    fn judge_record(&mut self, record: &Record) {
        let judge = &mut self.judge;
        let judged = match record {
            Record::EndTransaction(ended) => judge.mark(*ended),
            Record::TransactionalOffset { producer, .. } => {
                judge.append_for_coordinator(&sent(*producer))
            }
            _ => {
                let nobody = sent(ProducerEpoch::NONE);
                judge.append_for_coordinator(&Sent { is_transactional: false, ..nobody })
            }
        };
        judged.unwrap_or_else(|code| panic!("{record:?} is in the log, which says {code:?}"));
    }

    pub(super) fn account(&self) -> Account {
        let mut account = Account::default();
        for record in &self.trial.log {
            match record {
                Record::TransactionalOffset { producer, key, value: Some(value) } => {
                    let written = (key.partition as u64, value.offset as Tag);
                    account.open.entry(producer.producer_id).or_default().insert(written);
                }
                Record::EndTransaction(ended) => account.end(ended),
                other => assert!(matches!(other, Record::GroupMetadata { .. }), "{other:?}"),
            }
        }
        account
    }

    /// What is committed is what committed transactions wrote last, and nothing of any other.
    fn check_offsets(&self) {
        let committed = self.trial.machine().committed_offsets();
        let committed: BTreeMap<u64, Tag> =
            committed.map(|each| (each.partition as u64, each.offset as Tag)).collect();
        assert_eq!(committed, self.account().latest);
    }

    pub(super) fn check_reload(&self) {
        let loaded = self.trial.loaded();
        let (living, loaded) = (self.trial.machine(), loaded.machine());
        assert_eq!(hard_state(loaded), hard_state(living), "a reload changes nothing");
        let pending = |machine: &GroupCoordinator| machine.offsets().pending().clone();
        assert_eq!(pending(loaded), pending(living), "nor what is pending");
    }

    /// Nothing is open when everything has ended.
    pub(super) fn check_rest(&self) {
        let open = self.account().open;
        assert!(open.is_empty(), "it hangs: {open:?}");
        let machine = self.trial.machine();
        assert_eq!(machine.offsets().pending().of_group(GROUP).next(), None, "it hangs");
    }
}

impl Account {
    fn end(&mut self, ended: &EndedTransaction) {
        for (id, tag) in self.open.remove(&ended.producer.producer_id).unwrap_or_default() {
            if !ended.is_commit {
                self.aborted.insert(tag);
                continue;
            }
            let before = self.latest.insert(id, tag);
            assert!(before <= Some(tag), "id {id} went back from {before:?} to {tag}");
            self.committed.insert(tag);
        }
    }
}

/// A batch of a coordinator for a producer, to be judged.
fn sent(producer: ProducerEpoch) -> Sent {
    Sent { producer, sequence: -1, is_transactional: true, message: 0 }
}

/// The transaction's number is the offset of its transactional id's partition.
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
