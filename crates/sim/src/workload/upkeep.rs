//! Everything but appending: flushes, rolls, cuts, retention, compaction, checkpoints.
use std::collections::BTreeMap;
use std::sync::Arc;

use ottla_log::{CleanerMemory, CleanupPolicy, Durability, FullSpeed, Log, LogConfig};

use crate::batches::read_all;
use crate::check::last_write_per_key;
use crate::history::Cleaning;
use crate::simulation::{Partition, Simulation, Stop};

impl Simulation {
    /// Syncs a log, while others go on.
    pub(super) fn flush(&mut self, index: usize) -> Result<(), Stop> {
        let now_ms = self.now_ms;
        let (log, _) = self.open(index)?;
        let prepared = match log.prepare_flush() {
            Ok(Some(prepared)) => prepared,
            Ok(None) => return Ok(()),
            Err(error) => return Err(self.fault("preparing a flush", &error)),
        };
        if self.dice.one_in(3) {
            match self.dice.below(4) {
                0 => self.truncate(index)?,
                1 => self.roll(index)?,
                _ => self.produce(index)?,
            }
        }
        let outcome = prepared.run();
        let (log, history) = self.open(index)?;
        match log.finish_flush(outcome, now_ms) {
            Ok(()) => {
                history.became_durable(log);
                Ok(())
            }
            Err(error) => Err(self.fault("flushing", &error)),
        }
    }

    /// Syncs a log while nobody else does anything.
    pub(super) fn flush_alone(&mut self, index: usize) -> Result<(), Stop> {
        let now_ms = self.now_ms;
        let (log, history) = self.open(index)?;
        match log.flush(now_ms) {
            Ok(()) => {
                history.became_durable(log);
                Ok(())
            }
            Err(error) => Err(self.fault("flushing", &error)),
        }
    }

    /// `flush.messages` and `flush.ms`.
    pub(super) fn flush_if_due(&mut self, index: usize) -> Result<(), Stop> {
        let now_ms = self.now_ms;
        let (log, _) = self.open(index)?;
        let config = log.config();
        if !log.flush_is_due(now_ms)
            || (config.flush_messages, config.flush_ms) == (i64::MAX, i64::MAX)
        {
            return Ok(());
        }
        self.flush_alone(index)
    }

    pub(super) fn roll(&mut self, index: usize) -> Result<(), Stop> {
        let now_ms = self.now_ms;
        let (log, _) = self.open(index)?;
        log.roll(now_ms).map_err(|error| self.fault("rolling", &error))
    }

    /// A follower gives up what its leader does not have, or everything.
    pub(super) fn truncate(&mut self, index: usize) -> Result<(), Stop> {
        let now_ms = self.now_ms;
        let starts_over = self.scenario.names_in_order && self.dice.one_in(12);
        let (log, history) = self.open(index)?;
        if starts_over {
            let offset = history.end + 5;
            history.starting_over = Some(offset);
            let outcome = log.truncate_fully_and_start_at(offset, now_ms);
            let outcome = outcome.map_err(|error| self.fault("starting over", &error));
            self.cut_is_kept(index, outcome)?;
            self.partitions[index].history.start_over(offset);
            return Ok(());
        }
        let mut bases = history.sent.iter().rev().take(4).map(|sent| sent.batch.base_offset);
        let Some(offset) = bases.rfind(|base| *base >= history.committed) else {
            return Ok(());
        };
        self.tell(|| format!("  truncated to {offset}"));
        let (log, history) = self.open(index)?;
        history.synced = history.synced.min(offset);
        let later = history.sent.iter_mut().filter(|sent| sent.batch.base_offset >= offset);
        later.for_each(|sent| sent.acked = false);
        let outcome = log.truncate_to(offset, now_ms).map(drop);
        let outcome = outcome.map_err(|error| self.fault("truncating", &error));
        self.cut_is_kept(index, outcome)?;
        self.partitions[index].history.cut(offset);
        Ok(())
    }

    /// A cut counts once it is done and the journal knows of it, which is before anything is acknowledged
    /// that was written in its place. Until then it may come undone.
    fn cut_is_kept(&mut self, index: usize, outcome: Result<(), Stop>) -> Result<(), Stop> {
        let kept = outcome.and_then(|()| self.commit());
        if kept.is_err() {
            self.partitions[index].log = None;
        }
        kept
    }

    /// DeleteRecords.
    pub(super) fn delete_records(&mut self, index: usize) -> Result<(), Stop> {
        let Some(log) = &self.partitions[index].log else { return Err(Stop::Fault) };
        if !self.scenario.names_in_order {
            return Ok(());
        }
        let offset = self.dice.between(log.log_start_offset(), log.high_watermark() + 1);
        self.tell(|| format!("  deleted to {offset}"));
        let (log, history) = self.open(index)?;
        history.delete_before(offset);
        match log.increment_log_start_offset(offset) {
            Ok(_) => Ok(()),
            Err(error) => Err(self.fault("deleting records", &error)),
        }
    }

    /// Retention, and the files of what it deleted before.
    pub(super) fn retain(&mut self, index: usize) -> Result<(), Stop> {
        let now_ms = self.now_ms;
        let (log, history) = self.open(index)?;
        let policy = log.config().cleanup_policy;
        let before = history.log_start;
        // It may get no further than this before the machine stops.
        history.delete_before(log.high_watermark());
        let outcome = log.delete_old_segments(now_ms);
        if outcome.is_ok() {
            history.log_start = log.log_start_offset();
        }
        let moved = history.log_start > before;
        let removed = outcome.and_then(|_| log.remove_deleted_files(now_ms));
        removed.map_err(|error| self.fault("retention", &error))?;
        self.tell(|| format!("  retained, moved: {moved}"));
        if moved && !policy.delete {
            return Err(Stop::Wrong(format!("retention deletes in spite of {policy:?}")));
        }
        Ok(())
    }

    /// Plans, compacts and installs, while others go on.
    pub(super) fn compact(&mut self, index: usize) -> Result<(), Stop> {
        let now_ms = self.now_ms;
        let name = self.partitions[index].name.clone();
        let cleaned_to = self.cleaned.get(&name).copied();
        let memory = CleanerMemory {
            dedupe_bytes: self.dice.pick(&[24 * 4, 24 * 100]),
            load_factor: 1.0,
            io_bytes: self.dice.pick(&[1, 512]),
        };
        let (log, _) = self.open(index)?;
        let plan = match log.plan_compaction(cleaned_to, now_ms) {
            Ok(Some(plan)) => plan,
            Ok(None) => return Ok(()),
            Err(error) => return Err(self.fault("planning a compaction", &error)),
        };
        // Only what is known to be on disk may have holes that the cleaner made.
        self.checkpoint_recovery_points()?;
        let (log, history) = self.open(index)?;
        // What it has finished before the machine stops takes effect.
        let seen_to = log.recovery_point();
        history.cleanings.push(Cleaning { to: seen_to, seen_to, now_ms });
        let cleaned = match plan.run(&memory, now_ms, &FullSpeed) {
            Ok(cleaned) => cleaned,
            Err(error) => return Err(self.fault("compacting", &error)),
        };
        let to = cleaned.cleaned_to();
        self.tell(|| format!("  cleaned to {to}"));
        let (_, history) = self.open(index)?;
        if let Some(last) = history.cleanings.last_mut() {
            last.to = to;
        }
        if self.dice.one_in(3) {
            match self.dice.below(4) {
                0 => self.truncate(index)?,
                1 => self.retain(index)?,
                _ => self.produce(index)?,
            }
        }
        let (log, _) = self.open(index)?;
        match log.install_compaction(cleaned, now_ms) {
            Ok(true) => self.compacted(index, to),
            Ok(false) => Ok(()),
            Err(error) => Err(self.fault("installing a compaction", &error)),
        }
    }

    fn compacted(&mut self, index: usize, to: i64) -> Result<(), Stop> {
        self.report.cleanings += 1;
        let name = self.partitions[index].name.clone();
        self.open(index)?;
        let checked = self.undisturbed(|simulation| {
            let Partition { log, history, .. } = &simulation.partitions[index];
            let Some(log) = log else { return Ok(()) };
            last_write_per_key(history, &read_all(log, 1 << 20)?, to)
        });
        checked.map_err(|wrong| Stop::Wrong(format!("{name}: {wrong}")))?;
        self.cleaned.insert(name, to);
        let Some(directory) = &self.directory else { return Err(Stop::Fault) };
        let written = directory.checkpoint_cleaned_offsets(&self.cleaned);
        written.map_err(|error| self.fault("writing how far is cleaned", &error))?;
        if self.dice.one_in(2) { self.look(index) } else { Ok(()) }
    }

    /// A new leader epoch.
    pub(super) fn lead(&mut self, index: usize) -> Result<(), Stop> {
        let more = self.dice.between(1, 4) as i32;
        let (log, history) = self.open(index)?;
        history.leader_epoch += more;
        let assigned = log.assign_epoch_start(history.leader_epoch);
        assigned.map_err(|error| self.fault("a new epoch", &error))
    }

    fn checkpoint_recovery_points(&mut self) -> Result<(), Stop> {
        let Some(directory) = &self.directory else { return Err(Stop::Fault) };
        let logs = self.partitions.iter().filter_map(|partition| partition.log.as_ref());
        let points = logs.map(|log| (log.partition().clone(), log.recovery_point())).collect();
        let written = directory.checkpoint_recovery_points(&points);
        written.map_err(|error| self.fault("a checkpoint", &error))
    }

    /// One of the directory's checkpoints.
    pub(super) fn checkpoint(&mut self) -> Result<(), Stop> {
        let Some(directory) = &self.directory else { return Err(Stop::Fault) };
        let offsets = |offset: fn(&Log) -> Option<i64>| -> BTreeMap<_, _> {
            let logs = self.partitions.iter().filter_map(|partition| partition.log.as_ref());
            logs.filter_map(|log| Some((log.partition().clone(), offset(log)?))).collect()
        };
        let written = match self.dice.below(4) {
            0 => return self.checkpoint_recovery_points(),
            3 => directory
                .journal()
                .map_or(Ok(()), |journal| Ok(journal.look_for_room().map(drop)?)),
            1 => directory.checkpoint_high_watermarks(&offsets(|log| Some(log.high_watermark()))),
            _ => {
                let starts = offsets(|log| {
                    log.log_start_is_within_segment().then(|| log.log_start_offset())
                });
                let written = directory.checkpoint_log_start_offsets(&starts);
                for partition in &mut self.partitions {
                    // A start that the first segment tells is as durable as the segments' names.
                    let kept = starts.get(&partition.name).copied().unwrap_or(0);
                    let known = partition.history.log_start_kept;
                    partition.history.log_start_kept =
                        if written.is_ok() { kept } else { known.min(kept) };
                }
                written
            }
        };
        written.map_err(|error| self.fault("a checkpoint", &error))
    }

    /// Producers that were silent for long are forgotten.
    pub(super) fn expire(&mut self, index: usize) -> Result<(), Stop> {
        let now_ms = self.now_ms;
        let (log, _) = self.open(index)?;
        log.expire_producers(now_ms);
        Ok(())
    }

    /// Settings change while the log is open.
    pub(super) fn reconfigure(&mut self, index: usize) -> Result<(), Stop> {
        let Partition { config, history, name, .. } = &self.partitions[index];
        // Nobody changes a topic's policy between a run of the cleaner and the writing down of it.
        let cleaned_to = self.cleaned.get(name).copied().unwrap_or(0);
        let is_written_down = history.cleaned_to() <= cleaned_to && !history.has_holes;
        let mut config = LogConfig::clone(config);
        config.segment_bytes = self.dice.pick(&[900, 2_000, 9_000]);
        if self.scenario.names_in_order && is_written_down && self.dice.one_in(3) {
            let CleanupPolicy { delete, compact } = config.cleanup_policy;
            config.cleanup_policy = CleanupPolicy { delete: compact, compact: delete };
        }
        if self.scenario.durability == Durability::Fsync && self.dice.one_in(3) {
            config.durability = self.dice.pick(&[Durability::Fsync, Durability::Os]);
        }
        let config = Arc::new(config);
        self.partitions[index].config = Arc::clone(&config);
        let (log, _) = self.open(index)?;
        log.update_config(config);
        Ok(())
    }
}
