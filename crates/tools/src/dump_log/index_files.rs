//! Offset and time indexes, and whether they point at what they say.

use std::io::Write;
use std::path::Path;

use anyhow::{Context as _, Result, bail};

use super::batches::{Batches, records};
use super::{Findings, Settings, absolute, base_offset, beside};

const OFFSET_ENTRY_BYTES: usize = 8;
const TIME_ENTRY_BYTES: usize = 12;
/// The end of an offset index that Kafka searches first, in entries.
const WARM_ENTRIES: usize = 8192 / OFFSET_ENTRY_BYTES;

/// An index file as a list of entries; a part of one at its end does not count.
struct Entries<const N: usize> {
    bytes: Vec<u8>,
    base_offset: i64,
}

impl<const N: usize> Entries<N> {
    fn open(path: &Path) -> Result<Self> {
        let bytes =
            std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
        Ok(Self { bytes, base_offset: base_offset(path)? })
    }

    fn len(&self) -> usize {
        self.bytes.len() / N
    }

    fn entry(&self, index: usize) -> &[u8; N] {
        let (entries, _) = self.bytes.as_chunks::<N>();
        &entries[index]
    }

    fn last(&self) -> Option<&[u8; N]> {
        self.len().checked_sub(1).map(|index| self.entry(index))
    }
}

/// A number at the end of an entry, or in front of it.
fn number(bytes: &[u8]) -> i32 {
    i32::from_be_bytes(*bytes.first_chunk().expect("an entry holds its numbers"))
}

impl Entries<OFFSET_ENTRY_BYTES> {
    fn offset_and_position(&self, index: usize) -> (i64, i32) {
        let entry = self.entry(index);
        (self.base_offset + i64::from(number(entry)), number(&entry[4..]))
    }

    /// Where to look for an offset: the position of the last entry at or before it. The search is Kafka's, so that it
    /// goes astray where Kafka's does, in files that were not closed.
    fn lookup(&self, offset: i64) -> i32 {
        let Some(last) = self.len().checked_sub(1) else { return 0 };
        let first_warm = last.saturating_sub(WARM_ENTRIES);
        if self.offset_and_position(first_warm).0 < offset {
            return self.offset_and_position(self.search(first_warm, last, offset)).1;
        }
        if self.offset_and_position(0).0 > offset {
            return 0;
        }
        self.offset_and_position(self.search(0, first_warm, offset)).1
    }

    fn search(&self, mut low: usize, mut high: usize, offset: i64) -> usize {
        while low < high {
            let middle = (low + high).div_ceil(2);
            match self.offset_and_position(middle).0.cmp(&offset) {
                std::cmp::Ordering::Greater => high = middle - 1,
                std::cmp::Ordering::Less => low = middle,
                std::cmp::Ordering::Equal => return middle,
            }
        }
        low
    }

    fn check(&self, path: &Path) -> Result<()> {
        let (name, length) = (absolute(path), self.bytes.len());
        if let Some(last) = self.last() {
            let (last, base) = (self.base_offset + i64::from(number(last)), self.base_offset);
            if last < base {
                bail!(
                    "Corrupt index found, index file ({name}) has non-zero size but the last offset is {last} which is less than the base offset {base}"
                );
            }
        }
        if length % OFFSET_ENTRY_BYTES != 0 {
            bail!(
                "Index file {name} is corrupt, found {length} bytes which is neither positive nor a multiple of {OFFSET_ENTRY_BYTES}"
            );
        }
        Ok(())
    }
}

impl Entries<TIME_ENTRY_BYTES> {
    fn timestamp_and_offset(&self, index: usize) -> (i64, i64) {
        let entry = self.entry(index);
        let timestamp = i64::from_be_bytes(*entry.first_chunk().expect("twelve bytes"));
        (timestamp, self.base_offset + i64::from(number(&entry[8..])))
    }

    fn check(&self, path: &Path) -> Result<()> {
        let (name, length) = (absolute(path), self.bytes.len());
        if let Some(last) = self.len().checked_sub(1) {
            let (last_timestamp, last_offset) = self.timestamp_and_offset(last);
            let (first_timestamp, _) = self.timestamp_and_offset(0);
            let has = format!(
                "Corrupt time index found, time index file ({name}) has non-zero size but the last"
            );
            if last_timestamp < first_timestamp {
                bail!(
                    "{has} timestamp is {last_timestamp} which is less than the first timestamp {first_timestamp}"
                );
            }
            if last_offset < self.base_offset {
                bail!(
                    "{has} offset is {last_offset} which is less than the first offset {}",
                    self.base_offset
                );
            }
        }
        if length % TIME_ENTRY_BYTES != 0 {
            bail!(
                "Time index file {name} is corrupt, found {length} bytes which is neither positive nor a multiple of {TIME_ENTRY_BYTES}"
            );
        }
        Ok(())
    }
}

/// Prints an offset index and compares it with its segment.
pub(super) fn dump_offsets(
    out: &mut dyn Write,
    path: &Path,
    settings: &Settings,
    findings: &mut Findings,
) -> Result<()> {
    let mut batches = Batches::open(&beside(path, "log"), 0, u64::MAX)?;
    let index = Entries::<OFFSET_ENTRY_BYTES>::open(path)?;
    if index.len() == 0 {
        writeln!(out, "{} is empty.", path.display())?;
        return Ok(());
    }
    if settings.only_sanity {
        index.check(path)?;
        writeln!(out, "{} passed sanity check.", path.display())?;
        return Ok(());
    }
    for at in 0..index.len() {
        let (offset, position) = index.offset_and_position(at);
        // The file of an active segment ends in zeros.
        if offset == index.base_offset && at > 0 {
            return Ok(());
        }
        batches.seek(u64::try_from(position).unwrap_or(u64::MAX));
        let Some(batch) = batches.next()? else {
            bail!("the index points at position {position}, where no batch is");
        };
        if batch.bytes().len() > settings.message_bytes_max as usize {
            bail!(
                "the batch at position {position} is {} bytes, more than --max-message-size",
                batch.bytes().len()
            );
        }
        let found = batch.last_offset();
        if found != offset {
            findings.index_mismatches.entry(absolute(path)).or_default().insert(offset, found);
        }
        if !settings.only_verify {
            writeln!(out, "offset: {offset} position: {position}")?;
        }
    }
    Ok(())
}

/// Prints a time index and compares it with its segment.
pub(super) fn dump_times(
    out: &mut dyn Write,
    path: &Path,
    settings: &Settings,
    findings: &mut Findings,
) -> Result<()> {
    let mut batches = Batches::open(&beside(path, "log"), 0, u64::MAX)?;
    let index = Entries::<OFFSET_ENTRY_BYTES>::open(&beside(path, "index"))?;
    let times = Entries::<TIME_ENTRY_BYTES>::open(path)?;
    if settings.only_sanity {
        times.check(path)?;
        writeln!(out, "{} passed sanity check.", path.display())?;
        return Ok(());
    }
    let mut previous = -1;
    for at in 0..times.len() {
        let (timestamp, offset) = times.timestamp_and_offset(at);
        if offset == times.base_offset && at > 0 {
            return Ok(());
        }
        batches.seek(u64::try_from(index.lookup(offset)).unwrap_or(u64::MAX));
        compare(&mut batches, (timestamp, offset, previous), path, findings)?;
        if !settings.only_verify {
            writeln!(out, "timestamp: {timestamp} offset: {offset}")?;
        }
        previous = timestamp;
    }
    Ok(())
}

/// Compares an entry of a time index, which is followed by the timestamp before it, with the batch it points at.
fn compare(
    batches: &mut Batches,
    (timestamp, offset, previous): (i64, i64, i64),
    path: &Path,
    findings: &mut Findings,
) -> Result<()> {
    let batch = loop {
        match batches.next()? {
            Some(batch) if batch.last_offset() < offset => {}
            other => break other,
        }
    };
    let name = absolute(path);
    let found = batch.as_ref().map_or(-1, |batch| batch.last_offset());
    let Some(batch) = batch.filter(|_| found == offset) else {
        findings.offsets_not_found.entry(name).or_default().push((offset, found));
        return Ok(());
    };
    let largest = records(&batch)?.iter().map(|record| record.timestamp).max().unwrap_or(-1);
    if largest != timestamp {
        let mismatches = findings.time_mismatches.entry(name.clone()).or_default();
        mismatches.push((timestamp, largest));
    }
    if previous >= timestamp {
        findings.times_out_of_order.entry(name).or_default().push((timestamp, previous));
    }
    Ok(())
}
