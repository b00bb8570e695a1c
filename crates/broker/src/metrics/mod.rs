//! What happened on this broker, with Kafka's meanings and the names that its JMX exporters give.
//!
//! Nothing is counted twice and nothing is locked on the hot path: partitions count for themselves, and
//! a scrape adds up. Series without a topic are the broker's totals, as in Kafka's `BrokerTopicMetrics`.
//!
//! # Layout
//! - [`partitions`]: what partitions and fetch sessions counted
//! - [`requests`]: requests of each API, and where their time went
//! - `coordinators`: the groups and transactions that coordinators know
//! - `text`: what is gathered when somebody looks; `shards`: copies of what every request counts
pub(crate) mod coordinators;
pub mod partitions;
pub mod requests;
pub(crate) mod shards;
pub(crate) mod text;

#[cfg(test)]
mod tests;

pub use partitions::PartitionMetrics;
