//! Pure. Decide, apply, wait: the loop that the controller and every coordinator run on.
//!
//! A [`Machine`] decides, a log remembers, a [`Runner`] waits. Nothing here does IO: a driver
//! owns a runner, appends what a [`Step`] holds, and says how far the log is written and committed.
//!
//! # Layout
//! - [`machine`]: what a machine is: requests in, decisions out, state changed by records alone
//! - [`runner`]: parks answers until the log has committed what they tell
pub mod machine;
pub mod runner;

pub use machine::{Answer, Decision, Machine, Millis, Offset, Token};
pub use runner::{Busy, NotTaken, Runner, Step};
