//! What is known of a consumer group, and what each record changes.
//!
//! # Layout
//! - [`group`], [`member`]: hard state, and `apply`, which alone changes it
//! - [`soft`]: what a restart may forget
mod apply;
mod group;
mod member;
mod soft;

pub(crate) use group::ConsumerGroup;
pub(in crate::consumer) use group::Resolved;
pub use group::State;
pub(crate) use member::Assignment;
pub(in crate::consumer) use member::{LEAVE, LEAVE_STATIC, Member, MemberState, Owned};
pub(crate) use soft::Soft;
