//! Pure. The codecs of record batches, as Kafka's clients write and read them.
//!
//! Nothing is allocated because a stream claims a size; the caller bounds what comes out. A [`Decoder`] streams and
//! holds one block or window at a time.
mod gzip;
mod lz4;
mod snappy;
mod zstd;

use std::fmt;
use std::io::{self, Read};
use std::ops::RangeInclusive;

/// A codec.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum CompressionType {
    /// Records as they are.
    #[default]
    None = 0,
    /// gzip members (RFC 1952).
    Gzip = 1,
    /// Snappy blocks in the framing of xerial's snappy-java; read without framing, too.
    Snappy = 2,
    /// LZ4 frames with independent blocks.
    Lz4 = 3,
    /// Zstandard frames.
    Zstd = 4,
}

impl CompressionType {
    /// Every codec, by id.
    pub const ALL: [CompressionType; 5] = [
        CompressionType::None,
        CompressionType::Gzip,
        CompressionType::Snappy,
        CompressionType::Lz4,
        CompressionType::Zstd,
    ];

    /// The codec of three attribute bits.
    pub fn from_id(id: u8) -> Option<Self> {
        Self::ALL.get(usize::from(id)).copied()
    }

    /// The three attribute bits.
    pub const fn id(self) -> u8 {
        self as u8
    }

    /// The name in configurations.
    pub const fn name(self) -> &'static str {
        match self {
            CompressionType::None => "none",
            CompressionType::Gzip => "gzip",
            CompressionType::Snappy => "snappy",
            CompressionType::Lz4 => "lz4",
            CompressionType::Zstd => "zstd",
        }
    }

    /// The codec of a name in configurations.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// The levels that Kafka's configurations allow, and the default. `None` for codecs without levels.
    pub const fn levels(self) -> Option<Levels> {
        match self {
            CompressionType::None | CompressionType::Snappy => None,
            CompressionType::Gzip => Some(Levels { range: 1..=9, default: -1 }),
            CompressionType::Lz4 => Some(Levels { range: 1..=17, default: 9 }),
            CompressionType::Zstd => Some(Levels { range: -131_072..=22, default: 3 }),
        }
    }
}

impl fmt::Display for CompressionType {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// The levels of a codec.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Levels {
    /// What may be configured, besides the default.
    pub range: RangeInclusive<i32>,
    /// What is used when nothing is configured. gzip's is -1, "the library's".
    pub default: i32,
}

impl Levels {
    /// Whether a configuration may ask for this level.
    pub fn contains(&self, level: i32) -> bool {
        level == self.default || self.range.contains(&level)
    }
}

/// A codec with the level to write with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Compression {
    kind: CompressionType,
    level: i32,
}

impl Compression {
    /// No compression.
    pub const NONE: Compression = Compression { kind: CompressionType::None, level: 0 };

    /// The codec at its default level.
    pub const fn of(kind: CompressionType) -> Self {
        let level = match kind.levels() {
            Some(levels) => levels.default,
            None => 0,
        };
        Compression { kind, level }
    }

    /// The codec at this level; `None` when it has no such level.
    pub fn with_level(kind: CompressionType, level: i32) -> Option<Self> {
        kind.levels()?.contains(level).then_some(Compression { kind, level })
    }

    /// The codec.
    pub const fn kind(self) -> CompressionType {
        self.kind
    }

    /// The level, 0 for codecs without levels.
    pub const fn level(self) -> i32 {
        self.level
    }
}

/// Why a stream could not be compressed or decompressed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CompressionError {
    /// The stream is not what the codec writes.
    #[error("cannot decompress: {detail}")]
    Corrupt {
        /// What the codec said.
        detail: String,
    },
    /// More came out than the caller allows.
    #[error("more than {bytes_max} bytes come out of the compressed stream")]
    TooLarge {
        /// The caller's limit.
        bytes_max: usize,
    },
    /// The codec failed to write.
    #[error("cannot compress: {detail}")]
    Write {
        /// What the codec said.
        detail: String,
    },
}

impl CompressionError {
    pub(super) fn from_io(error: io::Error) -> Self {
        CompressionError::Corrupt { detail: error.to_string() }
    }

    fn write(error: impl fmt::Display) -> Self {
        CompressionError::Write { detail: error.to_string() }
    }
}

/// Appends `input`, compressed, to `out`.
///
/// # Errors
/// `Write`.
pub fn compress(
    compression: Compression,
    input: &[u8],
    out: &mut Vec<u8>,
) -> Result<(), CompressionError> {
    match compression.kind {
        CompressionType::None => {
            out.extend_from_slice(input);
            Ok(())
        }
        CompressionType::Gzip => gzip::compress(input, compression.level, out),
        CompressionType::Snappy => snappy::compress(input, out),
        CompressionType::Lz4 => lz4::compress(input, compression.level, out),
        CompressionType::Zstd => zstd::compress(input, compression.level, out),
    }
}

/// Everything that `input` holds, at most `bytes_max` bytes of it.
///
/// # Errors
/// `Corrupt`, `TooLarge`.
pub fn decompress(
    kind: CompressionType,
    input: &[u8],
    bytes_max: usize,
) -> Result<Vec<u8>, CompressionError> {
    // Records mostly shrink to a quarter or less; what a stream claims about itself is not asked.
    let mut out = Vec::with_capacity(input.len().saturating_mul(4).min(bytes_max));
    let limit = (bytes_max as u64).saturating_add(1);
    decoder(kind, input)?.take(limit).read_to_end(&mut out).map_err(CompressionError::from_io)?;
    if out.len() > bytes_max {
        return Err(CompressionError::TooLarge { bytes_max });
    }
    Ok(out)
}

/// A stream of what `input` holds.
///
/// # Errors
/// `Corrupt` when the start of the stream says so already.
pub fn decoder(kind: CompressionType, input: &[u8]) -> Result<Decoder<'_>, CompressionError> {
    Ok(Decoder(match kind {
        CompressionType::None => Codec::None(input),
        CompressionType::Gzip => Codec::Gzip(gzip::decoder(input)),
        CompressionType::Snappy => Codec::Snappy(snappy::Decoder::new(input)),
        CompressionType::Lz4 => Codec::Lz4(lz4::Decoder::new(input)),
        CompressionType::Zstd => {
            Codec::Zstd(zstd::Decoder::new(input).map_err(CompressionError::from_io)?)
        }
    }))
}

/// Decompresses as it is read.
pub struct Decoder<'a>(Codec<'a>);

enum Codec<'a> {
    None(&'a [u8]),
    Gzip(gzip::Decoder<'a>),
    Snappy(snappy::Decoder<'a>),
    Lz4(lz4::Decoder<'a>),
    Zstd(zstd::Decoder<'a>),
}

impl Read for Decoder<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match &mut self.0 {
            Codec::None(input) => input.read(buffer),
            Codec::Gzip(decoder) => decoder.read(buffer),
            Codec::Snappy(decoder) => decoder.read(buffer),
            Codec::Lz4(decoder) => decoder.read(buffer),
            Codec::Zstd(decoder) => decoder.read(buffer),
        }
    }
}

fn corrupt(detail: impl Into<String>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, detail.into())
}

#[cfg(test)]
mod tests;
