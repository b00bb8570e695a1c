//! Configurations: setting them one by one or all at once.
mod alter;
mod brokers;
mod client_metrics;
mod groups;
mod java_pattern;
mod legacy;
pub(crate) mod rules;
mod write;

#[cfg(test)]
mod tests;
