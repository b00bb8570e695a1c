//! Crashes from seeds: whatever was flushed survives, and what survives is a prefix.
use ottla_world::Random;
use ottla_world::memory::{Faults, MemoryDisk, SeededRandom};

use super::*;

const SEEDS: u64 = 300;

struct Model {
    /// Ranges of the batches that were appended.
    appended: Vec<(i64, i64)>,
    flushed: i64,
    checkpointed: i64,
}

/// Appends, rolls, flushes, restarts and crashes as the seed says.
fn run(seed: u64) {
    let random = SeededRandom::new(seed);
    let disk = crate::fixture::disk(seed).with_names_in_order();
    let mut model = Model { appended: Vec::new(), flushed: 0, checkpointed: 0 };
    let mut sequence = 0;
    for life in 0..4 {
        let recovery_point = model.checkpointed;
        let mut log = open_with(&disk, |options, config| {
            options.recovery_point = recovery_point;
            config.segment_bytes = 700;
        });
        check(&log, &mut model, seed, life);
        sequence = restored_sequence(&log, sequence);
        live(&mut log, &mut model, &mut sequence, &random, &disk);
        disk.set_faults(Faults::default());
        disk.crash();
    }
}

fn live(
    log: &mut Log,
    model: &mut Model,
    sequence: &mut i32,
    random: &SeededRandom,
    disk: &MemoryDisk,
) {
    for _ in 0..random.below(40) {
        match random.below(10) {
            0 => {
                if random.below(4) == 0 {
                    disk.set_faults(Faults { sync_error_one_in: 3, ..Faults::default() });
                }
                if log.flush(NOW).is_err() {
                    return;
                }
                model.flushed = log.log_end_offset();
                // The checkpoint is written later than the flush, if at all.
                if random.below(2) == 0 {
                    model.checkpointed = log.recovery_point();
                }
            }
            1 => log.roll(NOW).unwrap(),
            _ => {
                let count = 1 + random.below(5) as usize;
                let epoch = (log.log_end_offset() / 50) as i32;
                let records = produced(1, 0, *sequence, count);
                let appended = log.append(records, AppendOrigin::Client, leader(epoch)).unwrap();
                *sequence += count as i32;
                model.appended.push((appended.base_offset, appended.last_offset));
            }
        }
    }
}

fn check(log: &Log, model: &mut Model, seed: u64, life: i32) {
    let found = ranges(log, 0);
    let place = format!("seed {seed}, life {life}");
    assert!(log.log_end_offset() >= model.flushed, "{place}: flushed to {} lost", model.flushed);
    assert_eq!(found, model.appended[..found.len()], "{place}: not a prefix");
    model.appended.truncate(found.len());
    model.flushed = log.log_end_offset();
    for (base_offset, _) in &found {
        let epoch = log.epoch_for_offset(*base_offset);
        assert!(
            epoch.is_some_and(|epoch| i64::from(epoch) <= base_offset / 50),
            "{place}: epoch {epoch:?}"
        );
    }
}

/// The producer goes on after its last surviving record.
fn restored_sequence(log: &Log, sequence: i32) -> i32 {
    let restored = log.active_producers().first().map_or(0, |producer| producer.last_sequence + 1);
    assert!(restored <= sequence);
    assert_eq!(i64::from(restored), log.log_end_offset(), "every record had the next sequence");
    restored
}

#[test]
fn flushed_records_survive_and_survivors_are_a_prefix() {
    for seed in 0..SEEDS {
        run(seed);
    }
}
