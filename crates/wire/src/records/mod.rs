//! Pure. Record batches, magic 2: read in place, checked, patched, built and compressed.
//!
//! Nothing here copies a record: a [`BatchView`] looks at bytes that lie somewhere else, a [`Batch`] owns a slice of
//! the received buffer. Every length and count found in the bytes is doubted before it is used.
//!
//! # Layout
//! - `header`: the 61 bytes before the records, and the attribute bits
//! - `batch`: one batch in place; `batches`: one after another, with a cut-off tail
//! - `record`: one record; `contents`: the records of a batch; `walk`: the one parser below both
//! - `validate`: what a leader checks before it appends; `patch`: what it may change in place
//! - `builder`: writes batches; `rebuild`: writes one again; `control`: control records
//! - `compression`: gzip, snappy, lz4, zstd
mod batch;
mod batches;
mod builder;
pub mod compression;
mod contents;
mod control;
mod error;
mod header;
mod patch;
mod rebuild;
mod record;
mod validate;
mod varint;
mod walk;

pub use batch::{Batch, BatchView, crc32c, is_old_message};
pub use batches::{BatchViews, Batches};
pub use builder::{BatchBuilder, BatchOptions, BuildError, record_bytes, record_bytes_max};
pub use compression::{Compression, CompressionError, CompressionType};
pub use contents::{RecordViews, Records};
pub use control::{ControlError, ControlType, EndTransactionMarker, control_batch};
pub use error::{BatchError, RecordError};
pub use header::{
    Attributes, BatchHeader, HEADER_BYTES, LENGTH_OVERHEAD_BYTES, MAGIC, NO_PARTITION_LEADER_EPOCH,
    NO_PRODUCER_EPOCH, NO_PRODUCER_ID, NO_SEQUENCE, NO_TIMESTAMP, TimestampType,
    decrement_sequence, increment_sequence,
};
pub use patch::BatchMut;
pub use rebuild::{rebuild, retain};
pub use record::{HeaderView, Headers, Record, RecordHeader, RecordView};
pub use validate::{
    BatchLimits, RecordFault, RecordFaultKind, RecordRules, Summary, check_batch,
    check_produce_shape, check_records, validate_produce,
};
