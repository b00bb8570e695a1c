//! The network side of a node.
//!
//! # Layout
//! - [`endpoint`]: what the configuration says of listeners
//! - `listener`: binding and accepting, with the limits on connections
//! - [`limits`]: how many connections there may be
//! - `connection`: one connection: frames in, answers out, in order
//! - `inbox`: requests on their way in
//! - `pipeline`: answers in the order of their requests, ready or not
//! - `outbox`: answers on their way out; `departures`: how long that took
//! - `descriptors`: how many of them connections may have
//! - `budget`: the bound on requests in memory
mod budget;
mod connection;
mod departures;
mod descriptors;
pub mod endpoint;
mod inbox;
pub mod limits;
mod listener;
mod outbox;
mod pipeline;

pub(crate) use descriptors::for_logs as descriptors_for_logs;
pub use endpoint::{Endpoint, Endpoints};
pub use limits::Limits;
pub use listener::{Bound, Network, NetworkOptions, SocketOptions};
