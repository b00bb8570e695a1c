//! Tagged fields (KIP-482): optional fields at the end of a structure, in ascending order of tag.

use super::{DecodeError, EncodeError, Reader, Writer};
use bytes::Bytes;

/// A tagged field that this program does not know; it is kept and written again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawTaggedField {
    /// The tag.
    pub tag: u32,
    /// The content, without its size.
    pub data: Bytes,
}

/// A tagged field of the schema, ready to be written.
pub struct KnownTaggedField<'a> {
    /// The tag.
    pub tag: u32,
    /// Whether it holds something else than its default.
    pub present: bool,
    /// Writes the content.
    pub encode: &'a dyn Fn(&mut Writer) -> Result<(), EncodeError>,
}

/// Reads the content of a known tag; `Ok(false)` says that the tag is unknown.
type ReadKnown<'f, 'a> = dyn FnMut(u32, &mut Reader<'a>) -> Result<bool, DecodeError> + 'f;

/// The least that a tagged field takes: a tag and a size.
const TAGGED_FIELD_BYTES_MIN: usize = 2;

impl<'a> Reader<'a> {
    /// Reads a section of tagged fields and returns those that `read_known` does not know.
    pub fn tagged_fields(
        &mut self,
        read_known: &mut ReadKnown<'_, 'a>,
    ) -> Result<Vec<RawTaggedField>, DecodeError> {
        let count_offset = self.offset();
        let count = self.unsigned_varint()? as usize;
        self.check_count(count_offset, count, TAGGED_FIELD_BYTES_MIN)?;
        let mut unknown = Vec::new();
        let mut previous: Option<u32> = None;
        for _ in 0..count {
            let offset = self.offset();
            let tag = self.unsigned_varint()?;
            if let Some(previous) = previous.filter(|previous| *previous >= tag) {
                return Err(DecodeError::TagOrder { offset, tag, previous });
            }
            previous = Some(tag);
            let size = self.unsigned_varint()? as usize;
            let mut content = self.split_to(size)?;
            let is_known = read_known(tag, &mut content)?;
            self.element_bytes_left = content.element_bytes_left;
            if !is_known {
                let data = content.rest();
                self.charge::<RawTaggedField>(offset, 1)?;
                unknown.push(RawTaggedField { tag, data });
            } else if content.remaining() > 0 {
                let unread = content.remaining();
                return Err(DecodeError::TaggedFieldSize { offset: content.offset(), tag, unread });
            }
        }
        Ok(unknown)
    }

    /// Reads a section of tagged fields of a structure that has none of its own.
    pub fn unknown_tagged_fields(&mut self) -> Result<Vec<RawTaggedField>, DecodeError> {
        self.tagged_fields(&mut |_, _| Ok(false))
    }

    /// The error for a known tag in a version that does not have it.
    pub fn tag_not_valid(&self, tag: u32, version: i16) -> DecodeError {
        DecodeError::TagNotValid { offset: self.offset(), tag, version }
    }
}

impl Writer {
    /// Writes a section of tagged fields: `known` in ascending order of tag, `unknown` between.
    pub fn tagged_fields(
        &mut self,
        unknown: &[RawTaggedField],
        known: &[KnownTaggedField<'_>],
    ) -> Result<(), EncodeError> {
        let present = known.iter().filter(|field| field.present);
        self.unsigned_varint((present.clone().count() + unknown.len()) as u32);
        let mut previous = None;
        let mut unknown = unknown.iter().peekable();
        for field in present {
            while let Some(raw) = unknown.next_if(|raw| raw.tag <= field.tag) {
                self.raw_tagged_field(raw, &mut previous)?;
            }
            ascend(&mut previous, field.tag)?;
            self.unsigned_varint(field.tag);
            // Counted first, so that content of any size is written in place and never moved.
            let mut counter = Writer::counting();
            (field.encode)(&mut counter)?;
            self.unsigned_varint(counter.len() as u32);
            (field.encode)(self)?;
        }
        for raw in unknown {
            self.raw_tagged_field(raw, &mut previous)?;
        }
        Ok(())
    }

    /// Refuses unknown tagged fields in a version without tagged fields.
    pub fn no_tagged_fields(
        &self,
        unknown: &[RawTaggedField],
        version: i16,
    ) -> Result<(), EncodeError> {
        match unknown.is_empty() {
            true => Ok(()),
            false => Err(EncodeError::TaggedFieldsNotSupported { version }),
        }
    }

    fn raw_tagged_field(
        &mut self,
        raw: &RawTaggedField,
        previous: &mut Option<u32>,
    ) -> Result<(), EncodeError> {
        ascend(previous, raw.tag)?;
        self.unsigned_varint(raw.tag);
        self.unsigned_varint(raw.data.len() as u32);
        self.raw(&raw.data);
        Ok(())
    }
}

fn ascend(previous: &mut Option<u32>, tag: u32) -> Result<(), EncodeError> {
    if previous.is_some_and(|previous| previous >= tag) {
        return Err(EncodeError::TagOrder { tag });
    }
    *previous = Some(tag);
    Ok(())
}
