//! Real processes and what can happen to them: hostile clients, faults of the disk, sudden death.
//!
//! Each test starts its own node on a loopback address of its own, with its data in a temporary
//! directory, and stops it by its process id. Nothing waits blindly: see [`harness::wait`].
//!
//! # Layout
//! - `harness`: a node as a process, connections to it, load on it, and waiting
//! - `hostile`: bytes that are no requests; `mutations`: requests that were spoiled; `slow`: clients that stall
//! - `connections`: many of them, and the limits on them; `descriptors`: none left, or fewer than files
//! - `startup`: why a node does not start, and configurations of other days
//! - `damage`: files that a crash or a disk has spoiled; `full_disk`: no room left
//! - `directories`: several log directories, one of which fails
//! - `moves`: logs that move to another directory
//! - `crash`: kill -9 under load; `shutdown`: SIGTERM under load

mod connections;
mod crash;
mod damage;
mod descriptors;
mod directories;
mod full_disk;
mod harness;
mod hostile;
mod moves;
mod mutations;
mod shutdown;
mod slow;
mod startup;
