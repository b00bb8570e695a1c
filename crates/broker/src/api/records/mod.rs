//! Records of partitions: written, read, found by time and epoch, deleted.
//!
//! # Layout
//! One file an API, named for the API.
//! - [`produce`]: the request; `produce_batch`: what a batch's header tells; [`produce_verify`]: transactions
//!   are asked for before; [`produce_accepted`]: appended, and not answered yet
//! - [`fetch`]: records out, at once or when there are enough
//! - `leaders`: who leads instead, for those who ask the wrong broker
#[cfg(test)]
mod data_tests;
mod delete_records;
mod describe_producers;
pub(crate) mod fetch;
mod leaders;
mod list_offsets;
mod offset_for_leader_epoch;
pub(crate) mod produce;
pub(crate) mod produce_accepted;
mod produce_batch;
pub(crate) mod produce_verify;

pub(crate) use delete_records::delete_records;
pub(crate) use describe_producers::describe_producers;
pub(crate) use fetch::fetch;
pub(crate) use list_offsets::list_offsets;
pub(crate) use offset_for_leader_epoch::offset_for_leader_epoch;
