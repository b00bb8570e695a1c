//! Writing records at the end.
use bytes::Bytes;
use ottla_wire::ErrorCode;
use ottla_wire::records::{HEADER_BYTES, NO_PARTITION_LEADER_EPOCH, TimestampType};

use super::Log;
use crate::append::{AppendOrigin, Refusal, ValidatedBatch, ValidatedBatches};
use crate::error::{AppendError, Result};
use crate::producers::verification::Verifying;
use crate::producers::{Check, ProducerAppend, RememberedBatch, Verification, VerificationGuard};
use crate::segment::{AppendedBatch, Place};

/// How to append as leader.
#[derive(Clone, Copy, Debug)]
pub struct LeaderAppend {
    /// Goes into every batch.
    pub leader_epoch: i32,
    /// Kafka timestamp.
    pub now_ms: i64,
    /// `transaction.version` of the coordinator that writes a marker (0, 1 or 2); 0 for anything else.
    pub transaction_version: i16,
    /// Whether the first batch of a transaction must show a guard (KIP-890).
    pub verification: Verification,
}

/// What an append did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Appended {
    /// Offset of the first record. For a duplicate: the one it got when it was first appended.
    pub base_offset: i64,
    /// Offset of the last record.
    pub last_offset: i64,
    /// The broker's time when `message.timestamp.type` is `LogAppendTime`, else -1. For a duplicate,
    /// as in Kafka, the first one's largest timestamp.
    pub log_append_time_ms: i64,
    /// First offset of the log.
    pub log_start_offset: i64,
    /// Records written.
    pub record_count: i64,
    /// Bytes written; 0 for a duplicate.
    pub bytes: u64,
    /// The producer had sent this batch before; nothing was written.
    pub duplicate: bool,
}

impl Log {
    /// Appends checked records. Those of a client or coordinator get offsets and the leader epoch;
    /// those of the quorum's leader bring them.
    ///
    /// # Errors
    /// A refusal changes nothing; a fault takes the log offline.
    pub fn append_as_leader(
        &mut self,
        batches: ValidatedBatches,
        options: LeaderAppend,
    ) -> std::result::Result<Appended, AppendError> {
        self.require_online()?;
        match batches.origin {
            AppendOrigin::Client | AppendOrigin::Coordinator => {
                self.append_assigning(batches, options)
            }
            AppendOrigin::RaftLeader | AppendOrigin::Replication => {
                self.append_given(batches, options.leader_epoch)
            }
        }
    }

    /// Whether one checked batch of a client or coordinator would be appended. Appends nothing.
    ///
    /// # Errors
    /// What [`Log::append_as_leader`] would refuse it with.
    pub fn would_append(
        &mut self,
        batches: &ValidatedBatches,
        options: LeaderAppend,
    ) -> std::result::Result<(), AppendError> {
        self.require_online()?;
        let mut batch = *batches.batches.first().expect("validation lets nothing empty through");
        batch.header.base_offset = self.log_end;
        match self.check_producer(&batch, batches.origin, options)? {
            Check::Append | Check::Duplicate(_) => Ok(()),
            Check::Refused(refusal) => Err(refusal.into()),
        }
    }

    /// A guard for a producer that may be about to begin a transaction here, to be shown with its first batch once the
    /// transaction coordinator has confirmed it. `None`: its transaction is open already.
    pub fn verify(&mut self, wanted: Verifying, now_ms: i64) -> Option<VerificationGuard> {
        self.producers.verify(wanted, now_ms)
    }

    /// Checks and appends: for coordinators and tests, where the lock does not matter.
    pub fn append(
        &mut self,
        records: Bytes,
        origin: AppendOrigin,
        options: LeaderAppend,
    ) -> std::result::Result<Appended, AppendError> {
        let batches = self.append_policy().validate(records, origin, options.now_ms)?;
        self.append_as_leader(batches, options)
    }

    /// Appends records as a leader sent them, offsets included. A cut-off last batch is left out, and
    /// so are batches of a newer epoch than `leader_epoch`: they were fetched from somebody else.
    pub fn append_as_follower(
        &mut self,
        records: Bytes,
        leader_epoch: i32,
        now_ms: i64,
    ) -> std::result::Result<Appended, AppendError> {
        self.require_online()?;
        let batches = self.append_policy().validate(records, AppendOrigin::Replication, now_ms)?;
        self.append_given(batches, leader_epoch)
    }

    fn append_assigning(
        &mut self,
        batches: ValidatedBatches,
        options: LeaderAppend,
    ) -> std::result::Result<Appended, AppendError> {
        let mut batch = *batches.batches.first().expect("validation lets nothing empty through");
        batch.header.base_offset = self.log_end;
        batch.header.partition_leader_epoch = options.leader_epoch;
        let bytes = batches.bytes.len();
        self.check_segment_holds(bytes)?;
        if batch.header.has_producer_id() {
            match self.check_producer(&batch, batches.origin, options)? {
                Check::Append => {}
                Check::Duplicate(known) => return Ok(self.duplicate(&known)),
                Check::Refused(refusal) => return Err(refusal.into()),
            }
        }
        let header = batch.header.encode();
        let pieces = [&header[..], &batches.bytes[HEADER_BYTES..]];
        self.change(|log| log.write(pieces, &[batch], options.now_ms))?;
        let log_append_time = self.config.timestamp_type == TimestampType::LogAppendTime;
        Ok(Appended {
            base_offset: batch.header.base_offset,
            last_offset: batch.header.last_offset(),
            log_append_time_ms: if log_append_time { batch.header.max_timestamp } else { -1 },
            log_start_offset: self.log_start,
            record_count: i64::from(batch.header.count),
            bytes: bytes as u64,
            duplicate: false,
        })
    }

    fn check_segment_holds(&self, bytes: usize) -> std::result::Result<(), Refusal> {
        let maximum = self.config.segment_bytes;
        if i32::try_from(bytes).is_ok_and(|bytes| bytes <= maximum) {
            return Ok(());
        }
        Err(Refusal::new(
            ErrorCode::RecordListTooLarge,
            format!(
                "Message batch size is {bytes} bytes in append to partition {}, which exceeds the maximum \
                 configured segment size of {maximum}.",
                self.name
            ),
        ))
    }

    fn check_producer(
        &mut self,
        batch: &ValidatedBatch,
        origin: AppendOrigin,
        options: LeaderAppend,
    ) -> Result<Check> {
        let checked = self.ask_producers(batch, origin, options);
        if origin == AppendOrigin::Client
            && matches!(checked, Check::Refused(_))
            && let Some(end) = self.producers.unread_before(&batch.header)
        {
            self.read_back_producers(end)?;
            return Ok(self.ask_producers(batch, origin, options));
        }
        Ok(checked)
    }

    fn ask_producers(
        &self,
        batch: &ValidatedBatch,
        origin: AppendOrigin,
        options: LeaderAppend,
    ) -> Check {
        self.producers.check(&ProducerAppend {
            header: &batch.header,
            marker: batch.marker,
            origin,
            transaction_version: options.transaction_version,
            verification: options.verification,
            partition: &self.name,
        })
    }

    fn duplicate(&self, known: &RememberedBatch) -> Appended {
        Appended {
            base_offset: known.first_offset(),
            last_offset: known.last_offset,
            log_append_time_ms: known.timestamp,
            log_start_offset: self.log_start,
            record_count: 0,
            bytes: 0,
            duplicate: true,
        }
    }

    fn append_given(
        &mut self,
        batches: ValidatedBatches,
        leader_epoch: i32,
    ) -> std::result::Result<Appended, AppendError> {
        self.require_epoch(&batches, leader_epoch)?;
        let newer = |batch: &ValidatedBatch| batch.header.partition_leader_epoch > leader_epoch;
        let kept = batches.batches.iter().position(newer).unwrap_or(batches.batches.len());
        let kept = &batches.batches[..kept];
        let (Some(first), Some(last)) = (kept.first(), kept.last()) else {
            return Ok(self.nothing_appended());
        };
        if first.header.base_offset < self.log_end {
            return Err(self.unexpected_offset(&first.header, &last.header));
        }
        for batch in kept {
            self.check_segment_holds(batch.header.size())?;
        }
        Ok(self.append_kept(&batches, kept)?)
    }

    /// Appends batches that the log has lost, whatever its segments take by now.
    pub(super) fn append_restored(&mut self, batches: &ValidatedBatches) -> Result<Appended> {
        self.append_kept(batches, &batches.batches)
    }

    fn append_kept(
        &mut self,
        batches: &ValidatedBatches,
        kept: &[ValidatedBatch],
    ) -> Result<Appended> {
        let (Some(first), Some(last)) = (kept.first(), kept.last()) else {
            return Ok(self.nothing_appended());
        };
        let bytes = self.change(|log| log.write_in_chunks(&batches.bytes, kept, batches.now_ms))?;
        Ok(Appended {
            base_offset: first.header.base_offset,
            last_offset: last.header.last_offset(),
            log_append_time_ms: -1,
            log_start_offset: self.log_start,
            record_count: kept.iter().map(|batch| i64::from(batch.header.count)).sum(),
            bytes,
            duplicate: false,
        })
    }

    fn require_epoch(
        &self,
        batches: &ValidatedBatches,
        leader_epoch: i32,
    ) -> std::result::Result<(), Refusal> {
        if batches.origin != AppendOrigin::RaftLeader {
            return Ok(());
        }
        let epochs = batches.batches.iter().map(|batch| batch.header.partition_leader_epoch);
        match epochs.into_iter().find(|epoch| *epoch != leader_epoch) {
            None => Ok(()),
            Some(epoch) => Err(Refusal::new(
                ErrorCode::InvalidRecord,
                format!(
                    "Append from Raft leader did not set the batch epoch correctly, expected {leader_epoch} \
                     but the batch has {epoch}"
                ),
            )),
        }
    }

    fn unexpected_offset(
        &self,
        first: &ottla_wire::records::BatchHeader,
        last: &ottla_wire::records::BatchHeader,
    ) -> AppendError {
        let message = format!(
            "Unexpected offset in append to {}. First offset {} is less than the next offset {}. Last offset \
             in append: {}. Log start offset = {}",
            self.name,
            first.base_offset,
            self.log_end,
            last.last_offset(),
            self.log_start
        );
        Refusal::new(ErrorCode::UnknownServerError, message).into()
    }

    fn nothing_appended(&self) -> Appended {
        Appended {
            base_offset: self.log_end,
            last_offset: self.log_end - 1,
            log_append_time_ms: -1,
            log_start_offset: self.log_start,
            record_count: 0,
            bytes: 0,
            duplicate: false,
        }
    }

    /// Writes batches that lie one after the other in `bytes`, as many at once as a segment takes.
    fn write_in_chunks(
        &mut self,
        bytes: &Bytes,
        batches: &[ValidatedBatch],
        now_ms: i64,
    ) -> Result<u64> {
        let segment_bytes = u64::try_from(self.config.segment_bytes).unwrap_or(0);
        let (mut rest, mut position) = (batches, 0);
        while !rest.is_empty() {
            let mut room = segment_bytes.saturating_sub(self.active().bytes());
            if (rest[0].header.size() as u64) > room {
                room = segment_bytes;
            }
            let (mut count, mut len) = (0, 0);
            while let Some(batch) = rest.get(count)
                && (count == 0 || (len + batch.header.size()) as u64 <= room)
            {
                len += batch.header.size();
                count += 1;
            }
            let piece = &bytes[position..position + len];
            self.write([piece, &[]], &rest[..count], now_ms)?;
            rest = &rest[count..];
            position += len;
        }
        Ok(position as u64)
    }

    /// Writes batches whose headers say everything; rolls first when they do not fit.
    fn write(&mut self, pieces: [&[u8]; 2], batches: &[ValidatedBatch], now_ms: i64) -> Result<()> {
        let (Some(first), Some(last)) = (batches.first(), batches.last()) else { return Ok(()) };
        for batch in batches {
            let epoch = batch.header.partition_leader_epoch;
            if epoch != NO_PARTITION_LEADER_EPOCH {
                self.assign_epoch(epoch, batch.header.base_offset)?;
            }
        }
        let appended: Vec<AppendedBatch> = batches
            .iter()
            .map(|batch| AppendedBatch {
                last_offset: batch.header.last_offset(),
                max_timestamp: batch.header.max_timestamp,
                bytes: batch.header.size() as u64,
            })
            .collect();
        self.roll_for(&appended, first.header.base_offset, now_ms)?;
        let mut position = self.active().bytes();
        let interval = u64::try_from(self.config.index_interval_bytes).unwrap_or(0);
        self.active_mut().append(pieces, &appended, interval, now_ms)?;
        for batch in batches {
            let place = Place { position, bytes: batch.header.size() as u64 };
            self.recent.push(batch.header.base_offset, batch.header.last_offset(), place);
            position += place.bytes;
            if let Some(aborted) = self.producers.apply(&batch.header, batch.marker) {
                self.active_mut().append_aborted(aborted)?;
            }
        }
        let range = (first.header.base_offset, last.header.last_offset());
        self.journal(range, last.header.partition_leader_epoch, pieces)?;
        self.log_end = last.header.next_offset();
        self.records_end = self.log_end;
        Ok(())
    }
}
