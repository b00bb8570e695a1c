//! The `.snapshot` files: version (two bytes, 1), CRC32C of what follows, a count, 46 bytes a producer.
use std::path::Path;

use ottla_wire::records::crc32c;
use ottla_world::Disk;
use ottla_world::disk::{read_file, replace_file_unsynced};

use super::entry::{Producer, RememberedBatch};
use crate::error::{Error, Result};

const VERSION: i16 = 1;
const HEADER_BYTES: usize = 10;
const ENTRIES_AT: usize = 6;
const ENTRY_BYTES: usize = 46;
/// Twenty million producers: more than a broker can hold.
const FILE_BYTES_MAX: u64 = 1 << 30;

/// Writes a snapshot. Its CRC tells a torn one, so nobody waits for the disk here.
pub(super) fn write<'a>(
    disk: &dyn Disk,
    path: &Path,
    producers: impl ExactSizeIterator<Item = &'a Producer>,
) -> Result<()> {
    let mut bytes = Vec::with_capacity(HEADER_BYTES + producers.len() * ENTRY_BYTES);
    bytes.extend_from_slice(&VERSION.to_be_bytes());
    bytes.extend_from_slice(&[0; 4]);
    bytes.extend_from_slice(&(producers.len() as i32).to_be_bytes());
    let mut producers: Vec<&Producer> = producers.collect();
    producers.sort_unstable_by_key(|producer| producer.producer_id);
    for producer in producers {
        put(&mut bytes, producer);
    }
    let crc = crc32c(&bytes[ENTRIES_AT..]);
    bytes[2..ENTRIES_AT].copy_from_slice(&crc.to_be_bytes());
    replace_file_unsynced(disk, path, &bytes).map_err(Error::io("write", path))
}

fn put(bytes: &mut Vec<u8>, producer: &Producer) {
    let last = producer.last();
    bytes.extend_from_slice(&producer.producer_id.to_be_bytes());
    bytes.extend_from_slice(&producer.epoch.to_be_bytes());
    bytes.extend_from_slice(&producer.last_sequence().to_be_bytes());
    bytes.extend_from_slice(&last.map_or(-1, |batch| batch.last_offset).to_be_bytes());
    bytes.extend_from_slice(&last.map_or(0, |batch| batch.offset_delta).to_be_bytes());
    bytes.extend_from_slice(&producer.last_timestamp.to_be_bytes());
    bytes.extend_from_slice(&producer.coordinator_epoch.to_be_bytes());
    bytes.extend_from_slice(&producer.transaction_start.unwrap_or(-1).to_be_bytes());
}

/// Reads a snapshot; [`Error::Corrupt`] when it is not whole.
pub(super) fn read(disk: &dyn Disk, path: &Path) -> Result<Vec<Producer>> {
    let bytes = read_file(disk, path, FILE_BYTES_MAX).map_err(Error::io("read", path))?;
    let corrupt = |detail: String| Error::corrupt(path, detail);
    let Some((header, entries)) = bytes.split_at_checked(HEADER_BYTES) else {
        return Err(corrupt(format!("{} bytes are no snapshot", bytes.len())));
    };
    let version = i16::from_be_bytes([header[0], header[1]]);
    if version != VERSION {
        return Err(corrupt(format!("unknown version {version}")));
    }
    let (stored, computed) = (header[2..].first_chunk(), crc32c(&bytes[ENTRIES_AT..]));
    if stored != Some(&computed.to_be_bytes()) {
        return Err(corrupt("the CRC does not match".to_owned()));
    }
    let count = i32::from_be_bytes([header[6], header[7], header[8], header[9]]);
    if usize::try_from(count).ok().and_then(|count| count.checked_mul(ENTRY_BYTES))
        != Some(entries.len())
    {
        return Err(corrupt(format!("{count} entries in {} bytes", entries.len())));
    }
    Ok(entries.chunks_exact(ENTRY_BYTES).map(take).collect())
}

fn take(entry: &[u8]) -> Producer {
    let mut rest = entry;
    let producer_id = i64::from_be_bytes(number(&mut rest));
    let epoch = i16::from_be_bytes(number(&mut rest));
    let last_sequence = i32::from_be_bytes(number(&mut rest));
    let last_offset = i64::from_be_bytes(number(&mut rest));
    let offset_delta = i32::from_be_bytes(number(&mut rest));
    let timestamp = i64::from_be_bytes(number(&mut rest));
    let coordinator_epoch = i32::from_be_bytes(number(&mut rest));
    let transaction_start = i64::from_be_bytes(number(&mut rest));
    let mut producer = Producer::new(producer_id);
    producer.epoch = epoch;
    producer.coordinator_epoch = coordinator_epoch;
    producer.last_timestamp = timestamp;
    producer.transaction_start = (transaction_start >= 0).then_some(transaction_start);
    if last_offset >= 0 {
        producer.remember(RememberedBatch { last_sequence, last_offset, offset_delta, timestamp });
    }
    producer
}

fn number<const N: usize>(rest: &mut &[u8]) -> [u8; N] {
    let (taken, left) = rest.split_first_chunk().expect("an entry holds all its numbers");
    *rest = left;
    *taken
}
