//! Clients and followers append.
use bytes::{Bytes, BytesMut};
use ottla_log::{AppendError, AppendOrigin, Appended, LeaderAppend, TimestampType, Verification};
use ottla_wire::records::{Compression, CompressionType, EndTransactionMarker};

use crate::batches::{Batch, Producer, Record};
use crate::history::Client;
use crate::simulation::{Partition, Simulation, Stop};

/// Clients from here on write transactions.
const TRANSACTIONAL_FROM: i64 = 10;
const CODECS: [CompressionType; 5] = [
    CompressionType::None,
    CompressionType::Gzip,
    CompressionType::Snappy,
    CompressionType::Lz4,
    CompressionType::Zstd,
];

impl Simulation {
    /// A client sends a batch.
    pub(super) fn produce(&mut self, index: usize) -> Result<(), Stop> {
        let id = self.dice.pick(&[-1, -1, 1, 2, TRANSACTIONAL_FROM, TRANSACTIONAL_FROM + 1]);
        let mut batch = self.batch(index);
        if id >= 0 {
            let Partition { history, config, .. } = &self.partitions[index];
            let mut client = history.clients(0).get(&id).copied().unwrap_or(Client::UNKNOWN);
            let has_expired = client.has_expired(self.now_ms, config.producer_id_expiration_ms);
            // Who is remembered by a marker alone, since its records are deleted, has to begin anew.
            let is_forgotten =
                has_expired || client.last.is_none_or(|last| last < history.log_start_furthest);
            if client.open.is_none() && (is_forgotten || self.dice.one_in(12)) {
                (client.epoch, client.next_sequence) = (client.epoch + 1, 0);
            }
            let base_sequence = client.next_sequence;
            batch.producer = Some(Producer { id, epoch: client.epoch, base_sequence });
            batch.is_transactional = id >= TRANSACTIONAL_FROM;
        }
        let bytes = batch.encode(self.codec(), false);
        self.send(index, batch, bytes, AppendOrigin::Client)
    }

    /// A coordinator ends a transaction, as it has decided.
    pub(super) fn end_transaction(&mut self, index: usize) -> Result<(), Stop> {
        let now_ms = self.now_ms;
        let history = &mut self.partitions[index].history;
        let open = history
            .clients(0)
            .into_iter()
            .find_map(|(id, client)| Some((id, client, client.open?)));
        let Some((id, client, first_offset)) = open else { return Ok(()) };
        let commits = self.dice.one_in(2);
        let is_commit = *history.decided.entry((id, first_offset)).or_insert(commits);
        let marker = EndTransactionMarker { is_commit, coordinator_epoch: 3 };
        // KIP-890: a marker may bring the producer's next epoch.
        let epoch = client.epoch + i16::from(self.dice.one_in(2));
        let bytes = marker.batch(id, epoch, now_ms).unwrap_or_else(|_| BytesMut::new()).freeze();
        let offset = history.end;
        let batch = Batch {
            base_offset: offset,
            last_offset: offset,
            leader_epoch: history.leader_epoch,
            producer: Some(Producer { id, epoch, base_sequence: -1 }),
            is_transactional: true,
            commits: Some(is_commit),
            records: vec![Record {
                offset,
                timestamp: now_ms,
                key: Some(marker.control_type().key().to_vec()),
                value: Some(marker.value().to_vec()),
            }],
        };
        self.send(index, batch, bytes, AppendOrigin::Coordinator)
    }

    /// A client that has not heard of one of its last batches sends it again: it is known, and not appended.
    pub(super) fn send_again(&mut self, index: usize) -> Result<(), Stop> {
        let Some(last) = self.last_of_a_client(index) else { return Ok(()) };
        let batch = self.one_of_five(index, last);
        let bytes = batch.encode(self.codec(), false);
        let appended = self.append(index, bytes, AppendOrigin::Client)?;
        match appended {
            Ok(appended) if appended.duplicate && appended.base_offset == batch.base_offset => {
                Ok(())
            }
            // Segments have become smaller since.
            Err(refused) if refused.contains("exceeds the maximum") => Ok(()),
            other => Err(Stop::Wrong(format!("sent again, {batch:?} gives {other:?}"))),
        }
    }

    /// A batch is missing before this one: it is refused.
    pub(super) fn skip_a_sequence(&mut self, index: usize) -> Result<(), Stop> {
        let Some(last) = self.last_of_a_client(index) else { return Ok(()) };
        let mut batch = self.batch(index);
        batch.is_transactional = last.is_transactional;
        batch.producer = last.producer.map(|producer| Producer {
            base_sequence: producer.base_sequence + last.offsets() as i32 + 3,
            ..producer
        });
        let bytes = batch.encode(Compression::NONE, false);
        match self.append(index, bytes, AppendOrigin::Client)? {
            Err(_refused) => Ok(()),
            Ok(appended) => Err(Stop::Wrong(format!("out of order, {batch:?} gives {appended:?}"))),
        }
    }

    /// The last batch of a client that the log must remember.
    fn last_of_a_client(&self, index: usize) -> Option<Batch> {
        let Partition { history, config, .. } = &self.partitions[index];
        let clients = history.clients(0);
        let expiration_ms = config.producer_id_expiration_ms;
        let known =
            clients.values().filter(|client| !client.has_expired(self.now_ms, expiration_ms));
        let bases = known.filter_map(|client| client.last);
        let remembered: Vec<i64> =
            bases.filter(|base| *base >= history.log_start_furthest).collect();
        if remembered.is_empty() {
            return None;
        }
        let base = remembered[self.dice.below(remembered.len() as u64) as usize];
        let batch = history.batch_at(base).map(|sent| sent.batch.clone())?;
        self.may_be_sent(index, &batch).then_some(batch)
    }

    /// A topic that is compacted takes no records without a key.
    fn may_be_sent(&self, index: usize, batch: &Batch) -> bool {
        let compacts = self.partitions[index].config.cleanup_policy.compact;
        !compacts || batch.records.iter().all(|record| record.key.is_some())
    }

    /// One of the five batches that end with a client's last one, any of which it may not have heard of.
    fn one_of_five(&self, index: usize, last: Batch) -> Batch {
        const UNANSWERED_MAX: usize = 5;
        let Partition { history, config, .. } = &self.partitions[index];
        // The cleaner may have taken what was before the last one.
        let is_whole = history.cleanings.is_empty() && !history.has_holes;
        let Some(producer) = last.producer.filter(|_| is_whole) else { return last };
        // A start forgets a producer as of its snapshot, though a transaction that it has begun since keeps it.
        let expired_ms = self.now_ms - config.producer_id_expiration_ms + 10;
        let is_old =
            |batch: &Batch| batch.records.iter().any(|record| record.timestamp <= expired_ms);
        let is_its = |batch: &&Batch| {
            let epoch = |other: Producer| (other.id, other.epoch) == (producer.id, producer.epoch);
            batch.commits.is_none()
                && batch.base_offset >= history.log_start_furthest
                && batch.producer.is_some_and(epoch)
                && !is_old(batch)
        };
        let sent = history.sent.iter().rev().map(|sent| &sent.batch).filter(is_its);
        let recent: Vec<&Batch> = sent.take(UNANSWERED_MAX).collect();
        let chosen = recent.get(self.dice.below(UNANSWERED_MAX as u64) as usize);
        let chosen = chosen.filter(|batch| self.may_be_sent(index, batch));
        chosen.map_or(last, |batch| Batch::clone(batch))
    }

    /// A follower appends what its leader has, in which compaction has left gaps.
    pub(super) fn replicate(&mut self, index: usize) -> Result<(), Stop> {
        let mut bytes = BytesMut::new();
        let mut batches: Vec<Batch> = Vec::new();
        for _ in 0..1 + self.dice.below(3) {
            let mut batch = self.batch(index);
            let end = batches.last().map_or(batch.base_offset, |last| last.last_offset + 1);
            let gap = if self.dice.one_in(4) { self.dice.between(1, 9) } else { 0 };
            batch.shift_to(end + gap);
            bytes.extend_from_slice(&batch.encode(self.codec(), true));
            batches.push(batch);
        }
        let (now_ms, leader_epoch) = (self.now_ms, self.partitions[index].history.leader_epoch);
        let (log, history) = self.open(index)?;
        let appended = log.append_as_follower(bytes.freeze(), leader_epoch, now_ms);
        let acked = appended.is_ok();
        batches.into_iter().for_each(|batch| history.push(batch, acked));
        match appended {
            Ok(_) => self.replicated(index),
            Err(error) => Err(self.fault("replicating", &error)),
        }
    }

    fn send(
        &mut self,
        index: usize,
        batch: Batch,
        bytes: Bytes,
        origin: AppendOrigin,
    ) -> Result<(), Stop> {
        let batch = self.as_stored(index, batch);
        self.tell(|| format!("  {batch:?}"));
        let appended = match self.append(index, bytes, origin) {
            Ok(appended) => appended,
            Err(stop) => {
                // It may be there or not.
                self.partitions[index].history.push(batch, false);
                return Err(stop);
            }
        };
        match appended {
            Ok(appended) if !appended.duplicate && appended.base_offset == batch.base_offset => {
                self.partitions[index].history.push(batch, true);
                self.report.batches += 1;
                self.replicated(index)?;
                self.flush_if_due(index)
            }
            other => Err(Stop::Wrong(format!("{batch:?} gives {other:?}"))),
        }
    }

    /// The inner result is the log's verdict.
    fn append(
        &mut self,
        index: usize,
        bytes: Bytes,
        origin: AppendOrigin,
    ) -> Result<Result<Appended, String>, Stop> {
        let now_ms = self.now_ms;
        let (log, history) = self.open(index)?;
        let options = LeaderAppend {
            leader_epoch: history.leader_epoch,
            now_ms,
            transaction_version: 0,
            verification: Verification::NotRequired,
        };
        match log.append(bytes, origin, options) {
            Ok(appended) => Ok(Ok(appended)),
            Err(AppendError::Refused(refusal)) => Ok(Err(refusal.message)),
            Err(AppendError::Fault(error)) => Err(self.fault("appending", &error)),
        }
    }

    /// The high watermark follows, now or later.
    fn replicated(&mut self, index: usize) -> Result<(), Stop> {
        if self.dice.one_in(4) {
            return Ok(());
        }
        let (log, history) = self.open(index)?;
        history.committed = history.committed.max(log.log_end_offset());
        let moved = log.update_high_watermark(log.log_end_offset()).map(|_| ());
        moved.map_err(|error| self.fault("moving the high watermark", &error))
    }

    /// What a reader will find of a batch that this log is sent.
    fn as_stored(&self, index: usize, mut batch: Batch) -> Batch {
        if self.partitions[index].config.timestamp_type == TimestampType::LogAppendTime {
            batch.records.iter_mut().for_each(|record| record.timestamp = self.now_ms);
        }
        batch
    }

    fn codec(&self) -> Compression {
        Compression::of(self.dice.pick(&CODECS))
    }

    /// A batch of a few records that comes next.
    fn batch(&mut self, index: usize) -> Batch {
        let (dice, now_ms) = (&self.dice, self.now_ms);
        let partition = &mut self.partitions[index];
        let compacts = partition.config.cleanup_policy.compact;
        let history = &mut partition.history;
        let base_offset = history.end;
        let room = i64::from(partition.config.segment_bytes) / 6;
        let records: Vec<Record> = (0..dice.between(1, 4))
            .map(|delta| {
                history.values += 1;
                let key = format!("key {}", dice.below(6)).into_bytes();
                let mut value = format!("value {}", history.values).into_bytes();
                let filler = if dice.one_in(3) { dice.between(0, room - 40) } else { 0 };
                value.resize(value.len() + filler as usize, b'.');
                let is_tombstone = dice.one_in(5);
                Record {
                    offset: base_offset + delta,
                    timestamp: now_ms - dice.between(0, 3),
                    key: (compacts || !dice.one_in(3)).then_some(key),
                    value: (!is_tombstone).then_some(value),
                }
            })
            .collect();
        Batch {
            base_offset,
            last_offset: base_offset + records.len() as i64 - 1,
            leader_epoch: history.leader_epoch,
            producer: None,
            is_transactional: false,
            commits: None,
            records,
        }
    }
}
