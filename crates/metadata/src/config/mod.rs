//! The table of configuration keys and what follows from it: validation, defaults, sources, files.
//!
//! # Layout
//! - [`alterations`]: what is refused of a change before anybody decides
//! - [`broker`]: the keys of a broker; [`BrokerValues`]: the values of one broker at one moment
//! - [`cordoned`]: directories that take no new logs
//! - [`group`]: the keys of groups and of subscriptions to client metrics
//! - [`key`]: one key: type, default, range, how it may change
//! - [`topic`]: the keys of a topic
//! - [`resolve`]: which value is in force and where it comes from
//! - [`server`]: a server's configuration as given, with old spellings translated
//! - [`properties`]: the `.properties` file format
pub mod alterations;
pub mod broker;
mod broker_values;
pub mod cordoned;
pub mod group;
pub mod key;
mod legacy;
mod nearest;
pub mod properties;
pub mod resolve;
pub mod server;
pub mod topic;

pub use broker_values::BrokerValues;
pub use key::{Invalid, Key, Kind, Rule, Update, list_items};
pub use resolve::{Layer, Layers, Source, Values};
pub use server::{Notice, ServerConfig};
