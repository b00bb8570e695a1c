//! What sets one kind of coordinator apart from another.

use std::error::Error;
use std::ops::Range;

use bytes::Bytes;
use ottla_coordinator::EndedTransaction;
use ottla_coordinator::transaction::ProducerEpoch;
use ottla_machine::{Answer, Machine};
use ottla_wire::codec::EncodeError;
use ottla_wire::records::{BatchHeader, Record};

use super::shards::Shard;

pub(crate) type RequestOf<K> = <<K as Kind>::Machine as Machine>::Request;
pub(crate) type ResponseOf<K> = <<K as Kind>::Machine as Machine>::Response;
pub(crate) type RecordOf<K> = <<K as Kind>::Machine as Machine>::Record;

/// A machine, the bytes of its records, and what it wants done beside its log.
pub(crate) trait Kind: Send + Sync + Sized + 'static {
    type Machine: Machine<Request: Send, Response: Send + Sync> + Send + Sync + 'static;

    /// What the broker's own log calls it.
    const NAME: &'static str;

    /// A machine over an empty log.
    fn machine(&self) -> Self::Machine;

    /// What a record of the log tells the machine; `None`: nothing.
    ///
    /// # Errors
    /// When it can't be understood. It is then passed over, as in Kafka: one of them must not keep a thousand
    /// groups from working.
    fn decode(
        header: &BatchHeader,
        record: Record,
    ) -> Result<Option<RecordOf<Self>>, Box<dyn Error + Send + Sync>>;

    /// Key and value of a record.
    ///
    /// # Errors
    /// When a string or list is too long for its schema.
    fn encode(record: &RecordOf<Self>) -> Result<(Bytes, Option<Bytes>), EncodeError>;

    /// What kind of batch a decision that begins with this record needs.
    fn envelope(_first: &RecordOf<Self>) -> Envelope {
        Envelope::Plain
    }

    /// The record by which the log knows the producer whose transaction `request` writes to. A machine that has
    /// decided can't take its decision back, so the log is asked before.
    fn writes_in_transaction(_request: &RequestOf<Self>) -> Option<RecordOf<Self>> {
        None
    }

    /// What lies at the offsets `newly` has been committed, here or before the machine was loaded.
    fn committed(_shard: &Shard<Self>, _machine: &Self::Machine, _newly: Range<i64>) {}

    /// What a machine is told first, once it is loaded.
    fn first_note() -> Option<RequestOf<Self>> {
        None
    }

    /// The machine is used no longer.
    fn retire(&self, _machine: &Self::Machine) {}

    /// What to say to those whose requests only a later decision would have answered, now that none comes.
    fn unload(_machine: &Self::Machine) -> Vec<Answer<ResponseOf<Self>>> {
        Vec::new()
    }
}

/// What kind of batch the records of a decision need.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Envelope {
    /// They may share a batch with those of other decisions.
    Plain,
    /// A batch of this producer's transaction.
    Transaction(ProducerEpoch),
    /// The control batch that ends a transaction; the decision has no other record.
    Marker(EndedTransaction),
}
