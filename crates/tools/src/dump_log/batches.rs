//! The batches of a segment file, read one after the other.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use bytes::Bytes;
use ottla_wire::records::{Batch, Record};

/// Bytes before a batch's length field ends.
const LENGTH_END: u64 = 12;
/// Bytes that must be there before Kafka looks at a batch: up to its magic byte.
const MAGIC_END: u64 = 17;
/// What the oldest format adds to its length field.
const OVERHEAD_MIN: i32 = 14;
/// A batch of a few bytes may claim to be huge; its records are not.
const RECORDS_BYTES_MAX: usize = i32::MAX as usize;

/// A segment file, or a part of it.
pub(super) struct Batches {
    file: File,
    name: String,
    position: u64,
    end: u64,
}

impl Batches {
    /// The batches of `path` that lie whole in the `bytes_max` bytes from `position` on.
    pub(super) fn open(path: &Path, position: u64, bytes_max: u64) -> Result<Self> {
        let file = File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
        let size = file.metadata()?.len();
        let end = position.saturating_add(bytes_max).min(size);
        Ok(Self { file, name: path.display().to_string(), position, end })
    }

    /// Where the next batch starts.
    pub(super) fn position(&self) -> u64 {
        self.position
    }

    /// Where reading ends.
    pub(super) fn end(&self) -> u64 {
        self.end
    }

    /// Goes to another place of the same file.
    pub(super) fn seek(&mut self, position: u64) {
        self.position = position;
    }

    /// The next batch; `None` where no whole batch is left.
    pub(super) fn next(&mut self) -> Result<Option<Batch>> {
        if self.position + MAGIC_END >= self.end {
            return Ok(None);
        }
        let mut start = [0; LENGTH_END as usize];
        self.file.read_exact_at(&mut start, self.position)?;
        let length = i32::from_be_bytes([start[8], start[9], start[10], start[11]]);
        if length < OVERHEAD_MIN {
            bail!(
                "Found record size {length} smaller than minimum record overhead ({OVERHEAD_MIN}) in file {}.",
                self.name
            );
        }
        let size = LENGTH_END + u64::from(length.unsigned_abs());
        if self.position + size > self.end {
            return Ok(None);
        }
        let mut bytes = vec![0; usize::try_from(size)?];
        self.file.read_exact_at(&mut bytes, self.position)?;
        let batch = Batch::first(&Bytes::from(bytes))
            .with_context(|| format!("at position {} of {}", self.position, self.name))?;
        self.position += size;
        Ok(Some(batch))
    }
}

/// The records of a batch, its checksum unjudged.
pub(super) fn records(batch: &Batch) -> Result<Vec<Record>> {
    Ok(batch.records(RECORDS_BYTES_MAX)?.iter().collect::<Result<_, _>>()?)
}
