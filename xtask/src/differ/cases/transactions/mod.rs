//! Transactions: who may write, what ends them, and who sees what they wrote.

mod coordinator;
mod listing;
mod markers;
mod offsets;
mod partitions;
mod produce;
mod reads;
pub mod terms;
pub mod unstable;

use crate::differ::book::Case;

pub use coordinator::before_groups;

/// Every case about transactions, in the order in which they are asked.
pub fn cases() -> Vec<Case> {
    let subjects = [
        coordinator::cases(),
        partitions::cases(),
        produce::cases(),
        offsets::cases(),
        reads::cases(),
        markers::cases(),
        listing::cases(),
    ];
    subjects.into_iter().flatten().collect()
}
