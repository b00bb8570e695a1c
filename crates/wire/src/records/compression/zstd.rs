//! Zstandard through the reference library. Frames may follow one another.
//!
//! Contexts are large and slow to make, so each thread keeps one of either kind, unless it has grown.
use std::cell::Cell;
use std::io::{self, Read};

use zstd::zstd_safe::{
    CCtx, CParameter, DCtx, DParameter, InBuffer, OutBuffer, ResetDirective, compress_bound,
    get_error_name,
};

use super::{CompressionError, corrupt};

/// The largest window a frame may ask for, as the logarithm of its bytes: 128 MiB, which is the library's own
/// default and what level 22 writes.
const WINDOW_LOG_MAX: u32 = 27;
/// A context that has grown beyond this is not kept.
const KEPT_BYTES_MAX: usize = 4 << 20;

thread_local! {
    static COMPRESSOR: Cell<Option<CCtx<'static>>> = const { Cell::new(None) };
    static DECOMPRESSOR: Cell<Option<DCtx<'static>>> = const { Cell::new(None) };
}

pub(super) fn compress(
    input: &[u8],
    level: i32,
    out: &mut Vec<u8>,
) -> Result<(), CompressionError> {
    let failed = |code| CompressionError::write(get_error_name(code));
    let mut context = COMPRESSOR
        .take()
        .or_else(CCtx::try_create)
        .ok_or_else(|| CompressionError::write("zstd has no memory for a context"))?;
    context.reset(ResetDirective::SessionOnly).map_err(failed)?;
    context.set_parameter(CParameter::CompressionLevel(level)).map_err(failed)?;
    let start = out.len();
    out.resize(start + compress_bound(input.len()), 0);
    let length = context.compress2(&mut out[start..], input).map_err(failed)?;
    out.truncate(start + length);
    if context.sizeof() <= KEPT_BYTES_MAX {
        COMPRESSOR.set(Some(context));
    }
    Ok(())
}

/// Reads frames.
pub(super) struct Decoder<'a> {
    rest: &'a [u8],
    is_in_frame: bool,
    /// Taken only when the decoder is dropped.
    context: Option<DCtx<'static>>,
}

impl<'a> Decoder<'a> {
    pub(super) fn new(input: &'a [u8]) -> io::Result<Self> {
        let mut context = DECOMPRESSOR
            .take()
            .or_else(DCtx::try_create)
            .ok_or_else(|| corrupt("zstd has no memory for a context"))?;
        context.reset(ResetDirective::SessionOnly).map_err(failed)?;
        context.set_parameter(DParameter::WindowLogMax(WINDOW_LOG_MAX)).map_err(failed)?;
        Ok(Decoder { rest: input, is_in_frame: false, context: Some(context) })
    }
}

impl Read for Decoder<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let context = self.context.as_mut().expect("the context stays until the drop");
        while !buffer.is_empty() && (self.is_in_frame || !self.rest.is_empty()) {
            let was_at_end = self.rest.is_empty();
            let mut input = InBuffer::around(self.rest);
            let mut output = OutBuffer::around(&mut *buffer);
            // Zero says that the frame is complete, and all of it handed out.
            let hint = context.decompress_stream(&mut output, &mut input).map_err(failed)?;
            self.is_in_frame = hint != 0;
            let (consumed, produced) = (input.pos(), output.pos());
            self.rest = &self.rest[consumed..];
            if produced > 0 {
                return Ok(produced);
            }
            if was_at_end && self.is_in_frame {
                return Err(corrupt("truncated source"));
            }
        }
        Ok(0)
    }
}

impl Drop for Decoder<'_> {
    fn drop(&mut self) {
        if let Some(context) = self.context.take()
            && context.sizeof() <= KEPT_BYTES_MAX
        {
            DECOMPRESSOR.set(Some(context));
        }
    }
}

fn failed(code: usize) -> io::Error {
    corrupt(get_error_name(code))
}
