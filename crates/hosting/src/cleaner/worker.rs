//! A thread of the cleaner: clean the log that is next, write down how far, rest when none is due.

use std::time::Duration;

use ottla_log::{Error, Pace};

use super::metrics::Run;
use super::threads::Shared;
use crate::partition::CleaningTurn;
use crate::partition::Partition;

/// How long a thread that rests goes without looking whether it is to end.
const STEP: Duration = Duration::from_millis(100);

/// Works until there are fewer threads than its number says.
pub(super) fn run(shared: &Shared, number: usize) {
    while !shared.is_superfluous(number) {
        if !clean_next(shared, &|| shared.is_superfluous(number), number) {
            rest(shared, number);
        }
    }
}

/// Waits for `log.cleaner.backoff.ms`, or until settings change.
fn rest(shared: &Shared, number: usize) {
    let mut control = shared.control.lock();
    if number < control.threads {
        let backoff = control.settings.backoff;
        let _ = shared.changed.wait_for(&mut control, backoff);
    }
}

/// Cleans one log. False when none is due.
pub(super) fn clean_next(shared: &Shared, is_stopped: &dyn Fn() -> bool, number: usize) -> bool {
    let now_ms = shared.clock.now_ms();
    let Some(partition) = shared.schedule.next(&shared.partitions, now_ms) else { return false };
    // Somebody else was faster: look again.
    let Some(turn) = partition.begin_cleaning() else { return true };
    let pace = Reins { shared, turn: &turn, is_stopped };
    clean(&pace, &partition, number, now_ms);
    true
}

fn clean(reins: &Reins<'_>, partition: &Partition, number: usize, now_ms: i64) {
    let Reins { shared, turn, .. } = *reins;
    let Some(plan) = shared.schedule.plan(partition, turn, now_ms) else { return };
    let (topic, index) = (partition.topic(), partition.index());
    let begun = shared.clock.monotonic();
    let cleaned = match plan.run(&shared.settings().memory(), now_ms, reins) {
        Ok(cleaned) => cleaned,
        Err(Error::Stopped { .. }) => return,
        // The files went with the partition.
        Err(_) if turn.is_over() => return,
        Err(error) => {
            partition.report(&error);
            return shared.schedule.give_up(partition, &error);
        }
    };
    let (stats, to) = (cleaned.stats(), cleaned.cleaned_to());
    if partition.with_log(|log| log.is_journaled()) == Some(true) {
        // Behind the recovery point the next start takes holes for those of a crash, and fills them from the
        // journal.
        shared.partitions.checkpoint_recovery_points();
    }
    match partition.with_log(|log| log.install_compaction(cleaned, now_ms)) {
        Some(Ok(true)) => {}
        Some(Ok(false)) | None => {
            tracing::debug!(%topic, partition = index, "the log was cut while it was cleaned");
            return;
        }
        Some(Err(error)) => {
            tracing::error!(%topic, partition = index, %error, "cleaning failed");
            partition.report(&error);
            return;
        }
    }
    let took = shared.clock.monotonic().saturating_sub(begun);
    shared.metrics.ran(number, Run { took, stats });
    if to <= plan.first_dirty() {
        return shared.schedule.give_up(partition, &MapTooSmall);
    }
    shared.schedule.cleaned(&shared.partitions, partition, to);
    tracing::info!(
        %topic, partition = index, cleaned_to = to, ?took,
        bytes_before = stats.bytes_read, bytes_after = stats.bytes_written, "cleaned"
    );
}

/// Not one batch's keys fit.
#[derive(Debug, thiserror::Error)]
#[error(
    "the keys of one batch do not fit into the cleaner's memory; increase \
     log.cleaner.dedupe.buffer.size or decrease log.cleaner.threads"
)]
struct MapTooSmall;

/// Holds a run to the throttle, and ends it with its thread or its partition.
struct Reins<'a> {
    shared: &'a Shared,
    turn: &'a CleaningTurn<'a>,
    is_stopped: &'a dyn Fn() -> bool,
}

impl Pace for Reins<'_> {
    fn spend(&self, bytes: u64) -> bool {
        let most = self.shared.settings().bytes_per_second_max;
        let now = self.shared.clock.monotonic();
        let mut rest = self.shared.throttle.lock().spend(bytes, most, now);
        loop {
            if (self.is_stopped)() || self.turn.is_over() {
                return false;
            }
            if rest.is_zero() {
                return true;
            }
            let step = rest.min(STEP);
            let mut control = self.shared.control.lock();
            let _ = self.shared.changed.wait_for(&mut control, step);
            rest -= step;
        }
    }
}
