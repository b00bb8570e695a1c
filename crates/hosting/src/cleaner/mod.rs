//! The log cleaner: threads that compact the logs which ask for it, the dirtiest first.
//!
//! # Layout
//! - [`threads`]: the threads, which come and go with the settings
//! - [`settings`]: the values of `log.cleaner.*`
//! - [`schedule`]: which log is next, how far each is cleaned, which ones can't be
//! - `worker`: a thread's work: clean, write down how far, rest
//! - `throttle`: `log.cleaner.io.max.bytes.per.second`
//! - [`metrics`]: what it did
mod metrics;
mod schedule;
mod settings;
mod threads;
mod throttle;
mod worker;

#[cfg(test)]
mod tests;

pub use metrics::Report;
pub use threads::Cleaner;
pub(crate) use throttle::Throttle;
