//! Configurations: setting them one by one or all at once.
mod alter;
mod client_metrics;
mod groups;
mod legacy;
pub(crate) mod rules;
mod write;

#[cfg(test)]
mod tests;
