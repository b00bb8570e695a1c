//! Partitions: who leads, who is in sync, where replicas lie.
mod change;
mod directories;
mod elect;
mod isr;
pub(crate) mod leaders;
mod reassign;

#[cfg(test)]
mod tests;
