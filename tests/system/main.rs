//! Real processes and what can happen to them: hostile clients, faults of the disk, sudden death.
//!
//! Each test starts its own node on a loopback address of its own, with its data in a temporary
//! directory, and stops it by its process id. Nothing waits blindly: see [`wait`].
//!
//! # Layout
//! - `node`: a node as a process; `client`: one connection to it; `wait`, `random`: conditions, seeds
//! - `hostile`: bytes that are no requests; `slow`: clients that stall
//! - `connections`: many of them, and the limits on them; `descriptors`: none left
//! - `startup`: why a node does not start, and configurations of other days
//! - `damage`: files that a crash or a disk has spoiled; `full_disk`: no room left
//! - `crash`: kill -9 under load; `shutdown`: SIGTERM under load

mod client;
mod connections;
mod crash;
mod damage;
mod descriptors;
mod full_disk;
mod hostile;
mod load;
mod node;
mod random;
mod shutdown;
mod slow;
mod startup;
mod wait;
