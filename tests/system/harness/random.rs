//! Random numbers from a seed that every failure shows.

use std::hash::{BuildHasher, RandomState};

/// A small generator (SplitMix64, Steele and others, 2014).
pub struct Random(u64);

impl Random {
    /// From `OTTLA_TEST_SEED`, or a new seed, which is printed: a test that fails shows it.
    pub fn new() -> Random {
        let seed = match std::env::var("OTTLA_TEST_SEED") {
            Ok(seed) => seed.parse().expect("OTTLA_TEST_SEED is a number"),
            Err(_) => RandomState::new().hash_one(0),
        };
        println!("repeat with OTTLA_TEST_SEED={seed}");
        Random(seed)
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    pub fn one_in(&mut self, bound: usize) -> bool {
        self.below(bound) == 0
    }

    pub fn bytes(&mut self, count: usize) -> Vec<u8> {
        (0..count).map(|_| self.next() as u8).collect()
    }
}
