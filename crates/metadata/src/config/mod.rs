//! The table of configuration keys and what follows from it: validation, defaults, sources, files.
//!
//! # Layout
//! - [`key`]: one key: type, default, range, how it may change
//! - [`topic`]: the keys of a topic
//! - [`resolve`]: which value is in force and where it comes from
//! - [`properties`]: the `.properties` file format
pub mod key;
pub mod properties;
pub mod resolve;
pub mod topic;

pub use key::{Invalid, Key, Kind, Rule, Update};
pub use resolve::{Layer, Layers, Source, Values};
