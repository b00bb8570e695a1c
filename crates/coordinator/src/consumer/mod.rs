//! Groups of the consumer protocol (KIP-848): the coordinator assigns, and each member goes at its own pace.
//!
//! The group has an epoch, its target assignment has one, and every member has one: a change moves the first, computing
//! a target the second, and a member that owns what it should the third.
//!
//! # Layout
//! - `state`: what is known of a group, and what each record changes
//! - `draft`: a decision in the making; `assigning`, `reconcile`, `subscribing`: its steps
//! - `heartbeat`, `leaving`, `expiring`: how members come, stay and go
//! - `mixed`: members of the classic protocol, and groups that go over
//! - `describing`, `usage`, `refusal`: what others see of a group
mod assigning;
mod describing;
mod draft;
mod expiring;
mod heartbeat;
mod leaving;
mod mixed;
mod reconcile;
mod refusal;
mod state;
mod subscribing;
mod usage;

#[cfg(test)]
mod tests;

pub(crate) use heartbeat::validate_heartbeat;
pub(crate) use mixed::Joined;
pub use state::State;
pub(crate) use state::{Assignment, ConsumerGroup, Soft};
pub(crate) use usage::{Committer, OlderEpoch};
