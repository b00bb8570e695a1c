//! Configurations: described from the image, changed by the controller, log levels here.
//!
//! # Layout
//! One file an API, named for the API.
//! - `log_levels`: at which levels this process logs
#[cfg(test)]
mod config_tests;
mod describe_configs;
mod list_config_resources;
pub(super) mod log_levels;

pub(crate) use describe_configs::describe_configs;
pub(crate) use list_config_resources::list_config_resources;
