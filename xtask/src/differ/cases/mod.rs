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

/// Of servers that speak unstable versions and look for late transactions all the time.
const UNSTABLE: &str = "unstable.api.versions.enable=true\ntransaction.two.phase.commit.enable=true\n\
    transaction.abort.timed.out.transaction.cleanup.interval.ms=50\n";
/// Of servers that look for old offsets all the time.
const FORGETFUL: &str = "offsets.retention.check.interval.ms=50\n";
/// Of such servers whose coordinators of groups collect what they write.
const LINGERING: &str =
    "offsets.retention.check.interval.ms=50\ngroup.coordinator.append.linger.ms=50\n";

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
        transactions::unstable::cases(UNSTABLE),
        groups::expiry::cases(FORGETFUL),
        groups::expiry::cases(LINGERING),
    ];
    subjects.into_iter().flatten().collect()
}
