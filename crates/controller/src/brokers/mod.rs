//! Brokers: registering, living, leaving.
mod fence;
mod heartbeat;
mod register;
pub(crate) mod sessions;

#[cfg(test)]
mod tests;
