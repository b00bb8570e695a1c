//! The APIs, one file each, named for the API.
//!
//! # Layout
//! - [`records`], [`groups`], [`transactions`], [`configs`], [`cluster`]: the APIs by what they are about
//! - [`forwarded`]: those that the controller answers; `refusal`: what they say when it can't
//! - [`served`]: which listeners serve which of them
//! - `access`: what a caller may do; [`repeats`]: requests that name one thing again and again
mod access;
pub(crate) mod cluster;
pub(crate) mod configs;
pub(crate) mod forwarded;
pub(crate) mod groups;
pub(crate) mod records;
mod refusal;
pub(crate) mod repeats;
mod served;
pub(crate) mod transactions;

#[cfg(test)]
mod documentation_tests;
#[cfg(test)]
mod lookup_tests;

pub(crate) use served::{SERVED, SERVED_BY_CONTROLLER};
