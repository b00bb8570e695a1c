//! Replays a partition of `__consumer_offsets` into a machine.

use ottla_coordinator::transaction::ProducerEpoch;
use ottla_coordinator::{EndedTransaction, GroupCoordinator, Record};
use ottla_log::{Isolation, ReadOptions};
use ottla_machine::Runner;
use ottla_wire::records::{BatchHeader, Batches, EndTransactionMarker};

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

/// Reads everything that is committed. Records that can't be understood are told and passed over,
/// as Kafka does: one of them must not keep a thousand groups from working.
pub(super) fn load(
    partition: &Partition,
    load_bytes: usize,
    mut runner: Runner<GroupCoordinator>,
) -> Result<Runner<GroupCoordinator>, LoadError> {
    let mut next = partition.log_offsets().map_err(|_| LoadError::Closed)?.log_start;
    loop {
        let failed = |detail: String| LoadError::Read { offset: next, detail };
        let read = partition
            .with_log(|log| {
                log.read(ReadOptions {
                    start_offset: next,
                    max_bytes: load_bytes,
                    min_one_batch: true,
                    isolation: Isolation::LogEnd,
                })
            })
            .ok_or(LoadError::Closed)?
            .map_err(|error| failed(error.to_string()))?;
        if read.slice.is_empty() {
            runner.loaded(read.offsets.log_end);
            return Ok(runner);
        }
        let bytes = read.slice.read().map_err(|error| failed(error.to_string()))?;
        let before = next;
        for batch in Batches::new(bytes) {
            let damaged = |detail: &dyn std::fmt::Display| LoadError::Batch {
                offset: next,
                detail: detail.to_string(),
            };
            let batch = match batch {
                Ok(batch) => batch,
                Err(error) => return Err(damaged(&error)),
            };
            let header = *batch.view().header();
            if header.last_offset() >= next {
                let records = batch.records(BATCH_BYTES_MAX).map_err(|error| damaged(&error))?;
                for record in records.iter() {
                    let record = record.map_err(|error| damaged(&error))?;
                    replay(partition, &mut runner, &header, record);
                }
            }
            next = next.max(header.last_offset() + 1);
        }
        if next == before {
            return Err(LoadError::Read {
                offset: next,
                detail: "no whole batch was found".to_owned(),
            });
        }
    }
}

fn replay(
    partition: &Partition,
    runner: &mut Runner<GroupCoordinator>,
    header: &BatchHeader,
    record: ottla_wire::records::Record,
) {
    let offset = record.offset;
    match decode(header, record) {
        Ok(Some(decoded)) => runner.replay(offset, &decoded),
        Ok(None) => {}
        Err(error) => {
            let index = partition.index();
            tracing::warn!(partition = index, offset, %error, "record passed over");
        }
    }
}

/// A batch's header says of which transaction its records are.
fn decode(
    header: &BatchHeader,
    record: ottla_wire::records::Record,
) -> Result<Option<Record>, String> {
    let producer =
        ProducerEpoch { producer_id: header.producer_id, producer_epoch: header.producer_epoch };
    if header.attributes.is_control() {
        if !header.has_producer_id() {
            return Ok(None);
        }
        let marker = EndTransactionMarker::read(record.key.as_deref(), record.value.as_deref());
        let EndTransactionMarker { is_commit, coordinator_epoch } =
            marker.map_err(|error| error.to_string())?;
        let ended =
            EndedTransaction { producer, is_commit, coordinator_epoch, transaction_version: 0 };
        return Ok(Some(Record::EndTransaction(ended)));
    }
    let Some(key) = record.key else { return Ok(None) };
    let decoded = Record::decode(key, record.value).map_err(|error| error.to_string())?;
    let is_transactional = header.is_transactional();
    Ok(Some(if is_transactional { decoded.in_transaction(producer) } else { decoded }))
}
