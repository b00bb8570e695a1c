//! Pure. Batches one after another, as fetch responses and segments hold them.
//!
//! The last batch may be cut off: a fetch ends where its byte limit says, a segment where a crash stopped it.
use bytes::Bytes;

use super::{Batch, BatchError, BatchView};

/// Iterates over the batches in a slice. Ends before a cut-off tail; ends after the first error.
#[derive(Clone, Debug)]
pub struct BatchViews<'a> {
    rest: &'a [u8],
    failed: bool,
}

impl<'a> BatchViews<'a> {
    /// Starts at the first byte of `bytes`.
    pub fn new(bytes: &'a [u8]) -> Self {
        BatchViews { rest: bytes, failed: false }
    }

    /// What has not been read. After the iterator has ended without an error: the cut-off tail, empty when there
    /// is none.
    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }
}

impl<'a> Iterator for BatchViews<'a> {
    type Item = Result<BatchView<'a>, BatchError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed {
            return None;
        }
        match BatchView::first(self.rest) {
            Ok(batch) => {
                self.rest = &self.rest[batch.bytes().len()..];
                Some(Ok(batch))
            }
            Err(BatchError::Truncated { .. }) => None,
            Err(error) => {
                self.failed = true;
                Some(Err(error))
            }
        }
    }
}

/// As [`BatchViews`], over a shared buffer: each batch is a slice of it.
#[derive(Clone, Debug)]
pub struct Batches {
    rest: Bytes,
    failed: bool,
}

impl Batches {
    /// Starts at the first byte of `bytes`.
    pub fn new(bytes: Bytes) -> Self {
        Batches { rest: bytes, failed: false }
    }

    /// What has not been read; see [`BatchViews::rest`].
    pub fn rest(&self) -> &Bytes {
        &self.rest
    }
}

impl Iterator for Batches {
    type Item = Result<Batch, BatchError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed {
            return None;
        }
        match Batch::first(&self.rest) {
            Ok(batch) => {
                self.rest = self.rest.slice(batch.bytes().len()..);
                Some(Ok(batch))
            }
            Err(BatchError::Truncated { .. }) => None,
            Err(error) => {
                self.failed = true;
                Some(Err(error))
            }
        }
    }
}
