//! Transactions over partitions and groups at once, and idempotent producers beside them.
//!
//! The transaction coordinator, coordinators of groups and logs of records each lose their leader now and then; batches
//! and markers come late, twice and in any order; producers stall, repeat themselves, fence each other and lie. Logs are
//! those that brokers have, on a disk in memory.
//!
//! # Layout
//! - `ledger`: the transaction coordinator; `offsets`: a group's; `records`: a partition's log
//! - `producer`: what a producer knows; `producing`, `delivering`: what it does, and what becomes of its batches
//! - `markers`: on their way; `lies`: what must be refused; `verdict`: what must hold in the end
//! - `world`: all of them, and their faults
mod delivering;
mod ledger;
mod lies;
mod markers;
mod offsets;
mod producer;
mod producing;
mod records;
mod verdict;
mod world;

pub(super) use world::World;
