//! Where the replicas of a topic could lie: Kafka's striped placement. Pure.
//!
//! Racks take turns, and within a rack its brokers do; the next partition begins one rack and one broker further
//! on. Without racks all brokers are in one. The start is drawn, so that topics do not all begin at the same broker.

use std::collections::BTreeMap;

use super::trouble::Trouble;

/// A broker and its rack, if racks count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Broker {
    pub(super) id: i32,
    pub(super) rack: Option<String>,
}

/// Draws a number below its argument, which is not zero.
pub(super) type Draw<'a> = dyn Fn(usize) -> usize + 'a;

/// Replicas of each partition.
pub(super) fn assign(
    brokers: &[Broker],
    partitions: usize,
    factor: usize,
    draw: &Draw<'_>,
) -> Result<Vec<Vec<i32>>, Trouble> {
    if factor == 0 {
        return Err(Trouble::failed(
            "Invalid replication factor 0: the replication factor must be positive.",
        ));
    }
    if brokers.is_empty() {
        return Err(Trouble::failed(
            "All brokers are currently fenced, or have all their log directories cordoned.",
        ));
    }
    if factor > brokers.len() {
        return Err(Trouble::failed(format!(
            "The target replication factor of {factor} cannot be reached because only {} broker(s) are \
             registered or some brokers have all their log directories cordoned.",
            brokers.len()
        )));
    }
    let mut stripes = Stripes::new(brokers, draw);
    Ok((0..partitions).map(|_| stripes.next(factor, draw)).collect())
}

/// The brokers of one rack, walked in a ring.
#[derive(Debug)]
struct Rack {
    brokers: Vec<i32>,
    start: usize,
    /// How many the present partition has taken.
    taken: usize,
    /// The partition that took last, counted since the last shuffle.
    round: usize,
}

impl Rack {
    /// The next broker for a partition; `None` once it has taken all.
    fn next(&mut self, round: usize) -> Option<i32> {
        let count = self.brokers.len();
        if self.round != round {
            self.round = round;
            self.taken = 0;
            self.start = (self.start + 1) % count;
        }
        if self.taken >= count {
            return None;
        }
        self.taken += 1;
        Some(self.brokers[(self.start + self.taken - 1) % count])
    }
}

#[derive(Debug)]
struct Stripes {
    racks: Vec<Rack>,
    brokers: usize,
    /// Partitions since the last shuffle.
    round: usize,
    /// The rack that the next leader is in.
    first: usize,
}

impl Stripes {
    fn new(brokers: &[Broker], draw: &Draw<'_>) -> Self {
        let mut by_rack: BTreeMap<&Option<String>, Vec<i32>> = BTreeMap::new();
        for broker in brokers {
            by_rack.entry(&broker.rack).or_default().push(broker.id);
        }
        let racks = by_rack.into_values().map(|mut brokers| {
            brokers.sort_unstable();
            let start = draw(brokers.len());
            Rack { brokers, start, taken: 0, round: 0 }
        });
        let racks: Vec<Rack> = racks.collect();
        let first = draw(racks.len());
        Self { racks, brokers: brokers.len(), round: 0, first }
    }

    /// The replicas of the next partition; there are at least `factor` brokers.
    fn next(&mut self, factor: usize, draw: &Draw<'_>) -> Vec<i32> {
        if self.round == self.brokers && self.brokers > 1 {
            self.shuffle(draw);
        }
        let count = self.racks.len();
        let begin = self.first % count;
        let mut replicas = Vec::with_capacity(factor);
        let mut at = begin;
        while replicas.is_empty() {
            replicas.extend(self.racks[at].next(self.round));
            if replicas.is_empty() {
                at = (at + 1) % count;
            }
        }
        // The leader's rack is passed over once: it had its turn of the first round.
        let mut leaders = Some(at);
        at = begin;
        while replicas.len() < factor {
            if leaders == Some(at) {
                leaders = None;
            } else {
                replicas.extend(self.racks[at].next(self.round));
            }
            at = (at + 1) % count;
        }
        self.round += 1;
        self.first = begin + 1;
        replicas
    }

    /// Every broker had its turn at leading: other orders now, lest the same assignments come again.
    fn shuffle(&mut self, draw: &Draw<'_>) {
        shuffle(&mut self.racks, draw);
        for rack in &mut self.racks {
            shuffle(&mut rack.brokers, draw);
        }
        self.round = 0;
    }
}

fn shuffle<T>(items: &mut [T], draw: &Draw<'_>) {
    for left in (2..=items.len()).rev() {
        items.swap(left - 1, draw(left));
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::collections::BTreeSet;

    use super::*;

    fn brokers(racks: &[Option<&str>]) -> Vec<Broker> {
        let broker =
            |(id, rack): (i32, &Option<&str>)| Broker { id, rack: rack.map(str::to_owned) };
        (0..).zip(racks).map(broker).collect()
    }

    #[test]
    fn racks_and_their_brokers_take_turns() {
        // As Kafka's placer does it with all offsets at 0; of three racks, the middle one is small.
        let cases: [(&[Option<&str>], usize, &[&[i32]]); 3] = [
            (&[None; 4], 3, &[&[0, 1, 2], &[1, 2, 3], &[2, 3, 0], &[3, 0, 1]]),
            (
                &[Some("a"), Some("a"), Some("b"), Some("b")],
                2,
                &[&[0, 2], &[3, 1], &[0, 2], &[3, 1]],
            ),
            (
                &[Some("a"), Some("a"), Some("b"), Some("c"), Some("c")],
                4,
                &[&[0, 2, 3, 1], &[2, 4, 1, 3], &[3, 0, 2, 4], &[1, 2, 4, 0]],
            ),
        ];
        for (racks, factor, expected) in cases {
            let found = assign(&brokers(racks), expected.len(), factor, &|_| 0).expect("possible");
            assert_eq!(found, expected, "{racks:?}");
        }
    }

    #[test]
    fn racks_are_kept_apart_and_brokers_lead_as_often_whatever_is_drawn() {
        let racks = ["a", "b", "c", "a", "b", "c"].map(Some);
        for seed in 0..100_usize {
            let state = Cell::new(seed);
            let draw = |bound: usize| {
                state.set(state.get().wrapping_mul(6_364_136_223_846_793_005).wrapping_add(11));
                (state.get() >> 33) % bound
            };
            let found = assign(&brokers(&racks), 12, 3, &draw).expect("possible");
            let mut leads = [0; 6];
            for replicas in &found {
                let index = |id: &i32| usize::try_from(*id).expect("small");
                let used: BTreeSet<_> = replicas.iter().map(|id| racks[index(id)]).collect();
                assert_eq!(used.len(), 3, "seed {seed}: {replicas:?}");
                leads[index(&replicas[0])] += 1;
            }
            assert_eq!(leads, [2; 6], "seed {seed}: {found:?}");
            // More replicas than racks: still on brokers of their own.
            let found = assign(&brokers(&racks), 12, 5, &draw).expect("possible");
            assert!(found.iter().all(|of| of.iter().collect::<BTreeSet<_>>().len() == 5));
        }
    }

    #[test]
    fn more_replicas_than_brokers_are_refused() {
        let refused = assign(&brokers(&[None]), 1, 2, &|_| 0).expect_err("one broker");
        let told = "The target replication factor of 2 cannot be reached because only 1 broker(s) are \
                    registered or some brokers have all their log directories cordoned.";
        assert!(matches!(refused, Trouble::Failed(message) if message == told));
        assert_eq!(assign(&brokers(&[None]), 2, 1, &|_| 0).expect("possible"), [[0], [0]]);
    }
}
