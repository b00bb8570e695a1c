//! The group coordinators of this broker: one for each partition of `__consumer_offsets` it leads.
//!
//! # Layout
//! - [`coordinators`]: what handlers ask them
//! - `kind`: their machine, and its records in the topic
//! - [`look`]: what metrics tell of them
pub mod coordinators;
mod kind;
pub mod look;

#[cfg(test)]
mod tests;

pub use coordinators::GroupCoordinators;
pub(crate) use look::lag_behind;
pub use look::{Look, SeenOffset};
