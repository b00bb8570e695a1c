//! Membership in a group: joining, staying, committing, leaving.
//!
//! # Layout
//! - `join`: classic protocol: JoinGroup, the leader's assignment, SyncGroup
//! - `heartbeat`: classic protocol: the task that keeps the membership alive between polls
//! - `consumer_protocol`: all of that where the coordinator assigns (KIP-848)
//! - `commit`: OffsetCommit as a member
//! - `membership`: who the member is, and leaving

mod commit;
pub(super) mod consumer_protocol;
mod heartbeat;
mod join;
mod membership;

pub(super) use commit::commit;
pub(super) use heartbeat::keep_alive;
pub(super) use join::{Joined, Joining, join};

pub use membership::GroupMetadata;
pub(super) use membership::{Doubt, Membership, leave};
