//!
//! # Layout
//! - `node`: the process
//! - `consumer`, `group`: the library
//! - `console`: `ottla console-producer` and `ottla console-consumer`, by the cases in `tests/golden/cli/console`

mod console;
mod consumer;
mod group;
mod node;
