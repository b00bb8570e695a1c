//! gzip through zlib-rs. Members may follow one another.
use std::io::Write;

use flate2::bufread::MultiGzDecoder;
use flate2::write::GzEncoder;

use super::CompressionError;

pub(super) type Decoder<'a> = MultiGzDecoder<&'a [u8]>;

pub(super) fn decoder(input: &[u8]) -> Decoder<'_> {
    MultiGzDecoder::new(input)
}

pub(super) fn compress(
    input: &[u8],
    level: i32,
    out: &mut Vec<u8>,
) -> Result<(), CompressionError> {
    // -1 is zlib's name for its own default.
    let level = u32::try_from(level).map(flate2::Compression::new).unwrap_or_default();
    let mut encoder = GzEncoder::new(out, level);
    encoder
        .write_all(input)
        .and_then(|()| encoder.finish().map(drop))
        .map_err(CompressionError::write)
}
