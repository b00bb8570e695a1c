//! Pure. One record, borrowed or as slices of a shared buffer.
use std::borrow::Cow;

use bytes::Bytes;

use super::walk::{Shape, SliceSource, Source, Span, read_span, read_varint};

/// A record that lies in someone else's bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordView<'a> {
    /// Offset in the partition.
    pub offset: i64,
    /// Milliseconds since the epoch, or [`super::NO_TIMESTAMP`]. The append time if the batch has one.
    pub timestamp: i64,
    /// Offset minus the batch's base offset, as stored.
    pub offset_delta: i32,
    /// Key, or null.
    pub key: Option<&'a [u8]>,
    /// Value, or null (a tombstone in a compacted topic).
    pub value: Option<&'a [u8]>,
    headers: Headers<'a>,
}

impl<'a> RecordView<'a> {
    pub(super) fn new(bytes: &'a [u8], shape: &Shape, offset: i64, timestamp: i64) -> Self {
        let slice = |span: Span| &bytes[span.start..span.start + span.length];
        RecordView {
            offset,
            timestamp,
            offset_delta: shape.offset_delta,
            key: shape.key.map(slice),
            value: shape.value.map(slice),
            headers: Headers { bytes: slice(shape.headers), left: shape.header_count as usize },
        }
    }

    /// The headers, in order; keys may repeat.
    pub fn headers(&self) -> Headers<'a> {
        self.headers
    }
}

/// A header of a record, borrowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeaderView<'a> {
    /// The key's bytes, UTF-8 by convention.
    pub key: &'a [u8],
    /// Value, or null.
    pub value: Option<&'a [u8]>,
}

/// The headers of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Headers<'a> {
    bytes: &'a [u8],
    left: usize,
}

impl<'a> Iterator for Headers<'a> {
    type Item = HeaderView<'a>;

    fn next(&mut self) -> Option<HeaderView<'a>> {
        if self.left == 0 {
            return None;
        }
        self.left -= 1;
        // The record was walked before it was handed out, so these reads succeed.
        let mut source = SliceSource::new(self.bytes, 0);
        let key_length = read_varint(&mut source).ok()?;
        let key_start = source.position();
        source.skip(key_length as usize).ok()?;
        let key_end = source.position();
        let value = read_span(&mut source, self.bytes.len()).ok()?;
        let header = HeaderView {
            key: &self.bytes[key_start..key_end],
            value: value.map(|span| &self.bytes[span.start..span.start + span.length]),
        };
        self.bytes = &self.bytes[source.position()..];
        Some(header)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl ExactSizeIterator for Headers<'_> {}

/// A record whose parts are slices of a shared buffer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Offset in the partition.
    pub offset: i64,
    /// Milliseconds since the epoch, or [`super::NO_TIMESTAMP`]. The append time if the batch has one.
    pub timestamp: i64,
    /// Key, or null.
    pub key: Option<Bytes>,
    /// Value, or null (a tombstone in a compacted topic).
    pub value: Option<Bytes>,
    /// Headers in order; keys may repeat.
    pub headers: Vec<RecordHeader>,
}

/// A header of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordHeader {
    /// The key's bytes, UTF-8 by convention.
    pub key: Bytes,
    /// Value, or null.
    pub value: Option<Bytes>,
}

impl RecordHeader {
    /// The key as text, with what is not UTF-8 replaced.
    pub fn key_text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.key)
    }

    /// The header, borrowed.
    pub fn view(&self) -> HeaderView<'_> {
        HeaderView { key: &self.key, value: self.value.as_deref() }
    }
}

impl Record {
    pub(super) fn slice(buffer: &Bytes, view: &RecordView<'_>) -> Self {
        Record {
            offset: view.offset,
            timestamp: view.timestamp,
            key: view.key.map(|key| buffer.slice_ref(key)),
            value: view.value.map(|value| buffer.slice_ref(value)),
            headers: view
                .headers()
                .map(|header| RecordHeader {
                    key: buffer.slice_ref(header.key),
                    value: header.value.map(|value| buffer.slice_ref(value)),
                })
                .collect(),
        }
    }
}
