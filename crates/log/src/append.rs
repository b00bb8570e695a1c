//! Checking records before they are appended: what Kafka's brokers check, in their order and words.
//!
//! None of it needs the log, only its settings; so it happens without the log's lock.
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use ottla_wire::ErrorCode;
use ottla_wire::records::{
    BatchError, BatchHeader, BatchLimits, BatchMut, BatchView, BatchViews, Compression,
    CompressionType, EndTransactionMarker, RecordFault, RecordRules, Summary, TimestampType,
    check_batch, check_records, rebuild,
};

use crate::config::LogConfig;
use crate::producers::Marker;
use crate::segment::DECOMPRESSED_BYTES_MAX;

/// Who appends, which decides what is checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AppendOrigin {
    /// A producer: one batch, everything is checked.
    Client,
    /// A coordinator or controller: one batch, no sequences, control records allowed.
    Coordinator,
    /// A leader's records on a follower: offsets are given, a cut-off last batch is left out.
    Replication,
    /// The metadata quorum's leader: offsets are given.
    RaftLeader,
}

/// Why records were refused.
///
/// Kafka puts the message into a ProduceResponse only together with record errors.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Refusal {
    /// For the response.
    pub code: ErrorCode,
    /// As Kafka words it.
    pub message: String,
    /// The records at fault, where single ones are.
    pub record_errors: Vec<RecordError>,
}

impl Refusal {
    pub(crate) fn new(code: ErrorCode, message: String) -> Refusal {
        Refusal { code, message, record_errors: Vec::new() }
    }
}

/// One record at fault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordError {
    /// Which record of the batch, from 0.
    pub batch_index: i32,
    /// What is wrong with it.
    pub message: String,
}

/// What checking needs to know of a log; cheap to clone, used without the log's lock.
#[derive(Clone, Debug)]
pub struct AppendPolicy {
    /// Names the partition in messages.
    pub(crate) partition: Arc<str>,
    /// The log's settings at the time.
    pub(crate) config: Arc<LogConfig>,
}

/// Records that may be appended.
#[derive(Debug)]
pub struct ValidatedBatches {
    pub(crate) origin: AppendOrigin,
    pub(crate) bytes: Bytes,
    /// In order; together they are `bytes`.
    pub(crate) batches: Vec<ValidatedBatch>,
    pub(crate) now_ms: i64,
}

impl ValidatedBatches {
    /// Bytes that will be written.
    pub fn bytes(&self) -> usize {
        self.bytes.len()
    }

    /// Records in them.
    pub fn record_count(&self) -> i64 {
        self.batches.iter().map(|batch| i64::from(batch.header.count)).sum()
    }
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct ValidatedBatch {
    pub(crate) header: BatchHeader,
    /// For a control batch that ends a transaction.
    pub(crate) marker: Option<Marker>,
}

impl AppendPolicy {
    /// Checks records (header, CRC, counts, timestamps, keys where compaction needs them) and, where
    /// the settings ask for it, compresses them anew. The log's lock is not needed.
    ///
    /// For [`AppendOrigin::Replication`] and [`AppendOrigin::RaftLeader`] only lengths, CRC and
    /// ascending offsets are checked.
    pub fn validate(
        &self,
        records: Bytes,
        origin: AppendOrigin,
        now_ms: i64,
    ) -> Result<ValidatedBatches, Refusal> {
        match origin {
            AppendOrigin::Client | AppendOrigin::Coordinator => {
                self.validate_one(records, origin, now_ms)
            }
            AppendOrigin::Replication | AppendOrigin::RaftLeader => {
                self.validate_given(records, origin, now_ms)
            }
        }
    }

    fn validate_one(
        &self,
        mut records: Bytes,
        origin: AppendOrigin,
        now_ms: i64,
    ) -> Result<ValidatedBatches, Refusal> {
        let refuse = |error| self.refusal(error);
        let mut batches = BatchViews::new(&records);
        let batch = batches.next().ok_or(BatchError::NoBatch).flatten().map_err(refuse)?;
        self.check_head(&batch, origin)?;
        if batches.next().is_some() {
            return Err(refuse(BatchError::MoreThanOneBatch));
        }
        let rules = self.record_rules(now_ms);
        let summary = check_records(&batch, &rules).map_err(refuse)?;
        let size = batch.size();
        match self.rewritten(&batch, &summary, now_ms)? {
            Some(rewritten) => records = rewritten,
            None => records.truncate(size),
        }
        let batch = BatchView::first(&records).map_err(refuse)?;
        let validated = ValidatedBatch { header: *batch.header(), marker: self.marker_of(&batch)? };
        Ok(ValidatedBatches { origin, batches: vec![validated], bytes: records, now_ms })
    }

    /// What the header alone shows to be wrong, and the CRC.
    fn check_head(&self, batch: &BatchView<'_>, origin: AppendOrigin) -> Result<(), Refusal> {
        let limits = BatchLimits { bytes_max: self.bytes_max() };
        if origin == AppendOrigin::Client {
            return check_batch(batch, &limits).map_err(|error| self.refusal(error));
        }
        if batch.size() > limits.bytes_max {
            let (size, maximum) = (batch.size(), limits.bytes_max);
            return Err(self.refusal(BatchError::TooLarge { size, maximum }));
        }
        batch.check_crc().map_err(|error| self.refusal(error))
    }

    fn record_rules(&self, now_ms: i64) -> RecordRules {
        RecordRules {
            now_ms,
            timestamp_type: self.config.timestamp_type,
            before_max_ms: self.config.timestamp_before_max_ms,
            after_max_ms: self.config.timestamp_after_max_ms,
            needs_key: self.config.cleanup_policy.compact,
        }
    }

    /// The batch as it has to be written, when that is not as it came.
    fn rewritten(
        &self,
        batch: &BatchView<'_>,
        summary: &Summary,
        now_ms: i64,
    ) -> Result<Option<Bytes>, Refusal> {
        let (timestamp_type, max_timestamp) = match self.config.timestamp_type {
            TimestampType::LogAppendTime => (TimestampType::LogAppendTime, now_ms),
            TimestampType::CreateTime => (TimestampType::CreateTime, summary.max_timestamp),
        };
        let compression = self.target_compression(batch, summary.compression);
        let as_sent = compression.kind() == summary.compression && summary.has_consecutive_offsets;
        let timestamps_stay =
            batch.timestamp_type() == timestamp_type && batch.max_timestamp == max_timestamp;
        if as_sent && timestamps_stay {
            return Ok(None);
        }
        let mut bytes = if as_sent {
            BytesMut::from(batch.bytes())
        } else {
            let rebuilt = rebuild(batch, compression, DECOMPRESSED_BYTES_MAX);
            rebuilt.map_err(|error| self.refusal(error))?
        };
        BatchMut::first(&mut bytes)
            .map_err(|error| self.refusal(error))?
            .set_max_timestamp(timestamp_type, max_timestamp);
        if bytes.len() > self.bytes_max() {
            return Err(Refusal::new(
                ErrorCode::MessageTooLarge,
                format!(
                    "Message batch size is {} bytes in append topartition {} which exceeds the maximum \
                     configured size of {}.",
                    bytes.len(),
                    self.partition,
                    self.bytes_max()
                ),
            ));
        }
        Ok(Some(bytes.freeze()))
    }

    /// Control records stay as they are: a reader must find them without a codec.
    fn target_compression(&self, batch: &BatchView<'_>, source: CompressionType) -> Compression {
        if batch.is_control() && source == CompressionType::None {
            return Compression::NONE;
        }
        self.config.compression.target(source)
    }

    fn bytes_max(&self) -> usize {
        usize::try_from(self.config.max_message_bytes).unwrap_or(0)
    }

    fn validate_given(
        &self,
        mut records: Bytes,
        origin: AppendOrigin,
        now_ms: i64,
    ) -> Result<ValidatedBatches, Refusal> {
        let mut batches: Vec<ValidatedBatch> = Vec::new();
        let mut views = BatchViews::new(&records);
        for batch in views.by_ref() {
            let batch = batch.map_err(|error| self.refusal(error))?;
            batch.check_crc().map_err(|error| self.refusal(error))?;
            let out_of_order =
                batches.last().is_some_and(|last| last.header.last_offset() >= batch.last_offset());
            if out_of_order || batch.last_offset() < batch.base_offset {
                return Err(Refusal::new(
                    ErrorCode::UnknownServerError,
                    format!("Out of order offsets found in append to {}", self.partition),
                ));
            }
            batches
                .push(ValidatedBatch { header: *batch.header(), marker: self.marker_of(&batch)? });
        }
        let complete = records.len() - views.rest().len();
        records.truncate(complete);
        Ok(ValidatedBatches { origin, batches, bytes: records, now_ms })
    }

    /// The marker of a control batch that ends a transaction.
    fn marker_of(&self, batch: &BatchView<'_>) -> Result<Option<Marker>, Refusal> {
        transaction_marker(batch).map_err(|detail| {
            let message = format!("{detail} in topic partition {}", self.partition);
            Refusal::new(ErrorCode::InvalidRecord, message)
        })
    }

    /// A refusal in the words of Kafka's brokers, where those name the partition.
    fn refusal(&self, error: BatchError) -> Refusal {
        let partition = &self.partition;
        let message = match &error {
            BatchError::NoBatch => "Record batch has no batches at all".to_owned(),
            BatchError::MoreThanOneBatch => {
                "Compressed outer record has more than one batch".to_owned()
            }
            BatchError::BaseOffset { base_offset } => format!(
                "The baseOffset of the record batch in the append to {partition} should be 0, but it is \
                 {base_offset}"
            ),
            BatchError::TooLarge { size, maximum } => format!(
                "The record batch size in the append to {partition} is {size} bytes which exceeds the \
                 maximum configured value of {maximum})."
            ),
            BatchError::Crc { stored, .. } => {
                format!("Record is corrupt (stored crc = {stored}) in topic partition {partition}.")
            }
            BatchError::OffsetRange { base_offset, last_offset } => format!(
                "Batch has an invalid offset range: [{base_offset}, {last_offset}] in topic partition \
                 {partition}"
            ),
            BatchError::Count { count } => format!(
                "Invalid reported count for record batch: {count} in topic partition {partition}"
            ),
            BatchError::CountMismatch { base_offset, last_offset, count } => format!(
                "Inconsistent batch offset range [{base_offset}, {last_offset}] and count of records \
                 {count} in topic partition {partition}"
            ),
            BatchError::ControlBatch => format!(
                "Clients are not allowed to write control records in topic partition {partition}"
            ),
            BatchError::Sequence { base_sequence, producer_id } => format!(
                "Invalid sequence number {base_sequence} in record batch with producerId {producer_id} in \
                 topic partition {partition}"
            ),
            BatchError::Records(faults) => return self.record_refusal(faults),
            other => other.to_string(),
        };
        Refusal::new(error.error_code(), message)
    }

    fn record_refusal(&self, faults: &[RecordFault]) -> Refusal {
        let record_errors: Vec<RecordError> = faults
            .iter()
            .map(|fault| RecordError {
                batch_index: fault.index,
                message: fault.kind.message(&self.partition),
            })
            .collect();
        let code = RecordFault::error_code(faults);
        let message = if code == ErrorCode::InvalidTimestamp {
            "One or more records have been rejected due to invalid timestamp".to_owned()
        } else {
            let shown: Vec<String> =
                record_errors.iter().take(3).map(RecordError::describe).collect();
            format!(
                "One or more records have been rejected due to {} record errors in total, and only showing \
                 the first three errors at most: [{}]",
                record_errors.len(),
                shown.join(", ")
            )
        };
        Refusal { code, message, record_errors }
    }
}

impl RecordError {
    /// As Kafka's brokers print it.
    fn describe(&self) -> String {
        format!("RecordError(batchIndex={}, message='{}')", self.batch_index, self.message)
    }
}

/// The marker of a control batch of a producer; `None` for any other batch, and for a control batch
/// that compaction has emptied.
pub(crate) fn transaction_marker(batch: &BatchView<'_>) -> Result<Option<Marker>, String> {
    if !batch.is_control() || !batch.has_producer_id() {
        return Ok(None);
    }
    let records = batch.records(DECOMPRESSED_BYTES_MAX).map_err(|error| error.to_string())?;
    let Some(record) = records.views().next() else { return Ok(None) };
    let record = record.map_err(|error| error.to_string())?;
    let marker =
        EndTransactionMarker::read(record.key, record.value).map_err(|error| error.to_string())?;
    Ok(Some(Marker { marker, timestamp: record.timestamp }))
}
