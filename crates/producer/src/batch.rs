//! Records of one partition that travel together. Pure.

use std::sync::Arc;

use bytes::Bytes;
use ottla_cluster::TopicPartition;
use ottla_wire::records::{
    Batch as BatchBytes, BatchBuilder, BatchError, BatchHeader, BatchOptions, BatchView,
    BuildError, Compression, HEADER_BYTES, HeaderView,
};
use tokio::sync::OwnedSemaphorePermit;

use super::delivery::{Fate, Outcome};
use super::sequences::Identity;

/// Milliseconds since the producer was started.
pub(super) type Millis = u64;

/// A record's content, borrowed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Content<'a> {
    pub(super) timestamp: i64,
    pub(super) key: Option<&'a [u8]>,
    pub(super) value: Option<&'a [u8]>,
    pub(super) headers: &'a [HeaderView<'a>],
}

/// When a batch was sealed, and where its parts stand after it was cut: parts sort where their whole did.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Order(Vec<u64>);

impl Order {
    pub(super) fn new(sealed: u64) -> Self {
        Self(vec![sealed])
    }

    fn part(&self, index: u64) -> Self {
        Self(self.0.iter().copied().chain([index]).collect())
    }
}

/// A batch that still takes records.
#[derive(Debug)]
pub(super) struct OpenBatch {
    builder: BatchBuilder,
    outcome: Arc<Outcome>,
    pub(super) created_at: Millis,
    memory: Option<OwnedSemaphorePermit>,
}

/// A batch as it goes to the broker, any number of times.
#[derive(Debug)]
pub(super) struct SealedBatch {
    /// Its place among the batches of the producer.
    pub(super) order: Order,
    pub(super) partition: TopicPartition,
    pub(super) bytes: Bytes,
    pub(super) count: i32,
    /// Set together with the bytes' own numbers.
    pub(super) base_sequence: Option<i32>,
    pub(super) created_at: Millis,
    pub(super) attempts: u32,
    pub(super) not_before: Millis,
    /// Whether an attempt ended without word of whether the batch was written.
    pub(super) may_be_written: bool,
    pub(super) outcome: Arc<Outcome>,
    pub(super) uncompressed: usize,
    /// Given back when the batch is done with.
    memory: Option<OwnedSemaphorePermit>,
}

impl OpenBatch {
    pub(super) fn new(
        compression: Compression,
        created_at: Millis,
        memory: Option<OwnedSemaphorePermit>,
    ) -> Self {
        let options = BatchOptions { compression, ..BatchOptions::default() };
        Self { builder: BatchBuilder::new(options), outcome: Arc::default(), created_at, memory }
    }

    /// Whether a record fits; one always fits into an empty batch.
    pub(super) fn has_room(&self, content: &Content<'_>, ratio: f32, batch_size: usize) -> bool {
        let next = self.builder.next_record_bytes(
            content.timestamp,
            content.key,
            content.value,
            content.headers,
        );
        self.builder.is_empty() || self.builder.estimated_bytes(ratio) + next <= batch_size
    }

    /// Adds a record; answers its index and the shared outcome.
    pub(super) fn append(
        &mut self,
        content: &Content<'_>,
    ) -> Result<(u32, Arc<Outcome>), BuildError> {
        let index = self.builder.count().unsigned_abs();
        self.builder.append(content.timestamp, content.key, content.value, content.headers)?;
        Ok((index, Arc::clone(&self.outcome)))
    }

    pub(super) fn is_full(&self, ratio: f32, batch_size: usize) -> bool {
        self.builder.estimated_bytes(ratio) >= batch_size
    }

    pub(super) fn count(&self) -> i32 {
        self.builder.count()
    }

    pub(super) fn outcome(&self) -> &Arc<Outcome> {
        &self.outcome
    }

    /// Size on the wire, as far as it can be known before compression.
    pub(super) fn size(&self) -> usize {
        self.builder.uncompressed_bytes()
    }

    /// Compresses and numbers the batch.
    pub(super) fn seal(
        mut self,
        partition: TopicPartition,
        order: Order,
        numbers: Option<(Identity, i32)>,
    ) -> Result<SealedBatch, (Arc<Outcome>, BuildError)> {
        if let Some((identity, first)) = numbers {
            self.builder.set_producer(identity.producer_id, identity.epoch, first);
        }
        let (count, uncompressed) = (self.builder.count(), self.builder.uncompressed_bytes());
        let built = self.builder.build();
        let bytes = built.map_err(|error| (Arc::clone(&self.outcome), error))?.freeze();
        Ok(SealedBatch {
            order,
            partition,
            bytes,
            count,
            base_sequence: numbers.map(|(_, first)| first),
            created_at: self.created_at,
            attempts: 0,
            not_before: 0,
            may_be_written: false,
            outcome: self.outcome,
            uncompressed,
            memory: self.memory,
        })
    }
}

impl SealedBatch {
    /// Gives the batch new numbers, after the producer's epoch went up.
    pub(super) fn renumber(&mut self, identity: Identity, first: i32) {
        let Ok(header) = BatchHeader::read(&self.bytes) else { return };
        let mut header = BatchHeader {
            producer_id: identity.producer_id,
            producer_epoch: identity.epoch,
            base_sequence: first,
            ..header
        };
        let mut bytes = self.bytes.to_vec();
        bytes[..HEADER_BYTES].copy_from_slice(&header.encode());
        if let Ok(view) = BatchView::first(&bytes) {
            header.crc = view.compute_crc();
        }
        bytes[..HEADER_BYTES].copy_from_slice(&header.encode());
        self.bytes = bytes.into();
        self.base_sequence = Some(first);
    }

    /// Cuts a batch that the broker found too large into batches of at most `batch_size` and half its size, each
    /// with at least one record, numbered on. The whole's outcome leads to the parts'.
    pub(super) fn split(
        self,
        compression: Compression,
        batch_size: usize,
    ) -> Result<Vec<SealedBatch>, SplitError> {
        let whole = BatchBytes::first(&self.bytes)?;
        let identity = Identity { producer_id: whole.producer_id, epoch: whole.producer_epoch };
        let records = whole.records(self.uncompressed)?;
        let part_size = batch_size.min(self.uncompressed / 2);
        let mut parts: Vec<OpenBatch> = Vec::new();
        for record in records.views() {
            let record = record?;
            let headers: Vec<HeaderView<'_>> = record.headers().collect();
            let content = Content {
                timestamp: record.timestamp,
                key: record.key,
                value: record.value,
                headers: &headers,
            };
            let fits = parts.last().is_some_and(|last| last.has_room(&content, 1.0, part_size));
            if !fits {
                parts.push(OpenBatch::new(compression, self.created_at, None));
            }
            if let Some(last) = parts.last_mut() {
                last.append(&content)?;
            }
        }
        let mut first = 0;
        let mut sealed = Vec::with_capacity(parts.len());
        let mut outcomes = Vec::with_capacity(parts.len());
        for (index, part) in (0..).zip(parts) {
            outcomes.push((first, Arc::clone(part.outcome())));
            let offset = i32::try_from(first).unwrap_or(i32::MAX);
            first += part.count().unsigned_abs();
            let numbers = self
                .base_sequence
                .map(|base| (identity, ottla_wire::records::increment_sequence(base, offset)));
            let part = part.seal(self.partition.clone(), self.order.part(index), numbers);
            sealed.push(part.map_err(|(_, error)| error)?);
        }
        // The memory that was held for the whole is held by the last part, which is done last.
        if let Some(last) = sealed.last_mut() {
            last.memory = self.memory;
        }
        self.outcome.settle(Fate::Split(outcomes));
        Ok(sealed)
    }
}

/// Why a batch can't be cut.
#[derive(Debug, thiserror::Error)]
pub(super) enum SplitError {
    #[error(transparent)]
    Batch(#[from] BatchError),
    #[error(transparent)]
    Build(#[from] BuildError),
}

#[cfg(test)]
mod tests {
    use super::*;
    use ottla_wire::records::CompressionType;

    fn batch(
        values: usize,
        numbers: Option<(Identity, i32)>,
        kind: CompressionType,
    ) -> SealedBatch {
        let mut open = OpenBatch::new(Compression::of(kind), 5, None);
        for index in 0..values {
            let value = [index as u8; 100];
            let content = Content { timestamp: 9, key: None, value: Some(&value), headers: &[] };
            open.append(&content).expect("small");
        }
        open.seal(TopicPartition::new("t", 0), Order::new(3), numbers).expect("small")
    }

    #[test]
    fn a_split_keeps_records_order_and_numbers() {
        let identity = Identity { producer_id: 4, epoch: 1 };
        for kind in CompressionType::ALL {
            let whole = batch(7, Some((identity, 10)), kind);
            let parts = whole.split(Compression::of(kind), 400).expect("a batch");
            let numbers: Vec<_> =
                parts.iter().map(|part| (part.count, part.base_sequence)).collect();
            assert!(parts.is_sorted_by_key(|part| &part.order) && parts[2].order < Order::new(4));
            let expected = [(3, Some(10)), (3, Some(13)), (1, Some(16))];
            assert_eq!(numbers, expected, "{kind:?}");
            let mut values = Vec::new();
            for part in &parts {
                let bytes = BatchBytes::first(&part.bytes).expect("a batch");
                bytes.check_crc().expect("intact");
                let records = bytes.records(1 << 20).expect("readable");
                values.extend(records.views().map(|r| r.expect("readable").value.map(|v| v[0])));
            }
            assert_eq!(values, (0..7).map(Some).collect::<Vec<_>>());
        }
    }

    #[test]
    fn renumbering_keeps_the_checksum_right() {
        let mut whole =
            batch(2, Some((Identity { producer_id: 4, epoch: 1 }, 10)), CompressionType::None);
        whole.renumber(Identity { producer_id: 4, epoch: 2 }, 0);
        let bytes = BatchBytes::first(&whole.bytes).expect("a batch");
        bytes.check_crc().expect("intact");
        assert_eq!((bytes.producer_epoch, bytes.base_sequence, bytes.count), (2, 0, 2));
    }
}
