//! Replays a partition of `__transaction_state` into a machine.

use ottla_coordinator::transaction::{Record, TransactionCoordinator};
use ottla_log::{Isolation, ReadOptions};
use ottla_machine::Runner;
use ottla_wire::records::{Batch, Batches};

use crate::partition::Partition;

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
}

/// Reads everything that is committed, `read_bytes` at a time. Records that can't be understood are told and passed
/// over, as Kafka does.
pub(super) fn load(
    partition: &Partition,
    read_bytes: usize,
    mut runner: Runner<TransactionCoordinator>,
) -> Result<Runner<TransactionCoordinator>, LoadError> {
    let mut next = partition.log_offsets().map_err(|_| LoadError::Closed)?.log_start;
    loop {
        let failed = |detail: String| LoadError::Read { offset: next, detail };
        let options = ReadOptions {
            start_offset: next,
            max_bytes: read_bytes,
            min_one_batch: true,
            isolation: Isolation::LogEnd,
        };
        let read = partition
            .with_log(|log| log.read(options))
            .ok_or(LoadError::Closed)?
            .map_err(|error| failed(error.to_string()))?;
        if read.slice.is_empty() {
            runner.loaded(read.offsets.log_end);
            return Ok(runner);
        }
        let bytes = read.slice.read().map_err(|error| failed(error.to_string()))?;
        let before = next;
        for batch in Batches::new(bytes) {
            let damaged = |detail: String| LoadError::Batch { offset: next, detail };
            let batch = batch.map_err(|error| damaged(error.to_string()))?;
            let last_offset = batch.view().header().last_offset();
            if last_offset >= next {
                replay_batch(partition, &mut runner, &batch).map_err(damaged)?;
            }
            next = next.max(last_offset + 1);
        }
        if next == before {
            let detail = "no whole batch was found".to_owned();
            return Err(LoadError::Read { offset: next, detail });
        }
    }
}

fn replay_batch(
    partition: &Partition,
    runner: &mut Runner<TransactionCoordinator>,
    batch: &Batch,
) -> Result<(), String> {
    if batch.view().header().attributes.is_control() {
        return Ok(());
    }
    let records = batch.records(BATCH_BYTES_MAX).map_err(|error| error.to_string())?;
    for record in records.iter() {
        let record = record.map_err(|error| error.to_string())?;
        let Some(key) = record.key else { continue };
        match Record::decode(key, record.value) {
            Ok(decoded) => runner.replay(record.offset, &decoded),
            Err(error) => {
                let (index, offset) = (partition.index(), record.offset);
                tracing::warn!(partition = index, offset, %error, "record passed over");
            }
        }
    }
    Ok(())
}
