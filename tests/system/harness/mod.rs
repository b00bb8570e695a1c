//! What the tests stand on: a node as a process, connections to it, load on it, and waiting.

pub mod client;
pub mod held;
pub mod load;
pub mod node;
pub mod random;
pub mod wait;
