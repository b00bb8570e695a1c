//! Walking over the batches of a file, header by header or batch by batch.
use ottla_wire::records::{BatchError, BatchHeader, HEADER_BYTES};

use super::file::LazyFile;
use crate::error::{Error, Result};

/// Bytes read at once when only headers are wanted.
const HEADER_SCAN_BYTES: usize = 8 * 1024;
/// Bytes read at once when whole batches are wanted.
const BATCH_SCAN_BYTES: usize = 256 * 1024;

/// A batch's header and where the batch starts.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Located {
    pub(crate) position: u64,
    pub(crate) header: BatchHeader,
}

impl Located {
    /// Where the next batch starts.
    pub(crate) fn end(&self) -> u64 {
        self.position + self.header.size() as u64
    }
}

/// What is found at a position.
pub(crate) enum Found {
    /// A batch that is there as a whole, by its length.
    Batch(Located),
    /// The end of the range.
    End,
    /// No batch: why.
    Broken(BatchError),
}

/// Reads a range of a file of batches, a piece at a time.
pub(crate) struct Scan<'a> {
    file: &'a LazyFile,
    /// Where the next header is read.
    position: u64,
    end: u64,
    buffer: Vec<u8>,
    buffer_position: u64,
    piece_bytes: usize,
}

impl<'a> Scan<'a> {
    /// Wants headers only.
    pub(crate) fn headers(file: &'a LazyFile, start: u64, end: u64) -> Scan<'a> {
        Scan::new(file, start, end, HEADER_SCAN_BYTES)
    }

    /// Wants whole batches.
    pub(crate) fn batches(file: &'a LazyFile, start: u64, end: u64) -> Scan<'a> {
        Scan::new(file, start, end, BATCH_SCAN_BYTES)
    }

    /// Reads so many bytes at once.
    pub(crate) fn in_pieces(self, piece_bytes: usize) -> Scan<'a> {
        Scan { piece_bytes, ..self }
    }

    fn new(file: &'a LazyFile, start: u64, end: u64, piece_bytes: usize) -> Scan<'a> {
        let buffer = Vec::new();
        Scan { file, position: start, end, buffer, buffer_position: start, piece_bytes }
    }

    /// The next header. After [`Found::Broken`] the scan stays where it is.
    pub(crate) fn find(&mut self) -> Result<Found> {
        let remaining = self.end.saturating_sub(self.position);
        if remaining == 0 {
            return Ok(Found::End);
        }
        let wanted = HEADER_BYTES.min(usize::try_from(remaining).unwrap_or(usize::MAX));
        let bytes = self.bytes_at(self.position, wanted)?;
        match BatchHeader::read(bytes) {
            Ok(header) if header.size() as u64 > remaining => {
                let (needed, available) = (header.size(), remaining as usize);
                Ok(Found::Broken(BatchError::Truncated { needed, available }))
            }
            Ok(header) => {
                let located = Located { position: self.position, header };
                self.position = located.end();
                Ok(Found::Batch(located))
            }
            Err(error) => Ok(Found::Broken(error)),
        }
    }

    /// The next header of records that were checked before; what is no batch is a fault.
    pub(crate) fn next(&mut self) -> Result<Option<Located>> {
        match self.find()? {
            Found::Batch(located) => Ok(Some(located)),
            Found::End => Ok(None),
            Found::Broken(error) => {
                let detail = format!("no batch at position {}: {error}", self.position);
                Err(Error::corrupt(&self.file.path(), detail))
            }
        }
    }

    /// The bytes of a batch that was found, borrowed until the next call.
    pub(crate) fn borrow(&mut self, located: &Located) -> Result<&[u8]> {
        self.bytes_at(located.position, located.header.size())
    }

    fn bytes_at(&mut self, position: u64, len: usize) -> Result<&[u8]> {
        let within = position.checked_sub(self.buffer_position);
        let holds = within.is_some_and(|start| start + len as u64 <= self.buffer.len() as u64);
        if !holds {
            let remaining = usize::try_from(self.end - position).unwrap_or(usize::MAX);
            self.buffer.resize(self.piece_bytes.max(len).min(remaining), 0);
            let filled = self.file.read_up_to(&mut self.buffer, position)?;
            self.buffer.truncate(filled);
            self.buffer_position = position;
            if filled < len {
                let detail =
                    format!("it ends at {} instead of {}", position + filled as u64, self.end);
                return Err(Error::corrupt(&self.file.path(), detail));
            }
        }
        let start = (position - self.buffer_position) as usize;
        Ok(&self.buffer[start..start + len])
    }
}
