//! Checked reads from a received buffer.
//!
//! Nothing here panics on any input, and nothing allocates more than the bytes that are left
//! justify: a count is compared with them before room for its elements is made.

use super::{DecodeError, Records};
use crate::Uuid;
use bytes::Bytes;

/// The longest string of the protocol, in bytes.
const STRING_BYTES_MAX: usize = i16::MAX as usize;

/// Room that is made for the elements of an array before the first of them was read.
const ELEMENTS_RESERVED_MAX: usize = 1024;

/// A position in a received buffer. Byte fields come out as slices of that buffer.
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    source: &'a Bytes,
    rest: &'a [u8],
    /// How many bytes of memory the elements of arrays may still take.
    pub(super) element_bytes_left: usize,
}

macro_rules! fixed_width {
    ($($name:ident)*) => {$(
        #[doc = concat!("Reads a big-endian `", stringify!($name), "`.")]
        pub fn $name(&mut self) -> Result<$name, DecodeError> {
            Ok($name::from_be_bytes(self.array_of_bytes()?))
        }
    )*};
}

impl<'a> Reader<'a> {
    /// A reader at the start of `source`.
    pub fn new(source: &'a Bytes) -> Self {
        Self::bounded(source, usize::MAX)
    }

    /// A reader for bytes of a stranger: the elements of all arrays together may take
    /// `element_bytes_max` bytes of memory. Two bytes of a request can stand for a structure of a
    /// hundred, so what was received does not bound what it becomes.
    pub fn bounded(source: &'a Bytes, element_bytes_max: usize) -> Self {
        Reader { source, rest: source, element_bytes_left: element_bytes_max }
    }

    /// How many bytes were not read yet.
    pub fn remaining(&self) -> usize {
        self.rest.len()
    }

    /// The position, counted from the start of the whole buffer.
    pub fn offset(&self) -> usize {
        self.rest.as_ptr().addr() - self.source.as_ptr().addr()
    }

    fixed_width! { i8 i16 u16 i32 u32 i64 f64 }

    /// Reads a boolean: any byte but 0 is true.
    pub fn bool(&mut self) -> Result<bool, DecodeError> {
        Ok(self.i8()? != 0)
    }

    /// Reads sixteen bytes.
    pub fn uuid(&mut self) -> Result<Uuid, DecodeError> {
        Ok(Uuid::from_bytes(self.array_of_bytes()?))
    }

    /// Reads an unsigned variable-length integer of at most five bytes.
    pub fn unsigned_varint(&mut self) -> Result<u32, DecodeError> {
        let offset = self.offset();
        let value = self.base_128(5, offset)?;
        u32::try_from(value).map_err(|_| DecodeError::VarintTooLong { offset })
    }

    /// Reads a zigzag variable-length integer of at most five bytes.
    pub fn varint(&mut self) -> Result<i32, DecodeError> {
        let value = self.unsigned_varint()?;
        Ok((value >> 1) as i32 ^ -((value & 1) as i32))
    }

    /// Reads a zigzag variable-length integer of at most ten bytes.
    pub fn varlong(&mut self) -> Result<i64, DecodeError> {
        let offset = self.offset();
        let value = self.base_128(10, offset)?;
        Ok((value >> 1) as i64 ^ -((value & 1) as i64))
    }

    /// Reads a string: compact length if `flexible`, else a 16-bit one. As in Java, what is not
    /// UTF-8 becomes U+FFFD.
    pub fn string(&mut self, flexible: bool) -> Result<String, DecodeError> {
        let offset = self.offset();
        self.nullable_string(flexible)?.ok_or(DecodeError::Null { offset })
    }

    /// Reads a string or null.
    pub fn nullable_string(&mut self, flexible: bool) -> Result<Option<String>, DecodeError> {
        let length = match flexible {
            true => self.compact_length()?,
            false => self.string_length()?,
        };
        let Some(length) = length else { return Ok(None) };
        let offset = self.offset();
        if length > STRING_BYTES_MAX {
            return Err(DecodeError::StringTooLong { offset, length });
        }
        Ok(Some(String::from_utf8_lossy(self.take(length)?).into_owned()))
    }

    /// Reads a byte field as a slice of the buffer.
    pub fn bytes(&mut self, flexible: bool) -> Result<Bytes, DecodeError> {
        let offset = self.offset();
        self.nullable_bytes(flexible)?.ok_or(DecodeError::Null { offset })
    }

    /// Reads a byte field or null.
    pub fn nullable_bytes(&mut self, flexible: bool) -> Result<Option<Bytes>, DecodeError> {
        let Some(length) = self.length(flexible)? else { return Ok(None) };
        let bytes = self.take(length)?;
        Ok(Some(self.source.slice_ref(bytes)))
    }

    /// Reads record data as a slice of the buffer.
    pub fn records(&mut self, flexible: bool) -> Result<Records, DecodeError> {
        Ok(Records::Bytes(self.bytes(flexible)?))
    }

    /// Reads record data or null.
    pub fn nullable_records(&mut self, flexible: bool) -> Result<Option<Records>, DecodeError> {
        Ok(self.nullable_bytes(flexible)?.map(Records::Bytes))
    }

    /// Reads an array whose elements take at least `element_bytes_min` bytes each.
    pub fn array<T>(
        &mut self,
        flexible: bool,
        element_bytes_min: usize,
        element: impl FnMut(&mut Reader<'a>) -> Result<T, DecodeError>,
    ) -> Result<Vec<T>, DecodeError> {
        let offset = self.offset();
        self.nullable_array(flexible, element_bytes_min, element)?
            .ok_or(DecodeError::Null { offset })
    }

    /// Reads an array or null.
    pub fn nullable_array<T>(
        &mut self,
        flexible: bool,
        element_bytes_min: usize,
        mut element: impl FnMut(&mut Reader<'a>) -> Result<T, DecodeError>,
    ) -> Result<Option<Vec<T>>, DecodeError> {
        let offset = self.offset();
        let Some(count) = self.length(flexible)? else { return Ok(None) };
        self.check_count(offset, count, element_bytes_min)?;
        self.charge::<T>(offset, count)?;
        let mut elements = Vec::with_capacity(count.min(ELEMENTS_RESERVED_MAX));
        for _ in 0..count {
            elements.push(element(self)?);
        }
        Ok(Some(elements))
    }

    /// Reads a structure that may be null, which a byte before it tells.
    pub fn nullable_struct<T>(
        &mut self,
        read: impl FnOnce(&mut Reader<'a>) -> Result<T, DecodeError>,
    ) -> Result<Option<T>, DecodeError> {
        match self.i8()? {
            ..0 => Ok(None),
            _ => read(self).map(Some),
        }
    }

    /// Reads a structure in a tagged field that may be null: the marker before it is 0 for null.
    pub fn nullable_tagged_struct<T>(
        &mut self,
        read: impl FnOnce(&mut Reader<'a>) -> Result<T, DecodeError>,
    ) -> Result<Option<T>, DecodeError> {
        match self.unsigned_varint()? {
            0 => Ok(None),
            _ => read(self).map(Some),
        }
    }

    /// Everything that is left, as a slice of the buffer; the reader is at the end afterwards.
    pub fn rest(&mut self) -> Bytes {
        let rest = self.rest;
        self.rest = &rest[rest.len()..];
        self.source.slice_ref(rest)
    }

    pub(super) fn check_count(
        &self,
        offset: usize,
        count: usize,
        element_bytes_min: usize,
    ) -> Result<(), DecodeError> {
        let remaining = self.remaining();
        if count > remaining / element_bytes_min {
            return Err(DecodeError::CountTooLarge { offset, count, remaining });
        }
        Ok(())
    }

    /// Counts the memory of `count` elements.
    pub(super) fn charge<T>(&mut self, offset: usize, count: usize) -> Result<(), DecodeError> {
        let bytes = count.saturating_mul(size_of::<T>());
        match self.element_bytes_left.checked_sub(bytes) {
            Some(left) => {
                self.element_bytes_left = left;
                Ok(())
            }
            None => Err(DecodeError::TooMuchMemory { offset, count }),
        }
    }

    /// A reader of the next `length` bytes; this one goes on after them.
    pub(super) fn split_to(&mut self, length: usize) -> Result<Reader<'a>, DecodeError> {
        let rest = self.take(length)?;
        Ok(Reader { source: self.source, rest, element_bytes_left: self.element_bytes_left })
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], DecodeError> {
        let Some((taken, rest)) = self.rest.split_at_checked(length) else {
            return Err(self.truncated(length));
        };
        self.rest = rest;
        Ok(taken)
    }

    fn array_of_bytes<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        let Some((taken, rest)) = self.rest.split_first_chunk::<N>() else {
            return Err(self.truncated(N));
        };
        self.rest = rest;
        Ok(*taken)
    }

    #[cold]
    fn truncated(&self, needed: usize) -> DecodeError {
        DecodeError::Truncated { offset: self.offset(), needed, remaining: self.remaining() }
    }

    fn base_128(&mut self, bytes_max: u32, offset: usize) -> Result<u64, DecodeError> {
        let mut value: u64 = 0;
        for index in 0..bytes_max {
            let byte = self.array_of_bytes::<1>()?[0];
            // The tenth byte of a 64-bit integer has room for one bit.
            if index == 9 && byte > 1 {
                break;
            }
            value |= u64::from(byte & 0x7f) << (7 * index);
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(DecodeError::VarintTooLong { offset })
    }

    fn length(&mut self, flexible: bool) -> Result<Option<usize>, DecodeError> {
        match flexible {
            true => self.compact_length(),
            false => {
                // As in Java, any negative length says null.
                Ok(usize::try_from(self.i32()?).ok())
            }
        }
    }

    fn string_length(&mut self) -> Result<Option<usize>, DecodeError> {
        Ok(usize::try_from(self.i16()?).ok())
    }

    fn compact_length(&mut self) -> Result<Option<usize>, DecodeError> {
        Ok((self.unsigned_varint()? as usize).checked_sub(1))
    }
}
