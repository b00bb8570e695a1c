//! What the coordinator is asked, and what it answers.
//!
//! Versions of the protocol are the broker's business: it says which of a producer's requests belong to which
//! `transaction.version`, and turns `PRODUCER_FENCED` into what older clients understand.

use std::collections::{BTreeMap, BTreeSet};

use ottla_machine::Offset;
use ottla_wire::ErrorCode;
use ottla_wire::messages::describe_transactions_response::TransactionState;
use ottla_wire::messages::{ListTransactionsRequest, ListTransactionsResponse};

use super::config::Config;
use super::{EPOCH_PER_TRANSACTION, describe};

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

impl Body {
    /// The answer to a request that no coordinator would take, whatever it knows: a broker says so before it looks for
    /// the coordinator.
    #[must_use]
    pub fn refusal(&self, config: &Config, transaction_version: i16) -> Option<Response> {
        let nameless = |id: &str| id.is_empty().then_some(ErrorCode::InvalidRequest);
        match self {
            Self::InitProducerId(request) => {
                let code = check(request, config, transaction_version).err()?;
                Some(Response::Producer(Err(code)))
            }
            Self::AddPartitions { producer, .. } => {
                Some(Response::Added(nameless(&producer.transactional_id)?))
            }
            Self::VerifyPartitions { producer, partitions } => {
                let code = nameless(&producer.transactional_id)?;
                let verified = partitions.iter().map(|(topic, partitions)| {
                    (topic.clone(), partitions.iter().map(|index| (*index, code)).collect())
                });
                Some(Response::Verified(verified.collect()))
            }
            Self::End { producer, .. } => {
                Some(Response::Producer(Err(nameless(&producer.transactional_id)?)))
            }
            Self::Describe { transactional_id } => {
                let code = nameless(transactional_id)?;
                Some(Response::Described(describe::failed(transactional_id.clone(), code)))
            }
            Self::MarkersWritten { .. } | Self::List(_) | Self::TransactionVersion(_) => None,
        }
    }
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

fn check(request: &InitProducerId, config: &Config, level: i16) -> Result<(), ErrorCode> {
    if request.transactional_id.is_empty() {
        return Err(ErrorCode::InvalidRequest);
    }
    if request.enable_two_phase_commit && !config.two_phase_commit {
        return Err(ErrorCode::TransactionalIdAuthorizationFailed);
    }
    // What is kept has a place in the records of transactions with an epoch each.
    if request.keep_prepared && level < EPOCH_PER_TRANSACTION {
        return Err(ErrorCode::UnsupportedVersion);
    }
    // A transaction of two phases has no time-out.
    let is_allowed = request.enable_two_phase_commit
        || (1..=config.max_timeout_ms).contains(&request.timeout_ms);
    if is_allowed { Ok(()) } else { Err(ErrorCode::InvalidTransactionTimeout) }
}
