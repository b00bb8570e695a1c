//! DescribeConfigs, AlterConfigs, IncrementalAlterConfigs and ListConfigResources.

mod brokers;
mod describe;
mod legacy;
mod others;
mod terms;
mod topics;

use crate::differ::book::Case;

/// Every case about configurations, in the order in which they are asked.
pub fn cases() -> Vec<Case> {
    let subjects =
        [describe::cases(), topics::cases(), brokers::cases(), others::cases(), legacy::cases()];
    subjects.into_iter().flatten().collect()
}
