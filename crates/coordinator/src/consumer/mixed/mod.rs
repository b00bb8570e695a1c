//! Members of the classic protocol in groups of the consumer protocol.
//!
//! # Layout
//! - `members`: what such a member asks
//! - `migrating`: groups that go over from one protocol to the other
//! - `embedded`: the consumer's own protocol inside the classic one
mod embedded;
mod members;
mod migrating;

pub(crate) use members::Joined;
