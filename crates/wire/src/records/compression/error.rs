//! Pure. Why a stream could not be compressed or decompressed.
use std::{fmt, io};

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
    pub(in crate::records) fn from_io(error: io::Error) -> Self {
        CompressionError::Corrupt { detail: error.to_string() }
    }

    pub(super) fn write(error: impl fmt::Display) -> Self {
        CompressionError::Write { detail: error.to_string() }
    }
}

/// What a codec of our own says of a stream that it can't read.
pub(super) fn corrupt(detail: impl Into<String>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, detail.into())
}
