//! A produce request for one partition that is patched instead of built anew.
//!
//! The first eight bytes of every record's value are the moment the request was due, in nanoseconds
//! of the Unix epoch, so that whoever reads the records knows how old they are.

use crate::peer::encoded;
use anyhow::{Context, Result};
use bytes::Bytes;
use clap::ValueEnum;
use ottla_wire::Records;
use ottla_wire::messages::ProduceRequest;
use ottla_wire::messages::produce_request::{PartitionProduceData, TopicProduceData};
use ottla_wire::records::{
    BatchBuilder, BatchOptions, Compression, CompressionType, HEADER_BYTES, crc32c,
};
use std::time::{SystemTime, UNIX_EPOCH};

/// The newest version that names topics by name, with leader hints.
pub const PRODUCE_VERSION: i16 = 12;

const CORRELATION_ID_AT: usize = 8;
const CRC_AT: usize = 17;
const CHECKED_FROM: usize = 21;
const STAMP_BYTES: usize = 8;
/// Stands where the due time will be; it occurs nowhere else.
const STAMP: [u8; STAMP_BYTES] = *b"\0\x01due\x02\x03\0";

/// What the records look like.
#[derive(Clone, Debug, clap::Args)]
pub struct Shape {
    /// Bytes of a record's value
    #[arg(long, default_value_t = 1024)]
    pub record_bytes: usize,
    /// Records of a batch
    #[arg(long, default_value_t = 1)]
    pub batch_records: usize,
    /// How batches are compressed
    #[arg(long, value_enum, default_value = "none")]
    pub codec: Codec,
    /// Whose acknowledgement is asked for
    #[arg(long, default_value_t = 1, allow_negative_numbers = true)]
    pub acks: i16,
}

/// Codecs of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Codec {
    None,
    Lz4,
    Zstd,
}

impl Codec {
    fn compression(self) -> Compression {
        Compression::of(match self {
            Codec::None => CompressionType::None,
            Codec::Lz4 => CompressionType::Lz4,
            Codec::Zstd => CompressionType::Zstd,
        })
    }
}

/// A frame whose ids, partition and due time can be changed.
#[derive(Clone, Debug)]
pub struct Template {
    frame: Vec<u8>,
    batch_at: usize,
    partition_at: usize,
    stamps: Vec<usize>,
}

impl Template {
    /// Builds the frame.
    pub fn new(topic: &str, shape: &Shape) -> Result<Template> {
        let batch = batch(shape)?;
        let length_bytes = varint_bytes(batch.len() + 1);
        let request = ProduceRequest {
            acks: shape.acks,
            timeout_ms: 30_000,
            topic_data: vec![TopicProduceData {
                name: topic.to_owned(),
                partition_data: vec![PartitionProduceData {
                    records: Some(Records::Bytes(batch.clone())),
                    ..PartitionProduceData::default()
                }],
                ..TopicProduceData::default()
            }],
            ..ProduceRequest::default()
        };
        let frame = encoded(&request, PRODUCE_VERSION, 0)?;
        let batch_at = find(&frame, &batch, 0).context("the frame holds the batch")?;
        let mut stamps = Vec::new();
        let mut from = batch_at;
        while let Some(at) = find(&frame, &STAMP, from) {
            stamps.push(at);
            from = at + STAMP_BYTES;
        }
        Ok(Template { batch_at, partition_at: batch_at - length_bytes - 4, stamps, frame })
    }

    /// The frame for this request.
    pub fn patched(&mut self, correlation_id: i32, partition: i32, due_ns: u64) -> &[u8] {
        let length = u32::from_be_bytes(
            self.frame[self.batch_at + 8..self.batch_at + 12].try_into().unwrap_or_default(),
        );
        self.put(CORRELATION_ID_AT, &correlation_id.to_be_bytes());
        self.put(self.partition_at, &partition.to_be_bytes());
        if !self.stamps.is_empty() {
            for index in 0..self.stamps.len() {
                self.put(self.stamps[index], &due_ns.to_be_bytes());
            }
            let end = self.batch_at + 12 + length as usize;
            let crc = crc32c(&self.frame[self.batch_at + CHECKED_FROM..end]);
            self.put(self.batch_at + CRC_AT, &crc.to_be_bytes());
        }
        &self.frame
    }

    fn put(&mut self, at: usize, value: &[u8]) {
        self.frame[at..at + value.len()].copy_from_slice(value);
    }
}

/// One batch of records, their values letters by chance.
pub fn batch(shape: &Shape) -> Result<Bytes> {
    let options =
        BatchOptions { compression: shape.codec.compression(), ..BatchOptions::default() };
    let now_ms = i64::try_from(now_ns() / 1_000_000)?;
    let mut builder = BatchBuilder::with_capacity(options, HEADER_BYTES);
    let mut letters = Letters(0x9e37_79b9_7f4a_7c15);
    for _ in 0..shape.batch_records {
        let mut value: Vec<u8> = Vec::with_capacity(shape.record_bytes);
        value.extend_from_slice(&STAMP);
        value.resize_with(shape.record_bytes.max(STAMP_BYTES), || letters.next());
        builder.append(now_ms, None, Some(&value), &[])?;
    }
    Ok(builder.build()?.freeze())
}

/// Nanoseconds of the Unix epoch.
pub fn now_ns() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(now.as_nanos()).unwrap_or(u64::MAX)
}

/// Letters as Kafka's own performance tool draws them, the same in every run.
struct Letters(u64);

impl Letters {
    fn next(&mut self) -> u8 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        b'A' + u8::try_from(self.0 % 26).unwrap_or(0)
    }
}

fn varint_bytes(value: usize) -> usize {
    let bits = usize::BITS - value.max(1).leading_zeros();
    bits.div_ceil(7) as usize
}

fn find(within: &[u8], wanted: &[u8], from: usize) -> Option<usize> {
    let found = within.get(from..)?.windows(wanted.len()).position(|window| window == wanted)?;
    Some(from + found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ottla_wire::header::decode_request_header;
    use ottla_wire::records::BatchView;
    use ottla_wire::{Message, Reader};

    #[test]
    fn a_patched_frame_says_what_was_patched() {
        for (batch_records, codec) in [(1, Codec::None), (20, Codec::None), (20, Codec::Lz4)] {
            let shape = Shape { record_bytes: 1000, batch_records, codec, acks: 1 };
            let mut template = Template::new("topic", &shape).expect("builds");
            let frame = template.patched(77, 13, 0x0102_0304_0506_0708).to_vec();
            let length = u32::from_be_bytes(frame[..4].try_into().expect("four bytes"));
            assert_eq!(length as usize + 4, frame.len());
            let frame = Bytes::from(frame).slice(4..);
            let mut reader = Reader::new(&frame);
            let start = decode_request_header(&mut reader).expect("a header");
            assert_eq!(start.header.correlation_id, 77);
            let request = ProduceRequest::decode(&mut reader, PRODUCE_VERSION).expect("a request");
            let data = &request.topic_data[0].partition_data[0];
            assert_eq!(data.index, 13);
            let records = data.records.as_ref().and_then(|records| records.bytes()).expect("bytes");
            let batch = BatchView::first(records).expect("a batch");
            batch.check_crc().expect("the checksum follows the patch");
            assert_eq!(batch.count as usize, batch_records);
            if codec == Codec::None {
                let mut views = batch.plain_records().expect("plain").expect("some");
                let first = views.next().expect("a record").expect("whole");
                assert_eq!(first.value.expect("a value")[..8], [1, 2, 3, 4, 5, 6, 7, 8]);
            }
        }
    }
}
