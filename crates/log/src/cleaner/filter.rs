//! Which records of a batch stay.
use std::collections::HashMap;

use bytes::Bytes;
use ottla_wire::records::{
    BatchBuilder, BatchError, BatchOptions, BatchView, BuildError, Compression, HeaderView,
    RecordView, TimestampType,
};

use super::offset_map::OffsetMap;
use super::rewrite::LastOnDisk;
use super::transactions::CleanedTransactions;
use crate::append::transaction_marker;
use crate::producers::LastBatch;
use crate::segment::DECOMPRESSED_BYTES_MAX;

/// Decides by key, by transaction and by time.
pub(super) struct Filter<'a> {
    pub(super) map: &'a OffsetMap,
    pub(super) transactions: CleanedTransactions,
    pub(super) last_batches: &'a HashMap<i64, LastBatch>,
    /// Of producers whose last batch a crash may take.
    pub(super) last_on_disk: HashMap<i64, LastOnDisk>,
    /// Everything before is compacted: its last batch keeps the offset.
    pub(super) end_offset: i64,
    pub(super) now_ms: i64,
    pub(super) delete_retention_ms: i64,
}

/// What becomes of a batch.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// Stays as it is.
    Kept,
    /// Stays with fewer records, or with a delete horizon.
    Rewritten(Bytes),
    /// Goes.
    Dropped,
}

impl Filter<'_> {
    pub(super) fn judge(&mut self, batch: &BatchView<'_>) -> Result<Fate, String> {
        let now_ms = self.now_ms;
        let horizon_passed = batch.delete_horizon_ms().is_some_and(|horizon| horizon <= now_ms);
        let (is_void, needless_marker) = if batch.is_control() {
            let needless = self.transactions.is_needless(batch, transaction_marker(batch)?);
            (needless && horizon_passed, needless)
        } else {
            (self.transactions.is_void(batch), false)
        };
        let keeps_empty = self.is_last_of_producer(batch) || batch.next_offset() == self.end_offset;
        if is_void && !keeps_empty {
            return Ok(Fate::Dropped);
        }
        self.filtered(batch, is_void, needless_marker, keeps_empty)
            .map_err(|error| error.to_string())
    }

    /// A producer's last batch stays, if empty: from it sequences are known after a restart. So does the one
    /// that will be the last after a crash.
    fn is_last_of_producer(&self, batch: &BatchView<'_>) -> bool {
        if !batch.has_producer_id() {
            return false;
        }
        let is_last = |last: &LastBatch| match last.last_offset {
            Some(offset) => batch.last_offset() == offset,
            None => batch.is_control() && batch.producer_epoch == last.producer_epoch,
        };
        let on_disk = self.last_on_disk.get(&batch.producer_id);
        on_disk.is_some_and(|last| last.last_offset == batch.last_offset())
            || self.last_batches.get(&batch.producer_id).is_some_and(is_last)
    }

    fn filtered(
        &self,
        batch: &BatchView<'_>,
        is_void: bool,
        needless_marker: bool,
        keeps_empty: bool,
    ) -> Result<Fate, FilterError> {
        let records = batch.records(DECOMPRESSED_BYTES_MAX)?;
        let (mut kept, mut tombstones, mut total) = (Vec::new(), false, 0);
        for record in records.views() {
            let record = record?;
            total += 1;
            if !is_void && (batch.is_control() || self.stays(batch, &record)) {
                tombstones |= !batch.is_control() && record.value.is_none();
                kept.push(record);
            }
        }
        let needs_horizon = batch.delete_horizon_ms().is_none() && (tombstones || needless_marker);
        if kept.is_empty() && !keeps_empty {
            return Ok(Fate::Dropped);
        }
        if kept.len() == total && !needs_horizon {
            return Ok(Fate::Kept);
        }
        if kept.is_empty() {
            return Ok(Fate::Rewritten(Bytes::copy_from_slice(&batch.header().emptied())));
        }
        let horizon = match batch.delete_horizon_ms() {
            Some(horizon) => Some(horizon),
            None => needs_horizon.then(|| self.now_ms.saturating_add(self.delete_retention_ms)),
        };
        Ok(Fate::Rewritten(rebuilt(batch, &kept, horizon)?))
    }

    fn stays(&self, batch: &BatchView<'_>, record: &RecordView<'_>) -> bool {
        // Where memory did not last nothing is known of the keys.
        if record.offset >= self.end_offset {
            return true;
        }
        // A record without a key has no successor, and no place in a compacted log.
        let Some(key) = record.key else { return false };
        if self.map.get(key).is_some_and(|last| record.offset < last) {
            return false;
        }
        let is_old_tombstone = record.value.is_none()
            && batch.delete_horizon_ms().is_some_and(|horizon| horizon <= self.now_ms);
        !is_old_tombstone
    }
}

/// Why a batch can't be filtered.
#[derive(Debug, thiserror::Error)]
enum FilterError {
    #[error(transparent)]
    Read(#[from] BatchError),
    #[error(transparent)]
    Write(#[from] BuildError),
}

/// The batch with these of its records, at their offsets.
fn rebuilt(
    batch: &BatchView<'_>,
    records: &[RecordView<'_>],
    delete_horizon_ms: Option<i64>,
) -> Result<Bytes, FilterError> {
    let log_append_time = match batch.timestamp_type() {
        TimestampType::LogAppendTime => Some(batch.max_timestamp),
        TimestampType::CreateTime => None,
    };
    let mut builder = BatchBuilder::new(BatchOptions {
        base_offset: batch.base_offset,
        partition_leader_epoch: batch.partition_leader_epoch,
        compression: Compression::of(batch.attributes.compression()?),
        log_append_time,
        producer_id: batch.producer_id,
        producer_epoch: batch.producer_epoch,
        base_sequence: batch.base_sequence,
        is_transactional: batch.is_transactional(),
        is_control: batch.is_control(),
        delete_horizon_ms,
    });
    let mut headers: Vec<HeaderView<'_>> = Vec::new();
    for record in records {
        headers.clear();
        headers.extend(record.headers());
        builder.append_at(record.offset, record.timestamp, record.key, record.value, &headers)?;
    }
    builder.set_last_offset(batch.last_offset());
    Ok(builder.build()?.freeze())
}
