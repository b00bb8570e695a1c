//! Loading a log, and recovering it when it was not closed in order.
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use ottla_world::Disk;

use super::flush::Unsynced;
use super::recent::RecentBatches;
use super::recover::Recovery;
use super::{Log, replay};
use crate::config::LogConfig;
use crate::epochs::LeaderEpochs;
use crate::error::{Error, Result};
use crate::names::{CLEANED_SUFFIX, DELETED_SUFFIX, FileKind, SWAP_SUFFIX, TopicPartition};
use crate::producers::Producers;
use crate::segment::{Segment, SegmentPlace};

/// How to open a log.
#[derive(Clone, Debug)]
pub struct OpenLog {
    /// The partition's directory, `<topic>-<partition>` (created when absent).
    pub directory: PathBuf,
    /// Settings.
    pub config: Arc<LogConfig>,
    /// Everything before this offset is known to be on disk.
    pub recovery_point: i64,
    /// First offset as last checkpointed (DeleteRecords), or 0.
    pub log_start_offset: i64,
    /// The log was closed in order: nothing needs to be checked.
    pub clean: bool,
    /// Kafka timestamp.
    pub now_ms: i64,
}

impl OpenLog {
    /// For a log in `directory` of which nothing is known.
    pub fn new(directory: impl Into<PathBuf>, config: Arc<LogConfig>, now_ms: i64) -> OpenLog {
        OpenLog {
            directory: directory.into(),
            config,
            recovery_point: 0,
            log_start_offset: 0,
            clean: false,
            now_ms,
        }
    }
}

impl Log {
    /// Opens or creates the log, recovering it unless it was closed in order. The high watermark is
    /// at the log start until it is told ([`Log::update_high_watermark`]).
    pub fn open(disk: Arc<dyn Disk>, options: OpenLog) -> Result<Log> {
        let directory = options.directory.clone();
        let partition = partition_of(&directory)?;
        let is_new = !disk.exists(&directory).map_err(Error::io("look at", &directory))?;
        disk.create_dir_all(&directory).map_err(Error::io("create", &directory))?;
        let names = settle_files(&disk, &directory)?;
        let segments = open_segments(&disk, &options, &names)?;
        let snapshots: BTreeSet<i64> = Log::snapshot_offsets(&names).collect();
        let (epochs, epochs_are_lost) = open_epochs(&disk, &directory, &segments)?;
        let expiration_ms = options.config.producer_id_expiration_ms;
        let mut log = Log {
            name: partition.to_string().into(),
            producers: Producers::open(Arc::clone(&disk), &directory, expiration_ms, snapshots),
            disk,
            directory,
            partition,
            topic_id: None,
            config: Arc::clone(&options.config),
            segments,
            epochs,
            log_start: options.log_start_offset.max(0),
            high_watermark: 0,
            log_end: 0,
            recovery_point: options.recovery_point.max(0),
            last_flush_ms: options.now_ms,
            unsynced: Unsynced { directory: is_new, names: is_new, paths: Vec::new() },
            truncations: 0,
            recent: RecentBatches::default(),
            retired: Vec::new(),
            offline: false,
        };
        log.load(&options, epochs_are_lost)?;
        Ok(log)
    }

    fn load(&mut self, options: &OpenLog, epochs_are_lost: bool) -> Result<()> {
        self.read_topic_id(options.clean)?;
        let base_offsets: BTreeSet<i64> = self.segments.keys().copied().collect();
        self.producers.remove_stray_snapshots(&base_offsets)?;
        let torn_from = match options.clean || self.segments.is_empty() {
            true => i64::MAX,
            false => self.floor_base(self.recovery_point),
        };
        if epochs_are_lost {
            // Those of the segments that are scanned anyway are read there.
            for segment in self.segments.range(..torn_from).map(|(_, segment)| segment) {
                Recovery::read_epochs(&mut self.epochs, segment)?;
            }
        }
        let had_snapshots = self.producers.has_snapshots();
        let was_cut = self.recover_segments(torn_from, options.now_ms)?;
        self.settle_offsets(options)?;
        if options.clean && !had_snapshots && self.log_end > self.log_start {
            // Closed in order and no snapshot: written by a version that kept no producers.
            self.producers.set_end_offset(self.log_end);
        } else {
            self.reload_producers(options.now_ms)?;
        }
        if !options.clean {
            self.producers.take_snapshot()?;
        }
        if was_cut {
            // Else the next crash could bring back what was cut off, in place of what is written now.
            let flushed = self.sync_everything()?;
            self.recovery_point = flushed.offset;
        }
        let config = Arc::clone(&self.config);
        self.active_mut().unseal(&config)
    }

    /// Scans the segments that a crash may have torn, and those without usable indexes.
    /// Says whether anything was cut off.
    fn recover_segments(&mut self, torn_from: i64, now_ms: i64) -> Result<bool> {
        let base_offsets: Vec<i64> = self.segments.keys().copied().collect();
        for base_offset in base_offsets {
            let is_torn = base_offset >= torn_from;
            if !is_torn && self.segments[&base_offset].indexes_are_plausible()? {
                continue;
            }
            let cut = self.recover_segment(base_offset, now_ms)?;
            if cut > 0 || (is_torn && self.has_hole_after(base_offset)?) {
                self.drop_segments_after(base_offset)?;
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn recover_segment(&mut self, base_offset: i64, now_ms: i64) -> Result<u64> {
        tracing::info!(partition = %self.name, base_offset, "recovering segment");
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
        };
        let cut = recovery.run(segment)?;
        self.unsynced.names = true;
        Ok(cut)
    }

    /// A crash may keep the next segment and lose the end of this one, batches and all. Compaction
    /// makes such holes on purpose.
    fn has_hole_after(&self, base_offset: i64) -> Result<bool> {
        let Some((next, _)) = self.segments.range(base_offset + 1..).next() else {
            return Ok(false);
        };
        let is_compacted = self.config.cleanup_policy.compact;
        Ok(!is_compacted && *next != self.segments[&base_offset].next_offset()?)
    }

    /// What follows a torn segment was written later, and goes.
    fn drop_segments_after(&mut self, base_offset: i64) -> Result<()> {
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
        }
        if let Some(first) = self.segments.keys().next() {
            self.log_start = self.log_start.max(*first);
        }
        if self.segments.is_empty() {
            self.add_segment(self.log_start, options.now_ms)?;
            self.log_end = self.log_start;
        } else if self.log_end < self.log_start {
            let (log_start, log_end) = (self.log_start, self.log_end);
            tracing::warn!(partition = %self.name, log_start, log_end, "the log ends before it starts; starting over");
            self.start_over_at(log_start, options.now_ms)?;
        }
        self.recovery_point = self.recovery_point.clamp(0, self.log_end);
        self.high_watermark = self.log_start;
        self.epochs.truncate_from_end(self.log_end)?;
        self.epochs.truncate_from_start(self.log_start)
    }
}

fn partition_of(directory: &std::path::Path) -> Result<TopicPartition> {
    let name = directory.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    TopicPartition::from_directory_name(name)
        .ok_or_else(|| Error::corrupt(directory, "its name is not <topic>-<partition>"))
}

/// Reads the leader epochs; says whether the file was lost, as a crash right after it was written can do.
fn open_epochs(
    disk: &Arc<dyn Disk>,
    directory: &std::path::Path,
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

fn open_segments(
    disk: &Arc<dyn Disk>,
    options: &OpenLog,
    names: &[String],
) -> Result<BTreeMap<i64, Segment>> {
    let mut segments = BTreeMap::new();
    for name in names {
        if let Some((base_offset, FileKind::Records)) = FileKind::parse(name) {
            let place =
                SegmentPlace { disk, directory: &options.directory, base_offset, suffix: "" };
            segments.insert(base_offset, Segment::open(&place, &options.config, options.now_ms)?);
        }
    }
    Ok(segments)
}

/// Removes what deletions left, completes or undoes what compaction left, drops indexes without
/// records. Returns the names that remain.
fn settle_files(disk: &Arc<dyn Disk>, directory: &std::path::Path) -> Result<Vec<String>> {
    let remove = |name: &str| {
        let path = directory.join(name);
        disk.remove_file(&path).map_err(Error::io("remove", &path))
    };
    let mut names = names_in(disk.as_ref(), directory)?;
    if names.iter().any(|name| name.ends_with(SWAP_SUFFIX)) {
        crate::cleaner::complete_swap(disk, directory, &names)?;
        names = names_in(disk.as_ref(), directory)?;
    }
    let mut kept = Vec::new();
    let segments: BTreeSet<i64> = (names.iter())
        .filter_map(|name| FileKind::parse(name))
        .filter_map(|(offset, kind)| (kind == FileKind::Records).then_some(offset))
        .collect();
    for name in names {
        let orphan = FileKind::parse(&name).is_some_and(|(offset, kind)| {
            kind != FileKind::ProducerSnapshot && !segments.contains(&offset)
        });
        let left_over =
            [DELETED_SUFFIX, CLEANED_SUFFIX, ".tmp"].iter().any(|suffix| name.ends_with(suffix));
        if orphan || left_over {
            remove(&name)?;
        } else {
            kept.push(name);
        }
    }
    Ok(kept)
}

fn names_in(disk: &dyn Disk, directory: &std::path::Path) -> Result<Vec<String>> {
    let entries = disk.read_dir(directory).map_err(Error::io("list", directory))?;
    Ok(entries.into_iter().filter(|entry| !entry.is_dir).map(|entry| entry.name).collect())
}
