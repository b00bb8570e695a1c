//! Which partition a record without one goes to. Pure.
//!
//! With a key: its murmur2 hash over all partitions, as every Kafka client has it. Without: one partition until
//! about `batch.size` bytes went there (KIP-794), then another, the rarer the longer its queue.

use std::collections::HashMap;
use std::sync::Arc;

use ottla_wire::murmur2::partition_for_key;

use super::config::Partitioning;

/// What the partitioner looks at.
pub(super) struct Choice<'a> {
    pub(super) topic: &'a Arc<str>,
    pub(super) key: Option<&'a [u8]>,
    pub(super) partition_count: i32,
    /// Partitions that have a leader.
    pub(super) available: &'a [i32],
}

#[derive(Debug)]
pub(super) struct Partitioner {
    partitioning: Partitioning,
    batch_size: usize,
    topics: HashMap<Arc<str>, Sticky>,
}

#[derive(Debug, Default)]
struct Sticky {
    partition: Option<i32>,
    bytes: usize,
    turn: u32,
}

impl Partitioner {
    pub(super) fn new(partitioning: Partitioning, batch_size: usize) -> Self {
        Self { partitioning, batch_size: batch_size.max(1), topics: HashMap::new() }
    }

    /// The partition for a record; `queued` counts the batches that wait for a partition, `chance` draws numbers.
    pub(super) fn choose(
        &mut self,
        choice: &Choice<'_>,
        queued: impl Fn(i32) -> usize,
        chance: impl Fn() -> u64,
    ) -> i32 {
        let sticky = self.topics.entry(Arc::clone(choice.topic)).or_default();
        let count = choice.partition_count.max(1);
        match self.partitioning {
            Partitioning::RoundRobin => {
                let turn = sticky.turn;
                sticky.turn = turn.wrapping_add(1);
                match choice.available {
                    [] => (turn % count.unsigned_abs()) as i32,
                    available => available[turn as usize % available.len()],
                }
            }
            Partitioning::BuiltIn { ignore_keys, adaptive } => match choice.key {
                Some(key) if !ignore_keys => partition_for_key(key, count),
                _ => match sticky.partition.filter(|known| *known < count) {
                    Some(partition) => partition,
                    None => {
                        let next = draw(choice, adaptive, queued, chance());
                        sticky.partition = Some(next);
                        sticky.bytes = 0;
                        next
                    }
                },
            },
        }
    }

    /// Notes that a record of `bytes` went to `partition`; `batch_complete` is a good moment to move on.
    pub(super) fn produced(
        &mut self,
        topic: &Arc<str>,
        partition: i32,
        bytes: usize,
        batch_complete: bool,
    ) {
        let Some(sticky) = self.topics.get_mut(topic) else { return };
        if sticky.partition != Some(partition) {
            return;
        }
        sticky.bytes += bytes;
        // Moving on in the middle of a batch makes two small ones, so it waits a little for the end of it.
        let enough = sticky.bytes >= self.batch_size && batch_complete;
        if enough || sticky.bytes >= self.batch_size.saturating_mul(2) {
            sticky.partition = None;
        }
    }
}

fn draw(choice: &Choice<'_>, adaptive: bool, queued: impl Fn(i32) -> usize, chance: u64) -> i32 {
    let available = choice.available;
    if available.is_empty() {
        return (chance % u64::from(choice.partition_count.max(1).unsigned_abs())) as i32;
    }
    if !adaptive {
        return available[(chance % available.len() as u64) as usize];
    }
    let lengths: Vec<u64> = available.iter().map(|partition| queued(*partition) as u64).collect();
    let longest = lengths.iter().copied().max().unwrap_or(0);
    // The shorter the queue, the more tickets in the draw; the longest still has one.
    let total: u64 = lengths.iter().map(|length| longest + 1 - length).sum();
    let mut ticket = chance % total.max(1);
    for (partition, length) in available.iter().zip(&lengths) {
        let tickets = longest + 1 - length;
        if ticket < tickets {
            return *partition;
        }
        ticket -= tickets;
    }
    available[0]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn built_in(batch_size: usize) -> Partitioner {
        let partitioning = Partitioning::BuiltIn { ignore_keys: false, adaptive: true };
        Partitioner::new(partitioning, batch_size)
    }

    #[test]
    fn keys_go_where_every_kafka_client_sends_them() {
        let topic: Arc<str> = "t".into();
        let mut partitioner = built_in(100);
        // Facts of kafka-clients 4.3.1: toPositive(murmur2(key)) % 10.
        for (key, expected) in [("21", 0), ("foobar", 6)] {
            let choice = Choice {
                topic: &topic,
                key: Some(key.as_bytes()),
                partition_count: 10,
                available: &[1],
            };
            assert_eq!(partitioner.choose(&choice, |_| 0, || 0), expected, "{key}");
        }
    }

    #[test]
    fn records_without_keys_stay_until_a_batch_is_full() {
        let topic: Arc<str> = "t".into();
        let mut partitioner = built_in(100);
        let choice = Choice { topic: &topic, key: None, partition_count: 3, available: &[0, 1, 2] };
        // bytes, batch complete, chance, chosen before
        let cases = [
            (60, false, 1, 1),
            (60, false, 2, 1), // 120 bytes, but the batch goes on
            (10, true, 2, 1),  // complete: move on
            (200, false, 2, 2),
            (1, false, 0, 0), // twice the size: moved on without waiting
        ];
        for (index, (bytes, complete, chance, expected)) in cases.into_iter().enumerate() {
            let chosen = partitioner.choose(&choice, |_| 0, || chance);
            assert_eq!(chosen, expected, "step {index}");
            partitioner.produced(&topic, chosen, bytes, complete);
        }
    }

    #[test]
    fn long_queues_are_drawn_rarely_and_missing_leaders_never() {
        let topic: Arc<str> = "t".into();
        let choice = Choice { topic: &topic, key: None, partition_count: 4, available: &[0, 1, 3] };
        let mut drawn = [0; 4];
        for chance in 0..70 {
            // Queues of 0, 3 and 2 batches: 4, 1 and 2 tickets of 7.
            let queued = |partition: i32| [0, 3, 9, 2][partition as usize];
            drawn[draw(&choice, true, queued, chance) as usize] += 1;
        }
        assert_eq!(drawn, [40, 10, 0, 20]);
    }
}
