//! The threads that fill the copies of logs which move (`num.replica.alter.log.dirs.threads`), held to
//! `replica.alter.log.dirs.io.max.bytes.per.second`.
//!
//! While a log moves it is not compacted. Its copy takes its place under its lock, for the time of the
//! last few records; the controller hears of it at once.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use ottla_log::Log;
use ottla_metadata::config::BrokerValues;
use ottla_world::Clock;
use parking_lot::Mutex;

use crate::cleaner::Throttle;
use crate::partition::{CleaningTurn, Copied, CopyFailure, Partition, Promoted};
use crate::partitions::Partitions;

/// How much is copied at a time.
const STEP_BYTES: usize = 1 << 20;
/// How much may be copied while the log waits.
const LAST_STEP_BYTES: usize = 256 << 10;
/// How often a thread looks whether its work is still wanted.
const LOOK: Duration = Duration::from_millis(50);
/// Nobody has set a rate.
const NO_LIMIT: i64 = i64::MAX;

/// The copying threads.
#[derive(Debug)]
pub struct Copiers {
    shared: Arc<Shared>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

struct Shared {
    partitions: Arc<Partitions>,
    clock: Arc<dyn Clock>,
    throttle: Mutex<Throttle>,
    bytes_per_second_max: AtomicI64,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Shared")
    }
}

impl Copiers {
    /// Copiers that have not begun.
    #[must_use]
    pub fn new(partitions: Arc<Partitions>, clock: Arc<dyn Clock>) -> Self {
        let throttle = Mutex::new(Throttle::new(clock.monotonic()));
        let bytes_per_second_max = AtomicI64::new(NO_LIMIT);
        let shared = Shared { partitions, clock, throttle, bytes_per_second_max };
        Self { shared: Arc::new(shared), threads: Mutex::default() }
    }

    /// Starts so many threads; one for each log directory when nobody says.
    ///
    /// # Errors
    /// No thread can be started.
    pub fn start(&self, threads: Option<usize>) -> io::Result<()> {
        let wanted = threads.unwrap_or_else(|| self.shared.partitions.directories.len());
        for number in 0..wanted {
            let shared = Arc::clone(&self.shared);
            let thread = std::thread::Builder::new()
                .name(format!("log-mover-{number}"))
                .spawn(move || shared.run())?;
            self.threads.lock().push(thread);
        }
        Ok(())
    }

    /// Takes over `replica.alter.log.dirs.io.max.bytes.per.second`.
    pub fn configure(&self, values: &BrokerValues) {
        let rate = values.number("replica.alter.log.dirs.io.max.bytes.per.second");
        let bytes_per_second_max = rate.unwrap_or(NO_LIMIT);
        self.shared.bytes_per_second_max.store(bytes_per_second_max, Ordering::Relaxed);
    }

    /// Ends the threads. Copies stay, and are filled further after the next start.
    pub fn stop(&self) {
        self.shared.partitions.moves.stop();
        for thread in std::mem::take(&mut *self.threads.lock()) {
            if thread.join().is_err() {
                tracing::error!("a thread that moves logs panicked");
            }
        }
    }
}

impl Shared {
    fn run(&self) {
        while let Some(partition) = self.partitions.moves.next() {
            let Some(turn) = self.begin(&partition) else { continue };
            if let Err(failure) = self.fill(&partition, &turn) {
                let (topic, index) = (partition.topic(), partition.index());
                let error = &failure as &dyn std::error::Error;
                tracing::error!(%topic, partition = index, error, "the log stays where it is");
            }
        }
    }

    /// Waits until nobody compacts the log any more; `None` when it is gone or everything ends.
    fn begin<'a>(&self, partition: &'a Partition) -> Option<CleaningTurn<'a>> {
        loop {
            if let Some(turn) = partition.begin_cleaning() {
                return Some(turn);
            }
            let is_over = !partition.is_being_cleaned();
            if is_over || self.partitions.moves.is_stopped_within(LOOK) {
                return None;
            }
        }
    }

    /// Fills the copy and puts it in the log's place.
    fn fill(&self, partition: &Partition, turn: &CleaningTurn<'_>) -> Result<(), CopyFailure> {
        while !turn.is_over() && !self.partitions.moves.is_stopped_within(Duration::ZERO) {
            let now_ms = self.clock.now_ms();
            match partition.copy_some(STEP_BYTES, now_ms)? {
                Copied::Over => return Ok(()),
                Copied::Bytes(bytes) => self.rest(bytes, turn),
                Copied::CaughtUp => {
                    partition.flush_future(now_ms)?;
                    if self.partitions.finish_move(partition, LAST_STEP_BYTES, now_ms)? {
                        return Ok(());
                    }
                }
            }
        }
        Ok(())
    }

    /// Keeps to the rate that is set. It may be changed while a thread rests.
    fn rest(&self, bytes: u64, turn: &CleaningTurn<'_>) {
        let mut left = bytes;
        loop {
            let most = self.bytes_per_second_max.load(Ordering::Relaxed);
            if most == NO_LIMIT {
                return;
            }
            let rest = match most {
                0 => LOOK,
                most => {
                    let now = self.clock.monotonic();
                    self.throttle.lock().spend(std::mem::take(&mut left), most as f64, now)
                }
            };
            let until = self.clock.monotonic().saturating_add(rest);
            while self.clock.monotonic() < until {
                let is_changed = self.bytes_per_second_max.load(Ordering::Relaxed) != most;
                let left = until.saturating_sub(self.clock.monotonic()).min(LOOK);
                if is_changed || turn.is_over() || self.partitions.moves.is_stopped_within(left) {
                    return;
                }
            }
            if most != 0 {
                return;
            }
        }
    }
}

impl Partitions {
    /// Puts a copy that has caught up in the log's place; whether that is done.
    fn finish_move(
        &self,
        partition: &Partition,
        bytes_max: usize,
        now_ms: i64,
    ) -> Result<bool, CopyFailure> {
        let Some(destination) = partition.future_directory() else { return Ok(true) };
        let hosted = &self.directories[destination];
        let retire = |old: Log, directory| {
            let to = hosted.log_directory.path().display();
            tracing::info!(partition = %old.partition(), %to, "the log has moved to another directory");
            self.tell_assignment((partition.topic_id(), partition.index()), hosted.id);
            self.delete_copy((old, directory), now_ms);
        };
        let promoted =
            partition.promote_future(&hosted.log_directory, retire, bytes_max, now_ms)?;
        Ok(promoted != Promoted::Behind)
    }
}
