//! LZ4 frames as Kafka's clients write them: independent blocks of 64 KiB, no checksums but the header's.
//!
//! Frames may follow one another when read. Dependent blocks, dictionaries and frames of other versions are refused:
//! Kafka's own clients cannot read them, so a log must not hold them.
use std::io::{self, Read, Write};

use lz4_flex::frame::{BlockMode, BlockSize, FrameDecoder, FrameEncoder, FrameInfo};

use super::{CompressionError, corrupt};

const MAGIC: [u8; 4] = 0x184D_2204_u32.to_le_bytes();
const VERSION_MASK: u8 = 0xc0;
const VERSION: u8 = 0x40;
const INDEPENDENT_BLOCKS: u8 = 0x20;

pub(super) fn compress(
    input: &[u8],
    _level: i32,
    out: &mut Vec<u8>,
) -> Result<(), CompressionError> {
    let info = FrameInfo::new().block_mode(BlockMode::Independent).block_size(BlockSize::Max64KB);
    let mut encoder = FrameEncoder::with_frame_info(info, out);
    encoder.write_all(input).map_err(CompressionError::write)?;
    encoder.finish().map(drop).map_err(CompressionError::write)
}

/// Reads frames.
pub(super) struct Decoder<'a> {
    input: &'a [u8],
    frames: Option<FrameDecoder<&'a [u8]>>,
}

impl<'a> Decoder<'a> {
    pub(super) fn new(input: &'a [u8]) -> Self {
        Decoder { input, frames: None }
    }
}

impl Read for Decoder<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        loop {
            let frames = match &mut self.frames {
                Some(frames) => frames,
                None if self.input.is_empty() => return Ok(0),
                None => {
                    check_frame(self.input)?;
                    self.frames.insert(FrameDecoder::new(self.input))
                }
            };
            let count = frames.read(buffer)?;
            if count > 0 {
                return Ok(count);
            }
            self.input = frames.get_ref();
            self.frames = None;
        }
    }
}

fn check_frame(input: &[u8]) -> io::Result<()> {
    let Some((magic, [flags, ..])) = input.split_first_chunk::<4>() else {
        return Err(corrupt("the lz4 frame header is cut off"));
    };
    if *magic != MAGIC {
        return Err(corrupt("stream unsupported (invalid magic bytes)"));
    }
    if flags & VERSION_MASK != VERSION {
        return Err(corrupt(format!("lz4 frame version {} is unsupported", flags >> 6)));
    }
    if flags & INDEPENDENT_BLOCKS == 0 {
        return Err(corrupt(
            "dependent block stream is unsupported (BLOCK_INDEPENDENCE must be set)",
        ));
    }
    Ok(())
}
