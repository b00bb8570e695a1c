//! Pure. Decides topics, partitions, brokers and configurations: the active controller's mind.
//!
//! A [`Controller`] is a [`ottla_machine::Machine`] over the metadata log. It answers the protocol's own
//! requests; its hard state is the metadata image, its soft state the brokers' sessions.
//!
//! # Layout
//! - [`controller`]: the machine: which request goes where, what a record changes
//! - [`request`]: what it is asked, what it answers, what it is told at the start
//! - `topics`: create, delete, add partitions, name rules, placement
//! - `partitions`: leaders and in-sync replicas, elections, reassignments, directories
//! - `brokers`: registration, heartbeats, fencing
//! - `configs`: setting values, and what a value must satisfy
//! - `quorum`: the first records of a log, features, producer ids, controllers
mod brokers;
mod configs;
pub mod controller;
mod draw;
mod index;
mod partitions;
mod quorum;
mod refusal;
mod repeated;
pub mod request;
mod topics;

#[cfg(test)]
mod fixture;
#[cfg(test)]
mod golden;
#[cfg(test)]
mod model;

pub use controller::{Controller, Touch};
pub use request::{Request, RequestBody, Response, Settings};
