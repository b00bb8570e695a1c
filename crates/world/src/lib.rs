//! What Ottla touches: clock, disk and randomness, behind small object-safe traits.
//!
//! Nothing above this crate opens a file, asks the time or draws a random number itself, so that a
//! test can run the same code on a disk that loses unsynced writes and on a clock that it moves by hand.
//!
//! # Layout
//! - [`clock`]: wall time as Kafka timestamps, monotonic time
//! - [`disk`]: the traits [`disk::Disk`] and [`disk::File`]; atomic replacement of a file; [`lines`]: small
//!   text files as Kafka writes them
//! - [`descriptors`]: how many files are open; [`room`]: zeros ahead of a file that grows fast
//! - [`random`]: bytes nobody can guess
//! - [`real`]: the machine we run on
//! - [`memory`]: a disk in memory that crashes, tears and refuses as a seed says; a clock moved by hand
pub mod clock;
pub mod descriptors;
pub mod disk;
pub mod lines;
pub mod memory;
pub mod random;
pub mod real;
pub mod room;

pub use clock::Clock;
pub use descriptors::Descriptors;
pub use disk::{Disk, File, OpenMode};
pub use random::Random;
pub use real::{OsRandom, RealDisk, SystemClock};
