//! Record batches for requests: good ones, and every way to spoil one.

use bytes::{Bytes, BytesMut};
use ottla_wire::records::{BatchBuilder, BatchOptions, Compression, CompressionType, crc32c};

/// The time of every record, unless a case says otherwise.
pub const TIME: i64 = 1_700_000_000_000;
const CRC_AT: usize = 17;
const ATTRIBUTES_AT: usize = 21;

/// An idempotent producer's place.
#[derive(Clone, Copy, Debug)]
pub struct Producer {
    pub id: i64,
    pub epoch: i16,
    pub sequence: i32,
}

/// A batch of records `k0=v0`, `k1=v1` and so on, one millisecond apart.
pub fn batch(count: i64, options: BatchOptions) -> Bytes {
    let mut builder = BatchBuilder::new(options);
    for index in 0..count {
        let (key, value) = (format!("k{index}"), format!("v{index}"));
        builder
            .append(TIME + index, Some(key.as_bytes()), Some(value.as_bytes()), &[])
            .expect("small records in order");
    }
    builder.build().expect("every codec is there").freeze()
}

/// A plain batch.
pub fn plain(count: i64) -> Bytes {
    batch(count, BatchOptions::default())
}

/// A batch in a codec.
pub fn compressed(kind: CompressionType, count: i64) -> Bytes {
    batch(count, BatchOptions { compression: Compression::of(kind), ..Default::default() })
}

/// A batch of an idempotent producer.
pub fn sequenced(count: i64, producer: Producer) -> Bytes {
    batch(
        count,
        BatchOptions {
            producer_id: producer.id,
            producer_epoch: producer.epoch,
            base_sequence: producer.sequence,
            ..Default::default()
        },
    )
}

/// A batch of a transaction.
pub fn transactional(count: i64, producer: Producer) -> Bytes {
    batch(
        count,
        BatchOptions {
            producer_id: producer.id,
            producer_epoch: producer.epoch,
            base_sequence: producer.sequence,
            is_transactional: true,
            ..Default::default()
        },
    )
}

/// A batch whose records have this time.
pub fn timed(time: i64) -> Bytes {
    let mut builder = BatchBuilder::new(BatchOptions::default());
    builder.append(time, Some(b"k"), Some(b"v"), &[]).expect("one small record");
    builder.build().expect("nothing to compress").freeze()
}

/// The batch with other bytes at a place.
pub fn spoiled(batch: &Bytes, at: usize, bytes: &[u8]) -> Bytes {
    let mut spoiled = BytesMut::from(&batch[..]);
    spoiled[at..at + bytes.len()].copy_from_slice(bytes);
    spoiled.freeze()
}

/// The batch with other bytes at a place, and a checksum that holds.
pub fn changed(batch: &Bytes, at: usize, bytes: &[u8]) -> Bytes {
    let changed = spoiled(batch, at, bytes);
    let crc = crc32c(&changed[ATTRIBUTES_AT..]);
    spoiled(&changed, CRC_AT, &crc.to_be_bytes())
}

/// Two pieces behind each other.
pub fn joined(first: &Bytes, second: &Bytes) -> Bytes {
    Bytes::from([&first[..], &second[..]].concat())
}

/// A message of the formats 0 and 1, with a checksum of zero.
pub fn old_message(magic: u8) -> Bytes {
    let mut message = vec![0; 8];
    let body: usize = if magic == 0 { 14 } else { 22 };
    message.extend_from_slice(&(body as u32).to_be_bytes());
    message.extend_from_slice(&[0; 4]);
    message.extend_from_slice(&[magic, 0]);
    message.resize(12 + body - 8, 0);
    message.extend_from_slice(&(-1_i32).to_be_bytes());
    message.extend_from_slice(&(-1_i32).to_be_bytes());
    Bytes::from(message)
}
