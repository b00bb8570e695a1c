//! What a seed decides on the way.
use ottla_world::Random;
use ottla_world::memory::SeededRandom;

/// Random choices that a seed repeats.
#[derive(Debug)]
pub struct Dice(SeededRandom);

impl Dice {
    /// The choices of `seed`.
    pub fn new(seed: u64) -> Dice {
        Dice(SeededRandom::new(seed))
    }

    /// A number below `bound`.
    pub fn below(&self, bound: u64) -> u64 {
        self.0.below(bound)
    }

    /// A number from `low` up to and without `high`.
    pub fn between(&self, low: i64, high: i64) -> i64 {
        low + self.0.below(high.abs_diff(low).max(1)) as i64
    }

    /// True one time in so many.
    pub fn one_in(&self, count: u64) -> bool {
        self.0.below(count) == 0
    }

    /// One of them.
    pub fn pick<T: Copy>(&self, choices: &[T]) -> T {
        choices[self.0.below(choices.len() as u64) as usize]
    }
}
