//! Segments into fewer and smaller ones.
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use ottla_wire::records::{BatchHeader, BatchView};
use ottla_world::{Descriptors, Disk};

use super::filter::{Fate, Filter};
use super::offset_map::OffsetMap;
use super::swap::{discard, rename_all};
use super::transactions::CleanedTransactions;
use super::{CleanerMemory, Pace};
use crate::append::transaction_marker;
use crate::config::LogConfig;
use crate::error::{Error, Result};
use crate::names::{CLEANED_SUFFIX, SWAP_SUFFIX};
use crate::producers::LastBatch;
use crate::segment::{
    AbortedRange, AppendedBatch, DECOMPRESSED_BYTES_MAX, Home, LazyFile, Located, Scan, Segment,
};

/// A closed segment, as a run reads it.
#[derive(Debug)]
pub(crate) struct Source {
    pub(crate) base_offset: i64,
    /// Where the next segment starts.
    pub(crate) next_base: i64,
    pub(crate) records: LazyFile,
    pub(crate) bytes: u64,
    pub(crate) index_bytes: u64,
}

/// What there is to compact; made by [`crate::Log::plan_compaction`].
#[derive(Debug)]
pub struct Compaction {
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) directory: PathBuf,
    pub(crate) descriptors: Arc<Descriptors>,
    pub(crate) config: Arc<LogConfig>,
    /// Closed segments from the start of the log on.
    pub(crate) sources: Vec<Source>,
    /// Offsets before are compacted already.
    pub(crate) first_dirty: i64,
    pub(crate) aborted: Vec<AbortedRange>,
    pub(crate) last_batches: HashMap<i64, LastBatch>,
    pub(crate) truncations: u64,
}

/// The last batch of a producer that a crash leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct LastOnDisk {
    epoch: i16,
    pub(super) last_offset: i64,
}

/// Segments that are to take the place of others; put there by [`crate::Log::install_compaction`].
#[derive(Debug)]
pub struct Cleaned {
    /// Base offsets of what each new segment was made from; the new one has the first of them.
    pub(crate) groups: Vec<Vec<i64>>,
    pub(crate) cleaned_to: i64,
    pub(crate) truncations: u64,
    stats: CleanerStats,
}

/// What a run did.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct CleanerStats {
    /// Bytes of the segments that were rewritten.
    pub bytes_read: u64,
    /// Bytes of what they became.
    pub bytes_written: u64,
    /// How full the map of keys was, between 0 and 1.
    pub map_utilization: f64,
}

impl Cleaned {
    /// The log is compacted up to here, once installed.
    pub fn cleaned_to(&self) -> i64 {
        self.cleaned_to
    }

    /// What the run did.
    pub fn stats(&self) -> CleanerStats {
        self.stats
    }
}

/// How fast, and in which pieces, a run reads and writes.
#[derive(Clone, Copy)]
struct Budget<'a> {
    pace: &'a dyn Pace,
    piece_bytes: usize,
}

impl Compaction {
    /// Where the part begins that was not compacted.
    pub fn first_dirty(&self) -> i64 {
        self.first_dirty
    }

    /// Writes the new segments beside the old ones, and syncs them.
    ///
    /// # Errors
    /// [`Error::Stopped`] when `pace` says so. Nothing is left behind then, or after any other error.
    pub fn run(&self, memory: &CleanerMemory, now_ms: i64, pace: &dyn Pace) -> Result<Cleaned> {
        let mut map = OffsetMap::new(memory);
        let budget = Budget { pace, piece_bytes: memory.io_bytes.max(1) };
        let cleaned_to = self.fill(&mut map, budget)?;
        let mut stats =
            CleanerStats { map_utilization: map.utilization(), ..CleanerStats::default() };
        let mut filter = Filter {
            map: &map,
            transactions: CleanedTransactions::new(self.aborted.clone()),
            last_batches: &self.last_batches,
            last_on_disk: self.last_on_disk()?,
            end_offset: cleaned_to,
            now_ms,
            delete_retention_ms: self.config.delete_retention_ms,
        };
        let mut groups: Vec<Vec<i64>> = Vec::new();
        for group in self.groups(cleaned_to) {
            stats.bytes_read += group.iter().map(|source| source.bytes).sum::<u64>();
            match self.rewrite(group, &mut filter, budget, now_ms) {
                Ok(bytes) => stats.bytes_written += bytes,
                Err(error) => {
                    let begun = group.first().map(|source| source.base_offset);
                    self.discard(groups.iter().map(|group| group[0]).chain(begun));
                    return Err(error);
                }
            }
            groups.push(group.iter().map(|source| source.base_offset).collect());
        }
        Ok(Cleaned { groups, cleaned_to, truncations: self.truncations, stats })
    }

    /// Removes what a run that failed has written. What can't be removed goes at the next start.
    fn discard(&self, bases: impl Iterator<Item = i64>) {
        for base_offset in bases {
            for suffix in [SWAP_SUFFIX, CLEANED_SUFFIX] {
                let removed = discard(self.disk.as_ref(), &self.directory, base_offset, suffix);
                if let Err(error) = removed {
                    tracing::warn!(%error, "what a compaction has written stays behind");
                }
            }
        }
    }

    /// Goes on after so many bytes, or stops.
    fn spend(&self, budget: Budget<'_>, bytes: usize) -> Result<()> {
        if budget.pace.spend(bytes as u64) {
            return Ok(());
        }
        Err(Error::Stopped { path: self.directory.clone() })
    }

    /// The last batches of those producers whose very last one a crash may take.
    fn last_on_disk(&self) -> Result<HashMap<i64, LastOnDisk>> {
        let mut last: HashMap<i64, LastOnDisk> = HashMap::new();
        if self.last_batches.values().all(|last| last.is_on_disk) {
            return Ok(last);
        }
        for source in &self.sources {
            let mut scan = Scan::headers(&source.records, 0, source.bytes);
            while let Some(Located { header, .. }) = scan.next()? {
                let known = self.last_batches.get(&header.producer_id);
                if !header.has_producer_id() || known.is_none_or(|known| known.is_on_disk) {
                    continue;
                }
                let epoch = header.producer_epoch;
                let before = last.get(&header.producer_id);
                // A marker tells only of an epoch that no data has.
                if !header.is_control() || before.is_none_or(|before| before.epoch != epoch) {
                    let batch = LastOnDisk { epoch, last_offset: header.last_offset() };
                    last.insert(header.producer_id, batch);
                }
            }
        }
        Ok(last)
    }

    /// Notes the keys of the dirty part, as far as memory goes; returns where that ends.
    fn fill(&self, map: &mut OffsetMap, budget: Budget<'_>) -> Result<i64> {
        let dirty = || self.sources.iter().filter(|source| source.next_base > self.first_dirty);
        let start = dirty().next().map_or(self.first_dirty, |source| source.base_offset);
        let begun = self.aborted.iter().filter(|range| range.last_offset >= start);
        let mut transactions = CleanedTransactions::new(begun.copied().collect());
        let mut end = self.first_dirty;
        for source in dirty() {
            let scan = Scan::batches(&source.records, 0, source.bytes);
            let mut scan = scan.in_pieces(budget.piece_bytes);
            while let Some(located) = scan.next()? {
                self.spend(budget, located.header.size())?;
                let bytes = scan.borrow(&located)?;
                if !self.note(map, &mut transactions, bytes, source, &located)? {
                    tracing::info!(directory = %self.directory.display(), end, "offset map is full");
                    return Ok(end);
                }
                end = end.max(located.header.next_offset());
            }
            end = end.max(source.next_base);
        }
        Ok(end)
    }

    /// Notes a batch's keys; false when they don't fit.
    fn note(
        &self,
        map: &mut OffsetMap,
        transactions: &mut CleanedTransactions,
        bytes: &[u8],
        source: &Source,
        located: &Located,
    ) -> Result<bool> {
        let batch = BatchView::first(bytes).map_err(|error| damaged(source, located, error))?;
        if batch.is_control() {
            let marker =
                transaction_marker(&batch).map_err(|error| damaged(source, located, error))?;
            transactions.is_needless(&batch, marker);
            return Ok(true);
        }
        if transactions.is_void(&batch) || batch.last_offset() < self.first_dirty {
            return Ok(true);
        }
        let damaged = |error| damaged(source, located, error);
        let records = batch.records(DECOMPRESSED_BYTES_MAX).map_err(damaged)?;
        for record in records.views() {
            let record = record.map_err(damaged)?;
            if let Some(key) = record.key
                && record.offset >= self.first_dirty
                && !map.put(key, record.offset)
            {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Neighbours that fit into one segment, up to the one that holds `end`.
    fn groups(&self, end: i64) -> impl Iterator<Item = &[Source]> {
        let mut rest = &self.sources[..];
        std::iter::from_fn(move || {
            let first = rest.first().filter(|first| first.base_offset < end)?;
            let (mut count, mut bytes, mut index_bytes) = (1, first.bytes, first.index_bytes);
            while let Some(next) = rest.get(count) {
                bytes += next.bytes;
                index_bytes += next.index_bytes;
                let fits = bytes <= u64::try_from(self.config.segment_bytes).unwrap_or(0)
                    && index_bytes <= u64::try_from(self.config.segment_index_bytes).unwrap_or(0)
                    && next.next_base - first.base_offset <= i64::from(i32::MAX)
                    && next.base_offset < end;
                if !fits {
                    break;
                }
                count += 1;
            }
            let (group, later) = rest.split_at(count);
            rest = later;
            Some(group)
        })
    }

    /// Returns how many bytes were written.
    fn rewrite(
        &self,
        group: &[Source],
        filter: &mut Filter<'_>,
        budget: Budget<'_>,
        now_ms: i64,
    ) -> Result<u64> {
        let (first, last) =
            (group.first().expect("never empty"), group.last().expect("never empty"));
        let home = Arc::new(Home {
            disk: Arc::clone(&self.disk),
            descriptors: Arc::clone(&self.descriptors),
            directory: self.directory.clone(),
            suffix: CLEANED_SUFFIX,
        });
        let config = LogConfig { preallocate: false, ..(*self.config).clone() };
        let mut cleaned = Segment::create(&home, first.base_offset, &config, now_ms)?;
        for source in group {
            self.copy(source, &mut cleaned, filter, budget)?;
        }
        cleaned.seal()?;
        let modified_ms = last.records.modified_ms()?;
        for file in cleaned.files_to_sync(true)? {
            file.handle()?.sync_all().map_err(file.name().fault("sync"))?;
        }
        let records = cleaned.records().path();
        self.disk.set_modified(&records, modified_ms).map_err(Error::io("date", &records))?;
        cleaned.release();
        let suffixes = [CLEANED_SUFFIX, SWAP_SUFFIX];
        rename_all(self.disk.as_ref(), &self.directory, first.base_offset, suffixes)?;
        Ok(cleaned.bytes())
    }

    fn copy(
        &self,
        source: &Source,
        cleaned: &mut Segment,
        filter: &mut Filter<'_>,
        budget: Budget<'_>,
    ) -> Result<()> {
        let interval = u64::try_from(self.config.index_interval_bytes).unwrap_or(0);
        let scan = Scan::batches(&source.records, 0, source.bytes);
        let mut scan = scan.in_pieces(budget.piece_bytes);
        while let Some(located) = scan.next()? {
            self.spend(budget, located.header.size())?;
            let bytes = scan.borrow(&located)?;
            let batch =
                BatchView::first(bytes).map_err(|error| damaged(source, &located, error))?;
            let fate = filter.judge(&batch).map_err(|error| damaged(source, &located, error))?;
            for aborted in filter.transactions.take_kept() {
                cleaned.append_aborted(aborted)?;
            }
            match fate {
                Fate::Dropped => {}
                Fate::Kept => {
                    self.spend(budget, bytes.len())?;
                    append(cleaned, batch.header(), bytes, interval)?;
                }
                Fate::Rewritten(bytes) => {
                    self.spend(budget, bytes.len())?;
                    let header = BatchHeader::read(&bytes);
                    let header = header.map_err(|error| damaged(source, &located, error))?;
                    append(cleaned, &header, &bytes, interval)?;
                }
            }
        }
        Ok(())
    }
}

fn append(cleaned: &mut Segment, header: &BatchHeader, bytes: &[u8], interval: u64) -> Result<()> {
    let batch = AppendedBatch {
        last_offset: header.last_offset(),
        max_timestamp: header.max_timestamp,
        bytes: bytes.len() as u64,
    };
    // Written in one go, and sealed at its end: as if no time passed.
    cleaned.append([bytes, &[]], &[batch], interval, 0)
}

fn damaged(source: &Source, located: &Located, error: impl std::fmt::Display) -> Error {
    Error::corrupt(&source.records.path(), format!("batch at {}: {error}", located.position))
}
