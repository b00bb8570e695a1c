//! What of a log is on disk, and what is not.
//!
//! # Layout
//! - `flush`: waiting for the disk; `journaling`: what goes to the journal as well
//! - `doubt`: what looks as if it were on disk, and may not be
mod doubt;
mod flush;
mod journaling;

pub use doubt::DOUBT_FILE;
pub(super) use doubt::{Doubt, raise as raise_doubt};
pub(super) use flush::Unsynced;
pub use flush::{FlushedTo, PendingFlush};
pub(super) use journaling::Journaling;
