//! A tool's side of the terminal: command lines and help as Apache's tools have them, the way to a cluster, and what
//! is said of what came of it.
//!
//! # Layout
//! - [`options`]: command lines and help
//! - [`old_options`]: what scripts of older Kafkas still say
//! - [`connect`]: from the command line to a client
//! - [`output`], [`failure`]: what a tool says, and in which words it fails
//! - [`java_order`], [`message_json`]: the order in which Java lists things, and its JSON of Kafka's messages
pub mod connect;
pub mod failure;
pub mod java_order;
pub mod message_json;
pub mod old_options;
pub mod options;
pub mod output;
