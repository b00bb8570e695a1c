//! Snappy in the framing of snappy-java, which Kafka's clients use: a 16-byte header, then blocks with their
//! compressed length in front. Other clients write one bare block; both are read.
use std::io::{self, Read};

use super::{CompressionError, corrupt};

const MAGIC: [u8; 8] = [0x82, b'S', b'N', b'A', b'P', b'P', b'Y', 0];
/// Magic, then version and lowest compatible version as 32-bit numbers, both 1.
const STREAM_HEADER: [u8; 16] =
    [0x82, b'S', b'N', b'A', b'P', b'P', b'Y', 0, 0, 0, 0, 1, 0, 0, 0, 1];
/// Uncompressed bytes of a block, as snappy-java cuts them.
const BLOCK_BYTES: usize = 32 * 1024;
/// The most that one byte of a block can stand for: three bytes copy 64. Whoever claims more, lies.
const EXPANSION_MAX: usize = 22;

pub(super) fn compress(input: &[u8], out: &mut Vec<u8>) -> Result<(), CompressionError> {
    let mut encoder = snap::raw::Encoder::new();
    out.extend_from_slice(&STREAM_HEADER);
    for block in input.chunks(BLOCK_BYTES) {
        let length_at = out.len();
        let block_at = length_at + 4;
        out.resize(block_at + snap::raw::max_compress_len(block.len()), 0);
        let length =
            encoder.compress(block, &mut out[block_at..]).map_err(CompressionError::write)?;
        out.truncate(block_at + length);
        out[length_at..block_at].copy_from_slice(&(length as u32).to_be_bytes());
    }
    Ok(())
}

/// Reads either form.
pub(super) struct Decoder<'a> {
    rest: &'a [u8],
    is_framed: bool,
    block: Vec<u8>,
    position: usize,
}

impl<'a> Decoder<'a> {
    pub(super) fn new(input: &'a [u8]) -> Self {
        Decoder {
            rest: input,
            is_framed: input.starts_with(&MAGIC),
            block: Vec::new(),
            position: 0,
        }
    }

    /// Decompresses the next block; false at the end.
    fn next_block(&mut self) -> io::Result<bool> {
        // Streams may follow one another, each with its header.
        while self.is_framed && self.rest.starts_with(&MAGIC) {
            self.rest = self
                .rest
                .get(STREAM_HEADER.len()..)
                .ok_or_else(|| corrupt("the snappy stream header is cut off"))?;
        }
        if self.rest.is_empty() {
            return Ok(false);
        }
        let block =
            if self.is_framed { self.take_framed_block()? } else { std::mem::take(&mut self.rest) };
        let claimed = snap::raw::decompress_len(block).map_err(io::Error::other)?;
        if claimed > block.len().saturating_mul(EXPANSION_MAX) {
            return Err(corrupt(format!(
                "a snappy block of {} bytes claims to hold {claimed}",
                block.len()
            )));
        }
        self.position = 0;
        self.block.resize(claimed, 0);
        snap::raw::Decoder::new().decompress(block, &mut self.block).map_err(io::Error::other)?;
        Ok(true)
    }

    fn take_framed_block(&mut self) -> io::Result<&'a [u8]> {
        let cut_off = || corrupt("a snappy block is cut off");
        let (length, rest) = self.rest.split_first_chunk().ok_or_else(cut_off)?;
        let length = u32::from_be_bytes(*length) as usize;
        let (block, rest) = rest.split_at_checked(length).ok_or_else(cut_off)?;
        self.rest = rest;
        Ok(block)
    }
}

impl Read for Decoder<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.position == self.block.len() {
            if !self.next_block()? {
                return Ok(0);
            }
        }
        let count = buffer.len().min(self.block.len() - self.position);
        buffer[..count].copy_from_slice(&self.block[self.position..self.position + count]);
        self.position += count;
        Ok(count)
    }
}
