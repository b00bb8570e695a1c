//! Decided records on their way to the log. Those of several decisions gather in one batch
//! (`group.coordinator.append.linger.ms`); those of a decision are never torn apart.

use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use ottla_hosting::{Append, Partition};
use ottla_log::Verification;
use ottla_wire::ErrorCode;

use super::batches::{self, Entry};
use super::kind::{Envelope, Kind, RecordOf};
use super::terms::{Linger, LogTerms};

/// What is decided and not appended.
pub(super) struct Writes<K: Kind> {
    partition: Arc<Partition>,
    terms: LogTerms,
    /// Batches that take no more, in order.
    sealed: Vec<(Bytes, Append)>,
    /// What the next batch will hold.
    open: Vec<Entry>,
    open_bytes: usize,
    flush: Option<Flush>,
    kind: PhantomData<fn(K)>,
}

/// When the open batch is appended.
enum Flush {
    /// After so many more turns of the loop.
    Turns(usize),
    At(Duration),
}

impl<K: Kind> Writes<K> {
    pub(super) fn new(partition: Arc<Partition>, terms: LogTerms) -> Self {
        Self {
            partition,
            terms,
            sealed: Vec::new(),
            open: Vec::new(),
            open_bytes: 0,
            flush: None,
            kind: PhantomData,
        }
    }

    /// Whether the log would take what a transaction's producer writes. Nobody else writes to the partition in
    /// between.
    ///
    /// # Errors
    /// What the log would refuse it with.
    pub(super) fn would_take(
        &self,
        record: &RecordOf<K>,
        verification: Verification,
        now_ms: i64,
    ) -> Result<(), ErrorCode> {
        let envelope = K::envelope(record);
        let entries = encoded::<K>(std::slice::from_ref(record), now_ms)?;
        let batch = batches::enveloped(envelope, &entries, self.terms.compression, now_ms)?;
        let append = batches::append(envelope, verification, now_ms);
        self.partition.would_append(batch, append).map_err(|failure| match failure.code {
            ErrorCode::InvalidProducerEpoch
            | ErrorCode::TransactionCoordinatorFenced
            | ErrorCode::InvalidTxnState => failure.code,
            code => batches::told(code),
        })
    }

    /// Takes in the records of one decision, or none of them.
    ///
    /// # Errors
    /// What a client is told of records that are larger than the topic's `max.message.bytes`.
    pub(super) fn add(&mut self, records: &[RecordOf<K>], now_ms: i64) -> Result<(), ErrorCode> {
        let Some(first) = records.first() else { return Ok(()) };
        let envelope = K::envelope(first);
        let entries = encoded::<K>(records, now_ms)?;
        let bytes_max = usize::try_from(self.partition.settings().log.max_message_bytes);
        let bytes_max = bytes_max.unwrap_or(0);
        let bytes: usize = entries.iter().map(Entry::bytes_max).sum();
        let fits = batches::fits(bytes, self.terms.compression, bytes_max);
        if matches!(envelope, Envelope::Plain) && fits {
            if !batches::fits(self.open_bytes + bytes, self.terms.compression, bytes_max) {
                self.seal()?;
            }
            self.open_bytes += bytes;
            self.open.extend(entries);
            return Ok(());
        }
        let divided =
            batches::divide(envelope, &entries, self.terms.compression, (bytes_max, now_ms));
        let batches = divided.inspect_err(|_| {
            let (kind, partition) = (K::NAME, self.partition.index());
            tracing::warn!(
                kind,
                partition,
                bytes,
                bytes_max,
                "records are larger than their topic takes"
            );
        })?;
        self.seal()?;
        let append = batches::append(envelope, Verification::NotRequired, now_ms);
        self.sealed.extend(batches.into_iter().map(|batch| (batch, append)));
        Ok(())
    }

    /// Ends the open batch.
    fn seal(&mut self) -> Result<(), ErrorCode> {
        let Some(now_ms) = self.open.last().map(|entry| entry.now_ms) else { return Ok(()) };
        let (envelope, compression) = (Envelope::Plain, self.terms.compression);
        let batch = batches::enveloped(envelope, &self.open, compression, now_ms)?;
        let append = batches::append(envelope, Verification::NotRequired, now_ms);
        self.sealed.push((batch, append));
        self.open.clear();
        (self.open_bytes, self.flush) = (0, None);
        Ok(())
    }

    /// Whether to append now. `behind`: how many commands wait to be decided.
    pub(super) fn is_due(&mut self, behind: usize, now: Duration) -> bool {
        if !self.sealed.is_empty() {
            return true;
        }
        if self.open.is_empty() {
            return false;
        }
        match &mut self.flush {
            None => {
                let (flush, is_due) = match self.terms.linger {
                    Linger::Adaptive => (Flush::Turns(behind), behind == 0),
                    Linger::For(time) => (Flush::At(now.saturating_add(time)), time.is_zero()),
                };
                self.flush = Some(flush);
                is_due
            }
            Some(Flush::Turns(turns)) => {
                *turns = turns.saturating_sub(1);
                *turns == 0
            }
            Some(Flush::At(at)) => *at <= now,
        }
    }

    /// When the open batch will have gathered for long enough.
    pub(super) fn due(&self) -> Option<Duration> {
        match self.flush {
            Some(Flush::At(at)) => Some(at),
            Some(Flush::Turns(_)) | None => None,
        }
    }

    /// Appends everything and returns the log's end after it.
    ///
    /// # Errors
    /// What a client of the coordinator is told when its log can't be written. What was written stays.
    pub(super) fn flush(&mut self) -> Result<i64, ErrorCode> {
        self.seal()?;
        let mut end = -1;
        for (batch, append) in self.sealed.drain(..) {
            match self.partition.append(batch, append) {
                Ok(appended) => end = appended.last_offset + 1,
                Err(failure) => return Err(batches::told(failure.code)),
            }
        }
        Ok(end)
    }
}

fn encoded<K: Kind>(records: &[RecordOf<K>], now_ms: i64) -> Result<Vec<Entry>, ErrorCode> {
    let entry = |record| {
        let (key, value) = K::encode(record).map_err(|_| ErrorCode::UnknownServerError)?;
        Ok(Entry { now_ms, key, value })
    };
    records.iter().map(entry).collect()
}
