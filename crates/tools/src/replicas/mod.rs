//! Tools that tell where replicas lie, move them, and choose who leads: one file or folder a verb.

pub mod leader_election;
pub mod log_dirs;
pub mod reassign_partitions;
