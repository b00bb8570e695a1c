//! What the cleaner may have taken: Kafka's exceptions to "everything is kept".
//!
//! A record may be missing when the cleaner came past it and a later record of its key, when it is
//! a tombstone that was there for `delete.retention.ms`, or when its transaction was aborted. A
//! batch without records may be missing, or be there for the sake of its producer.
use std::collections::BTreeMap;

use crate::batches::{Batch, Record};
use crate::history::{Cleaning, History, Range, Sent};

/// What speaks for the cleaner.
pub struct Evidence<'a> {
    /// How far it ever came.
    pub cleaned_to: i64,
    /// The end of the segments that it ever looked at.
    pub seen_to: i64,
    cleanings: &'a [Cleaning],
    aborted: Vec<Range>,
    /// The last record of each key that the cleaner can have seen.
    last_by_key: BTreeMap<&'a [u8], i64>,
    delete_retention_ms: i64,
}

impl<'a> Evidence<'a> {
    /// From the history of a log.
    pub fn new(history: &'a History, delete_retention_ms: i64) -> Evidence<'a> {
        let cleaned_to = history.cleaned_to();
        let aborted = history.aborted();
        let seen_to = history.cleanings.iter().map(|cleaning| cleaning.seen_to).max().unwrap_or(0);
        let mut last_by_key = BTreeMap::new();
        let is_data = |batch: &Batch| batch.commits.is_none() && !is_void(batch, &aborted);
        for Sent { batch, .. } in history.sent.iter().filter(|sent| is_data(&sent.batch)) {
            for record in batch.records.iter().filter(|record| record.offset < seen_to) {
                last_by_key.insert(record.key.as_deref().unwrap_or_default(), record.offset);
            }
        }
        let cleanings = &history.cleanings;
        Evidence { cleaned_to, seen_to, cleanings, aborted, last_by_key, delete_retention_ms }
    }

    /// Holds what is left of a batch, if anything is, against what was sent.
    pub fn check_batch(&self, sent: &Sent, found: Option<&Batch>) -> Result<(), String> {
        let Sent { batch, gone, .. } = sent;
        let left: &[Record] = found.map_or(&[], |found| &found.records);
        if let Some(found) = found {
            // What a marker says goes with its record.
            let commits = if left.is_empty() { found.commits } else { batch.commits };
            let as_sent = Batch { records: found.records.clone(), commits, ..batch.clone() };
            if *found != as_sent {
                return Err(format!("{batch:?} became {found:?}"));
            }
            let mut originals = batch.records.iter();
            for record in left {
                if !originals.any(|original| original == record) {
                    return Err(format!("{record:?} is not among {batch:?}"));
                }
                if gone.contains(&record.offset) {
                    return Err(format!("{record:?} is back, which the cleaner took"));
                }
            }
        }
        let lacks = |record: &&Record| !left.contains(record) && !gone.contains(&record.offset);
        for record in batch.records.iter().filter(lacks) {
            if !self.may_be_gone(batch, record) {
                return Err(format!(
                    "{record:?} of the batch at {} is gone, cleaned to {}",
                    batch.base_offset, self.cleaned_to
                ));
            }
        }
        Ok(())
    }

    fn may_be_gone(&self, batch: &Batch, record: &Record) -> bool {
        if record.offset < self.seen_to
            && (batch.commits.is_some() || is_void(batch, &self.aborted))
        {
            return true;
        }
        if record.offset >= self.cleaned_to {
            return false;
        }
        // A record without a key has no place in a compacted log.
        if record.key.is_none() {
            return true;
        }
        let last = self.last_by_key.get(record.key.as_deref().unwrap_or_default());
        let is_superseded = last.is_some_and(|last| *last > record.offset);
        is_superseded || (record.value.is_none() && self.horizon_has_passed(record.offset))
    }

    /// Two runs, the second `delete.retention.ms` after the first one, which looked at whole segments
    /// and so further than it cleaned.
    fn horizon_has_passed(&self, offset: i64) -> bool {
        let Some((first, later)) = self.cleanings.split_first() else { return false };
        let horizon = first.now_ms.saturating_add(self.delete_retention_ms);
        later.iter().any(|later| later.to > offset && later.now_ms >= horizon)
    }
}

/// Whether the batch is of a transaction that was aborted.
pub fn is_void(batch: &Batch, aborted: &[Range]) -> bool {
    let Some(producer) = batch.producer.filter(|_| batch.is_transactional) else { return false };
    aborted.iter().any(|range| {
        range.producer_id == producer.id
            && (range.first_offset..=range.marker_offset).contains(&batch.base_offset)
    })
}

/// After a run of the cleaner: before `cleaned_to` every key is there once, as far as nothing was deleted
/// that a crash has brought back.
pub fn last_write_per_key(
    history: &History,
    found: &[Batch],
    cleaned_to: i64,
) -> Result<(), String> {
    let aborted = history.aborted();
    let mut seen: BTreeMap<&[u8], i64> = BTreeMap::new();
    let data = found.iter().filter(|batch| batch.commits.is_none() && !is_void(batch, &aborted));
    for batch in data {
        let cleaned = history.log_start_furthest..cleaned_to;
        for record in batch.records.iter().filter(|record| cleaned.contains(&record.offset)) {
            let key = record.key.as_deref().unwrap_or_default();
            if let Some(earlier) = seen.insert(key, record.offset) {
                return Err(format!(
                    "the cleaner went to {cleaned_to} and left {key:?} at {earlier} and {}",
                    record.offset
                ));
            }
        }
    }
    Ok(())
}
