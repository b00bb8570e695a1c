//! LZ4 frames as Kafka's clients write them: independent blocks of 64 KiB, no checksums but the header's.
//!
//! Frames may follow one another when read. Dependent blocks, dictionaries and frames of other versions are refused:
//! Kafka's own clients cannot read them, so a log must not hold them.
use std::io::{self, Read};

use lz4_flex::block::{CompressTable, compress_into_with_table, get_maximum_output_size};
use lz4_flex::frame::FrameDecoder;

use super::{CompressionError, corrupt};

const MAGIC: [u8; 4] = 0x184D_2204_u32.to_le_bytes();
const VERSION_MASK: u8 = 0xc0;
const VERSION: u8 = 0x40;
const INDEPENDENT_BLOCKS: u8 = 0x20;
const BLOCK_CHECKSUM: u8 = 0x10;
const CONTENT_SIZE: u8 = 0x08;
const CONTENT_CHECKSUM: u8 = 0x04;
const DICTIONARY: u8 = 0x01;
const UNCOMPRESSED: u32 = 1 << 31;

/// Kafka's default level, which it writes with the fast compressor.
const FAST_LEVEL: i32 = 9;
/// What comes before the first block: magic, version 1 with independent blocks, 64 KiB, header checksum.
const FRAME_HEADER: [u8; 7] = [0x04, 0x22, 0x4d, 0x18, VERSION | INDEPENDENT_BLOCKS, 0x40, 0x82];
const BLOCK_BYTES: usize = 64 * 1024;
const END_MARK: [u8; 4] = [0; 4];

pub(super) fn compress(
    input: &[u8],
    level: i32,
    out: &mut Vec<u8>,
) -> Result<(), CompressionError> {
    let mut blocks = BlockCompressor::of_level(level);
    out.extend_from_slice(&FRAME_HEADER);
    for block in input.chunks(BLOCK_BYTES) {
        let length_at = out.len();
        let block_at = length_at + 4;
        out.resize(block_at + get_maximum_output_size(block.len()), 0);
        let mut length = blocks.compress(block, &mut out[block_at..])?;
        let mut mark = 0;
        if length >= block.len() {
            // A block that does not shrink is stored as it is, and marked.
            (length, mark) = (block.len(), UNCOMPRESSED);
            out[block_at..block_at + length].copy_from_slice(block);
        }
        out.truncate(block_at + length);
        out[length_at..block_at].copy_from_slice(&(length as u32 | mark).to_le_bytes());
    }
    out.extend_from_slice(&END_MARK);
    Ok(())
}

enum BlockCompressor {
    Fast(CompressTable),
    High(i32),
}

impl BlockCompressor {
    fn of_level(level: i32) -> Self {
        match level {
            FAST_LEVEL => BlockCompressor::Fast(CompressTable::large()),
            _ => BlockCompressor::High(level),
        }
    }

    fn compress(&mut self, block: &[u8], out: &mut [u8]) -> Result<usize, CompressionError> {
        match self {
            BlockCompressor::Fast(table) => {
                compress_into_with_table(block, out, table).map_err(CompressionError::write)
            }
            BlockCompressor::High(level) => {
                let mode = lz4::block::CompressionMode::HIGHCOMPRESSION(*level);
                lz4::block::compress_to_buffer(block, Some(mode), false, out)
                    .map_err(CompressionError::write)
            }
        }
    }
}

/// Reads frames.
pub(super) struct Decoder<'a> {
    rest: &'a [u8],
    frame: Option<FrameDecoder<&'a [u8]>>,
}

impl<'a> Decoder<'a> {
    pub(super) fn new(input: &'a [u8]) -> Self {
        Decoder { rest: input, frame: None }
    }
}

impl Read for Decoder<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        loop {
            if let Some(frame) = &mut self.frame {
                let count = frame.read(buffer)?;
                if count > 0 {
                    return Ok(count);
                }
            }
            if self.rest.is_empty() {
                return Ok(0);
            }
            let (frame, rest) = split_frame(self.rest)?;
            self.rest = rest;
            self.frame = Some(FrameDecoder::new(frame));
        }
    }
}

/// The first frame and what follows it. The library takes a frame without an end for one that ends there, so the
/// end is looked for here.
fn split_frame(input: &[u8]) -> io::Result<(&[u8], &[u8])> {
    let cut_off = || corrupt("stream ended prematurely");
    let Some((magic, [flags, ..])) = input.split_first_chunk::<4>() else {
        return Err(cut_off());
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
    if flags & DICTIONARY != 0 {
        return Err(corrupt("lz4 frames with dictionaries are unsupported"));
    }
    let size_field = if flags & CONTENT_SIZE != 0 { 8 } else { 0 };
    let checksum = |flag| if flags & flag != 0 { 4 } else { 0 };
    // Magic, flags, block size, header checksum.
    let mut at = 4 + 1 + 1 + size_field + 1;
    loop {
        let (length, _) =
            input.get(at..).and_then(|rest| rest.split_first_chunk()).ok_or_else(cut_off)?;
        // The highest bit marks a block that is stored as it is.
        let length = (u32::from_le_bytes(*length) & !UNCOMPRESSED) as usize;
        at += 4;
        if length == 0 {
            at += checksum(CONTENT_CHECKSUM);
            return input.split_at_checked(at).ok_or_else(cut_off);
        }
        at += length + checksum(BLOCK_CHECKSUM);
    }
}
