//! How a run shall print, and what it finds wrong on its way.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use super::decode::Decoder;

/// How a run shall print.
#[derive(Clone, Copy, Debug)]
pub(super) struct Settings {
    /// Records are listed, even without their contents.
    pub lists_records: bool,
    /// Keys and values are printed.
    pub prints_contents: bool,
    /// Records are printed without offset, sizes and the like.
    pub skips_record_metadata: bool,
    /// How keys and values are to be read.
    pub decoder: Decoder,
    /// Bytes of each segment to be read.
    pub bytes_max: u32,
    /// The largest batch an index may point at.
    pub message_bytes_max: u32,
    /// Indexes are compared with their segment but not printed.
    pub only_verify: bool,
    /// Of indexes only that is checked which decides whether a broker builds them anew.
    pub only_sanity: bool,
}

impl Settings {
    /// Whether batches are opened.
    pub(super) fn is_deep(&self) -> bool {
        self.lists_records || self.prints_contents
    }
}

/// Pairs of numbers that should agree, by file.
type Pairs = BTreeMap<String, Vec<(i64, i64)>>;

/// What is wrong with the files, told at the end on standard error.
#[derive(Debug, Default)]
pub(super) struct Findings {
    /// Offset in an index and offset in the log where it points.
    pub index_mismatches: BTreeMap<String, BTreeMap<i64, i64>>,
    /// Timestamp in an index and in the log.
    pub time_mismatches: Pairs,
    /// A timestamp of an index, and the one before, which is not smaller.
    pub times_out_of_order: Pairs,
    /// Offset in a time index, and the one that is found in the log instead.
    pub offsets_not_found: Pairs,
    /// An offset, and the one that follows though it is not the next.
    pub gaps: BTreeMap<String, BTreeMap<i64, i64>>,
}

impl Findings {
    /// Tells all of them.
    pub(super) fn tell(&self, out: &mut dyn Write) -> io::Result<()> {
        for (file, mismatches) in &self.index_mismatches {
            writeln!(out, "Mismatches in :{file}")?;
            for (index, log) in mismatches.iter().rev() {
                writeln!(out, "  Index offset: {index}, log offset: {log}")?;
            }
        }
        for (file, mismatches) in &self.time_mismatches {
            writeln!(out, "Found timestamp mismatch in :{file}")?;
            for (index, log) in mismatches {
                writeln!(out, "  Index timestamp: {index}, log timestamp: {log}")?;
            }
        }
        for (file, times) in &self.times_out_of_order {
            writeln!(out, "Found out of order timestamp in :{file}")?;
            for (index, previous) in times {
                writeln!(
                    out,
                    "  Index timestamp: {index}, Previously indexed timestamp: {previous}"
                )?;
            }
        }
        for (file, offsets) in &self.offsets_not_found {
            writeln!(out, "The following indexed offsets are not found in :{file}")?;
            for (index, log) in offsets {
                writeln!(out, "Indexed offset: {index}, found log offset: {log}")?;
            }
        }
        for (file, gaps) in &self.gaps {
            writeln!(out, "Non-consecutive offsets in {file}")?;
            for (offset, next) in gaps {
                writeln!(out, "  {offset} is followed by {next}")?;
            }
        }
        Ok(())
    }
}

/// The last part of a path.
pub(super) fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// The path from the root on; nothing in it is resolved.
pub(super) fn absolute(path: &Path) -> String {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned()).display().to_string()
}

/// The offset in the name of a file.
pub(super) fn base_offset(path: &Path) -> Result<i64> {
    let name = file_name(path);
    let digits = name.split('.').next().unwrap_or_default();
    digits.parse().with_context(|| format!("{name} does not begin with an offset"))
}

/// The file of the same segment with another suffix.
pub(super) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let name = file_name(path);
    let digits = name.split('.').next().unwrap_or_default();
    path.with_file_name(format!("{digits}.{suffix}"))
}

/// A number that may be missing, as Java prints it.
pub(super) fn optional_long(number: Option<i64>) -> String {
    number
        .map_or_else(|| "OptionalLong.empty".to_owned(), |number| format!("OptionalLong[{number}]"))
}
