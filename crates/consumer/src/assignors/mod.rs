//! How the leader of a group shares out partitions. Pure.
//!
//! Every member of a group runs the same assignors, so names and what members tell each other are Kafka's.

mod assignor;
mod range;
mod round_robin;
mod sticky;
#[cfg(test)]
mod tests;

pub use assignor::{Assignor, Member};

use assignor::{Assignment, nobody_yet, subscribers};
