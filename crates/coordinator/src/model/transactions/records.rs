//! A partition of records: a broker's log on a disk in memory, whose high watermark lags and whose leader changes.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use ottla_log::{
    AppendError, AppendOrigin, Isolation, LeaderAppend, Log, LogConfig, OpenLog, ReadOptions,
    Verification, VerificationGuard, Verifying,
};
use ottla_machine::Millis;
use ottla_wire::ErrorCode;
use ottla_wire::records::{BatchBuilder, BatchOptions, BatchViews};
use ottla_world::Disk;
use ottla_world::memory::MemoryDisk;

use crate::EndedTransaction;
use crate::transaction::ProducerEpoch;

const DIRECTORY: &str = "/data/topic-0";
const READ_BYTES: usize = 2_000;

/// One batch of a producer: one message, which is a number.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sent {
    pub(super) producer: ProducerEpoch,
    pub(super) sequence: i32,
    pub(super) is_transactional: bool,
    pub(super) message: u64,
}

/// What a log says of a batch.
#[derive(Clone, Copy, Debug)]
pub(super) struct Taken {
    pub(super) offset: i64,
    pub(super) is_duplicate: bool,
    /// Whether the answer may leave.
    pub(super) is_committed: bool,
}

/// A message as a reader finds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) producer: ProducerEpoch,
    pub(super) sequence: i32,
    pub(super) message: u64,
}

pub(super) struct Records {
    disk: MemoryDisk,
    log: Log,
    now: Millis,
    leader_epoch: i32,
    /// What is appended waits for [`Records::commit`].
    pub(super) lags: bool,
    /// What a reader of committed records has read.
    seen: Vec<Found>,
}

fn open(disk: &MemoryDisk, now: Millis) -> Log {
    let config = LogConfig {
        segment_bytes: 3_000,
        segment_index_bytes: 120,
        index_interval_bytes: 300,
        ..LogConfig::default()
    };
    let options = OpenLog::new(DIRECTORY, Arc::new(config), now);
    Log::open(Arc::new(disk.clone()) as Arc<dyn Disk>, options).expect("a log")
}

impl Records {
    pub(super) fn new(now: Millis) -> Self {
        let disk = MemoryDisk::new(1);
        let log = open(&disk, now);
        Self { disk, log, now, leader_epoch: 0, lags: false, seen: Vec::new() }
    }

    pub(super) fn set_now(&mut self, now: Millis) {
        self.now = now;
    }

    pub(super) fn verify(
        &mut self,
        sent: &Sent,
        starts_at_zero: bool,
    ) -> Option<VerificationGuard> {
        let wanted = Verifying {
            producer_id: sent.producer.producer_id,
            producer_epoch: sent.producer.producer_epoch,
            base_sequence: sent.sequence,
            starts_at_zero,
        };
        self.log.verify(wanted, self.now)
    }

    pub(super) fn append(
        &mut self,
        sent: &Sent,
        verification: Verification,
    ) -> Result<Taken, ErrorCode> {
        let options = LeaderAppend { verification, ..self.options(0) };
        self.take(batch(sent, self.now), AppendOrigin::Client, options)
    }

    pub(super) fn append_for_coordinator(&mut self, sent: &Sent) -> Result<Taken, ErrorCode> {
        self.take(batch(sent, self.now), AppendOrigin::Coordinator, self.options(0))
    }

    pub(super) fn mark(&mut self, ended: EndedTransaction) -> Result<Taken, ErrorCode> {
        let options = self.options(ended.transaction_version);
        self.take(marker(ended, self.now), AppendOrigin::Coordinator, options)
    }

    /// Of who has written the last marker for a producer.
    pub(super) fn coordinator_epoch(&self, producer_id: i64) -> Option<i32> {
        let producers = self.log.active_producers();
        let known = producers.iter().find(|producer| producer.producer_id == producer_id);
        known.map(|producer| producer.coordinator_epoch)
    }

    /// Whether a coordinator's batch would be appended.
    pub(super) fn would_append(
        &mut self,
        sent: &Sent,
        verification: Verification,
    ) -> Result<(), ErrorCode> {
        let options = LeaderAppend { verification, ..self.options(0) };
        self.would_take(batch(sent, self.now), options)
    }

    pub(super) fn would_mark(&mut self, ended: EndedTransaction) -> Result<(), ErrorCode> {
        self.would_take(marker(ended, self.now), self.options(ended.transaction_version))
    }

    fn would_take(&mut self, batch: Bytes, options: LeaderAppend) -> Result<(), ErrorCode> {
        let policy = self.log.append_policy();
        let batch = policy.validate(batch, AppendOrigin::Coordinator, self.now);
        let judged = batch
            .map_err(AppendError::from)
            .and_then(|batch| self.log.would_append(&batch, options));
        judged.map_err(refused)
    }

    fn options(&self, transaction_version: i16) -> LeaderAppend {
        LeaderAppend {
            leader_epoch: self.leader_epoch,
            now_ms: self.now,
            transaction_version,
            verification: Verification::NotRequired,
        }
    }

    fn take(
        &mut self,
        batch: Bytes,
        origin: AppendOrigin,
        options: LeaderAppend,
    ) -> Result<Taken, ErrorCode> {
        let appended = self.log.append(batch, origin, options).map_err(refused)?;
        if !self.lags {
            self.commit();
        }
        Ok(Taken {
            offset: appended.base_offset,
            is_duplicate: appended.duplicate,
            is_committed: appended.last_offset < self.log.high_watermark(),
        })
    }

    /// The replicas have everything.
    pub(super) fn commit(&mut self) {
        let end = self.log.log_end_offset();
        self.log.update_high_watermark(end).expect("the disk is sound");
    }

    /// Another leader: of what is not committed it has the first `kept`. If it `restarts`, it comes from its files.
    pub(super) fn depose(&mut self, kept: i64, restarts: bool) {
        let committed = self.log.high_watermark();
        let end = self.log.log_end_offset().min(committed.saturating_add(kept));
        if restarts {
            self.log = open(&self.disk, self.now);
        }
        self.log.truncate_to(end, self.now).expect("the disk is sound");
        self.log.update_high_watermark(committed).expect("the disk is sound");
        self.leader_epoch += 1;
        self.log.assign_epoch_start(self.leader_epoch).expect("the disk is sound");
    }

    /// What is there from an offset on is gone with its leader.
    pub(super) fn cut(&mut self, end: i64) {
        self.log.truncate_to(end, self.now).expect("the disk is sound");
    }

    /// Everything in the log, markers aside.
    pub(super) fn all(&self) -> Vec<Found> {
        self.read(Isolation::LogEnd)
    }

    /// What a reader of committed records finds. What it has found before is there again.
    pub(super) fn committed(&mut self) -> &[Found] {
        let found = self.read(Isolation::TransactionCommitted);
        assert!(found.starts_with(&self.seen), "{:?} became {found:?}", self.seen);
        self.seen = found;
        &self.seen
    }

    /// Nothing is open when everything has ended.
    pub(super) fn check_rest(&self) {
        assert_eq!(self.log.last_stable_offset(), self.log.log_end_offset(), "it hangs");
    }

    /// Reads as consumers do: what the log says is aborted is left out.
    fn read(&self, isolation: Isolation) -> Vec<Found> {
        let end = match isolation {
            Isolation::LogEnd => self.log.log_end_offset(),
            Isolation::HighWatermark => self.log.high_watermark(),
            Isolation::TransactionCommitted => self.log.last_stable_offset(),
        };
        let (mut found, mut next) = (Vec::new(), self.log.log_start_offset());
        while next < end {
            let options = ReadOptions {
                start_offset: next,
                max_bytes: READ_BYTES,
                min_one_batch: true,
                isolation,
            };
            let read = self.log.read(options).expect("a read");
            let mut aborted = read.aborted_transactions.unwrap_or_default();
            let bytes = read.slice.read().expect("the disk is sound");
            let before = next;
            for view in BatchViews::new(&bytes) {
                let Ok(view) = view else { break };
                next = view.last_offset() + 1;
                let open = aborted.iter().position(|transaction| {
                    transaction.producer_id == view.producer_id
                        && transaction.first_offset <= view.base_offset
                });
                if view.is_control() {
                    // The marker ends what is aborted; the producer's next transaction is another one.
                    open.map(|open| aborted.remove(open));
                    continue;
                }
                if !(open.is_some() && view.is_transactional()) {
                    found.push(message(&view));
                }
            }
            assert!(next > before, "a read at {before} of {end} finds nothing");
        }
        found
    }
}

fn refused(error: AppendError) -> ErrorCode {
    match error {
        AppendError::Refused(refusal) => refusal.code,
        AppendError::Fault(fault) => panic!("the disk is sound: {fault}"),
    }
}

fn marker(ended: EndedTransaction, now: Millis) -> Bytes {
    let ProducerEpoch { producer_id, producer_epoch } = ended.producer;
    let batch = ended.marker().batch(producer_id, producer_epoch, now);
    batch.map(BytesMut::freeze).expect("a marker")
}

fn batch(sent: &Sent, now: Millis) -> Bytes {
    let mut builder = BatchBuilder::new(BatchOptions {
        producer_id: sent.producer.producer_id,
        producer_epoch: sent.producer.producer_epoch,
        base_sequence: sent.sequence,
        is_transactional: sent.is_transactional,
        ..BatchOptions::default()
    });
    let value = sent.message.to_be_bytes();
    builder.append(now, None, Some(&value), &[]).expect("a record");
    builder.build().expect("a batch").freeze()
}

fn message(view: &ottla_wire::records::BatchView<'_>) -> Found {
    let contents = view.records(1 << 10).expect("records");
    let record = contents.views().next().expect("one record").expect("a whole one");
    let value = record.value.expect("a value").try_into().expect("eight bytes");
    Found {
        producer: ProducerEpoch {
            producer_id: view.producer_id,
            producer_epoch: view.producer_epoch,
        },
        sequence: view.base_sequence,
        message: u64::from_be_bytes(value),
    }
}
