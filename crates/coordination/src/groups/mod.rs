//! The group coordinators of this broker: one for each partition of `__consumer_offsets` it leads.
//!
//! # Layout
//! - [`coordinators`]: what handlers ask them
//! - `kind`: their machine, and its records in the topic
//! - [`look`]: what metrics tell of them
mod coordinators;
mod kind;
mod look;

#[cfg(test)]
mod tests;

pub use coordinators::GroupCoordinators;
pub use look::{Look, SeenOffset, lag_behind};
