//! Groups of the classic protocol: members join, a leader among them assigns, everyone syncs.
//!
//! # Layout
//! - `group`, `member`, `protocols`, `subscription`: what is known of a group
//! - `join`, `sync`, `heartbeat`, `leave`: what members ask; `rebalance`: the steps of a rebalance
//! - `static_member`: members that keep their place under a new member id
//! - `expire`: what happens when time passes; `describe`, `usage`: what others see of a group
mod describe;
mod expire;
mod group;
mod heartbeat;
mod join;
mod leave;
mod member;
mod protocols;
mod rebalance;
mod static_member;
mod subscription;
mod sync;
mod usage;

#[cfg(test)]
mod tests;

pub(crate) use group::ClassicGroup;
use group::JoinDeadline;
pub use group::State;
pub(crate) use join::{join_refused, refuse_join, validate_join};
pub(crate) use leave::{leave_answer, leave_refused, leaving_members};
pub(crate) use member::{Member, Protocol, Waiting, detached};
pub(crate) use rebalance::{Draft, join_answer, new_group_record};
pub(crate) use sync::{refuse_sync, sync_refused, validate_sync};
