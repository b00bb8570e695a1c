//! Records that wait to be sent, by partition, and the order in which they go. Pure.
//!
//! A batch is open (takes records), then sealed (has its bytes), then under way. A batch that must be tried again
//! goes back to where it was in its partition's order, and nothing newer overtakes it.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;

use ottla_cluster::{Error, TopicPartition};
use ottla_wire::records::{BuildError, Compression};
use tokio::sync::OwnedSemaphorePermit;

use super::batch::{Content, Millis, OpenBatch, Order, SealedBatch};
use super::delivery::{Outcome, Place, Ticket};
use super::sequences::{Identity, Sequences};

/// How batches are made and when they go.
#[derive(Clone, Debug)]
pub(super) struct Rules {
    pub(super) batch_size: usize,
    pub(super) linger: Millis,
    pub(super) delivery_timeout: Millis,
    pub(super) request_size_max: usize,
    pub(super) compression: Compression,
    /// Whether a partition may have one batch under way only (`max.in.flight.requests.per.connection=1`).
    pub(super) one_at_a_time: bool,
}

#[derive(Debug)]
pub(super) struct Accumulator {
    rules: Rules,
    queues: BTreeMap<TopicPartition, Queue>,
    /// How far records of a topic shrink, learnt from its batches.
    ratios: HashMap<Arc<str>, f32>,
    sealed_so_far: u64,
    /// Where the last drain stopped for want of room, so that every partition gets its turn.
    resume_at: Option<TopicPartition>,
    /// Send what there is, without lingering.
    pub(super) hurry: bool,
}

#[derive(Debug, Default)]
struct Queue {
    /// To be sent again, in order; they go before everything below.
    again: VecDeque<SealedBatch>,
    /// Only the last one takes records.
    open: VecDeque<OpenBatch>,
    under_way: Vec<UnderWay>,
    sequences: Sequences,
    doubt: Option<Doubt>,
}

/// Why a partition's numbers may not go on as they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Doubt {
    /// A batch was given up that may be written, or that others before it may be: whatever else is numbered is
    /// settled under its numbers first, because what a broker has must not come again under others.
    Unresolved,
    /// There is a gap, and nothing after it is written: that starts again at 0 under a later epoch.
    Gap,
}

/// What is remembered of a batch while it is with the broker.
#[derive(Debug)]
struct UnderWay {
    order: Order,
    expires_at: Millis,
    count: i32,
    outcome: Arc<Outcome>,
}

/// A record that was added.
#[derive(Debug)]
pub(super) struct Added {
    pub(super) ticket: Ticket,
    /// Whether the sender has reason to look: a batch was begun, or is full.
    pub(super) wake: bool,
    pub(super) batch_complete: bool,
}

/// What a drain found.
#[derive(Debug, Default)]
pub(super) struct Drained {
    /// By leader, what fits into one request.
    pub(super) by_leader: BTreeMap<i32, Vec<SealedBatch>>,
    /// Partitions that have something ready but no leader.
    pub(super) leaderless: Vec<TopicPartition>,
    /// When to look again at the latest.
    pub(super) next: Option<Millis>,
    /// Whether a partition waits for a later epoch.
    pub(super) needs_new_epoch: bool,
}

/// What a drain may do.
pub(super) struct Routes<'a> {
    pub(super) leader: &'a dyn Fn(&TopicPartition) -> Option<i32>,
    /// Whether a broker takes another request now.
    pub(super) may_send: &'a dyn Fn(i32) -> bool,
    /// Set for idempotent producers.
    pub(super) identity: Option<Identity>,
}

impl Accumulator {
    pub(super) fn new(rules: Rules) -> Self {
        Self {
            rules,
            queues: BTreeMap::new(),
            ratios: HashMap::new(),
            sealed_so_far: 0,
            resume_at: None,
            hurry: false,
        }
    }

    /// Adds a record to the partition's last batch. `Ok(None)`: there is no room, a new batch is needed, and
    /// memory for it; give that as `memory` and it is begun.
    pub(super) fn add(
        &mut self,
        partition: &TopicPartition,
        content: &Content<'_>,
        memory: &mut Option<OwnedSemaphorePermit>,
        now: Millis,
    ) -> Result<Option<Added>, BuildError> {
        let ratio = self.ratio(&partition.topic);
        let size = self.rules.batch_size;
        if !self.queues.contains_key(partition) {
            self.queues.insert(partition.clone(), Queue::default());
        }
        let Some(queue) = self.queues.get_mut(partition) else { return Ok(None) };
        let has_room = queue.open.back().is_some_and(|last| last.has_room(content, ratio, size));
        let begun = !has_room;
        if begun {
            let Some(permit) = memory.take() else { return Ok(None) };
            queue.open.push_back(OpenBatch::new(self.rules.compression, now, Some(permit)));
        }
        let Some(last) = queue.open.back_mut() else { return Ok(None) };
        let (index, outcome) = match last.append(content) {
            Ok(added) => added,
            Err(error) => {
                if begun {
                    queue.open.pop_back();
                }
                return Err(error);
            }
        };
        let batch_complete = last.is_full(ratio, size);
        let place = Place {
            partition: partition.clone(),
            index,
            timestamp: content.timestamp,
            key_size: length(content.key),
            value_size: length(content.value),
        };
        let ticket = Ticket { outcome, place };
        Ok(Some(Added { ticket, wake: begun || batch_complete, batch_complete }))
    }

    /// Batches of a partition that wait.
    pub(super) fn queued(&self, partition: &TopicPartition) -> usize {
        self.queues.get(partition).map_or(0, |queue| queue.open.len() + queue.again.len())
    }

    /// Topics with anything waiting or under way.
    pub(super) fn topics(&self) -> Vec<Arc<str>> {
        let busy = self.queues.iter().filter(|(_, queue)| !queue.is_idle());
        let mut topics: Vec<Arc<str>> = busy.map(|(key, _)| Arc::clone(&key.topic)).collect();
        topics.dedup();
        topics
    }

    /// Whether nothing waits and nothing is under way.
    pub(super) fn is_empty(&self) -> bool {
        self.queues.values().all(Queue::is_idle)
    }

    /// The outcomes of everything that waits or is under way.
    pub(super) fn outcomes(&self) -> Vec<Arc<Outcome>> {
        let mut outcomes = Vec::new();
        for queue in self.queues.values() {
            outcomes.extend(queue.under_way.iter().map(|batch| Arc::clone(&batch.outcome)));
            outcomes.extend(queue.again.iter().map(|batch| Arc::clone(&batch.outcome)));
            outcomes.extend(queue.open.iter().map(|batch| Arc::clone(batch.outcome())));
        }
        outcomes
    }

    /// Takes what is ready for brokers that can take it. What it takes is under way until `settled` or `returned`.
    pub(super) fn drain(&mut self, now: Millis, routes: &Routes<'_>) -> Drained {
        let mut drained = Drained::default();
        let mut room: HashMap<i32, usize> = HashMap::new();
        let mut keys: Vec<TopicPartition> = self
            .queues
            .iter()
            .filter(|(_, queue)| queue.waits())
            .map(|(key, _)| key.clone())
            .collect();
        if let Some(last) = self.resume_at.take() {
            let start = keys.partition_point(|key| *key < last);
            keys.rotate_left(start);
        }
        for key in keys {
            let Some(queue) = self.queues.get_mut(&key) else { continue };
            drained.needs_new_epoch |= queue.needs_new_epoch(routes.identity);
            let ratio = self.ratios.get(&key.topic).copied().unwrap_or(1.0);
            match queue.ready_at(&self.rules, ratio, self.hurry) {
                None => continue,
                Some(at) if at > now => {
                    drained.next = Some(drained.next.map_or(at, |next| next.min(at)));
                    continue;
                }
                Some(_) => {}
            }
            let Some(leader) = (routes.leader)(&key) else {
                drained.leaderless.push(key);
                continue;
            };
            if !(routes.may_send)(leader) || !queue.may_go(routes.identity) {
                continue;
            }
            let left = room.entry(leader).or_insert(self.rules.request_size_max);
            let share = drained.by_leader.entry(leader).or_default();
            let size = queue.front_size();
            if size > *left && !share.is_empty() {
                self.resume_at.get_or_insert(key);
                continue;
            }
            *left = left.saturating_sub(size);
            match queue.take(&key, self.sealed_so_far, routes.identity) {
                Ok(batch) => {
                    self.sealed_so_far += 1;
                    queue.depart(&batch, self.rules.delivery_timeout);
                    learn(&mut self.ratios, &batch);
                    share.push(batch);
                }
                Err((outcome, error)) => {
                    // The numbers it was given are missing now.
                    queue.misses(&Order::new(self.sealed_so_far));
                    outcome.fail(Error::Misuse { detail: error.to_string() });
                }
            }
        }
        drained.by_leader.retain(|_, share| !share.is_empty());
        drained
    }

    /// The broker has the batch (or had it before).
    pub(super) fn settled(&mut self, batch: &SealedBatch) {
        let Some(queue) = self.queues.get_mut(&batch.partition) else { return };
        queue.arrive(&batch.order);
        if let Some(first) = batch.base_sequence {
            queue.sequences.acknowledge(first, batch.count);
        }
    }

    /// The batch is given up: if it is not written, what was numbered after it can no longer be accepted.
    pub(super) fn abandoned(&mut self, batch: &SealedBatch) {
        let Some(queue) = self.queues.get_mut(&batch.partition) else { return };
        queue.arrive(&batch.order);
        queue.gave_up(batch);
    }

    /// The batch is gone without a trace; it was not written.
    pub(super) fn forget(&mut self, partition: &TopicPartition, order: &Order) {
        if let Some(queue) = self.queues.get_mut(partition) {
            queue.arrive(order);
            queue.misses(order);
        }
    }

    /// The batch (or the parts it was cut into) must be sent again.
    pub(super) fn returned(&mut self, order: &Order, batches: Vec<SealedBatch>) {
        let Some(first) = batches.first() else { return };
        let Some(queue) = self.queues.get_mut(&first.partition) else { return };
        queue.arrive(order);
        for batch in batches {
            let position = queue.again.partition_point(|other| other.order < batch.order);
            queue.again.insert(position, batch);
        }
    }

    /// Whether a broker that misses something before this batch will miss it for ever, because nothing of it is
    /// open any more. What is known to be written proves nothing: a broker that forgot a producer takes any number.
    pub(super) fn is_next(&self, batch: &SealedBatch) -> bool {
        let queue = self.queues.get(&batch.partition);
        // After a gap it gets another number as it is.
        queue.is_some_and(|queue| {
            queue.doubt != Some(Doubt::Gap) && !queue.is_open_before(&batch.order)
        })
    }

    /// The partition's numbers no longer agree with the broker's.
    pub(super) fn doubt(&mut self, partition: &TopicPartition) {
        if let Some(queue) = self.queues.get_mut(partition) {
            queue.doubt(Doubt::Gap);
        }
    }

    /// Gives up what waited longer than `delivery.timeout.ms`; answers when the next will have.
    pub(super) fn expire(&mut self, now: Millis) -> Option<Millis> {
        let timeout = self.rules.delivery_timeout;
        let mut next: Option<Millis> = None;
        let mut note = |at: Millis| next = Some(next.map_or(at, |known| known.min(at)));
        for (key, queue) in &mut self.queues {
            while let Some(oldest) = queue.again.front() {
                let expires_at = oldest.created_at.saturating_add(timeout);
                if expires_at > now {
                    note(expires_at);
                    break;
                }
                let age = now - oldest.created_at;
                oldest.outcome.fail(expired(key, oldest.count, age));
                if let Some(oldest) = queue.again.pop_front() {
                    queue.gave_up(&oldest);
                }
            }
            while let Some(oldest) = queue.open.front() {
                let expires_at = oldest.created_at.saturating_add(timeout);
                if expires_at > now {
                    note(expires_at);
                    break;
                }
                let age = now - oldest.created_at;
                oldest.outcome().fail(expired(key, oldest.count(), age));
                queue.open.pop_front();
            }
            for batch in &queue.under_way {
                if batch.expires_at > now {
                    note(batch.expires_at);
                } else if !batch.outcome.is_settled() {
                    let age = now + timeout - batch.expires_at;
                    batch.outcome.fail(expired(key, batch.count, age));
                }
            }
        }
        next
    }

    /// Gives up everything that waits.
    pub(super) fn fail_all(&mut self, error: &Error) {
        for queue in self.queues.values_mut() {
            let again = queue.again.drain(..).map(|batch| batch.outcome);
            let open = queue.open.drain(..).map(|batch| Arc::clone(batch.outcome()));
            let under_way = queue.under_way.iter().map(|batch| Arc::clone(&batch.outcome));
            for outcome in again.chain(open).chain(under_way) {
                outcome.fail(error.clone());
            }
        }
    }

    fn ratio(&self, topic: &Arc<str>) -> f32 {
        self.ratios.get(topic).copied().unwrap_or(1.0)
    }
}

impl Queue {
    fn is_idle(&self) -> bool {
        self.again.is_empty() && self.open.is_empty() && self.under_way.is_empty()
    }

    fn waits(&self) -> bool {
        !self.again.is_empty() || !self.open.is_empty()
    }

    /// When the front may go; `None` if that depends on something other than time.
    fn ready_at(&self, rules: &Rules, ratio: f32, hurry: bool) -> Option<Millis> {
        if rules.one_at_a_time && !self.under_way.is_empty() {
            return None;
        }
        if let Some(front) = self.again.front() {
            // What is under way with lower numbers must be answered first, or the broker sees a gap.
            let overtakes = self.under_way.iter().any(|batch| batch.order < front.order);
            let ordered = front.base_sequence.is_some() || rules.one_at_a_time;
            return if overtakes && ordered { None } else { Some(front.not_before) };
        }
        // After a connection has ended its batches come back one by one. Until all have, some are sent
        // again while others count as under way; nothing new may go that makes the broker forget them.
        if self.under_way.len() >= self.sequences.in_flight_max() {
            return None;
        }
        let front = self.open.front()?;
        if self.open.len() > 1 || hurry || front.is_full(ratio, rules.batch_size) {
            return Some(0);
        }
        Some(front.created_at.saturating_add(rules.linger))
    }

    fn doubt(&mut self, doubt: Doubt) {
        // A gap is certain; it stays.
        if self.doubt != Some(Doubt::Gap) {
            self.doubt = Some(doubt);
        }
    }

    fn gave_up(&mut self, batch: &SealedBatch) {
        match batch.base_sequence {
            Some(_) if batch.may_be_written => self.doubt(Doubt::Unresolved),
            Some(_) => self.misses(&batch.order),
            None => {}
        }
    }

    /// A batch was given up that is not written. What stands before it may be.
    fn misses(&mut self, order: &Order) {
        let is_last = !self.is_open_before(order);
        self.doubt(if is_last { Doubt::Gap } else { Doubt::Unresolved });
    }

    fn is_open_before(&self, order: &Order) -> bool {
        let under_way = self.under_way.iter().map(|batch| &batch.order);
        let mut open = under_way.chain(self.again.iter().map(|batch| &batch.order));
        open.any(|other| other < order)
    }

    /// Whether it can't go on under `identity`. What was given up is resolved once the rest is settled.
    fn needs_new_epoch(&mut self, identity: Option<Identity>) -> bool {
        let Some(identity) = identity else { return false };
        let is_settled = self.again.is_empty() && self.under_way.is_empty();
        if self.doubt == Some(Doubt::Unresolved) && is_settled {
            // Whoever wrote what came after it has it as well.
            self.doubt = Some(Doubt::Gap).filter(|_| !self.sequences.is_complete());
        }
        self.doubt == Some(Doubt::Gap) && !self.sequences.is_stale(identity)
    }

    /// Whether the front may go: under the numbers it has, or under new ones of `identity`.
    fn may_go(&mut self, identity: Option<Identity>) -> bool {
        let Some(identity) = identity else { return true };
        let is_stale = self.sequences.is_stale(identity);
        match self.doubt {
            Some(Doubt::Unresolved) => return !self.again.is_empty(),
            Some(Doubt::Gap) if !is_stale || !self.under_way.is_empty() => return false,
            // What has a number keeps it until it is settled.
            None if !is_stale || !self.again.is_empty() => return true,
            None if !self.under_way.is_empty() => return false,
            Some(Doubt::Gap) | None => {}
        }
        self.doubt = None;
        self.sequences.restart(identity);
        for batch in &mut self.again {
            let first = self.sequences.take(batch.count);
            batch.renumber(identity, first);
        }
        true
    }

    fn front_size(&self) -> usize {
        match self.again.front() {
            Some(sealed) => sealed.bytes.len(),
            None => self.open.front().map_or(0, OpenBatch::size),
        }
    }

    fn take(
        &mut self,
        key: &TopicPartition,
        order: u64,
        identity: Option<Identity>,
    ) -> Result<SealedBatch, (Arc<Outcome>, BuildError)> {
        if let Some(sealed) = self.again.pop_front() {
            return Ok(sealed);
        }
        let open = self.open.pop_front().expect("only queues with something ready are taken from");
        let numbers = identity.map(|identity| (identity, self.sequences.take(open.count())));
        open.seal(key.clone(), Order::new(order), numbers)
    }

    fn depart(&mut self, batch: &SealedBatch, delivery_timeout: Millis) {
        self.under_way.push(UnderWay {
            order: batch.order.clone(),
            expires_at: batch.created_at.saturating_add(delivery_timeout),
            count: batch.count,
            outcome: Arc::clone(&batch.outcome),
        });
    }

    fn arrive(&mut self, order: &Order) {
        self.under_way.retain(|batch| batch.order != *order);
    }
}

/// How fast the estimate follows batches that compress better, and those that compress worse.
const RATIO_IMPROVES: f32 = 0.005;
const RATIO_WORSENS: f32 = 0.05;

fn learn(ratios: &mut HashMap<Arc<str>, f32>, batch: &SealedBatch) {
    let observed = batch.bytes.len() as f32 / batch.uncompressed.max(1) as f32;
    let ratio = ratios.entry(Arc::clone(&batch.partition.topic)).or_insert(1.0);
    *ratio = if observed > *ratio {
        (*ratio + RATIO_WORSENS).max(observed)
    } else {
        (*ratio - RATIO_IMPROVES).max(observed)
    };
}

fn expired(partition: &TopicPartition, count: i32, age: Millis) -> Error {
    Error::Expired { partition: partition.clone(), count, age_ms: age }
}

fn length(bytes: Option<&[u8]>) -> i32 {
    bytes.map_or(-1, |bytes| i32::try_from(bytes.len()).unwrap_or(i32::MAX))
}

#[cfg(test)]
mod tests;
