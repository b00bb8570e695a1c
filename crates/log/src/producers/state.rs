//! What is known of a log's producers, batch by batch.
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ottla_wire::records::{BatchHeader, EndTransactionMarker};
use ottla_world::Disk;

use super::check::{self, Check, ProducerAppend};
use super::entry::Producer;
use super::verification::{Verification, VerificationGuard, Verifications, Verifying};
use crate::error::Result;
use crate::segment::AbortedRange;

/// One producer, as DescribeProducers shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ActiveProducer {
    /// Producer id.
    pub producer_id: i64,
    /// Its newest epoch.
    pub producer_epoch: i16,
    /// Sequence of its last record.
    pub last_sequence: i32,
    /// Timestamp of its last batch.
    pub last_timestamp: i64,
    /// Epoch of the coordinator that wrote its last marker, or -1.
    pub coordinator_epoch: i32,
    /// First offset of its open transaction, or -1.
    pub current_transaction_start_offset: i64,
}

/// A marker of a control batch and its timestamp.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Marker {
    pub(crate) marker: EndTransactionMarker,
    pub(crate) timestamp: i64,
}

/// The producers of a log.
#[derive(Debug)]
pub(crate) struct Producers {
    pub(super) disk: Arc<dyn Disk>,
    pub(super) directory: PathBuf,
    pub(super) producers: HashMap<i64, Producer>,
    pub(super) verifications: Verifications,
    /// Open transactions: producer by first offset.
    pub(super) ongoing: BTreeMap<i64, i64>,
    /// Ended transactions whose marker is above the high watermark: last offset by first offset.
    pub(super) unreplicated: BTreeMap<i64, i64>,
    /// The first offset of the transactions whose marker was taken in since somebody asked.
    pub(super) ended_from: Option<i64>,
    /// Markers before this offset are on disk: nobody asks for their transactions.
    pub(super) synced_to: i64,
    /// Offsets of the snapshots on disk.
    pub(super) snapshots: BTreeSet<i64>,
    /// Everything before this offset has been taken into account.
    pub(super) end_offset: i64,
    pub(super) log_start: i64,
    /// Where the snapshot lies that producers were loaded from, until what is before it has been read back.
    pub(super) unread_before: Option<i64>,
    /// Which transactions ended before this offset is not known, but for those that are still open.
    pub(super) ends_unread_before: i64,
    pub(super) expiration_ms: i64,
}

impl Producers {
    /// No producers yet; the snapshots of the directory are known, none is loaded.
    pub(crate) fn open(
        disk: Arc<dyn Disk>,
        directory: &Path,
        expiration_ms: i64,
        snapshots: BTreeSet<i64>,
    ) -> Producers {
        Producers {
            disk,
            directory: directory.to_owned(),
            producers: HashMap::new(),
            verifications: Verifications::default(),
            ongoing: BTreeMap::new(),
            unreplicated: BTreeMap::new(),
            ended_from: None,
            synced_to: 0,
            snapshots,
            end_offset: 0,
            log_start: 0,
            unread_before: None,
            ends_unread_before: 0,
            expiration_ms,
        }
    }

    pub(crate) fn set_expiration(&mut self, expiration_ms: i64) {
        self.expiration_ms = expiration_ms;
    }

    /// Everything before this offset has been taken into account.
    pub(crate) fn end_offset(&self) -> i64 {
        self.end_offset
    }

    pub(crate) fn set_end_offset(&mut self, offset: i64) {
        self.end_offset = offset;
    }

    /// The log has records before this offset, and none of them was looked at.
    pub(crate) fn begin_unread_at(&mut self, offset: i64) {
        (self.end_offset, self.ends_unread_before) = (offset, offset);
    }

    pub(super) fn forget(&mut self) {
        self.producers.clear();
        self.verifications.clear();
        self.ongoing.clear();
        self.unreplicated.clear();
        self.unread_before = None;
        self.ends_unread_before = 0;
    }

    /// Whether the next batch of a producer may be appended; changes nothing.
    pub(crate) fn check(&self, append: &ProducerAppend<'_>) -> Check {
        let producer_id = append.header.producer_id;
        let known = self.producers.get(&producer_id);
        let is_verified = match append.verification {
            Verification::NotRequired => true,
            Verification::Required(guard) => self.verifications.accepts(producer_id, guard),
        };
        check::check(known, self.verifications.of(producer_id), is_verified, append)
    }

    /// A guard for a producer that has no transaction open here.
    pub(crate) fn verify(&mut self, wanted: Verifying, now_ms: i64) -> Option<VerificationGuard> {
        if self.has_open_transaction(wanted.producer_id, wanted.producer_epoch) {
            return None;
        }
        Some(self.verifications.begin(wanted, now_ms))
    }

    /// True when `producer_id` has a transaction open in this epoch.
    pub(crate) fn has_open_transaction(&self, producer_id: i64, producer_epoch: i16) -> bool {
        self.producers.get(&producer_id).is_some_and(|producer| {
            producer.transaction_start.is_some() && producer.epoch == producer_epoch
        })
    }

    /// Takes an appended batch into account. For the end of an aborted transaction: what the
    /// transaction index has to say of it.
    pub(crate) fn apply(
        &mut self,
        header: &BatchHeader,
        marker: Option<Marker>,
    ) -> Option<AbortedRange> {
        self.end_offset = header.next_offset();
        if !header.has_producer_id() {
            return None;
        }
        if header.is_transactional() {
            self.verifications.end(header.producer_id);
        }
        let producer = (self.producers.entry(header.producer_id))
            .or_insert_with(|| Producer::new(header.producer_id));
        if header.is_control() {
            return match marker {
                Some(marker) => self.end_transaction(header, marker),
                // The cleaner left an empty batch, for the sake of the epoch: nothing of the transaction
                // that it ended is left either.
                None => {
                    producer.bump(header);
                    None
                }
            };
        }
        producer.add(header);
        if header.is_transactional() && producer.transaction_start.is_none() {
            producer.transaction_start = Some(header.base_offset);
            self.ongoing.insert(header.base_offset, header.producer_id);
        }
        None
    }

    fn end_transaction(&mut self, header: &BatchHeader, marker: Marker) -> Option<AbortedRange> {
        let producer = self.producers.get_mut(&header.producer_id)?;
        producer.bump(header);
        producer.coordinator_epoch = marker.marker.coordinator_epoch;
        producer.last_timestamp = marker.timestamp;
        let first_offset = producer.transaction_start.take()?;
        let last_offset = header.base_offset;
        if last_offset >= self.synced_to {
            self.ended_from = Some(self.ended_from.map_or(first_offset, |at| at.min(first_offset)));
        }
        let others =
            self.ongoing.iter().find(|(_, producer_id)| **producer_id != header.producer_id);
        let last_stable_offset = others.map_or(last_offset + 1, |(first, _)| *first);
        self.ongoing.remove(&first_offset);
        self.unreplicated.insert(first_offset, last_offset);
        (!marker.marker.is_commit).then_some(AbortedRange {
            producer_id: header.producer_id,
            first_offset,
            last_offset,
            last_stable_offset,
        })
    }

    /// The first offset of the transactions that ended since [`Producers::take_ended`].
    pub(crate) fn ended_from(&self) -> Option<i64> {
        self.ended_from
    }

    /// As [`Producers::ended_from`]; whoever asks will have their markers synced.
    pub(crate) fn take_ended(&mut self) -> Option<i64> {
        self.ended_from.take()
    }

    /// Markers before `offset` are on disk, and none that is taken in from now on.
    pub(crate) fn set_synced_to(&mut self, offset: i64) {
        self.synced_to = offset;
    }

    /// The first offset whose transaction is open, or ended above the high watermark.
    pub(crate) fn first_unstable_offset(&self) -> Option<i64> {
        let undecided = self.ongoing.first_key_value().map(|(first, _)| *first);
        let unreplicated = self.unreplicated.first_key_value().map(|(first, _)| *first);
        match (undecided, unreplicated) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        }
    }

    /// Whether every transaction is known whose marker lies at `offset` or after. A snapshot does not tell them,
    /// as in Kafka.
    pub(crate) fn knows_ends_from(&self, offset: i64) -> bool {
        offset >= self.ends_unread_before
    }

    /// Transactions whose marker is before the high watermark (or the log start) hold nothing back.
    pub(crate) fn release_before(&mut self, offset: i64) {
        self.unreplicated.retain(|_, last_offset| *last_offset >= offset);
    }

    /// The log starts later now; producers are kept, as Kafka keeps them.
    pub(crate) fn log_start_moved(&mut self, log_start: i64) {
        self.release_before(log_start);
        self.log_start = log_start;
        self.end_offset = self.end_offset.max(log_start);
    }

    /// Forgets everything; the log goes on at `offset`.
    pub(crate) fn start_over_at(&mut self, offset: i64) -> Result<()> {
        self.forget();
        self.ended_from = None;
        while let Some(snapshot) = self.snapshots.last().copied() {
            self.remove_snapshot(snapshot)?;
        }
        self.log_start = offset;
        self.end_offset = offset;
        Ok(())
    }

    pub(super) fn is_expired(&self, producer: &Producer, now_ms: i64) -> bool {
        producer.transaction_start.is_none()
            && now_ms.saturating_sub(producer.last_timestamp) >= self.expiration_ms
    }

    /// Forgets producers that have been silent too long.
    pub(crate) fn expire(&mut self, now_ms: i64) {
        let expired: Vec<i64> = (self.producers.values())
            .filter(|producer| self.is_expired(producer, now_ms))
            .map(|producer| producer.producer_id)
            .collect();
        for producer_id in expired {
            self.producers.remove(&producer_id);
        }
        self.verifications.expire(now_ms, self.expiration_ms);
    }

    /// Every producer, by id.
    pub(crate) fn active(&self) -> Vec<ActiveProducer> {
        let mut active: Vec<ActiveProducer> =
            self.producers.values().map(Producer::describe).collect();
        active.sort_by_key(|producer| producer.producer_id);
        active
    }

    /// The last data batch of every producer, which compaction keeps.
    pub(crate) fn last_batches(&self, recovery_point: i64) -> HashMap<i64, LastBatch> {
        let last = |producer: &Producer| LastBatch {
            producer_epoch: producer.epoch,
            last_offset: producer.last().map(|batch| batch.last_offset),
            is_on_disk: producer.newest_offset < recovery_point,
        };
        self.producers
            .iter()
            .map(|(producer_id, producer)| (*producer_id, last(producer)))
            .collect()
    }
}

/// Where a producer wrote last.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LastBatch {
    pub(crate) producer_epoch: i16,
    /// Last offset of its last data batch, if one is remembered.
    pub(crate) last_offset: Option<i64>,
    /// A crash leaves it there.
    pub(crate) is_on_disk: bool,
}
