//! What can be wrong with bytes to read or with a message to write.

/// Why bytes are not the message that they should be. `offset` counts from the start of the
/// buffer that was given to the reader.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// The bytes end inside a value.
    #[error("{needed} bytes needed at offset {offset}, {remaining} left")]
    Truncated {
        /// Where the value starts.
        offset: usize,
        /// How long it is.
        needed: usize,
        /// How many bytes there are.
        remaining: usize,
    },
    /// A variable-length integer does not end, or exceeds its type.
    #[error("variable-length integer at offset {offset} is too long")]
    VarintTooLong {
        /// Where the integer starts.
        offset: usize,
    },
    /// Null where this version allows none.
    #[error("null at offset {offset} in a field that can't be null")]
    Null {
        /// Where the length or marker stands.
        offset: usize,
    },
    /// More elements than the bytes that are left could hold.
    #[error("{count} elements at offset {offset} do not fit into {remaining} bytes")]
    CountTooLarge {
        /// Where the count stands.
        offset: usize,
        /// The count.
        count: usize,
        /// How many bytes there are.
        remaining: usize,
    },
    /// More elements than there is memory for.
    #[error("{count} elements at offset {offset} take more memory than a message may")]
    TooMuchMemory {
        /// Where the count stands.
        offset: usize,
        /// The count.
        count: usize,
    },
    /// A string of more than 32767 bytes.
    #[error("string of {length} bytes at offset {offset} is too long")]
    StringTooLong {
        /// Where the string starts.
        offset: usize,
        /// Its length in bytes.
        length: usize,
    },
    /// A tag that does not exceed the one before it.
    #[error("tag {tag} at offset {offset} follows tag {previous}")]
    TagOrder {
        /// Where the tagged field starts.
        offset: usize,
        /// Its tag.
        tag: u32,
        /// The tag before it.
        previous: u32,
    },
    /// A known tag in a version that does not have it.
    #[error("tag {tag} at offset {offset} is not valid for version {version}")]
    TagNotValid {
        /// Where the content of the tagged field starts.
        offset: usize,
        /// Its tag.
        tag: u32,
        /// The version that was read.
        version: i16,
    },
    /// A tagged field whose content ends before its size says.
    #[error("tag {tag} at offset {offset} has {unread} bytes too many")]
    TaggedFieldSize {
        /// Where the content ended.
        offset: usize,
        /// The tag.
        tag: u32,
        /// The bytes that are left.
        unread: usize,
    },
    /// A version that the schema does not have.
    #[error("{message} has no version {version}")]
    UnsupportedVersion {
        /// The schema.
        message: &'static str,
        /// The version.
        version: i16,
    },
    /// A record type or API key that nobody knows.
    #[error("unknown {family} {id}")]
    UnknownType {
        /// What is enumerated.
        family: &'static str,
        /// The unknown value.
        id: i64,
    },
    /// Bytes after the end of the message.
    #[error("{remaining} bytes after the end at offset {offset}")]
    TrailingBytes {
        /// Where the message ended.
        offset: usize,
        /// How many bytes follow.
        remaining: usize,
    },
}

/// Why a message can't be written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EncodeError {
    /// A field holds more than its default in a version that does not have it.
    #[error("Attempted to write a non-default {field} at version {version}")]
    UnsupportedField {
        /// Kafka's name of the field.
        field: &'static str,
        /// The version.
        version: i16,
    },
    /// Null where this version allows none.
    #[error("{field} is null, which version {version} does not allow")]
    Null {
        /// Kafka's name of the field.
        field: &'static str,
        /// The version.
        version: i16,
    },
    /// Unknown tagged fields in a version without tagged fields.
    #[error("Tagged fields were set, but version {version} of this message does not support them.")]
    TaggedFieldsNotSupported {
        /// The version.
        version: i16,
    },
    /// Unknown tagged fields that are not in strictly ascending order, or that carry a known tag.
    #[error("tag {tag} is out of order or set twice")]
    TagOrder {
        /// The tag.
        tag: u32,
    },
    /// A string of more than 32767 bytes.
    #[error("a string of {length} bytes is too long to be serialized")]
    StringTooLong {
        /// Its length in bytes.
        length: usize,
    },
    /// A byte field, an array or a frame that does not fit into a signed 32-bit length.
    #[error("a length of {length} is too large to be serialized")]
    TooLarge {
        /// The length or count.
        length: usize,
    },
    /// A record slot in a message that has to be one piece of memory.
    #[error("records that are kept elsewhere can't be written into one piece of memory")]
    SlotNotAllowed,
    /// A version that the schema does not have.
    #[error("Can't write version {version} of {message}")]
    UnsupportedVersion {
        /// The schema.
        message: &'static str,
        /// The version.
        version: i16,
    },
}
