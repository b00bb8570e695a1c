//! Which brokers hold a new partition's replicas: Kafka's striped placement.
//!
//! Replicas of a partition go to different racks as far as there are racks; the leader is a broker
//! that is up; the next partition begins one rack and one broker further on. Start offsets are
//! drawn, so that small topics do not all begin at the same broker.

use std::collections::BTreeMap;

use ottla_metadata::{BrokerImage, MetadataImage};
use ottla_wire::ErrorCode;

use crate::draw::Draw;
use crate::refusal::Refusal;

/// Brokers of one kind in one rack, walked in a ring.
#[derive(Debug, Default)]
struct Ring {
    brokers: Vec<i32>,
    epoch: usize,
    index: usize,
    offset: usize,
}

impl Ring {
    fn begin(&mut self, draw: &mut Draw) {
        if !self.brokers.is_empty() {
            self.offset = draw.below(self.brokers.len());
        }
    }

    /// The next broker for the partition of this epoch; `None` once each was named.
    fn next(&mut self, epoch: usize) -> Option<i32> {
        let size = self.brokers.len();
        if size == 0 {
            return None;
        }
        if self.epoch != epoch {
            self.epoch = epoch;
            self.index = 0;
            self.offset = (self.offset + 1) % size;
        }
        if self.index >= size {
            return None;
        }
        let broker = self.brokers[(self.index + self.offset) % size];
        self.index += 1;
        Some(broker)
    }
}

#[derive(Debug, Default)]
struct Rack {
    unfenced: Ring,
    fenced: Ring,
}

impl Rack {
    fn next(&mut self, epoch: usize) -> Option<i32> {
        self.unfenced.next(epoch).or_else(|| self.fenced.next(epoch))
    }
}

/// Places the partitions of one topic, one after the other.
#[derive(Debug)]
pub(crate) struct Placement {
    racks: Vec<Rack>,
    brokers: usize,
    unfenced: usize,
    epoch: usize,
    offset: usize,
}

impl Placement {
    /// A placement over the brokers that take new replicas.
    pub fn new(image: &MetadataImage, draw: &mut Draw) -> Self {
        let mut racks: BTreeMap<Option<&str>, Rack> = BTreeMap::new();
        let (mut brokers, mut unfenced) = (0, 0);
        for broker in image.brokers.values().filter(|broker| takes_replicas(broker)) {
            let rack = racks.entry(broker.rack.as_deref()).or_default();
            brokers += 1;
            if broker.fenced {
                rack.fenced.brokers.push(broker.id);
            } else {
                unfenced += 1;
                rack.unfenced.brokers.push(broker.id);
            }
        }
        let mut racks: Vec<Rack> = racks.into_values().collect();
        for rack in &mut racks {
            rack.fenced.begin(draw);
            rack.unfenced.begin(draw);
        }
        let offset = if racks.is_empty() { 0 } else { draw.below(racks.len()) };
        Self { racks, brokers, unfenced, epoch: 0, offset }
    }

    /// Refuses a replication factor that these brokers cannot give.
    pub fn check(&self, replication_factor: i16) -> Result<usize, Refusal> {
        let refuse = |message: String| Refusal::new(ErrorCode::InvalidReplicationFactor, message);
        let wanted = usize::try_from(replication_factor).ok().filter(|wanted| *wanted > 0);
        let wanted = wanted.ok_or_else(|| {
            refuse(format!(
                "Invalid replication factor {replication_factor}: the replication factor must be positive."
            ))
        })?;
        if wanted > self.brokers {
            let brokers = self.brokers;
            return Err(refuse(format!(
                "The target replication factor of {wanted} cannot be reached because only {brokers} \
                 broker(s) are registered or some brokers have all their log directories cordoned."
            )));
        }
        if self.unfenced == 0 {
            return Err(refuse(
                "All brokers are currently fenced, or have all their log directories cordoned."
                    .to_owned(),
            ));
        }
        Ok(wanted)
    }

    /// The replicas of the next partition, leader first. `wanted` comes from [`Placement::check`].
    pub fn next(&mut self, wanted: usize, draw: &mut Draw) -> Vec<i32> {
        if self.epoch == self.unfenced && self.unfenced > 1 {
            self.begin_again(draw);
        }
        self.offset %= self.racks.len();
        let (mut first_rack, leader) = self.leader();
        let mut replicas = vec![leader];
        let mut at = self.offset;
        while replicas.len() < wanted {
            if first_rack == Some(at) {
                // The leader's rack has had its turn of the first round.
                first_rack = None;
            } else if let Some(broker) = self.racks[at].next(self.epoch) {
                replicas.push(broker);
            }
            at = (at + 1) % self.racks.len();
        }
        self.epoch += 1;
        self.offset += 1;
        replicas
    }

    fn leader(&mut self) -> (Option<usize>, i32) {
        let mut at = self.offset;
        loop {
            if let Some(broker) = self.racks[at].unfenced.next(self.epoch) {
                return (Some(at), broker);
            }
            at = (at + 1) % self.racks.len();
        }
    }

    /// Every broker has led once: other orders now, lest the same assignments come again.
    fn begin_again(&mut self, draw: &mut Draw) {
        draw.shuffle(&mut self.racks);
        for rack in &mut self.racks {
            draw.shuffle(&mut rack.unfenced.brokers);
            draw.shuffle(&mut rack.fenced.brokers);
            for ring in [&mut rack.unfenced, &mut rack.fenced] {
                ring.epoch = 0;
                ring.index = 0;
            }
        }
        self.epoch = 0;
    }
}

fn takes_replicas(broker: &BrokerImage) -> bool {
    !broker.in_controlled_shutdown && !broker.is_cordoned()
}

/// Refuses replicas that a person may not have meant.
pub(crate) fn validate_manual(
    image: &MetadataImage,
    replicas: &[i32],
    replication_factor: Option<usize>,
) -> Result<(), Refusal> {
    let refuse = |message: String| Err(Refusal::new(ErrorCode::InvalidReplicaAssignment, message));
    if replicas.is_empty() {
        return refuse(
            "The manual partition assignment includes an empty replica list.".to_owned(),
        );
    }
    let mut sorted = replicas.to_vec();
    sorted.sort_unstable();
    let mut previous = None;
    for broker in sorted {
        if image.broker(broker).is_none() {
            return refuse(format!(
                "The manual partition assignment includes broker {broker}, but no such broker is registered."
            ));
        }
        if previous == Some(broker) {
            return refuse(format!(
                "The manual partition assignment includes the broker {broker} more than once."
            ));
        }
        previous = Some(broker);
    }
    match replication_factor {
        Some(factor) if factor != replicas.len() => refuse(format!(
            "The manual partition assignment includes a partition with {} replica(s), but this is \
             not consistent with previous partitions, which have {factor} replica(s).",
            replicas.len()
        )),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;
    use crate::fixture;

    /// Id, rack, fenced.
    type Brokers<'a> = &'a [(i32, Option<&'a str>, bool)];

    fn image(brokers: Brokers<'_>) -> MetadataImage {
        let mut image = MetadataImage::empty();
        for (id, rack, fenced) in brokers {
            image.apply(&fixture::broker_record(*id, *rack, *fenced)).expect("a broker registers");
        }
        image
    }

    fn place(image: &MetadataImage, partitions: usize, factor: i16, seed: u64) -> Vec<Vec<i32>> {
        let mut draw = Draw::new([seed, seed]);
        let mut placement = Placement::new(image, &mut draw);
        let wanted = placement.check(factor).expect("enough brokers");
        (0..partitions).map(|_| placement.next(wanted, &mut draw)).collect()
    }

    #[test]
    fn leaders_and_replicas_are_spread_over_racks() {
        let racks = [(0, "a"), (1, "a"), (2, "b"), (3, "b"), (4, "c"), (5, "c")];
        let brokers: Vec<_> = racks.iter().map(|(id, rack)| (*id, Some(*rack), false)).collect();
        let image = image(&brokers);
        let rack_of: BTreeMap<i32, &str> = racks.into_iter().collect();
        for seed in 0..200 {
            let placed = place(&image, 6, 3, seed);
            let leaders: BTreeSet<i32> = placed.iter().map(|replicas| replicas[0]).collect();
            assert_eq!(leaders.len(), 6, "seed {seed}: {placed:?}");
            for replicas in placed {
                let racks: BTreeSet<&str> = replicas.iter().map(|id| rack_of[id]).collect();
                assert_eq!(racks.len(), 3, "seed {seed}: {replicas:?}");
            }
        }
    }

    #[test]
    fn replicas_are_distinct_and_leaders_are_up() {
        let image = image(&[
            (1, None, true),
            (2, None, false),
            (3, Some("x"), true),
            (4, Some("x"), false),
        ]);
        for seed in 0..200 {
            for factor in 1..=4 {
                for replicas in place(&image, 9, factor, seed) {
                    let distinct: BTreeSet<i32> = replicas.iter().copied().collect();
                    assert_eq!(distinct.len(), factor as usize, "seed {seed}: {replicas:?}");
                    assert!([2, 4].contains(&replicas[0]), "seed {seed}: {replicas:?}");
                }
            }
        }
    }

    #[test]
    fn factors_that_cannot_be_given_are_refused() {
        let mut draw = Draw::new([1, 2]);
        let cases: [(Brokers<'_>, i16, &str); 4] = [
            (
                &[(1, None, false)],
                2,
                "The target replication factor of 2 cannot be reached because only 1 broker(s) are registered or some brokers have all their log directories cordoned.",
            ),
            (
                &[],
                1,
                "The target replication factor of 1 cannot be reached because only 0 broker(s) are registered or some brokers have all their log directories cordoned.",
            ),
            (
                &[(1, None, true)],
                1,
                "All brokers are currently fenced, or have all their log directories cordoned.",
            ),
            (
                &[(1, None, false)],
                0,
                "Invalid replication factor 0: the replication factor must be positive.",
            ),
        ];
        for (brokers, factor, message) in cases {
            let refusal =
                Placement::new(&image(brokers), &mut draw).check(factor).expect_err(message);
            assert_eq!(refusal, Refusal::new(ErrorCode::InvalidReplicationFactor, message));
        }
    }
}
