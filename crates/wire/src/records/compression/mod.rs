//! Pure. The codecs of record batches, as Kafka's clients write and read them.
//!
//! Nothing is allocated because a stream claims a size; the caller bounds what comes out. A [`Decoder`] streams and
//! holds one block or window at a time.
//!
//! # Layout
//! - `kind`: which codecs there are, and their levels
//! - `coding`: bytes through a codec
//! - `gzip`, `lz4`, `snappy`, `zstd`: one codec each
//! - `error`: what can go wrong
mod coding;
mod error;
mod gzip;
mod kind;
mod lz4;
mod snappy;
mod zstd;

pub use coding::{Decoder, compress, decoder, decompress};
pub use error::CompressionError;
use error::corrupt;
pub use kind::{Compression, CompressionType, Levels};

#[cfg(test)]
mod tests;
