//! What coordinators count, and the forms in which it is told.
//!
//! # Layout
//! - `loops`: how long what they are asked waits, is worked on and takes to be committed
//! - [`transactions`]: how transactions end, and what they wait for
//! - [`histogram`]: times in buckets; [`text`]: gauges
mod histogram;
mod loops;
mod text;
mod transactions;

pub use histogram::Histogram;
pub(crate) use loops::{LoopMetrics, Span, Stage};
pub use text::{family, gauge};
pub use transactions::TransactionMetrics;
