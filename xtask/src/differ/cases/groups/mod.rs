//! Groups: who is in them, and how far they have read.

mod consumer;
mod edges;
pub mod expiry;
mod foreign;
mod membership;
mod nowhere;
mod offsets;

use crate::differ::book::Case;

pub use membership::alone;
pub use nowhere::cases as before_all;

/// Every case about groups, in the order in which they are asked.
pub fn cases() -> Vec<Case> {
    let subjects = [
        membership::cases(),
        offsets::cases(),
        edges::cases(),
        consumer::cases(),
        foreign::cases(),
    ];
    subjects.into_iter().flatten().collect()
}
