//! Pure. Decides transactions: the `__transaction_state` side of Kafka (KIP-98, KIP-360, KIP-890).
//!
//! One [`TransactionCoordinator`] per partition of `__transaction_state`. What it wants written into other
//! partitions it tells as [`Markers`]; whoever writes them says so with [`Body::MarkersWritten`].
//!
//! # Layout
//! - [`coordinator`]: the machine; [`request`]: what it is asked; [`record`]: its records and their bytes
//! - `state`: one transactional id and how it may change
//! - `init_producer_id`, `partitions`, `end`, `markers`, `expire`, `describe`: one step of a transaction each
//! - [`config`]: Kafka's configuration keys that concern transactions
pub mod config;
pub mod coordinator;
mod describe;
mod end;
mod expire;
mod init_producer_id;
pub mod markers;
mod partitions;
pub mod record;
pub mod request;
mod state;

#[cfg(test)]
mod tests;
#[cfg(test)]
mod trial;

pub use config::Config;
pub use coordinator::TransactionCoordinator;
pub use describe::listing_of_nobody;
pub use markers::Markers;
pub use record::{Record, RecordError};
pub use request::{Body, Partitions, Producer, ProducerEpoch, Request, Response};
pub use state::State;

/// The first `transaction.version` whose transactions each have an epoch of their own (KIP-890).
pub const EPOCH_PER_TRANSACTION: i16 = 2;
