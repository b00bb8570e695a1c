//! Where messages are written: one buffer for what is small, and cuts in it for what is large.
//!
//! Byte fields of 4 KiB and more are never copied, record slots are gaps. The buffer stays in
//! one piece until the end, so the length of a frame can be set after its content.

use super::{EncodeError, Records};
use crate::Uuid;
use bytes::{BufMut, Bytes, BytesMut};

/// From this length on, a byte field is a chunk of its own.
const CHUNK_BYTES_MIN: usize = 4096;

/// Room that a chunked writer starts with: enough for most responses without records.
const CHUNKED_BYTES: usize = 256;

/// The longest string of the protocol, in bytes.
const STRING_BYTES_MAX: usize = i16::MAX as usize;

/// A piece of what was written, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Chunk {
    /// Bytes to send.
    Bytes(Bytes),
    /// A gap that the sender fills with records kept elsewhere.
    Slot {
        /// Which of the sender's pieces it is.
        index: u32,
        /// Its length in bytes.
        len: u32,
    },
}

/// The start of a frame whose length is not known yet.
#[derive(Debug)]
#[must_use = "a frame that is not ended has no length"]
pub struct Frame {
    position: usize,
    len_before: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Counting,
    Contiguous,
    Chunked,
}

/// Takes what messages write.
#[derive(Debug)]
pub struct Writer {
    mode: Mode,
    buffer: BytesMut,
    /// What stands between the bytes of `buffer`, by position in it.
    cuts: Vec<(usize, Chunk)>,
    /// Bytes that were counted or stand in `cuts`.
    outside: usize,
}

macro_rules! fixed_width {
    ($($name:ident)*) => {$(
        #[doc = concat!("Writes a big-endian `", stringify!($name), "`.")]
        pub fn $name(&mut self, value: $name) {
            self.raw(&value.to_be_bytes());
        }
    )*};
}

impl Writer {
    /// A writer whose output is sent in chunks.
    pub fn chunked() -> Self {
        Writer::new(Mode::Chunked, BytesMut::with_capacity(CHUNKED_BYTES))
    }

    /// A writer whose output is one piece of memory, at first `capacity` bytes of it.
    pub fn contiguous(capacity: usize) -> Self {
        Writer::new(Mode::Contiguous, BytesMut::with_capacity(capacity))
    }

    /// A writer that only counts.
    pub fn counting() -> Self {
        Writer::new(Mode::Counting, BytesMut::new())
    }

    fn new(mode: Mode, buffer: BytesMut) -> Self {
        Writer { mode, buffer, cuts: Vec::new(), outside: 0 }
    }

    /// How many bytes were written, gaps included.
    pub fn len(&self) -> usize {
        self.buffer.len() + self.outside
    }

    /// Whether nothing was written.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What was written, in order.
    pub fn into_chunks(self) -> Vec<Chunk> {
        let mut chunks = Vec::with_capacity(self.cuts.len() * 2 + 1);
        let mut buffer = self.buffer.freeze();
        let mut start = 0;
        for (position, chunk) in self.cuts {
            if position > start {
                chunks.push(Chunk::Bytes(buffer.split_to(position - start)));
                start = position;
            }
            chunks.push(chunk);
        }
        if !buffer.is_empty() {
            chunks.push(Chunk::Bytes(buffer));
        }
        chunks
    }

    /// What a contiguous writer was given.
    ///
    /// # Panics
    /// On another kind of writer, whose output is not one piece.
    pub fn into_bytes(self) -> Bytes {
        assert_eq!(self.mode, Mode::Contiguous, "only a contiguous writer has one piece");
        self.buffer.freeze()
    }

    /// Starts a frame: leaves room for its 32-bit length.
    pub fn start_frame(&mut self) -> Frame {
        let position = self.buffer.len();
        self.i32(0);
        Frame { position, len_before: self.len() }
    }

    /// Ends a frame: sets its length to what was written since it was started.
    pub fn end_frame(&mut self, frame: Frame) -> Result<(), EncodeError> {
        let length = signed_length(self.len() - frame.len_before)?;
        if self.mode != Mode::Counting {
            let place = &mut self.buffer[frame.position..frame.position + 4];
            place.copy_from_slice(&length.to_be_bytes());
        }
        Ok(())
    }

    /// Takes back everything since `frame` was started, its length included.
    pub fn abandon_frame(&mut self, frame: Frame) {
        if self.mode == Mode::Counting {
            self.outside = frame.len_before - 4;
            return;
        }
        self.buffer.truncate(frame.position);
        // A cut at the position itself stands before the frame, whose length follows it.
        self.cuts.retain(|(position, _)| *position <= frame.position);
        self.outside = frame.len_before - 4 - frame.position;
    }

    fixed_width! { i8 i16 u16 i32 u32 i64 f64 }

    /// Writes a boolean as a byte, 0 or 1.
    pub fn bool(&mut self, value: bool) {
        self.i8(i8::from(value));
    }

    /// Writes sixteen bytes.
    pub fn uuid(&mut self, value: Uuid) {
        self.raw(value.as_bytes());
    }

    /// Writes an unsigned variable-length integer.
    pub fn unsigned_varint(&mut self, value: u32) {
        self.base_128(u64::from(value));
    }

    /// Writes a zigzag variable-length integer.
    pub fn varint(&mut self, value: i32) {
        self.base_128(u64::from((value << 1 ^ value >> 31) as u32));
    }

    /// Writes a zigzag variable-length integer.
    pub fn varlong(&mut self, value: i64) {
        self.base_128((value << 1 ^ value >> 63) as u64);
    }

    /// Writes a string: compact length if `flexible`, else a 16-bit one.
    pub fn string(&mut self, flexible: bool, value: &str) -> Result<(), EncodeError> {
        let length = value.len();
        if length > STRING_BYTES_MAX {
            return Err(EncodeError::StringTooLong { length });
        }
        match flexible {
            true => self.unsigned_varint(length as u32 + 1),
            false => self.i16(length as i16),
        }
        self.raw(value.as_bytes());
        Ok(())
    }

    /// Writes a string or null.
    pub fn nullable_string(
        &mut self,
        flexible: bool,
        value: Option<&str>,
    ) -> Result<(), EncodeError> {
        match (value, flexible) {
            (Some(value), _) => return self.string(flexible, value),
            (None, true) => self.unsigned_varint(0),
            (None, false) => self.i16(-1),
        }
        Ok(())
    }

    /// Writes a byte field.
    pub fn bytes(&mut self, flexible: bool, value: &Bytes) -> Result<(), EncodeError> {
        self.length(flexible, value.len())?;
        self.raw_bytes(value);
        Ok(())
    }

    /// Writes a byte field or null.
    pub fn nullable_bytes(
        &mut self,
        flexible: bool,
        value: Option<&Bytes>,
    ) -> Result<(), EncodeError> {
        match value {
            Some(value) => self.bytes(flexible, value),
            None => {
                self.null_length(flexible);
                Ok(())
            }
        }
    }

    /// Writes record data.
    pub fn records(&mut self, flexible: bool, value: &Records) -> Result<(), EncodeError> {
        let (index, len) = match value {
            Records::Bytes(bytes) => return self.bytes(flexible, bytes),
            Records::Slot { index, len } => (*index, *len),
        };
        self.length(flexible, len as usize)?;
        match self.mode {
            Mode::Counting => {}
            Mode::Contiguous => return Err(EncodeError::SlotNotAllowed),
            Mode::Chunked => self.cuts.push((self.buffer.len(), Chunk::Slot { index, len })),
        }
        self.outside += len as usize;
        Ok(())
    }

    /// Writes record data or null.
    pub fn nullable_records(
        &mut self,
        flexible: bool,
        value: Option<&Records>,
    ) -> Result<(), EncodeError> {
        match value {
            Some(value) => self.records(flexible, value),
            None => {
                self.null_length(flexible);
                Ok(())
            }
        }
    }

    /// Writes an array.
    pub fn array<T>(
        &mut self,
        flexible: bool,
        elements: &[T],
        mut element: impl FnMut(&mut Writer, &T) -> Result<(), EncodeError>,
    ) -> Result<(), EncodeError> {
        self.length(flexible, elements.len())?;
        elements.iter().try_for_each(|value| element(self, value))
    }

    /// Writes an array or null.
    pub fn nullable_array<T>(
        &mut self,
        flexible: bool,
        elements: Option<&[T]>,
        element: impl FnMut(&mut Writer, &T) -> Result<(), EncodeError>,
    ) -> Result<(), EncodeError> {
        match elements {
            Some(elements) => self.array(flexible, elements, element),
            None => {
                self.null_length(flexible);
                Ok(())
            }
        }
    }

    /// Writes a structure that may be null, with a byte before it that tells.
    pub fn nullable_struct<T>(
        &mut self,
        value: Option<&T>,
        write: impl FnOnce(&mut Writer, &T) -> Result<(), EncodeError>,
    ) -> Result<(), EncodeError> {
        let Some(value) = value else {
            self.i8(-1);
            return Ok(());
        };
        self.i8(1);
        write(self, value)
    }

    /// Writes a structure in a tagged field that may be null: the marker before it is 0 for null.
    pub fn nullable_tagged_struct<T>(
        &mut self,
        value: Option<&T>,
        write: impl FnOnce(&mut Writer, &T) -> Result<(), EncodeError>,
    ) -> Result<(), EncodeError> {
        let Some(value) = value else {
            self.unsigned_varint(0);
            return Ok(());
        };
        self.unsigned_varint(1);
        write(self, value)
    }

    /// The value of a field that `version` does not allow to be null.
    pub fn required<T>(
        value: Option<T>,
        field: &'static str,
        version: i16,
    ) -> Result<T, EncodeError> {
        value.ok_or(EncodeError::Null { field, version })
    }

    /// Appends bytes as they are.
    pub fn raw(&mut self, bytes: &[u8]) {
        match self.mode {
            Mode::Counting => self.outside += bytes.len(),
            _ => self.buffer.put_slice(bytes),
        }
    }

    /// Appends bytes as they are, without a copy if they are many.
    pub fn raw_bytes(&mut self, bytes: &Bytes) {
        if self.mode == Mode::Chunked && bytes.len() >= CHUNK_BYTES_MIN {
            self.cuts.push((self.buffer.len(), Chunk::Bytes(bytes.clone())));
            self.outside += bytes.len();
        } else {
            self.raw(bytes);
        }
    }

    fn base_128(&mut self, mut value: u64) {
        let mut bytes = [0; 10];
        let mut length = 0;
        while value >= 0x80 {
            bytes[length] = value as u8 | 0x80;
            value >>= 7;
            length += 1;
        }
        bytes[length] = value as u8;
        self.raw(&bytes[..=length]);
    }

    fn length(&mut self, flexible: bool, length: usize) -> Result<(), EncodeError> {
        let signed = signed_length(length)?;
        match flexible {
            true => self.unsigned_varint(signed as u32 + 1),
            false => self.i32(signed),
        }
        Ok(())
    }

    fn null_length(&mut self, flexible: bool) {
        match flexible {
            true => self.unsigned_varint(0),
            false => self.i32(-1),
        }
    }
}

fn signed_length(length: usize) -> Result<i32, EncodeError> {
    i32::try_from(length).map_err(|_| EncodeError::TooLarge { length })
}
