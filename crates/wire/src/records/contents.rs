//! Pure. The records of one batch, uncompressed.
use bytes::Bytes;

use super::walk::{SliceSource, Source, walk};
use super::{BatchError, BatchHeader, Record, RecordView};

/// Iterates over records in a slice. Ends after the first error. After the last record it reports bytes that are
/// left over, as Kafka does.
#[derive(Clone, Debug)]
pub struct RecordViews<'a> {
    header: BatchHeader,
    bytes: &'a [u8],
    position: usize,
    left: i32,
}

impl<'a> RecordViews<'a> {
    /// Reads `header.count` records from `bytes`.
    pub(super) fn new(header: &BatchHeader, bytes: &'a [u8]) -> Result<Self, BatchError> {
        if header.count < 0 {
            return Err(BatchError::Count { count: header.count });
        }
        Ok(RecordViews { header: *header, bytes, position: 0, left: header.count })
    }

    /// Ends the iteration with an error.
    fn fail(&mut self, error: BatchError) -> Option<Result<RecordView<'a>, BatchError>> {
        self.left = 0;
        self.position = self.bytes.len();
        Some(Err(error))
    }
}

impl<'a> Iterator for RecordViews<'a> {
    type Item = Result<RecordView<'a>, BatchError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.left == 0 {
            if self.position == self.bytes.len() {
                return None;
            }
            return self.fail(BatchError::BytesAfterLastRecord { count: self.header.count });
        }
        let mut source = SliceSource::new(self.bytes, self.position);
        let shape = match walk(&mut source) {
            Ok(shape) => shape,
            Err(error) => return self.fail(error.into()),
        };
        self.position = source.position();
        self.left -= 1;
        let offset = self.header.base_offset.wrapping_add(i64::from(shape.offset_delta));
        let timestamp = self.header.timestamp_of(shape.timestamp_delta);
        Some(Ok(RecordView::new(self.bytes, &shape, offset, timestamp)))
    }
}

/// The records of a batch in a shared buffer: borrow them with [`Records::views`], or iterate for owned slices.
#[derive(Clone, Debug)]
pub struct Records {
    header: BatchHeader,
    buffer: Bytes,
}

impl Records {
    pub(super) fn new(header: &BatchHeader, buffer: Bytes) -> Result<Self, BatchError> {
        RecordViews::new(header, &buffer)?;
        Ok(Records { header: *header, buffer })
    }

    /// The records, borrowed.
    pub fn views(&self) -> RecordViews<'_> {
        RecordViews {
            header: self.header,
            bytes: &self.buffer,
            position: 0,
            left: self.header.count,
        }
    }

    /// The records as slices of the buffer.
    pub fn iter(&self) -> impl Iterator<Item = Result<Record, BatchError>> + '_ {
        self.views().map(|view| view.map(|view| Record::slice(&self.buffer, &view)))
    }

    /// Size of the uncompressed records.
    pub fn size(&self) -> usize {
        self.buffer.len()
    }
}
