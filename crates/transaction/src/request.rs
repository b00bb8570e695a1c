//! What the coordinator is asked, and what it answers.
//!
//! Versions of the protocol are the broker's business: it says which of a producer's requests belong to which
//! `transaction.version`, and turns `PRODUCER_FENCED` into what older clients understand.

use std::collections::{BTreeMap, BTreeSet};

use ottla_machine::Offset;
use ottla_wire::ErrorCode;
use ottla_wire::messages::describe_transactions_response::TransactionState;
use ottla_wire::messages::{ListTransactionsRequest, ListTransactionsResponse};

/// Partitions by topic.
pub type Partitions = BTreeMap<String, BTreeSet<i32>>;

/// One request.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    pub body: Body,
    /// A producer id that nobody has had, for whoever was answered [`Response::NeedsProducerId`].
    pub fresh_producer_id: Option<i64>,
}

impl From<Body> for Request {
    fn from(body: Body) -> Self {
        Self { body, fresh_producer_id: None }
    }
}

/// What is asked.
#[derive(Clone, Debug, PartialEq)]
pub enum Body {
    InitProducerId(InitProducerId),
    /// Partitions that the transaction is about to write to.
    AddPartitions {
        producer: Producer,
        partitions: Partitions,
        /// 2 for a client of KIP-890, else 0.
        client_version: i16,
    },
    /// Whether these partitions are in the transaction; adds nothing.
    VerifyPartitions {
        producer: Producer,
        partitions: Partitions,
    },
    End {
        producer: Producer,
        is_commit: bool,
        /// 2 for a client of KIP-890, else 0.
        client_version: i16,
    },
    /// Markers that are written, or whose partitions are gone.
    MarkersWritten {
        transactional_id: String,
        prepared_at: Offset,
        partitions: Partitions,
    },
    Describe {
        transactional_id: String,
    },
    List(ListTransactionsRequest),
    /// The feature `transaction.version` has this level now.
    TransactionVersion(i16),
}

/// InitProducerId of a transactional producer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InitProducerId {
    pub transactional_id: String,
    pub timeout_ms: i32,
    /// What the producer had before, when it goes on after an error (KIP-360).
    pub expected: Option<ProducerEpoch>,
    /// The transaction has no time-out (KIP-939).
    pub enable_two_phase_commit: bool,
    /// The open transaction stays, for the producer to end it (KIP-939).
    pub keep_prepared: bool,
}

/// Who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Producer {
    pub transactional_id: String,
    pub producer_id: i64,
    pub producer_epoch: i16,
}

/// A producer id and an epoch of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProducerEpoch {
    pub producer_id: i64,
    pub producer_epoch: i16,
}

impl ProducerEpoch {
    /// Neither an id nor an epoch, as responses spell it.
    pub const NONE: Self = Self { producer_id: -1, producer_epoch: -1 };
}

/// What is answered.
#[derive(Clone, Debug, PartialEq)]
pub enum Response {
    /// To `InitProducerId` and `End`: what the producer is to use from now on.
    Producer(Result<ProducerEpoch, ErrorCode>),
    /// To `InitProducerId` that keeps a transaction: what the producer is to use, and what the transaction has.
    Kept {
        producer: ProducerEpoch,
        ongoing: ProducerEpoch,
    },
    /// The request needs a producer id that nobody has had: it is to be asked again with one.
    NeedsProducerId,
    /// To `AddPartitions`: one code for all of them.
    Added(ErrorCode),
    /// To `VerifyPartitions`: a code for each.
    Verified(BTreeMap<String, BTreeMap<i32, ErrorCode>>),
    Described(TransactionState),
    Listed(ListTransactionsResponse),
    /// To whatever has no answer of its own.
    Noted,
}
