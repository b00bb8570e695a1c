//! A request on its way through the broker.
//!
//! # Layout
//! - [`caller`]: who is asking
//! - `router`: one `match` from API to handler
//! - [`reply`]: what goes back; [`pending`]: what goes back later
pub mod caller;
pub mod pending;
pub mod reply;
pub(crate) mod router;

pub use caller::{Caller, Connection};
pub use pending::PendingAnswer;
pub use reply::{Answer, Outcome, Piece};
