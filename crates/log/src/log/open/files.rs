//! What a log's directory holds, before anything of it is read.
use std::collections::{BTreeMap, BTreeSet};
use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;

use ottla_world::Disk;

use super::OpenLog;
use crate::error::{Error, Result};
use crate::log::Log;
use crate::log::durability::{DOUBT_FILE, Doubt};
use crate::log::truncate::finish_start_over;
use crate::names::{CLEANED_SUFFIX, DELETED_SUFFIX, FileKind, SWAP_SUFFIX, TopicPartition};
use crate::segment::{Home, Segment};

/// A log of which the files are known, and nothing that is in them. It tells how long opening it
/// will take: whoever opens many takes the short ones first.
#[derive(Debug)]
pub struct UnopenedLog {
    pub(super) options: OpenLog,
    pub(super) partition: TopicPartition,
    pub(super) home: Arc<Home>,
    pub(super) is_new: bool,
    pub(super) segments: BTreeMap<i64, Segment>,
    /// Segments that lack an index, or whose index can't be one.
    pub(super) unindexed: BTreeSet<i64>,
    pub(super) snapshots: BTreeSet<i64>,
    pub(super) doubt: Doubt,
}

impl UnopenedLog {
    /// When the log was asked for, as a Kafka timestamp.
    pub fn now_ms(&self) -> i64 {
        self.options.now_ms
    }

    /// Everything before this offset is known to be on disk.
    pub(crate) fn recovery_point(&self) -> i64 {
        if self.options.clean { i64::MAX } else { self.options.recovery_point }
    }

    /// Lists the directory, creating it when absent, and settles what deletions and compactions left.
    pub fn find(disk: Arc<dyn Disk>, mut options: OpenLog) -> Result<UnopenedLog> {
        let partition = partition_of(&options.directory)?;
        let home = Arc::new(Home {
            disk,
            descriptors: Arc::clone(&options.descriptors),
            directory: options.directory.clone(),
            suffix: "",
        });
        let listed = names_in(&home)?;
        let is_in_doubt = listed.iter().flatten().any(|name| name == DOUBT_FILE);
        let told = options.recovery_point;
        let doubt = Doubt::find(&home.disk, &home.directory, is_in_doubt, told)?;
        options.recovery_point = doubt.believe(told);
        let is_new = listed.is_none();
        let mut names = listed.unwrap_or_default();
        if let Some(offset) = doubt.starts_over_at() {
            tracing::warn!(%partition, offset, "the log was being emptied when its process ended; finishing that");
            finish_start_over(&home, &names)?;
            names = names_in(&home)?.unwrap_or_default();
            options.log_start_offset = offset;
        }
        let names = settle_files(&home, is_new, names)?;
        let mut found = UnopenedLog {
            options,
            partition,
            home,
            is_new,
            segments: BTreeMap::new(),
            unindexed: BTreeSet::new(),
            snapshots: BTreeSet::new(),
            doubt,
        };
        found.sort(&names)?;
        Ok(found)
    }

    fn sort(&mut self, names: &[String]) -> Result<()> {
        let files: BTreeSet<(i64, FileKind)> =
            names.iter().filter_map(|name| FileKind::parse(name)).collect();
        for (base_offset, kind) in &files {
            match kind {
                FileKind::Records => {
                    let (config, now_ms) = (&self.options.config, self.options.now_ms);
                    let mut segment = Segment::open(&self.home, *base_offset, config, now_ms)?;
                    let has = |kind| files.contains(&(*base_offset, kind));
                    let is_ragged = match has(FileKind::TransactionIndex) {
                        true => segment.transaction_index_is_ragged()?,
                        false => {
                            segment.has_no_aborted();
                            false
                        }
                    };
                    if is_ragged || !has(FileKind::OffsetIndex) || !has(FileKind::TimeIndex) {
                        self.unindexed.insert(*base_offset);
                    }
                    self.segments.insert(*base_offset, segment);
                }
                FileKind::ProducerSnapshot => {
                    self.snapshots.insert(*base_offset);
                }
                FileKind::OffsetIndex | FileKind::TimeIndex | FileKind::TransactionIndex => {}
            }
        }
        Ok(())
    }

    /// Which partition it is.
    pub fn partition(&self) -> &TopicPartition {
        &self.partition
    }

    /// Bytes of records that opening it will read.
    pub fn bytes_to_recover(&self) -> u64 {
        self.to_recover().map(|segment| segment.bytes()).sum()
    }

    /// Segments that opening it will scan.
    pub fn segments_to_recover(&self) -> usize {
        self.to_recover().count()
    }

    fn to_recover(&self) -> impl Iterator<Item = &Segment> {
        let torn_from = self.torn_from();
        let is_due = move |base_offset: &i64| {
            *base_offset >= torn_from || self.unindexed.contains(base_offset)
        };
        self.segments.iter().filter(move |(base, _)| is_due(base)).map(|(_, segment)| segment)
    }

    /// Segments from here on may be torn: the one that holds the last offset before the recovery point,
    /// whose records are on disk and whose indexes need not be, and later ones.
    pub(super) fn torn_from(&self) -> i64 {
        if self.options.clean {
            return i64::MAX;
        }
        let floor = self.segments.range(..self.options.recovery_point.max(1)).next_back();
        let floor = floor.or_else(|| self.segments.first_key_value());
        floor.map_or(i64::MAX, |(base_offset, _)| *base_offset)
    }
}

fn partition_of(directory: &Path) -> Result<TopicPartition> {
    let name = directory.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    TopicPartition::from_directory_name(name)
        .ok_or_else(|| Error::corrupt(directory, "its name is not <topic>-<partition>"))
}

/// Removes what deletions left, completes or undoes what compaction left, drops indexes without
/// records. Returns the names that remain.
fn settle_files(home: &Home, is_new: bool, mut names: Vec<String>) -> Result<Vec<String>> {
    let Home { disk, directory, .. } = home;
    let remove = |name: &str| {
        let path = directory.join(name);
        disk.remove_file(&path).map_err(Error::io("remove", &path))
    };
    if is_new {
        disk.create_dir_all(directory).map_err(Error::io("create", directory))?;
    }
    if names.iter().any(|name| name.ends_with(SWAP_SUFFIX)) {
        crate::cleaner::complete_swap(home, &names)?;
        names = names_in(home)?.unwrap_or_default();
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

/// The files of the log's directory; `None` when there is none.
fn names_in(home: &Home) -> Result<Option<Vec<String>>> {
    match home.disk.read_dir(&home.directory) {
        Ok(entries) => {
            let files = entries.into_iter().filter(|entry| !entry.is_dir);
            Ok(Some(files.map(|entry| entry.name).collect()))
        }
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Error::io("list", &home.directory)(error)),
    }
}

impl Log {
    /// Opens or creates the log, recovering it unless it was closed in order. The high watermark is
    /// at the log start until it is told ([`Log::update_high_watermark`]).
    pub fn open(disk: Arc<dyn Disk>, options: OpenLog) -> Result<Log> {
        UnopenedLog::find(disk, options)?.open(&super::RecoveryWatch::default())
    }
}
