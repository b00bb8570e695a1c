//! Server-side assignors (KIP-848): who is to own which partition.
//!
//! Pure functions of what is given: the same work has the same outcome, whatever the order in which members came.
//!
//! # Layout
//! - `uniform`: equal shares and few moves, when all members subscribe to the same topics
//! - `mixed`: the same for members that subscribe to different topics
//! - `work`: what is to be shared out, and by whom
//! - `range`: of each topic a range of partitions, the same one wherever topics are of a size
mod mixed;
mod range;
mod uniform;
mod work;

#[cfg(test)]
mod tests;

pub use work::Assignor;
pub(crate) use work::{Subscriber, Work};
