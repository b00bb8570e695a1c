//! The cases, a file a subject.

mod batches;
mod cluster;
mod configs;
mod create_topics;
mod directories;
mod duplicates;
mod every_api;
mod fetch;
mod groups;
mod lookups;
mod metadata;
mod produce;
mod terms;
mod transactions;

use super::book::Case;

/// Every case, in the order in which they are asked.
pub fn all() -> Vec<Case> {
    let subjects = [
        groups::before_all(),
        vec![transactions::before_groups()],
        every_api::cases(),
        create_topics::cases(),
        metadata::cases(),
        produce::cases(),
        fetch::cases(),
        lookups::cases(),
        directories::cases(),
        cluster::cases(),
        configs::cases(),
        duplicates::cases(),
        groups::cases(),
        transactions::cases(),
    ];
    subjects.into_iter().flatten().collect()
}
