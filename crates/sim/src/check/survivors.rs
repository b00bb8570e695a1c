//! Records, their order and their offsets.
use ottla_log::Log;

use super::{Evidence, Promise};
use crate::batches::Batch;
use crate::history::{History, Sent};

/// Holds what was found against what was sent. Returns the batches that are missing though they have a
/// successor: as in Kafka, a log that compaction makes holes in can't tell those of a crash from them.
/// Nobody has promised to keep them.
pub fn check(
    log: &Log,
    history: &History,
    found: &[Batch],
    promise: Promise,
) -> Result<Vec<i64>, String> {
    let (start, end) = (log.log_start_offset(), log.log_end_offset());
    check_bounds(history, start, end, promise)?;
    let mut lost = Vec::new();
    let may_have_holes = log.config().cleanup_policy.compact && !promise.is_alive;
    let evidence = Evidence::new(history, log.config().delete_retention_ms);
    let mut found_batches = found.iter().peekable();
    for sent in history.sent.iter().filter(|sent| sent.batch.last_offset >= start) {
        let batch = &sent.batch;
        if batch.base_offset >= end || start == end {
            break;
        }
        let here = found_batches.next_if(|found| found.base_offset == batch.base_offset);
        if here == Some(batch) && sent.gone.is_empty() {
            continue;
        }
        let is_promised = batch.base_offset < promise.end && !sent.is_doubtful;
        if may_have_holes && here.is_none() && !is_promised {
            lost.push(batch.base_offset);
            continue;
        }
        if batch.base_offset >= evidence.seen_to {
            return Err(format!("where {batch:?} was sent there is {here:?}"));
        }
        evidence.check_batch(sent, here)?;
    }
    if let Some(unknown) = found_batches.next() {
        return Err(format!("nobody sent {unknown:?} so"));
    }
    Ok(lost)
}

fn check_bounds(history: &History, start: i64, end: i64, promise: Promise) -> Result<(), String> {
    if promise.is_alive && (start, end) != (history.log_start, history.end) {
        let expected = (history.log_start, history.end);
        return Err(format!("the log goes from {start} to {end} instead of {expected:?}"));
    }
    if start == end && history.starting_over == Some(start) {
        return Ok(());
    }
    let promised = history.boundary(promise.end);
    if end < promised {
        return Err(format!("the log ends at {end}, but {promised} was promised"));
    }
    if end > history.end {
        return Err(format!("the log ends at {end}, but no more than {} was sent", history.end));
    }
    let holds_end =
        |sent: &Sent| (sent.batch.base_offset + 1..=sent.batch.last_offset).contains(&end);
    if end > start && history.sent.iter().any(holds_end) {
        return Err(format!("the log ends at {end}, within a batch"));
    }
    if start < history.log_start_kept {
        return Err(format!("the log starts at {start}, before {}", history.log_start_kept));
    }
    // Without their order a crash may take the name of the first segment and leave the second's.
    let may_start_late = !promise.names_in_order && promised <= start;
    if start > history.log_start && !may_start_late {
        return Err(format!("the log starts at {start}, after {}", history.log_start));
    }
    Ok(())
}
