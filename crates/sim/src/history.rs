//! What was sent to a partition, and what of it must be kept.
use std::collections::{BTreeMap, BTreeSet};

use ottla_log::{Durability, Log};

use crate::batches::{Batch, Record};

/// A batch as it was sent, with the offset that it got.
#[derive(Clone, Debug)]
pub struct Sent {
    /// What a reader should find.
    pub batch: Batch,
    /// The log has said that it is appended.
    pub acked: bool,
    /// A crash may have taken it while the log's start hid it.
    pub is_doubtful: bool,
    /// Records that the cleaner took for good, by offset.
    pub gone: BTreeSet<i64>,
}

/// A producer, as its batches tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Client {
    /// Epoch of the last batch or marker.
    pub epoch: i16,
    /// Sequence that comes next.
    pub next_sequence: i32,
    /// First offset of the open transaction.
    pub open: Option<i64>,
    /// Base offset of the last data batch of this epoch.
    pub last: Option<i64>,
    /// When it was last heard of.
    pub heard_ms: i64,
}

impl Client {
    /// Nobody knows it.
    pub const UNKNOWN: Client =
        Client { epoch: 0, next_sequence: 0, open: None, last: None, heard_ms: 0 };

    /// The log may forget it. The cleaner may have taken its very last records, which were written within
    /// a few milliseconds of the others of their batch.
    pub fn has_expired(&self, now_ms: i64, expiration_ms: i64) -> bool {
        const SLACK_MS: i64 = 10;
        self.open.is_none()
            && now_ms.saturating_sub(self.heard_ms) >= expiration_ms.saturating_sub(SLACK_MS)
    }
}

/// Where a transaction lies.
#[derive(Clone, Copy, Debug)]
pub struct Range {
    /// Whose it was.
    pub producer_id: i64,
    /// Where it began.
    pub first_offset: i64,
    /// Where its marker is.
    pub marker_offset: i64,
}

/// A run of the cleaner that took effect, or may have.
#[derive(Clone, Copy, Debug)]
pub struct Cleaning {
    /// Everything before was cleaned.
    pub to: i64,
    /// It may have seen keys up to here, and taken what they supersede.
    pub seen_to: i64,
    /// When.
    pub now_ms: i64,
}

/// Everything that was sent to a partition and not cut off again.
#[derive(Debug, Default)]
pub struct History {
    /// In the order of their offsets.
    pub sent: Vec<Sent>,
    /// The offset that comes next. Beyond the last batch where a leader's batches had a gap that was
    /// cut in; a restart forgets that.
    pub end: i64,
    /// Where the log begins anew, while it was told so and has not answered.
    pub starting_over: Option<i64>,
    /// Offsets before were deleted.
    pub log_start: i64,
    /// The furthest that the log start ever was: epochs before are forgotten, as Kafka forgets them,
    /// though a crash may bring their records back.
    pub log_start_furthest: i64,
    /// The log start that a crash can't undo.
    pub log_start_kept: i64,
    /// Every replica has what is before: nobody will cut it off.
    pub committed: i64,
    /// Everything before is on the platter.
    pub synced: i64,
    /// Runs of the cleaner.
    pub cleanings: Vec<Cleaning>,
    /// The leader's epoch.
    pub leader_epoch: i32,
    /// A crash has left a hole that was not told from the cleaner's: the policy stays as it is.
    pub has_holes: bool,
    /// Whether a transaction commits, once its coordinator has decided it: by producer and first offset.
    pub decided: BTreeMap<(i64, i64), bool>,
    /// Values made so far, which makes each one different.
    pub values: u64,
}

impl History {
    /// The log has what it appended on disk, as far as it says.
    pub fn became_durable(&mut self, log: &Log) {
        let durable = match log.config().durability {
            Durability::Os => log.recovery_point(),
            Durability::Fsync => log.durable_end(),
        };
        self.synced = self.synced.max(durable);
    }

    /// Notes a batch at the end.
    pub fn push(&mut self, batch: Batch, acked: bool) {
        self.end = batch.last_offset + 1;
        self.sent.push(Sent { batch, acked, is_doubtful: false, gone: BTreeSet::new() });
    }

    /// The end of the last batch that lies before `offset`.
    pub fn boundary(&self, offset: i64) -> i64 {
        let before = self.sent.iter().rfind(|sent| sent.batch.last_offset < offset);
        before.map_or(0, |sent| sent.batch.last_offset + 1)
    }

    /// The offset after the last batch that was acknowledged.
    pub fn acked_end(&self) -> i64 {
        let acked = self.sent.iter().rfind(|sent| sent.acked);
        acked.map_or(0, |sent| sent.batch.last_offset + 1).max(self.log_start_kept)
    }

    /// Everything from `offset` on is gone.
    pub fn cut(&mut self, offset: i64) {
        self.sent.retain(|sent| sent.batch.last_offset < offset);
        self.end = self.end.min(offset);
        self.synced = self.synced.min(offset);
        self.committed = self.committed.min(offset);
        self.log_start = self.log_start.min(offset);
        self.log_start_kept = self.log_start_kept.min(offset);
        self.log_start_furthest = self.log_start_furthest.min(offset);
    }

    /// Records before `offset` are deleted.
    pub fn delete_before(&mut self, offset: i64) {
        self.log_start = self.log_start.max(offset);
        self.log_start_furthest = self.log_start_furthest.max(offset);
    }

    /// The log holds what is from `start` to `end`, and nobody will take it back.
    pub fn settle(&mut self, start: i64, end: i64) {
        let starting_over = self.starting_over.take();
        // All or nothing. It may be empty elsewhere: because all that is left of it was deleted.
        if start == end && starting_over == Some(start) {
            self.start_over(start);
        }
        self.cut(end);
        self.end = end;
        self.log_start = start;
        self.log_start_furthest = self.log_start_furthest.max(start);
        self.sent.iter_mut().for_each(|sent| sent.acked = true);
    }

    /// Of what the log's start hides nobody knows whether it outlasted a crash, unless that was promised.
    pub fn doubt_hidden(&mut self, promised_end: i64) {
        let log_start = self.log_start;
        let is_hidden =
            |sent: &&mut Sent| (promised_end..log_start).contains(&sent.batch.last_offset);
        self.sent.iter_mut().filter(is_hidden).for_each(|sent| sent.is_doubtful = true);
    }

    /// Of the batches that the cleaner came past, these are left: nobody will bring the rest back.
    pub fn keep_cleaned(&mut self, found: &[Batch]) {
        let seen_to = self.cleanings.iter().map(|cleaning| cleaning.seen_to).max().unwrap_or(0);
        let found: BTreeMap<i64, &Batch> =
            found.iter().map(|batch| (batch.base_offset, batch)).collect();
        let log_start = self.log_start;
        let cleaned = |sent: &&mut Sent| {
            sent.batch.base_offset < seen_to && sent.batch.last_offset >= log_start
        };
        for Sent { batch, gone, .. } in self.sent.iter_mut().filter(cleaned) {
            let left = found.get(&batch.base_offset);
            let is_left = |record: &&Record| left.is_some_and(|left| left.records.contains(record));
            gone.extend(
                batch.records.iter().filter(|record| !is_left(record)).map(|record| record.offset),
            );
        }
    }

    /// Nothing is left, and the log goes on at `offset`.
    pub fn start_over(&mut self, offset: i64) {
        self.sent.clear();
        self.end = offset;
        self.starting_over = None;
        (self.log_start, self.log_start_kept, self.synced) = (offset, offset, offset);
        (self.log_start_furthest, self.committed) = (offset, offset);
        self.cleanings.clear();
        self.decided.clear();
    }

    /// How far the cleaner ever came.
    pub fn cleaned_to(&self) -> i64 {
        self.cleanings.iter().map(|cleaning| cleaning.to).max().unwrap_or(0)
    }

    /// The batch that begins at `base_offset`.
    pub fn batch_at(&self, base_offset: i64) -> Option<&Sent> {
        let index = self.sent.binary_search_by_key(&base_offset, |sent| sent.batch.base_offset);
        index.ok().map(|index| &self.sent[index])
    }

    /// Every producer, as its batches from `from` on tell.
    pub fn clients(&self, from: i64) -> BTreeMap<i64, Client> {
        let mut clients: BTreeMap<i64, Client> = BTreeMap::new();
        for sent in self.sent.iter().filter(|sent| sent.batch.last_offset >= from) {
            let batch = &sent.batch;
            let Some(producer) = batch.producer else { continue };
            let client = clients.entry(producer.id).or_insert(Client {
                epoch: producer.epoch,
                next_sequence: 0,
                open: None,
                last: None,
                heard_ms: 0,
            });
            let times = batch.records.iter().map(|record| record.timestamp);
            client.heard_ms = times.max().unwrap_or(client.heard_ms);
            if client.epoch != producer.epoch {
                (client.epoch, client.next_sequence, client.last) = (producer.epoch, 0, None);
            }
            if batch.commits.is_some() {
                client.open = None;
                continue;
            }
            client.next_sequence = producer.base_sequence + batch.offsets() as i32;
            client.last = Some(batch.base_offset);
            if batch.is_transactional && client.open.is_none() {
                client.open = Some(batch.base_offset);
            }
        }
        clients
    }

    /// Every transaction that was aborted.
    pub fn aborted(&self) -> Vec<Range> {
        self.ranges(|commits| commits == Some(false))
    }

    /// Every transaction. An open one ends where nothing does.
    pub fn transactions(&self) -> Vec<Range> {
        self.ranges(|_| true)
    }

    fn ranges(&self, is_wanted: impl Fn(Option<bool>) -> bool) -> Vec<Range> {
        let mut open: BTreeMap<i64, i64> = BTreeMap::new();
        let mut ranges = Vec::new();
        for Sent { batch, .. } in &self.sent {
            let Some(producer) = batch.producer.filter(|_| batch.is_transactional) else {
                continue;
            };
            if batch.commits.is_none() {
                open.entry(producer.id).or_insert(batch.base_offset);
            } else if let Some(first_offset) = open.remove(&producer.id)
                && is_wanted(batch.commits)
            {
                let (producer_id, marker_offset) = (producer.id, batch.base_offset);
                ranges.push(Range { producer_id, first_offset, marker_offset });
            }
        }
        if is_wanted(None) {
            ranges.extend(open.into_iter().map(|(producer_id, first_offset)| Range {
                producer_id,
                first_offset,
                marker_offset: i64::MAX,
            }));
        }
        ranges
    }
}
