//! What a broker sent of one partition, turned into records as they are asked for. Pure.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;

use bytes::Bytes;
use ottla_cluster::{Error, TopicPartition};
use ottla_wire::records::{Batch, Batches, EndTransactionMarker};

use super::positions::Position;
use super::record::ConsumerRecord;

/// More than this is not decompressed from one batch.
pub const BATCH_BYTES_MAX: usize = 512 << 20;

/// How batches are read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reading {
    pub(super) check_crcs: bool,
    /// Whether records of aborted transactions are left out.
    pub(super) committed_only: bool,
}

/// Batches of one partition.
pub(super) struct Fetched {
    pub(super) partition: TopicPartition,
    /// The version of the position it was fetched for.
    pub(super) version: u64,
    batches: Batches,
    /// Records of the batch that is being read.
    ready: VecDeque<ConsumerRecord>,
    /// Where reading goes on after `ready`.
    next: Position,
    /// Aborted transactions that begin further on: producer and first offset, by offset.
    aborted: VecDeque<(i64, i64)>,
    /// Producers whose transaction at this point was aborted.
    aborting: HashSet<i64>,
    reading: Reading,
}

impl Fetched {
    pub(super) fn new(
        partition: TopicPartition,
        version: u64,
        bytes: Bytes,
        position: Position,
        mut aborted: Vec<(i64, i64)>,
        reading: Reading,
    ) -> Self {
        aborted.sort_by_key(|(_, first_offset)| *first_offset);
        Self {
            partition,
            version,
            batches: Batches::new(bytes),
            ready: VecDeque::new(),
            next: position,
            aborted: aborted.into(),
            aborting: HashSet::new(),
            reading,
        }
    }

    /// Moves up to `max` records into `records`; answers the position after them, and whether that was all.
    pub(super) fn take(
        &mut self,
        max: usize,
        records: &mut Vec<ConsumerRecord>,
    ) -> Result<(Position, bool), Error> {
        let mut left = max;
        loop {
            let count = left.min(self.ready.len());
            let mut last = None;
            for record in self.ready.drain(..count) {
                last =
                    Some(Position { offset: record.offset + 1, leader_epoch: record.leader_epoch });
                records.push(record);
            }
            left -= count;
            if left == 0 && !self.ready.is_empty() {
                return Ok((last.unwrap_or(self.next), false));
            }
            if left == 0 {
                return Ok((self.next, false));
            }
            match self.batches.next() {
                None => return Ok((self.next, true)),
                Some(Err(error)) => return Err(self.unreadable(&error.to_string())),
                Some(Ok(batch)) => self.open(&batch)?,
            }
        }
    }

    /// Whether the broker sent the beginning of a batch but not its end.
    pub(super) fn is_truncated_at_start(&self) -> bool {
        let rest = self.batches.rest();
        !rest.is_empty() && Batch::first(rest).is_err()
    }

    fn open(&mut self, batch: &Batch) -> Result<(), Error> {
        let after = Position {
            offset: batch.next_offset(),
            leader_epoch: Some(batch.partition_leader_epoch).filter(|epoch| *epoch >= 0),
        };
        // The first batch may begin before the position, and a compacted one may end before it.
        if after.offset <= self.next.offset {
            return Ok(());
        }
        if self.reading.check_crcs {
            batch.check_crc().map_err(|error| self.unreadable(&error.to_string()))?;
        }
        if !self.is_left_out(batch)? {
            self.unpack(batch, after)?;
        }
        self.next = after;
        Ok(())
    }

    fn is_left_out(&mut self, batch: &Batch) -> Result<bool, Error> {
        if self.reading.committed_only && batch.has_producer_id() {
            while self.aborted.front().is_some_and(|(_, first)| *first <= batch.last_offset()) {
                self.aborting.extend(self.aborted.pop_front().map(|(producer, _)| producer));
            }
        }
        if batch.is_control() {
            if self.reading.committed_only && self.is_abort_marker(batch)? {
                self.aborting.remove(&batch.producer_id);
            }
            return Ok(true);
        }
        Ok(self.reading.committed_only
            && batch.is_transactional()
            && self.aborting.contains(&batch.producer_id))
    }

    fn is_abort_marker(&self, batch: &Batch) -> Result<bool, Error> {
        let records =
            batch.records(BATCH_BYTES_MAX).map_err(|error| self.unreadable(&error.to_string()))?;
        let Some(Ok(marker)) = records.views().next() else { return Ok(false) };
        // Other control records say nothing about transactions.
        let marker = EndTransactionMarker::read(marker.key, marker.value);
        Ok(marker.is_ok_and(|marker| !marker.is_commit))
    }

    fn unpack(&mut self, batch: &Batch, after: Position) -> Result<(), Error> {
        let records =
            batch.records(BATCH_BYTES_MAX).map_err(|error| self.unreadable(&error.to_string()))?;
        for record in records.iter() {
            let record = record.map_err(|error| self.unreadable(&error.to_string()))?;
            if record.offset < self.next.offset {
                continue;
            }
            self.ready.push_back(ConsumerRecord {
                topic: Arc::clone(&self.partition.topic),
                partition: self.partition.partition,
                offset: record.offset,
                timestamp: record.timestamp,
                timestamp_type: batch.timestamp_type(),
                leader_epoch: after.leader_epoch,
                key: record.key,
                value: record.value,
                headers: record.headers,
            });
        }
        Ok(())
    }

    fn unreadable(&self, detail: &str) -> Error {
        Error::Unreadable {
            partition: self.partition.clone(),
            offset: self.next.offset,
            detail: detail.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use ottla_wire::records::{BatchBuilder, BatchOptions};

    use super::*;

    fn batch(base_offset: i64, count: u8, producer_id: i64) -> Vec<u8> {
        let is_transactional = producer_id >= 0;
        let (producer_epoch, base_sequence) = if is_transactional { (0, 0) } else { (-1, -1) };
        let mut builder = BatchBuilder::new(BatchOptions {
            base_offset,
            producer_id,
            producer_epoch,
            base_sequence,
            is_transactional,
            partition_leader_epoch: 3,
            ..BatchOptions::default()
        });
        for index in 0..count {
            builder.append(1, None, Some(&[index]), &[]).expect("small");
        }
        builder.build().expect("small").to_vec()
    }

    fn marker(offset: i64, producer_id: i64, committed: bool) -> Vec<u8> {
        let marker = EndTransactionMarker { is_commit: committed, coordinator_epoch: 0 };
        let mut builder = BatchBuilder::new(BatchOptions {
            base_offset: offset,
            producer_id,
            producer_epoch: 0,
            is_transactional: true,
            is_control: true,
            ..BatchOptions::default()
        });
        let key = marker.control_type().key();
        builder.append(1, Some(&key), Some(&marker.value()), &[]).expect("small");
        builder.build().expect("small").to_vec()
    }

    fn fetched(parts: &[Vec<u8>], offset: i64, aborted: &[(i64, i64)], committed: bool) -> Fetched {
        let position = Position { offset, leader_epoch: None };
        let reading = Reading { check_crcs: true, committed_only: committed };
        let key = TopicPartition::new("t", 0);
        Fetched::new(key, 0, parts.concat().into(), position, aborted.to_vec(), reading)
    }

    fn offsets(fetched: &mut Fetched, max: usize) -> (Vec<i64>, i64, bool) {
        let mut records = Vec::new();
        let (position, done) = fetched.take(max, &mut records).expect("readable");
        (records.iter().map(|record| record.offset).collect(), position.offset, done)
    }

    #[test]
    fn records_come_in_portions_from_the_position_on() {
        let mut fetched = fetched(&[batch(10, 5, -1), batch(20, 2, -1)], 12, &[], false);
        assert_eq!(offsets(&mut fetched, 2), (vec![12, 13], 14, false));
        assert_eq!(offsets(&mut fetched, 2), (vec![14, 20], 21, false));
        assert_eq!(offsets(&mut fetched, 5), (vec![21], 22, true));
    }

    #[test]
    fn aborted_transactions_are_left_out_where_that_is_wanted() {
        let parts = [
            batch(0, 2, 7),
            batch(2, 1, 8),
            marker(3, 7, false),
            batch(4, 1, 7),
            marker(5, 7, true),
            batch(6, 1, -1),
        ];
        let aborted = [(7, 0)];
        let mut committed = fetched(&parts, 0, &aborted, true);
        assert_eq!(offsets(&mut committed, 9), (vec![2, 4, 6], 7, true));
        let mut all = fetched(&parts, 0, &aborted, false);
        assert_eq!(offsets(&mut all, 9), (vec![0, 1, 2, 4, 6], 7, true));
    }

    #[test]
    fn corrupt_batches_are_named_and_cut_ones_are_seen() {
        let mut bytes = batch(10, 1, -1);
        let last = bytes.len() - 1;
        bytes[last] ^= 1;
        let mut records = Vec::new();
        let error = fetched(&[bytes], 10, &[], false).take(1, &mut records).expect_err("corrupt");
        assert!(matches!(error, Error::Unreadable { offset: 10, .. }), "{error}");
        let cut = batch(10, 1, -1)[..30].to_vec();
        assert!(fetched(&[cut], 10, &[], false).is_truncated_at_start());
        assert!(!fetched(&[batch(10, 1, -1)], 10, &[], false).is_truncated_at_start());
    }
}
