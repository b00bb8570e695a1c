//! Pure. The one parser of records, over a slice or over a decompressing stream.
//!
//! It finds where the fields lie and checks every length; it copies nothing. Over a stream it holds no more than
//! one buffer, however large the records claim to be.
use std::io::Read;

use super::varint::{unzigzag32, unzigzag64};
use super::{CompressionError, RecordError};

/// Where the bytes of records come from.
pub(super) trait Source {
    /// The next byte.
    fn byte(&mut self) -> Result<u8, RecordError>;
    /// Passes over `count` bytes.
    fn skip(&mut self, count: usize) -> Result<(), RecordError>;
    /// Bytes passed so far.
    fn position(&self) -> usize;
    /// Bytes that are left, where that is known.
    fn remaining(&self) -> Option<usize>;
}

/// Where a field lies, counted as the source counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    pub start: usize,
    pub length: usize,
}

/// What a record consists of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shape {
    pub attributes: i8,
    pub timestamp_delta: i64,
    pub offset_delta: i32,
    pub key: Option<Span>,
    pub value: Option<Span>,
    pub header_count: i32,
    pub headers: Span,
}

/// Passes over one record and says what it consists of.
#[inline]
pub(super) fn walk<S: Source>(source: &mut S) -> Result<Shape, RecordError> {
    let size = read_varint(source)?;
    let remaining = source.remaining().unwrap_or(usize::MAX);
    let body = usize::try_from(size)
        .ok()
        .filter(|&body| body <= remaining)
        .ok_or(RecordError::Size { size, remaining })?;
    let start = source.position();
    let end = start.saturating_add(body);

    let attributes = bounded_byte(source, end)? as i8;
    let timestamp_delta = read_varlong(source)?;
    let offset_delta = read_varint(source)?;
    let key = read_span(source, end)?;
    let value = read_span(source, end)?;
    let header_count = read_varint(source)?;
    let left = end.saturating_sub(source.position());
    if header_count < 0 || header_count as usize > left {
        return Err(RecordError::HeaderCount { count: header_count });
    }
    let headers_start = source.position();
    for _ in 0..header_count {
        let length = read_varint(source)?;
        if length < 0 {
            return Err(RecordError::HeaderKey { length });
        }
        skip_within(source, length, end)?;
        read_span(source, end)?;
    }
    let read = source.position() - start;
    if read != body {
        return Err(RecordError::Unread { expected: body, read });
    }
    Ok(Shape {
        attributes,
        timestamp_delta,
        offset_delta,
        key,
        value,
        header_count,
        headers: Span { start: headers_start, length: source.position() - headers_start },
    })
}

/// A length and that many bytes; a negative length is null.
#[inline]
pub(super) fn read_span<S: Source>(
    source: &mut S,
    end: usize,
) -> Result<Option<Span>, RecordError> {
    let length = read_varint(source)?;
    if length < 0 {
        return Ok(None);
    }
    let start = source.position();
    skip_within(source, length, end)?;
    Ok(Some(Span { start, length: length as usize }))
}

#[inline]
fn skip_within<S: Source>(source: &mut S, length: i32, end: usize) -> Result<(), RecordError> {
    let remaining = end.saturating_sub(source.position());
    if length as usize > remaining {
        return Err(RecordError::Field { length, remaining });
    }
    source.skip(length as usize)
}

#[inline]
fn bounded_byte<S: Source>(source: &mut S, end: usize) -> Result<u8, RecordError> {
    if source.position() >= end {
        return Err(RecordError::Field { length: 1, remaining: 0 });
    }
    source.byte()
}

#[inline]
pub(super) fn read_varint<S: Source>(source: &mut S) -> Result<i32, RecordError> {
    let mut value = 0u32;
    for shift in (0..35).step_by(7) {
        let byte = source.byte()?;
        value |= u32::from(byte & 0x7f).wrapping_shl(shift);
        if byte < 0x80 {
            return Ok(unzigzag32(value));
        }
    }
    Err(RecordError::Varint)
}

#[inline]
pub(super) fn read_varlong<S: Source>(source: &mut S) -> Result<i64, RecordError> {
    let mut value = 0u64;
    for shift in (0..70).step_by(7) {
        let byte = source.byte()?;
        value |= u64::from(byte & 0x7f).wrapping_shl(shift);
        if byte < 0x80 {
            return Ok(unzigzag64(value));
        }
    }
    Err(RecordError::Varint)
}

/// Records that lie in memory.
#[derive(Clone, Debug)]
pub(super) struct SliceSource<'a> {
    bytes: &'a [u8],
    position: usize,
}

impl<'a> SliceSource<'a> {
    pub(super) fn new(bytes: &'a [u8], position: usize) -> Self {
        SliceSource { bytes, position }
    }
}

impl Source for SliceSource<'_> {
    #[inline]
    fn byte(&mut self) -> Result<u8, RecordError> {
        let byte = *self.bytes.get(self.position).ok_or(RecordError::PrematureEnd)?;
        self.position += 1;
        Ok(byte)
    }

    #[inline]
    fn skip(&mut self, count: usize) -> Result<(), RecordError> {
        if count > self.bytes.len() - self.position {
            return Err(RecordError::PrematureEnd);
        }
        self.position += count;
        Ok(())
    }

    #[inline]
    fn position(&self) -> usize {
        self.position
    }

    #[inline]
    fn remaining(&self) -> Option<usize> {
        Some(self.bytes.len() - self.position)
    }
}

/// Bytes of the one buffer a [`StreamSource`] holds.
const STREAM_BUFFER_BYTES: usize = 16 * 1024;

/// Records that come out of a decompressor.
pub(super) struct StreamSource<R> {
    reader: R,
    buffer: Box<[u8]>,
    start: usize,
    end: usize,
    passed: usize,
    failure: Option<std::io::Error>,
}

impl<R: Read> StreamSource<R> {
    pub(super) fn new(reader: R) -> Self {
        StreamSource {
            reader,
            buffer: vec![0; STREAM_BUFFER_BYTES].into_boxed_slice(),
            start: 0,
            end: 0,
            passed: 0,
            failure: None,
        }
    }

    /// Whether the stream has ended.
    pub(super) fn is_at_end(&mut self) -> Result<bool, RecordError> {
        if self.start < self.end {
            return Ok(false);
        }
        match self.fill() {
            Ok(()) => Ok(false),
            Err(RecordError::PrematureEnd) => Ok(true),
            Err(error) => Err(error),
        }
    }

    /// Why the decompressor failed, after `RecordError::Stream`.
    pub(super) fn into_failure(self) -> Option<CompressionError> {
        self.failure.map(CompressionError::from_io)
    }

    #[cold]
    fn fill(&mut self) -> Result<(), RecordError> {
        self.passed += self.end;
        (self.start, self.end) = (0, 0);
        match self.reader.read(&mut self.buffer) {
            Ok(0) => Err(RecordError::PrematureEnd),
            Ok(count) => {
                self.end = count;
                Ok(())
            }
            Err(error) => {
                self.failure = Some(error);
                Err(RecordError::Stream)
            }
        }
    }
}

impl<R: Read> Source for StreamSource<R> {
    #[inline]
    fn byte(&mut self) -> Result<u8, RecordError> {
        if self.start == self.end {
            self.fill()?;
        }
        let byte = self.buffer[self.start];
        self.start += 1;
        Ok(byte)
    }

    #[inline]
    fn skip(&mut self, mut count: usize) -> Result<(), RecordError> {
        while count > self.end - self.start {
            count -= self.end - self.start;
            self.start = self.end;
            self.fill()?;
        }
        self.start += count;
        Ok(())
    }

    fn position(&self) -> usize {
        self.passed + self.start
    }

    fn remaining(&self) -> Option<usize> {
        None
    }
}
