//! Groups, their members and offsets: asked of the group coordinators.
//!
//! # Layout
//! One file an API, named for the API.
//! - `group_call`: how a coordinator is asked, and what a refusal looks like
mod consumer_group_describe;
mod consumer_group_heartbeat;
#[cfg(test)]
mod coordinator_tests;
mod delete_groups;
mod describe_groups;
pub(super) mod group_call;
mod heartbeat;
mod join_group;
mod leave_group;
mod list_groups;
mod offset_commit;
pub(super) mod offset_delete;
mod offset_fetch;
mod sync_group;

pub(crate) use consumer_group_describe::consumer_group_describe;
pub(crate) use consumer_group_heartbeat::consumer_group_heartbeat;
pub(crate) use delete_groups::delete_groups;
pub(crate) use describe_groups::describe_groups;
pub(crate) use heartbeat::heartbeat;
pub(crate) use join_group::join_group;
pub(crate) use leave_group::leave_group;
pub(crate) use list_groups::list_groups;
pub(crate) use offset_commit::offset_commit;
pub(crate) use offset_delete::offset_delete;
pub(crate) use offset_fetch::{check_repeats, offset_fetch};
pub(crate) use sync_group::sync_group;
