//! What concerns the cluster: its changes, and who may make them.

mod acls;
mod changes;
mod timeouts;

use crate::differ::book::Case;

/// Every case about the cluster, in the order in which they are asked.
pub fn cases() -> Vec<Case> {
    [changes::cases(), timeouts::cases(), acls::cases()].into_iter().flatten().collect()
}
