//! Fakes for tests: a disk in memory with fsync semantics and faults, a clock moved by hand, random
//! numbers from a seed.
//!
//! # Layout
//! - `disk`: the disk; `names`: its directories; `contents`: its files
//! - `faults`: what goes wrong, and when the machine stops
//! - `clock`, `random`: time and chance
mod clock;
mod contents;
mod disk;
mod faults;
mod names;
mod random;
#[cfg(test)]
mod tests;

pub use clock::ManualClock;
pub use disk::MemoryDisk;
pub use faults::Faults;
pub use random::SeededRandom;
