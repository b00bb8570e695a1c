//! A request on its way through the broker.
//!
//! # Layout
//! - [`caller`]: who is asking
//! - `router`: one `match` from API to handler
//! - [`reply`]: what goes back
pub mod caller;
pub mod reply;
pub(crate) mod router;

pub use caller::{Caller, Connection};
pub use reply::{Outcome, Piece};
