//! Zstandard through the reference library. Frames may follow one another.
use std::io::{self, Write};

use super::CompressionError;

pub(super) type Decoder<'a> = zstd::stream::read::Decoder<'a, &'a [u8]>;

/// The largest window a frame may ask for, as the logarithm of its bytes: 128 MiB, which is the library's own
/// default and what level 22 writes.
const WINDOW_LOG_MAX: u32 = 27;

pub(super) fn decoder(input: &[u8]) -> io::Result<Decoder<'_>> {
    let mut decoder = zstd::stream::read::Decoder::with_buffer(input)?;
    decoder.window_log_max(WINDOW_LOG_MAX)?;
    Ok(decoder)
}

pub(super) fn compress(
    input: &[u8],
    level: i32,
    out: &mut Vec<u8>,
) -> Result<(), CompressionError> {
    let write = || -> io::Result<()> {
        let mut encoder = zstd::stream::write::Encoder::new(out, level)?;
        // Small batches get small windows, here and in every reader.
        encoder.set_pledged_src_size(Some(input.len() as u64))?;
        encoder.write_all(input)?;
        encoder.finish().map(drop)
    };
    write().map_err(CompressionError::write)
}
