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

/// Of servers on which no group goes over to another protocol while it has members.
const DISABLED: &str = "group.consumer.migration.policy=disabled\nunstable.api.versions.enable=true\n\
    transaction.two.phase.commit.enable=true\n\
    transaction.abort.timed.out.transaction.cleanup.interval.ms=50\n";
/// Of servers whose groups go over to the consumer protocol alone.
const UPGRADE: &str =
    "group.consumer.migration.policy=upgrade\noffsets.retention.check.interval.ms=50\n";
/// Of servers whose groups go over to the classic protocol alone.
const DOWNGRADE: &str = "group.consumer.migration.policy=downgrade\n\
    offsets.retention.check.interval.ms=50\ngroup.coordinator.append.linger.ms=50\n";

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
        groups::migration::cases("", "bidirectional"),
        groups::migration::cases(DISABLED, "disabled"),
        transactions::unstable::cases(DISABLED),
        groups::migration::cases(UPGRADE, "upgrade"),
        groups::expiry::cases(UPGRADE),
        groups::migration::cases(DOWNGRADE, "downgrade"),
        groups::expiry::cases(DOWNGRADE),
    ];
    subjects.into_iter().flatten().collect()
}
