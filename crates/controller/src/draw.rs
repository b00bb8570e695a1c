//! Numbers and ids out of a request's seed, the same ones every time (SplitMix64, two lanes).

use ottla_wire::Uuid;

/// A stream of draws.
#[derive(Clone, Debug)]
pub(crate) struct Draw {
    lanes: [u64; 2],
}

impl Draw {
    pub fn new(seed: [u64; 2]) -> Self {
        Self { lanes: seed }
    }

    /// A number below `bound`, which must not be zero.
    pub fn below(&mut self, bound: usize) -> usize {
        let bound = bound as u128;
        // The high half of the product: uniform enough, and never out of range.
        ((u128::from(self.next(0)) * bound) >> 64) as usize
    }

    /// A version 4 id. Kafka draws again when the text would begin with a dash, which command
    /// lines take for an option.
    pub fn id(&mut self) -> Uuid {
        loop {
            let bits = (u128::from(self.next(0)) << 64) | u128::from(self.next(1));
            let id = Uuid::from_random(bits.to_be_bytes());
            if !id.to_string().starts_with('-') {
                return id;
            }
        }
    }

    /// Brings items into a drawn order.
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for at in (1..items.len()).rev() {
            items.swap(at, self.below(at + 1));
        }
    }

    fn next(&mut self, lane: usize) -> u64 {
        self.lanes[lane] = self.lanes[lane].wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.lanes[lane];
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}
