//! The log directories of a node.
//!
//! # Layout
//! - [`states`]: whether each works, takes new logs, and how many lie in it
//! - `listed`: paths, ids and conditions, for those who ask
//! - `failure`: what follows when one fails
//! - [`placement`]: which one takes a new log
//! - [`assignments`]: telling the controller where replicas lie
mod assignments;
mod failure;
mod listed;
mod placement;
mod states;

pub use assignments::assignment_request;
pub use placement::Placement;
pub use states::DirectoryNews;

pub(in crate::partitions) use assignments::Assignments;
pub(in crate::partitions) use placement::Wishes;
pub(crate) use states::{DirectoryStates, Seat};
