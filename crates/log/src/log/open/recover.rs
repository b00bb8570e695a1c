//! One segment's scan after a crash: what is whole stays, the torn tail goes, the indexes are rebuilt.
use ottla_wire::records::{BatchError, BatchView, NO_PARTITION_LEADER_EPOCH, is_old_message};

use crate::append::transaction_marker;
use crate::config::LogConfig;
use crate::epochs::LeaderEpochs;
use crate::error::Result;
use crate::log::durability::Doubt;
use crate::producers::Producers;
use crate::segment::{AppendedBatch, Found, LazyFile, Located, Scan, Segment};

/// What a segment's batches tell about.
pub(super) struct Recovery<'a> {
    pub(super) epochs: &'a mut LeaderEpochs,
    /// State as of the segment's base offset.
    pub(super) producers: &'a mut Producers,
    pub(super) config: &'a LogConfig,
    pub(super) doubt: &'a mut Doubt,
    /// Everything before is said to be on disk.
    pub(super) recovery_point: i64,
}

impl Recovery<'_> {
    /// Scans the segment; returns how many bytes were cut off.
    pub(super) fn run(&mut self, segment: &mut Segment) -> Result<u64> {
        let records = segment.records().duplicate();
        let end = records.len()?;
        segment.reset()?;
        let mut scan = Scan::batches(&records, 0, end);
        let mut expected = segment.base_offset();
        let broken = loop {
            let located = match scan.find()? {
                Found::End => break None,
                Found::Broken(error) => break Some(error),
                Found::Batch(located) => located,
            };
            let bytes = scan.borrow(&located)?;
            let whole = BatchView::first(bytes).and_then(|batch| batch.check_crc().map(|()| batch));
            match whole {
                // The CRC does not cover the base offset: a torn write may leave zeros there.
                Ok(batch)
                    if batch.base_offset < expected || batch.last_offset() < batch.base_offset =>
                {
                    let (base_offset, last_offset) = (batch.base_offset, batch.last_offset());
                    break Some(BatchError::OffsetRange { base_offset, last_offset });
                }
                Ok(batch) => {
                    expected = batch.next_offset();
                    self.take(segment, &located, &batch)?;
                }
                Err(error) => break Some(error),
            }
        };
        if let Some(error @ BatchError::OldMagic { .. }) = &broken
            && has_old_message(&records, segment.bytes(), end)?
        {
            // Whole records of a format from before 2017, and not a torn tail: nothing to cut off.
            return Err(segment.corrupt(error.to_string()));
        }
        let cut = end - segment.bytes();
        if let Some(error) = broken
            && !segment.ends_in_room()?
        {
            tracing::warn!(
                file = %records.path().display(), position = segment.bytes(), cut, %error,
                "the end of a segment is not whole; cut off"
            );
            self.doubt.raise_for_cut(self.recovery_point.min(expected))?;
        }
        segment.cut_to_noted()?;
        segment.seal()?;
        Ok(cut)
    }

    fn take(
        &mut self,
        segment: &mut Segment,
        located: &Located,
        batch: &BatchView<'_>,
    ) -> Result<()> {
        let header = &located.header;
        if !segment.can_hold(header.last_offset()) {
            let detail = format!("offset {} is too far from its base", header.last_offset());
            return Err(segment.corrupt(detail));
        }
        let appended = AppendedBatch {
            last_offset: header.last_offset(),
            max_timestamp: header.max_timestamp,
            bytes: header.size() as u64,
        };
        let interval = u64::try_from(self.config.index_interval_bytes).unwrap_or(0);
        segment.note(&appended, interval)?;
        let epoch = header.partition_leader_epoch;
        let known =
            self.epochs.latest().map_or(NO_PARTITION_LEADER_EPOCH, |latest| latest.leader_epoch);
        if epoch > known {
            self.epochs.assign(epoch, header.base_offset)?;
        }
        let marker = transaction_marker(batch).map_err(|detail| {
            segment.corrupt(format!("batch at {}: {detail}", located.position))
        })?;
        if let Some(aborted) = self.producers.apply(header, marker) {
            segment.append_aborted(aborted)?;
        }
        Ok(())
    }

    /// Reads the leader epochs of a segment whose batches are known to be whole. The file is not written: a
    /// crash could leave it with some of them, and nobody would miss the others.
    pub(super) fn read_epochs(epochs: &mut LeaderEpochs, segment: &Segment) -> Result<()> {
        let mut scan = Scan::headers(segment.records(), 0, segment.bytes());
        while let Some(located) = scan.next()? {
            let epoch = located.header.partition_leader_epoch;
            let known =
                epochs.latest().map_or(NO_PARTITION_LEADER_EPOCH, |latest| latest.leader_epoch);
            if epoch > known {
                epochs.announce(epoch, located.header.base_offset);
            }
        }
        Ok(())
    }
}

/// Whether a whole message of a format from before 2017 lies at `position`.
fn has_old_message(records: &LazyFile, position: u64, end: u64) -> Result<bool> {
    let mut head = [0; 12];
    records.read_up_to(&mut head, position)?;
    let size = u32::from_be_bytes([head[8], head[9], head[10], head[11]]);
    let len = head.len() as u64 + u64::from(size);
    if len > end - position {
        return Ok(false);
    }
    let mut message = vec![0; len as usize];
    records.read_up_to(&mut message, position)?;
    Ok(is_old_message(&message))
}
