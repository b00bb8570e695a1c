//! Transactions and producers' ids: asked of the transaction coordinators.
//!
//! # Layout
//! One file an API, named for the API.
//! - `transaction_call`: how a coordinator is asked
//! - `verification`: asks the coordinator before a transaction begins in a partition (KIP-890)
//! - [`producer_ids`]: blocks of ids from the controller
mod add_offsets_to_txn;
mod add_partitions_to_txn;
#[cfg(test)]
mod coordinator_tests;
mod describe_transactions;
mod end_txn;
mod init_producer_id;
mod list_transactions;
mod producer_ids;
mod transaction_call;
mod txn_offset_commit;
pub(super) mod verification;
mod write_txn_markers;

pub(crate) use add_offsets_to_txn::add_offsets_to_txn;
pub(crate) use add_partitions_to_txn::add_partitions_to_txn;
pub(crate) use describe_transactions::describe_transactions;
pub(crate) use end_txn::end_txn;
pub(crate) use init_producer_id::init_producer_id;
pub(crate) use list_transactions::list_transactions;
pub(crate) use producer_ids::ProducerIds;
pub(crate) use txn_offset_commit::txn_offset_commit;
pub(crate) use write_txn_markers::write_txn_markers;
