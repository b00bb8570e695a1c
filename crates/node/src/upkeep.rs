//! What is done by the clock: retention, flushes, checkpoints. One thread, since all of it may wait
//! for the disk.

use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::JoinHandle;
use std::time::Duration;

use ottla_broker::Broker;
use ottla_hosting::Partitions;
use ottla_metadata::config::ServerConfig;
use ottla_world::Clock;

use crate::error::StartError;

/// How often files are looked for that were deleted a while ago.
const REMOVAL: Duration = Duration::from_secs(10);

/// How often the creation of a log is tried again that has failed.
const CREATION: Duration = Duration::from_secs(5);

/// One kind of work and when it is due.
struct Chore {
    every: Duration,
    due: Duration,
    work: Work,
}

/// What is done at a time, in milliseconds of the clock.
enum Work {
    Partitions(fn(&Partitions, i64)),
    Broker(fn(&Broker, i64)),
}

/// The thread at work.
#[derive(Debug)]
pub struct Upkeep {
    stop: Sender<()>,
    thread: JoinHandle<()>,
}

impl Upkeep {
    /// Starts the thread.
    ///
    /// # Errors
    /// No thread can be started.
    pub fn start(
        broker: Arc<Broker>,
        clock: Arc<dyn Clock>,
        config: &ServerConfig,
    ) -> Result<Self, StartError> {
        let begun = clock.monotonic();
        let first = millis(config.whole("log.initial.task.delay.ms"));
        let chore = |key: &str, work: fn(&Partitions, i64)| Chore {
            every: millis(config.whole(key)).max(Duration::from_millis(1)),
            due: begun + first,
            work: Work::Partitions(work),
        };
        let mut forget_producers =
            chore("producer.id.expiration.check.interval.ms", Partitions::expire_producers);
        // As in Kafka not soon after the start: who writes records that are old is remembered by their time.
        forget_producers.due = begun + forget_producers.every;
        let mut chores = [
            chore("log.retention.check.interval.ms", Partitions::run_retention),
            chore("log.flush.scheduler.interval.ms", Partitions::flush_due),
            chore("log.flush.offset.checkpoint.interval.ms", |partitions, _| {
                partitions.checkpoint_recovery_points();
            }),
            chore("log.flush.start.offset.checkpoint.interval.ms", |partitions, _| {
                partitions.checkpoint_log_starts();
            }),
            forget_producers,
            Chore {
                every: REMOVAL,
                due: begun + first,
                work: Work::Partitions(|partitions, now_ms| {
                    partitions.remove_deleted(now_ms);
                    // What is gone has left room.
                    partitions.look_for_journal_room();
                }),
            },
            Chore {
                every: CREATION,
                due: begun + CREATION,
                work: Work::Broker(Broker::create_missing_logs),
            },
            chore("replica.high.watermark.checkpoint.interval.ms", |partitions, _| {
                partitions.checkpoint_high_watermarks();
            }),
        ];
        let (stop, stopped) = mpsc::channel::<()>();
        let body = move || loop {
            let now = clock.monotonic();
            for chore in chores.iter_mut().filter(|chore| chore.due <= now) {
                match chore.work {
                    Work::Partitions(work) => work(&broker.partitions, clock.now_ms()),
                    Work::Broker(work) => work(&broker, clock.now_ms()),
                }
                chore.due = now.saturating_add(chore.every);
            }
            let next = chores.iter().map(|chore| chore.due).min().unwrap_or(now);
            match stopped.recv_timeout(next.saturating_sub(clock.monotonic())) {
                Err(RecvTimeoutError::Timeout) => {}
                Ok(()) | Err(RecvTimeoutError::Disconnected) => return,
            }
        };
        let thread = std::thread::Builder::new()
            .name("upkeep".to_owned())
            .spawn(body)
            .map_err(|error| StartError::new("cannot start the upkeep thread", error))?;
        Ok(Self { stop, thread })
    }

    /// Ends the thread after the work it is at.
    pub fn stop(self) {
        drop(self.stop);
        if self.thread.join().is_err() {
            tracing::error!("the upkeep thread panicked");
        }
    }
}

/// A day at most: waits of centuries overflow the system's timers.
fn millis(value: i64) -> Duration {
    Duration::from_millis(u64::try_from(value).unwrap_or(0)).min(Duration::from_secs(24 * 60 * 60))
}
