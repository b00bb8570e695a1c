//! The orderly end: every log is closed, by as many threads a directory as recover its logs. Closing waits
//! for the disk, and a disk likes to be asked for several things at once.

use ottla_log::{Log, LogDirectory, OffsetsByPartition};
use ottla_metadata::MetadataImage;
use parking_lot::Mutex;

use super::Partitions;
use super::deletion::Unclaimed;
use super::maintenance::{Checkpoint, own_log_start};

/// A log that waits to be closed.
struct Closing {
    log: Log,
    /// It is not the partition's own, and no checkpoint names it.
    is_copy: bool,
}

/// The logs of one directory, and how they end.
struct Folder {
    waiting: Mutex<std::vec::IntoIter<Closing>>,
    ending: Mutex<Ending>,
}

struct Ending {
    high_watermarks: OffsetsByPartition,
    recovery_points: OffsetsByPartition,
    log_starts: OffsetsByPartition,
    is_clean: bool,
}

impl Partitions {
    /// Closes every log and, where all of a directory's closed well, leaves the clean shutdown marker.
    pub fn shutdown(&self, broker_epoch: i64, now_ms: i64) {
        self.stop_loading();
        self.stop_creating();
        let folders = self.folders_to_close();
        let threads = self.closing_threads();
        let crews: Vec<(usize, Folder)> = folders
            .into_iter()
            .map(|folder| {
                let logs = folder.waiting.lock().len();
                (threads.min(logs), folder)
            })
            .collect();
        on_threads(&crews, &|folder| folder.close_all(now_ms));
        let endings: Vec<Ending> =
            crews.into_iter().map(|(_, folder)| folder.ending.into_inner()).collect();
        let all = |offsets: fn(&Ending) -> &OffsetsByPartition| -> Vec<OffsetsByPartition> {
            endings.iter().map(|ending| offsets(ending).clone()).collect()
        };
        let _alone = self.checkpointing.lock();
        let high_watermarks = all(|ending| &ending.high_watermarks);
        self.write_checkpoints(&high_watermarks, LogDirectory::checkpoint_high_watermarks);
        let recovery_points = all(|ending| &ending.recovery_points);
        self.write_checkpoints(&recovery_points, LogDirectory::checkpoint_recovery_points);
        let log_starts = all(|ending| &ending.log_starts);
        self.write_checkpoints(&log_starts, LogDirectory::checkpoint_log_start_offsets);
        let directories = self.directories.iter().enumerate().zip(&endings);
        for ((directory, hosted), _) in directories.filter(|(_, ending)| ending.is_clean) {
            let settled = self.journals.close(directory);
            let marked =
                settled.and_then(|()| hosted.log_directory.mark_clean_shutdown(broker_epoch));
            if let Err(error) = marked {
                tracing::error!(%error, "no clean shutdown marker: the next start will recover");
            }
        }
    }

    /// Every log that is open, by directory. What was not opened stays as the last run left it.
    fn folders_to_close(&self) -> Vec<Folder> {
        let mut waiting: Vec<Vec<Closing>> = self.directories.iter().map(|_| Vec::new()).collect();
        for partition in self.all() {
            if let Some((log, directory)) = partition.take_future(|_| true) {
                waiting[directory].push(Closing { log, is_copy: true });
            }
            if let Some(log) = partition.take_log() {
                waiting[partition.directory()].push(Closing { log, is_copy: false });
            }
        }
        for Unclaimed { directory, log } in
            std::mem::take(&mut *self.unclaimed.lock()).into_values()
        {
            waiting[directory].push(Closing { log, is_copy: false });
        }
        let high_watermarks = self.last_checkpoints(Checkpoint::HighWatermarks);
        let recovery_points = self.last_checkpoints(Checkpoint::RecoveryPoints);
        let log_starts = self.last_checkpoints(Checkpoint::LogStarts);
        let known = high_watermarks.into_iter().zip(recovery_points).zip(log_starts);
        let folder = |(directory, (waiting, known)): (usize, (Vec<Closing>, _))| {
            let ((high_watermarks, recovery_points), log_starts) = known;
            let is_clean =
                !self.states.is_offline(directory) && !self.loading.is_waiting_in(directory);
            Folder {
                waiting: Mutex::new(waiting.into_iter()),
                ending: Mutex::new(Ending {
                    high_watermarks,
                    recovery_points,
                    log_starts,
                    is_clean,
                }),
            }
        };
        waiting.into_iter().zip(known).enumerate().map(folder).collect()
    }

    /// `num.recovery.threads.per.data.dir`, as it is now.
    fn closing_threads(&self) -> usize {
        let image = self.image.lock().clone().unwrap_or_else(|| MetadataImage::empty().into());
        let values = self.settings.values(&image);
        let threads = values.number("num.recovery.threads.per.data.dir").unwrap_or(1);
        usize::try_from(threads).unwrap_or(1).max(1)
    }
}

impl Folder {
    /// Closes what nobody else has begun to close.
    fn close_all(&self, now_ms: i64) {
        loop {
            let next = self.waiting.lock().next();
            let Some(Closing { mut log, is_copy }) = next else { return };
            let closed = log.close(now_ms);
            self.ending.lock().note(&log, is_copy, closed);
        }
    }
}

impl Ending {
    fn note(&mut self, log: &Log, is_copy: bool, closed: ottla_log::Result<i64>) {
        let partition = log.partition();
        self.is_clean &= closed.is_ok();
        if let Err(error) = &closed {
            let what = if is_copy { "a copy" } else { "the log" };
            tracing::error!(%partition, %error, "{what} is not closed in order");
        }
        if is_copy {
            return;
        }
        self.high_watermarks.insert(partition.clone(), log.high_watermark());
        if let Some(start) = own_log_start(log) {
            self.log_starts.insert(partition.clone(), start);
        }
        let point = closed.unwrap_or_else(|_| log.recovery_point());
        self.recovery_points.insert(partition.clone(), point);
    }
}

/// Does the work of each crew on so many threads of its own, and returns once all is done.
fn on_threads<T: Sync>(crews: &[(usize, T)], work: &(impl Fn(&T) + Sync)) {
    std::thread::scope(|scope| {
        for (threads, task) in crews {
            for _ in 0..*threads {
                let builder = std::thread::Builder::new().name("log-closing".to_owned());
                if let Err(error) = builder.spawn_scoped(scope, move || work(task)) {
                    tracing::warn!(%error, "closing logs with fewer threads than wanted");
                }
            }
        }
    });
    // Where no thread could be started.
    crews.iter().for_each(|(_, task)| work(task));
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use parking_lot::{Condvar, Mutex};

    use super::on_threads;

    #[test]
    fn every_crew_works_side_by_side() {
        let present = Mutex::new(0);
        let arrived = Condvar::new();
        let (all, met) = (5, AtomicUsize::new(0));
        let work = |left: &AtomicUsize| {
            while left
                .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1))
                .is_ok()
            {
                let mut present = present.lock();
                *present += 1;
                arrived.notify_all();
                let late = arrived.wait_while_for(
                    &mut present,
                    |present| *present < all,
                    Duration::from_secs(20),
                );
                met.fetch_add(usize::from(!late.timed_out()), Ordering::SeqCst);
            }
        };
        on_threads(&[(2, AtomicUsize::new(2)), (3, AtomicUsize::new(3))], &work);
        assert_eq!(
            met.load(Ordering::SeqCst),
            all,
            "somebody waited in vain for all to be at work"
        );
    }

    #[test]
    fn work_without_a_thread_is_done_all_the_same() {
        let task = AtomicUsize::new(7);
        on_threads(&[(0, task)], &|task| assert_eq!(task.swap(0, Ordering::SeqCst), 7));
    }
}
