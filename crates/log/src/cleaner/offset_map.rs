//! The last offset of each key.
//!
//! Keys are known by 128 bits of hash, as in Kafka: two that collide would need 10¹⁸ others.
use std::collections::HashMap;
use std::hash::{DefaultHasher, Hasher};

use super::CleanerMemory;

/// What an entry takes in Kafka's map, by which `log.cleaner.dedupe.buffer.size` is meant.
const ENTRY_BYTES: usize = 24;

#[derive(Debug)]
pub(super) struct OffsetMap {
    offsets: HashMap<u128, i64>,
    entries_max: usize,
}

impl OffsetMap {
    pub(super) fn new(memory: &CleanerMemory) -> OffsetMap {
        let slots = (memory.dedupe_bytes / ENTRY_BYTES) as f64;
        let entries_max = (slots * memory.load_factor.clamp(0.0, 1.0)) as usize;
        OffsetMap { offsets: HashMap::new(), entries_max: entries_max.max(1) }
    }

    /// Notes that `key` is at `offset`, later than any before. False when there is no room for it.
    pub(super) fn put(&mut self, key: &[u8], offset: i64) -> bool {
        let hash = hash(key);
        if self.offsets.len() >= self.entries_max && !self.offsets.contains_key(&hash) {
            return false;
        }
        self.offsets.insert(hash, offset);
        true
    }

    /// How full it is, between 0 and 1.
    pub(super) fn utilization(&self) -> f64 {
        self.offsets.len() as f64 / self.entries_max as f64
    }

    /// The last offset of `key`.
    pub(super) fn get(&self, key: &[u8]) -> Option<i64> {
        self.offsets.get(&hash(key)).copied()
    }
}

fn hash(key: &[u8]) -> u128 {
    let half = |salt: u8| {
        let mut hasher = DefaultHasher::new();
        hasher.write_u8(salt);
        hasher.write(key);
        u128::from(hasher.finish())
    };
    half(1) << 64 | half(2)
}
