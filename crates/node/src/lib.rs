//! The process: configuration, listeners, the metadata log, shutdown.
//!
//! # Layout
//! - [`node`]: starts the parts in order and stops them in reverse
//! - [`storage`]: the log directories, formatted and checked; `properties`: whose they are
//! - [`controller`]: the controller and its log
//! - [`network`]: listeners and connections
//! - `directories`: log directories that fail, and telling the controller
//! - `registration`: the broker's place in the cluster, kept by heartbeats
//! - `upkeep`: what is done by the clock: retention, flushes, checkpoints
//! - [`http`]: metrics and health
//! - [`error`]: why a start failed
pub mod controller;
mod directories;
pub mod error;
pub mod http;
pub mod network;
pub mod node;
mod properties;
mod registration;
pub mod storage;
mod upkeep;
mod vitals;

pub use error::StartError;
pub use node::{Node, World};
pub use ottla_broker::log_levels::{LogLevels, ROOT};
pub use properties::MetaProperties;
