//! What the log knows of producers is what their batches tell, and readers of committed records see
//! no other.
use std::collections::BTreeSet;

use ottla_log::{Isolation, Log, ReadOptions};

use super::compacted::is_void;
use crate::batches::{Batch, decode_all};
use crate::history::{Client, History, Range};

/// Holds the log's producers against the history, and reads as a consumer does.
pub fn check(log: &Log, history: &History, found: &[Batch], now_ms: i64) -> Result<(), String> {
    check_sequences(log, history, now_ms)?;
    check_committed(log, history, found)
}

fn check_sequences(log: &Log, history: &History, now_ms: i64) -> Result<(), String> {
    // What began before was forgotten with its records, as in Kafka, though a crash may have brought
    // those back.
    let start = history.log_start_furthest;
    let (all, recent) = (history.clients(0), history.clients(start));
    let active = log.active_producers();
    for producer in &active {
        let known = all.get(&producer.producer_id);
        let known = known.ok_or_else(|| format!("nobody is {producer:?}"))?;
        let last_sequence = if known.last.is_some() { known.next_sequence - 1 } else { -1 };
        // What was deleted or compacted away need not be remembered.
        let is_recent = known.last.is_some_and(|last| last >= start);
        if producer.producer_epoch != known.epoch
            || (producer.last_sequence != last_sequence && is_recent)
        {
            return Err(format!("{producer:?} should be {known:?}"));
        }
        let open = producer.current_transaction_start_offset;
        let expected = known.open.unwrap_or(-1);
        if open != expected && expected.max(open) >= start && !(0..start).contains(&expected) {
            return Err(format!("{producer:?} should have its transaction open at {expected}"));
        }
    }
    let expiration_ms = log.config().producer_id_expiration_ms;
    let is_alive =
        |known: &Client| known.last.is_some() && !known.has_expired(now_ms, expiration_ms);
    for (producer_id, known) in recent.iter().filter(|(_, known)| is_alive(known)) {
        if !active.iter().any(|producer| producer.producer_id == *producer_id) {
            return Err(format!("producer {producer_id} is forgotten: {known:?}"));
        }
    }
    let unstable = all.values().filter_map(|known| known.open).filter(|open| *open >= start).min();
    let last_stable = log.last_stable_offset();
    let most =
        unstable.map_or(log.high_watermark(), |open| open.max(start).min(log.high_watermark()));
    if last_stable > most {
        return Err(format!(
            "the last stable offset is {last_stable}, and at most {most} is stable"
        ));
    }
    Ok(())
}

/// Reads with `read_committed`, filtering as consumers do.
fn check_committed(log: &Log, history: &History, found: &[Batch]) -> Result<(), String> {
    let (start, bound) = (history.log_start_furthest, log.last_stable_offset());
    let aborted = history.aborted();
    let forgotten: Vec<Range> =
        history.transactions().into_iter().filter(|range| range.first_offset < start).collect();
    let is_known = |batch: &Batch| batch.base_offset >= start && !is_void(batch, &forgotten);
    let mut delivered = committed(log, bound)?;
    let known = found.iter().filter(|batch| is_known(batch));
    let known: BTreeSet<i64> =
        known.flat_map(|batch| batch.records.iter().map(|record| record.offset)).collect();
    delivered.retain(|offset| known.contains(offset));
    let expected: BTreeSet<i64> = found
        .iter()
        .filter(|batch| batch.commits.is_none() && !is_void(batch, &aborted) && is_known(batch))
        // An old high watermark may lie within a batch, which has to wait then.
        .filter(|batch| batch.last_offset < bound)
        .flat_map(|batch| batch.records.iter().map(|record| record.offset))
        .collect();
    if delivered != expected {
        let (late, missing) = (&delivered - &expected, &expected - &delivered);
        return Err(format!(
            "up to {bound} committed readers see {late:?} against the markers, and do not see {missing:?}"
        ));
    }
    Ok(())
}

fn committed(log: &Log, bound: i64) -> Result<BTreeSet<i64>, String> {
    let mut delivered = BTreeSet::new();
    let mut next = log.log_start_offset();
    while next < bound {
        let options = ReadOptions {
            start_offset: next,
            max_bytes: 1000,
            min_one_batch: true,
            isolation: Isolation::TransactionCommitted,
        };
        let read = log.read(options).map_err(|error| error.to_string())?;
        let mut aborted = read.aborted_transactions.unwrap_or_default();
        aborted.sort_by_key(|transaction| transaction.first_offset);
        let mut aborted = aborted.into_iter().peekable();
        let mut skipped: BTreeSet<i64> = BTreeSet::new();
        let bytes = read.slice.read().map_err(|error| error.to_string())?;
        let batches = decode_all(&bytes)?;
        let Some(last) = batches.last() else { break };
        next = last.last_offset + 1;
        for batch in batches {
            while let Some(range) = aborted.next_if(|range| range.first_offset <= batch.last_offset)
            {
                skipped.insert(range.producer_id);
            }
            let producer = batch.producer.filter(|_| batch.is_transactional);
            match (batch.commits, producer) {
                (Some(false), Some(producer)) => {
                    skipped.remove(&producer.id);
                }
                (Some(_), _) => {}
                (None, Some(producer)) if skipped.contains(&producer.id) => {}
                (None, _) => delivered.extend(batch.records.iter().map(|record| record.offset)),
            }
        }
    }
    Ok(delivered)
}
