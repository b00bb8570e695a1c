//! A group, whatever protocol its members speak.
//!
//! # Layout
//! - `kind`: the two kinds, and what is asked of both
//! - `metadata`: what a coordinator knows of the cluster
//! - `describe`, `delete`: ListGroups, DescribeGroups and DeleteGroups
//! - `classic_call`: requests of the classic protocol, to whichever kind they come
mod classic_call;
mod delete;
mod describe;
mod kind;
mod metadata;

#[cfg(test)]
mod tests;

pub use kind::State;
pub(crate) use kind::{Expiry, Group, Permit};
pub(crate) use metadata::GroupSettings;
pub use metadata::{Metadata, TopicChanges};
