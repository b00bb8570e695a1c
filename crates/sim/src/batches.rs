//! Batches built and read.
use std::fmt;

use bytes::Bytes;
use ottla_log::{Isolation, Log, ReadOptions};
use ottla_wire::records::{
    BatchBuilder, BatchOptions, BatchView, BatchViews, Compression, EndTransactionMarker,
    TimestampType,
};

const DECOMPRESSED_BYTES_MAX: usize = 1 << 20;

/// A record, as a reader sees it.
#[derive(Clone, PartialEq, Eq)]
pub struct Record {
    pub offset: i64,
    pub timestamp: i64,
    pub key: Option<Vec<u8>>,
    pub value: Option<Vec<u8>>,
}

/// Short: what fills a value up is of no interest.
impl fmt::Debug for Record {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = |bytes: &Option<Vec<u8>>| match bytes {
            Some(bytes) => String::from_utf8_lossy(bytes).trim_end_matches('.').to_owned(),
            None => "none".to_owned(),
        };
        let (key, value) = (text(&self.key), text(&self.value));
        write!(formatter, "{} ({key}: {value}, at {})", self.offset, self.timestamp)
    }
}

/// Who wrote a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Producer {
    pub id: i64,
    pub epoch: i16,
    pub base_sequence: i32,
}

/// A batch, as a reader sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    pub base_offset: i64,
    pub last_offset: i64,
    pub leader_epoch: i32,
    pub producer: Option<Producer>,
    pub is_transactional: bool,
    /// For the end of a transaction: whether it commits.
    pub commits: Option<bool>,
    pub records: Vec<Record>,
}

impl Batch {
    /// Offsets that it takes.
    pub fn offsets(&self) -> i64 {
        self.last_offset - self.base_offset + 1
    }

    /// Moves the batch so that it begins at `base_offset`.
    pub fn shift_to(&mut self, base_offset: i64) {
        let by = base_offset - self.base_offset;
        self.base_offset += by;
        self.last_offset += by;
        self.records.iter_mut().for_each(|record| record.offset += by);
    }

    /// The bytes that a producer sends, or a leader, if the offsets are to be told.
    pub fn encode(&self, compression: Compression, tells_offsets: bool) -> Bytes {
        let no_producer = BatchOptions::default();
        let mut builder = BatchBuilder::new(BatchOptions {
            base_offset: if tells_offsets { self.base_offset } else { 0 },
            partition_leader_epoch: if tells_offsets { self.leader_epoch } else { -1 },
            compression,
            producer_id: self.producer.map_or(no_producer.producer_id, |producer| producer.id),
            producer_epoch: self.producer.map_or(no_producer.producer_epoch, |known| known.epoch),
            base_sequence: self
                .producer
                .map_or(no_producer.base_sequence, |producer| producer.base_sequence),
            is_transactional: self.is_transactional,
            ..no_producer
        });
        for record in &self.records {
            let offset = record.offset - if tells_offsets { 0 } else { self.base_offset };
            let (key, value) = (record.key.as_deref(), record.value.as_deref());
            builder
                .append_at(offset, record.timestamp, key, value, &[])
                .expect("the workload makes records that fit");
        }
        builder.build().expect("the workload makes batches that fit").freeze()
    }

    /// Reads a batch whose bytes have been checked.
    fn decode(view: &BatchView<'_>) -> Result<Batch, String> {
        let mut records = Vec::new();
        let mut commits = None;
        let contents = view.records(DECOMPRESSED_BYTES_MAX).map_err(|error| error.to_string())?;
        for record in contents.views() {
            let record = record.map_err(|error| error.to_string())?;
            if view.is_control() {
                let marker = EndTransactionMarker::read(record.key, record.value);
                commits = Some(marker.map_err(|error| error.to_string())?.is_commit);
            }
            let timestamp = match view.timestamp_type() {
                TimestampType::LogAppendTime => view.max_timestamp,
                TimestampType::CreateTime => record.timestamp,
            };
            records.push(Record {
                offset: record.offset,
                timestamp,
                key: record.key.map(<[u8]>::to_vec),
                value: record.value.map(<[u8]>::to_vec),
            });
        }
        Ok(Batch {
            base_offset: view.base_offset,
            last_offset: view.last_offset(),
            leader_epoch: view.partition_leader_epoch,
            producer: view.has_producer_id().then_some(Producer {
                id: view.producer_id,
                epoch: view.producer_epoch,
                base_sequence: view.base_sequence,
            }),
            is_transactional: view.is_transactional(),
            commits: if view.is_control() { commits.or(Some(true)) } else { None },
            records,
        })
    }
}

/// The whole batches in `bytes`; the last one may be cut.
pub fn decode_all(bytes: &[u8]) -> Result<Vec<Batch>, String> {
    BatchViews::new(bytes)
        .map(|view| {
            let view = view.map_err(|error| error.to_string())?;
            view.check_crc().map_err(|error| error.to_string())?;
            Batch::decode(&view)
        })
        .collect()
}

/// Everything a log holds from its start to its end, by reads of this size.
pub fn read_all(log: &Log, max_bytes: usize) -> Result<Vec<Batch>, String> {
    let mut found: Vec<Batch> = Vec::new();
    let mut next = log.log_start_offset();
    while next < log.log_end_offset() {
        let options = ReadOptions {
            start_offset: next,
            max_bytes,
            min_one_batch: true,
            isolation: Isolation::LogEnd,
        };
        let read = log.read(options).map_err(|error| format!("reading at {next}: {error}"))?;
        let bytes = read.slice.read().map_err(|error| format!("reading at {next}: {error}"))?;
        let batches = decode_all(&bytes).map_err(|error| format!("reading at {next}: {error}"))?;
        let Some(last) = batches.last() else {
            return if bytes.is_empty() {
                Ok(found)
            } else {
                Err(format!("reading at {next}: {} bytes without a batch", bytes.len()))
            };
        };
        if last.last_offset < next {
            return Err(format!("reading at {next} leads back to {}", last.last_offset));
        }
        next = last.last_offset + 1;
        found.extend(batches);
    }
    Ok(found)
}
