//!
//! # Layout
//! - `node`: the process
//! - `consumer`, `group`: the library

mod consumer;
mod group;
mod node;
