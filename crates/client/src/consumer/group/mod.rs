//! Membership in a group, classic protocol: joining, staying, committing, leaving.
//!
//! # Layout
//! - `join`: JoinGroup, the leader's assignment, SyncGroup
//! - `heartbeat`: the task that keeps the membership alive between polls
//! - `commit`: OffsetCommit as a member
//! - `membership`: who the member is, and leaving

mod commit;
mod heartbeat;
mod join;
mod membership;

pub(super) use commit::commit;
pub(super) use heartbeat::keep_alive;
pub(super) use join::{Joined, Joining, join};

pub use membership::GroupMetadata;
pub(super) use membership::{Doubt, Membership, leave};
