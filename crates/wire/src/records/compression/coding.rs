//! Pure. Bytes through a codec, whichever it is.
use std::io::{self, Read};

use super::{Compression, CompressionError, CompressionType, gzip, lz4, snappy, zstd};

/// Appends `input`, compressed, to `out`.
///
/// # Errors
/// `Write`.
pub fn compress(
    compression: Compression,
    input: &[u8],
    out: &mut Vec<u8>,
) -> Result<(), CompressionError> {
    match compression.kind() {
        CompressionType::None => {
            out.extend_from_slice(input);
            Ok(())
        }
        CompressionType::Gzip => gzip::compress(input, compression.level(), out),
        CompressionType::Snappy => snappy::compress(input, out),
        CompressionType::Lz4 => lz4::compress(input, compression.level(), out),
        CompressionType::Zstd => zstd::compress(input, compression.level(), out),
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
