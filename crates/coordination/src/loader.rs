//! Replays a partition into a machine, a bounded piece at a time.

use std::sync::Arc;

use ottla_hosting::Partition;
use ottla_log::{Isolation, ReadOptions};
use ottla_machine::Runner;
use ottla_wire::records::{Batch, Batches};

use super::kind::Kind;

/// Answers that may wait for a commit.
const PARKED_MAX: usize = 100_000;

/// The most that one batch may hold when it is decompressed.
const BATCH_BYTES_MAX: usize = 256 * 1024 * 1024;

/// Why a partition can't be loaded.
#[derive(Debug, thiserror::Error)]
pub(super) enum LoadError {
    #[error("the partition's log is closed")]
    Closed,
    #[error("cannot read at offset {offset}: {detail}")]
    Read { offset: i64, detail: String },
    #[error("the batch at offset {offset} is damaged: {detail}")]
    Batch { offset: i64, detail: String },
    #[error("loading panicked: {0}")]
    Panicked(#[from] tokio::task::JoinError),
}

/// A machine on its way to the log's end.
pub(super) struct Loader<K: Kind> {
    partition: Arc<Partition>,
    runner: Runner<K::Machine>,
    /// Where the next piece begins.
    next: i64,
    piece_bytes: usize,
}

/// What a piece has led to.
pub(super) enum Loaded<K: Kind> {
    /// There is more to read.
    Piece(Loader<K>),
    All(Runner<K::Machine>),
}

impl<K: Kind> Loader<K> {
    pub(super) fn new(
        kind: &K,
        partition: Arc<Partition>,
        piece_bytes: usize,
    ) -> Result<Self, LoadError> {
        let next = partition.log_offsets().map_err(|_| LoadError::Closed)?.log_start;
        let runner = Runner::new(kind.machine(), PARKED_MAX);
        Ok(Self { partition, runner, next, piece_bytes })
    }

    /// Replays one piece. Reads from the disk: not for a task that others wait for.
    pub(super) fn replay_piece(mut self) -> Result<Loaded<K>, LoadError> {
        let begin = self.next;
        let failed = |detail: String| LoadError::Read { offset: begin, detail };
        let options = ReadOptions {
            start_offset: begin,
            max_bytes: self.piece_bytes,
            min_one_batch: true,
            isolation: Isolation::LogEnd,
        };
        let read = self.partition.with_log(|log| log.read(options)).ok_or(LoadError::Closed)?;
        let read = read.map_err(|error| failed(error.to_string()))?;
        if read.slice.is_empty() {
            self.runner.loaded(read.offsets.log_end);
            return Ok(Loaded::All(self.runner));
        }
        let bytes = read.slice.read().map_err(|error| failed(error.to_string()))?;
        for batch in Batches::new(bytes) {
            let offset = self.next;
            let damaged = |detail: String| LoadError::Batch { offset, detail };
            let batch = batch.map_err(|error| damaged(error.to_string()))?;
            let last_offset = batch.view().header().last_offset();
            if last_offset >= offset {
                self.replay(&batch).map_err(damaged)?;
            }
            self.next = offset.max(last_offset + 1);
        }
        if self.next == begin {
            return Err(failed("no whole batch was found".to_owned()));
        }
        Ok(Loaded::Piece(self))
    }

    fn replay(&mut self, batch: &Batch) -> Result<(), String> {
        let header = *batch.view().header();
        let records = batch.records(BATCH_BYTES_MAX).map_err(|error| error.to_string())?;
        for record in records.iter() {
            let record = record.map_err(|error| error.to_string())?;
            let offset = record.offset;
            match K::decode(&header, record) {
                Ok(Some(decoded)) => self.runner.replay(offset, &decoded),
                Ok(None) => {}
                Err(error) => {
                    let (kind, partition) = (K::NAME, self.partition.index());
                    tracing::warn!(kind, partition, offset, %error, "record passed over");
                }
            }
        }
        Ok(())
    }
}
