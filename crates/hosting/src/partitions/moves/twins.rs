//! Two logs of one partition, as a crash between the two renames leaves them that end a move. The
//! metadata knows which directory counts; the other log is set aside.

use std::collections::BTreeMap;

use ottla_log::{Listing, TopicPartition};
use ottla_wire::Uuid;

use crate::partitions::{HostedDirectory, LoadError};

/// Leaves one log of each partition in the listings, which are in the order of the directories.
pub(in crate::partitions) fn settle(
    directories: &[HostedDirectory],
    listings: &mut [Listing],
    assigned: impl Fn(&TopicPartition) -> Option<Uuid>,
    unique: impl Fn() -> String,
) -> Result<(), LoadError> {
    let mut holders: BTreeMap<TopicPartition, Vec<usize>> = BTreeMap::new();
    for (directory, listing) in listings.iter().enumerate() {
        for name in &listing.partitions {
            holders.entry(name.clone()).or_default().push(directory);
        }
    }
    for (name, holders) in holders.into_iter().filter(|(_, holders)| holders.len() > 1) {
        let assigned = assigned(&name);
        let counts = |directory: &usize| Some(directories[*directory].id) == assigned;
        if !holders.iter().any(counts) {
            let path = directories[holders[1]].log_directory.path().join(name.to_string());
            return Err(LoadError::Twice { path });
        }
        for directory in holders.into_iter().filter(|directory| !counts(directory)) {
            let path = directories[directory].log_directory.set_aside_unopened(&name, &unique())?;
            listings[directory].partitions.retain(|listed| *listed != name);
            tracing::warn!(
                partition = %name, path = %path.display(),
                "the metadata has this log in another directory; it is set aside"
            );
        }
    }
    Ok(())
}
