//! A group, whatever protocol its members speak.
//!
//! # Layout
//! - `kind`: the two kinds, and what is asked of both
//! - `metadata`: what a coordinator knows of the cluster
//! - `describe`, `delete`: ListGroups, DescribeGroups and DeleteGroups
//! - `history`, `explain`: why groups rebalanced, and what else is told beyond the protocol
//! - `refusal`: what is refused whoever coordinates
//! - `classic_call`: requests of the classic protocol, to whichever kind they come
mod classic_call;
mod delete;
mod describe;
mod explain;
mod history;
mod kind;
mod metadata;
mod refusal;

#[cfg(test)]
mod explain_tests;
#[cfg(test)]
mod tests;

pub use describe::GroupFilter;
pub use history::Work;
pub(crate) use history::{CauseKind, Event, History};
pub use kind::State;
pub(crate) use kind::{Expiry, Group, Permit};
pub(crate) use metadata::GroupSettings;
pub use metadata::{Metadata, TopicChanges};
