//! Finding by offset, by time and by leader epoch gives what a walk over all batches gives.
use ottla_log::{Isolation, Log, ReadOptions};
use ottla_trial::Dice;

use crate::batches::{Batch, Record, decode_all};
use crate::history::History;

const PROBES: usize = 4;

/// Asks the log for a few places, and walks to them.
pub fn check(log: &Log, history: &History, found: &[Batch], dice: &Dice) -> Result<(), String> {
    check_offsets(log, found, dice)?;
    check_times(log, found, dice)?;
    let known_from = history.log_start_furthest;
    let known = found.iter().position(|batch| batch.last_offset >= known_from);
    check_epochs(log, &found[known.unwrap_or(found.len())..], known_from)
}

fn check_offsets(log: &Log, found: &[Batch], dice: &Dice) -> Result<(), String> {
    let (start, end) = (log.log_start_offset(), log.log_end_offset());
    if start == end {
        return Ok(());
    }
    for _ in 0..PROBES {
        let start_offset = dice.between(start, end);
        let options = ReadOptions {
            start_offset,
            max_bytes: 1,
            min_one_batch: true,
            isolation: Isolation::LogEnd,
        };
        let read = log.read(options).map_err(|error| error.to_string())?;
        let bytes = read.slice.read().map_err(|error| error.to_string())?;
        let first = decode_all(&bytes)?.into_iter().next();
        let expected = found.iter().find(|batch| batch.last_offset >= start_offset);
        if first.as_ref() != expected {
            return Err(format!("at {start_offset} the index finds {first:?}, not {expected:?}"));
        }
    }
    Ok(())
}

fn check_times(log: &Log, found: &[Batch], dice: &Dice) -> Result<(), String> {
    let start = log.log_start_offset();
    let records: Vec<&Record> = found
        .iter()
        .flat_map(|batch| &batch.records)
        .filter(|record| record.offset >= start)
        .collect();
    if records.is_empty() {
        return Ok(());
    }
    for _ in 0..PROBES {
        let timestamp =
            records[dice.below(records.len() as u64) as usize].timestamp + dice.pick(&[-1, 0, 1]);
        let expected = records.iter().find(|record| record.timestamp >= timestamp);
        let expected = expected.map(|record| (record.offset, record.timestamp));
        let answer = log.offset_for_timestamp(timestamp).map_err(|error| error.to_string())?;
        let answer = answer.map(|answer| (answer.offset, answer.timestamp));
        if answer != expected {
            return Err(format!(
                "for time {timestamp} the index finds {answer:?}, not {expected:?}"
            ));
        }
    }
    Ok(())
}

fn check_epochs(log: &Log, found: &[Batch], known_from: i64) -> Result<(), String> {
    for batch in found {
        let offset = batch.base_offset.max(known_from);
        let known = log.epoch_for_offset(offset);
        if known != Some(batch.leader_epoch) {
            let epoch = batch.leader_epoch;
            return Err(format!("offset {offset} is of epoch {epoch}, not of {known:?}"));
        }
    }
    for pair in found.windows(2).filter(|pair| pair[0].leader_epoch != pair[1].leader_epoch) {
        let (last, next) = (&pair[0], &pair[1]);
        let end = log.end_offset_for_epoch(last.leader_epoch).map(|end| end.end_offset);
        if !end.is_some_and(|end| end > last.last_offset && end <= next.base_offset) {
            let epoch = last.leader_epoch;
            return Err(format!(
                "epoch {epoch} ends at {end:?}, after {last:?} and before {next:?}"
            ));
        }
    }
    Ok(())
}
