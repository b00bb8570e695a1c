//! From the files of a log to an open log.
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use ottla_world::Disk;

use super::recover::Recovery;
use super::{OpenLog, RecoveryWatch, UnopenedLog};
use crate::epochs::LeaderEpochs;
use crate::error::{Error, Result};
use crate::log::durability::{Unsynced, raise_doubt};
use crate::log::recent::RecentBatches;
use crate::log::{Log, replay};
use crate::producers::Producers;
use crate::segment::Segment;

/// What of a log has to be scanned.
struct Doubts<'a> {
    /// Segments from here on may be torn.
    torn_from: i64,
    /// Compaction has been at the segments that begin before.
    cleaned_to: i64,
    /// Segments that lack an index.
    unindexed: BTreeSet<i64>,
    /// What the disk is said to have kept it may not have.
    is_unkept: bool,
    watch: &'a RecoveryWatch,
}

impl UnopenedLog {
    /// Opens the log, recovering it unless it was closed in order; as [`Log::open`].
    ///
    /// # Errors
    /// [`Error::Stopped`] when the watch was told to stop: the next start goes on.
    pub fn open(self, watch: &RecoveryWatch) -> Result<Log> {
        let (remaining, torn_from) = (self.segments_to_recover(), self.torn_from());
        let UnopenedLog { options, partition, home, is_new, segments, unindexed, snapshots, doubt } =
            self;
        let (disk, directory) = (Arc::clone(&home.disk), options.directory.clone());
        let (epochs, epochs_are_lost) = open_epochs(&disk, &directory, &segments)?;
        let expiration_ms = options.config.producer_id_expiration_ms;
        let mut log = Log {
            name: partition.to_string().into(),
            producers: Producers::open(Arc::clone(&disk), &directory, expiration_ms, snapshots),
            disk,
            directory,
            home,
            partition,
            topic_id: None,
            config: Arc::clone(&options.config),
            segments,
            epochs,
            log_start: options.log_start_offset.max(0),
            high_watermark: 0,
            log_end: 0,
            records_end: 0,
            recovery_point: options.recovery_point.max(0),
            last_flush_ms: options.now_ms,
            // A killed process may have left names unsynced; a new log's first segment brings its own.
            unsynced: Unsynced {
                directory: is_new || !options.clean,
                names: !options.clean,
                ..Unsynced::default()
            },
            truncations: 0,
            recent: RecentBatches::default(),
            retired: Vec::new(),
            is_settled: options.clean,
            journaling: None,
            doubt,
            offline: false,
        };
        watch.set_remaining(remaining);
        let cleaned_to = options.cleaned_to;
        let is_unkept = log.doubt.is_raised() && !options.clean;
        let doubts = Doubts { torn_from, cleaned_to, unindexed, is_unkept, watch };
        let loaded = log.load(&options, epochs_are_lost, &doubts);
        watch.set_remaining(0);
        loaded.map(|()| log)
    }
}

impl Log {
    fn load(
        &mut self,
        options: &OpenLog,
        epochs_are_lost: bool,
        doubts: &Doubts<'_>,
    ) -> Result<()> {
        self.read_topic_id(options.clean)?;
        if doubts.is_unkept {
            tracing::warn!(
                partition = %self.name, recovery_point = self.recovery_point,
                "the disk may not have kept what follows the recovery point: it is written again"
            );
            self.write_topic_id_again()?;
            self.epochs.write_again()?;
        }
        let base_offsets: BTreeSet<i64> = self.segments.keys().copied().collect();
        self.producers.remove_stray_snapshots(&base_offsets)?;
        if !options.clean {
            // A crash may have brought back one whose records were lost, and others came in their place.
            self.producers.remove_snapshots_after(doubts.torn_from)?;
        }
        if epochs_are_lost {
            // Those of the segments that are scanned anyway are read there.
            for segment in self.segments.range(..doubts.torn_from).map(|(_, segment)| segment) {
                Recovery::read_epochs(&mut self.epochs, segment)?;
            }
            self.epochs.write_announced()?;
        }
        let synced_to = if options.clean { i64::MAX } else { self.recovery_point };
        self.producers.set_synced_to(synced_to);
        let had_snapshots = self.producers.has_snapshots();
        let was_cut = self.recover_segments(doubts, options.now_ms)?;
        self.settle_offsets(options)?;
        if options.clean && !had_snapshots && self.log_end > self.log_start {
            // Closed in order and no snapshot: written by a version that kept no producers.
            self.producers.begin_unread_at(self.log_end);
        } else {
            self.reload_producers(options.now_ms)?;
        }
        self.producers.set_synced_to(self.recovery_point);
        if !options.clean {
            self.producers.take_snapshot()?;
        }
        if was_cut || doubts.is_unkept || self.doubt.starts_over_at().is_some() {
            // Else the next crash could bring back what was cut off, in place of what is written now.
            let flushed = self.sync_everything()?;
            self.recovery_point = flushed.offset;
            self.doubt.has_started_over()?;
        }
        if was_cut || doubts.is_unkept || options.clean {
            let recovery_point = self.recovery_point();
            self.doubt.settle(recovery_point)?;
        }
        let config = Arc::clone(&self.config);
        self.active_mut().unseal(&config)
    }

    /// Scans the segments that a crash may have torn, and those without usable indexes.
    /// Says whether anything was cut off.
    fn recover_segments(&mut self, doubts: &Doubts<'_>, now_ms: i64) -> Result<bool> {
        let base_offsets: Vec<i64> = self.segments.keys().copied().collect();
        let newest = base_offsets.last().copied();
        for base_offset in base_offsets {
            let is_torn = base_offset >= doubts.torn_from;
            // The indexes of older segments are looked at when they are needed.
            let is_usable = !doubts.unindexed.contains(&base_offset)
                && (newest != Some(base_offset)
                    || self.segments[&base_offset].indexes_are_plausible()?);
            if !is_torn && is_usable {
                continue;
            }
            if doubts.watch.is_stopped() {
                return Err(Error::Stopped { path: self.directory.clone() });
            }
            let cut = self.recover_segment(base_offset, now_ms)?;
            if doubts.is_unkept {
                self.write_again(base_offset)?;
            }
            if !is_torn {
                self.sync_segment(base_offset)?;
            }
            doubts.watch.one_is_done();
            if newest != Some(base_offset) {
                self.segments[&base_offset].release();
            }
            // What is known to be whole can only lack what compaction took.
            let cleaned_to = if is_torn { doubts.cleaned_to } else { i64::MAX };
            if self.is_broken_after(base_offset, cut, cleaned_to)? {
                self.drop_segments_after(base_offset)?;
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn recover_segment(&mut self, base_offset: i64, now_ms: i64) -> Result<u64> {
        tracing::debug!(partition = %self.name, base_offset, "recovering segment");
        if self.producers.end_offset() != base_offset {
            let log_start = self.log_start.min(base_offset);
            self.producers.reload(log_start, base_offset, now_ms)?;
            let from = self.floor_base(self.producers.end_offset());
            for segment in self.segments.range(from..base_offset).map(|(_, segment)| segment) {
                replay::replay(&mut self.producers, segment, base_offset)?;
            }
            self.producers.set_end_offset(base_offset);
        }
        let segment = self.segments.get_mut(&base_offset).expect("listed from these segments");
        let mut recovery = Recovery {
            epochs: &mut self.epochs,
            producers: &mut self.producers,
            config: &self.config,
            doubt: &mut self.doubt,
            recovery_point: self.recovery_point,
        };
        let cut = recovery.run(segment)?;
        // From it those producers are known, too, whose batches all lie before the log's start.
        self.producers.set_end_offset(segment.next_offset()?);
        self.producers.take_snapshot()?;
        self.unsynced.names = true;
        Ok(cut)
    }

    /// No flush looks at a segment any more that lies before the recovery point.
    fn sync_segment(&mut self, base_offset: i64) -> Result<()> {
        let segment = self.segments.get_mut(&base_offset).expect("listed from these segments");
        let was_raised = self.doubt.is_raised();
        let under_way = self.doubt.raise_for_sync();
        let mut synced = Ok(());
        for file in segment.files_to_sync(true)? {
            synced = synced.and(file.handle()?.sync_data().map_err(file.name().fault("sync")));
        }
        drop(under_way);
        if synced.is_err() {
            raise_doubt(self.disk.as_ref(), &self.directory);
        } else if !was_raised {
            self.doubt.settle(self.recovery_point)?;
        }
        synced
    }

    fn write_again(&mut self, base_offset: i64) -> Result<()> {
        let segment = self.segments.get_mut(&base_offset).expect("listed from these segments");
        segment.write_again()
    }

    /// A crash may keep the next segment and lose the end of this one, batches and all. Compaction
    /// makes such holes on purpose, and a topic that is not compacted any more may have them, too; and
    /// where there is none, what was cut off was no batch.
    fn is_broken_after(&self, base_offset: i64, cut: u64, cleaned_to: i64) -> Result<bool> {
        let Some((next, _)) = self.segments.range(base_offset + 1..).next() else {
            return Ok(cut > 0);
        };
        let is_compacted = self.config.cleanup_policy.compact || base_offset < cleaned_to;
        let is_hole = *next != self.segments[&base_offset].next_offset()?;
        Ok(is_hole && (cut > 0 || !is_compacted))
    }

    /// What follows a torn segment was written later, and goes.
    fn drop_segments_after(&mut self, base_offset: i64) -> Result<()> {
        let end = self.segments[&base_offset].next_offset()?;
        self.doubt.raise_for_cut(self.recovery_point.min(end))?;
        let later: Vec<i64> =
            self.segments.range(base_offset + 1..).map(|(base, _)| *base).collect();
        for base_offset in later.into_iter().rev() {
            tracing::warn!(partition = %self.name, base_offset, "segment after a torn one removed");
            self.remove_segment_now(base_offset)?;
        }
        Ok(())
    }

    fn settle_offsets(&mut self, options: &OpenLog) -> Result<()> {
        if let Some(segment) = self.segments.values().next_back() {
            self.log_end = segment.next_offset()?;
            self.records_end = self.log_end;
        }
        if let Some(first) = self.segments.keys().next() {
            self.log_start = self.log_start.max(*first);
        }
        if self.segments.is_empty() {
            self.add_segment(self.log_start, options.now_ms)?;
            (self.log_end, self.records_end) = (self.log_start, self.log_start);
        } else if self.log_end < self.log_start {
            let (log_start, log_end) = (self.log_start, self.log_end);
            tracing::warn!(partition = %self.name, log_start, log_end, "the log ends before it starts; starting over");
            self.start_over_at(log_start, options.now_ms)?;
        }
        self.recovery_point = match options.clean {
            // What was closed in order was flushed.
            true => self.log_end,
            false => self.recovery_point.clamp(0, self.log_end),
        };
        self.high_watermark = self.log_start;
        self.epochs.truncate_from_end(self.log_end)?;
        self.epochs.truncate_from_start(self.log_start)
    }
}

/// Reads the leader epochs; says whether the file was lost, as a crash right after it was written can do.
fn open_epochs(
    disk: &Arc<dyn Disk>,
    directory: &Path,
    segments: &BTreeMap<i64, Segment>,
) -> Result<(LeaderEpochs, bool)> {
    let has_records = segments.values().any(|segment| segment.bytes() > 0);
    match LeaderEpochs::open(Arc::clone(disk), directory) {
        Ok(epochs) if epochs.latest().is_none() => Ok((epochs, has_records)),
        Ok(epochs) => Ok((epochs, false)),
        Err(error @ Error::Corrupt { .. }) => {
            tracing::warn!(%error, "leader epochs are read from the records");
            Ok((LeaderEpochs::empty(Arc::clone(disk), directory), has_records))
        }
        Err(error) => Err(error),
    }
}
