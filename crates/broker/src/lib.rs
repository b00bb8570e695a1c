//! Serves the Kafka protocol.
//!
//! The broker sees an image of the cluster's metadata and never the controller behind it: what only
//! a controller may decide is forwarded through [`ControllerChannel`].
//!
//! # Layout
//! - [`broker`]: the one value that handlers share
//! - [`request`]: who is asking, one `match` from API to handler, what goes back
//! - `api`: one file an API
//! - [`settings`]: the configuration in force, as typed values
//! - [`forward`]: the way to the controller
//! - [`log_levels`]: at which this process logs
//! - [`metrics`]: what all of this counted
pub mod broker;
pub mod forward;
mod internal_topics;
pub mod log_levels;
pub mod metrics;
pub mod request;
pub mod settings;

mod api;
#[cfg(test)]
mod fixture;
#[cfg(test)]
mod tests;

pub use broker::{Broker, BrokerParts};
pub use forward::{ControllerAnswer, ControllerChannel};
pub use request::{Answer, Caller, Connection, Outcome, PendingAnswer, Piece};
pub use settings::Settings;
