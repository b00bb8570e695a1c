//! What can go wrong between a client and a cluster.

use std::fmt;
use std::io;
use std::sync::Arc;

use ottla_wire::ErrorCode;

use crate::config::ConfigError;
use crate::topic_partition::TopicPartition;

/// A refusal that the cluster answered with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiError {
    /// The protocol's code.
    pub code: ErrorCode,
    /// The broker's own words, where it sent some.
    pub message: Option<String>,
}

impl ApiError {
    /// `Ok` for `NONE`, otherwise the refusal.
    pub fn check(code: i16, message: Option<String>) -> Result<(), ApiError> {
        match ErrorCode::from_code(code) {
            ErrorCode::None => Ok(()),
            code => Err(ApiError { code, message: message.filter(|text| !text.is_empty()) }),
        }
    }

    /// A refusal in the protocol's default words.
    pub fn new(code: ErrorCode) -> Self {
        Self { code, message: None }
    }
}

impl From<ErrorCode> for ApiError {
    fn from(code: ErrorCode) -> Self {
        Self::new(code)
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.message {
            Some(message) => formatter.write_str(message),
            None => formatter.write_str(self.code.message()),
        }
    }
}

impl std::error::Error for ApiError {}

/// One result for each thing that was asked for, in the order of the question.
pub type PerItem<K, T> = Vec<(K, Result<T, ApiError>)>;

/// Why an operation failed as a whole.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A property has a value that can't be used.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// None of the addresses in `bootstrap.servers` has an IP address.
    #[error("no resolvable bootstrap address among {addresses}: {source}")]
    Resolve {
        /// What was looked up.
        addresses: String,
        /// The last failure.
        source: Arc<io::Error>,
    },
    /// TCP refused or lost.
    #[error("could not connect to {address}: {}", describe(source))]
    Connect {
        /// `host:port`.
        address: String,
        /// What the operating system said.
        source: Arc<io::Error>,
    },
    /// `socket.connection.setup.timeout.ms` passed.
    #[error("could not connect to {address}: no answer within {timeout_ms} ms")]
    ConnectTimeout {
        /// `host:port`.
        address: String,
        /// How long was waited.
        timeout_ms: u64,
    },
    /// The connection ended while an answer was awaited.
    #[error("connection to {address} was closed{}", after(detail))]
    Disconnected {
        /// `host:port`.
        address: String,
        /// Why, where it is known.
        detail: String,
    },
    /// `request.timeout.ms` passed.
    #[error("{api} to {address} got no answer within {timeout_ms} ms")]
    RequestTimeout {
        /// The request's name.
        api: &'static str,
        /// `host:port`.
        address: String,
        /// How long was waited.
        timeout_ms: u64,
    },
    /// The whole operation took longer than it may.
    #[error("{operation} did not finish within {timeout_ms} ms{}", because(last))]
    Timeout {
        /// What was attempted.
        operation: String,
        /// How long was waited.
        timeout_ms: u64,
        /// The failure of the last attempt.
        last: Option<Box<Error>>,
    },
    /// The broker does not offer a version of this API that we speak.
    #[error("{address} does not support {api}{detail}")]
    UnsupportedVersion {
        /// The request's name.
        api: &'static str,
        /// `host:port`.
        address: String,
        /// The ranges, where both sides have one.
        detail: String,
    },
    /// The broker sent bytes that are not an answer.
    #[error("{address} sent an unreadable {api} response: {detail}")]
    Malformed {
        /// The request's name.
        api: &'static str,
        /// `host:port`.
        address: String,
        /// What was wrong.
        detail: String,
    },
    /// A request has a value that the negotiated version can't carry.
    #[error("{api} version {version} can't express this request: {detail}")]
    Inexpressible {
        /// The request's name.
        api: &'static str,
        /// The version negotiated.
        version: i16,
        /// The field.
        detail: String,
    },
    /// Metadata does not know this node.
    #[error("node {node_id} is not in the cluster metadata")]
    UnknownNode {
        /// Its id.
        node_id: i32,
    },
    /// The cluster refused.
    #[error(transparent)]
    Api(#[from] ApiError),
    /// A record waited longer than `delivery.timeout.ms`.
    #[error(
        "Expiring {count} record(s) for {partition}:{age_ms} ms has passed since batch creation"
    )]
    Expired {
        /// Where it was to go.
        partition: TopicPartition,
        /// How many records its batch had.
        count: i32,
        /// How long ago the batch was begun.
        age_ms: u64,
    },
    /// What a broker keeps can't be read.
    #[error("{partition} can't be read at offset {offset}: {detail}")]
    Unreadable {
        /// The partition.
        partition: TopicPartition,
        /// Where reading stopped; seek past it to go on.
        offset: i64,
        /// What was wrong.
        detail: String,
    },
    /// A partition has no position, and `auto.offset.reset` names none.
    #[error("Undefined offset with no reset policy for partitions: [{}]", listed(.partitions))]
    NoOffset {
        /// The partitions.
        partitions: Vec<TopicPartition>,
    },
    /// The log was cut below what had been read, and `auto.offset.reset` names no way to go on.
    #[error("{partition} was truncated below offset {offset}, which had been read")]
    Truncated {
        /// The partition.
        partition: TopicPartition,
        /// The position before.
        offset: i64,
    },
    /// The group went on without this member.
    #[error(
        "Offset commit cannot be completed since the consumer is not part of an active group for auto partition \
         assignment; it is likely that the consumer was kicked out of the group."
    )]
    CommitFailed,
    /// The client was closed.
    #[error("the client is closed")]
    Closed,
    /// The caller asked for what makes no sense in this state.
    #[error("{detail}")]
    Misuse {
        /// In words for the caller.
        detail: String,
    },
}

impl Error {
    /// Whether trying again, perhaps elsewhere, may succeed.
    pub fn is_retriable(&self) -> bool {
        match self {
            Error::Connect { .. }
            | Error::ConnectTimeout { .. }
            | Error::Disconnected { .. }
            | Error::RequestTimeout { .. }
            | Error::UnknownNode { .. } => true,
            Error::Api(refusal) => refusal.code.is_retriable(),
            _ => false,
        }
    }

    /// The protocol's code, where the cluster refused.
    pub fn code(&self) -> Option<ErrorCode> {
        match self {
            Error::Api(refusal) => Some(refusal.code),
            Error::UnsupportedVersion { .. } => Some(ErrorCode::UnsupportedVersion),
            _ => None,
        }
    }
}

impl From<ErrorCode> for Error {
    fn from(code: ErrorCode) -> Self {
        Error::Api(ApiError::new(code))
    }
}

fn describe(source: &io::Error) -> String {
    // The kind reads better than the operating system's "Connection refused (os error 111)".
    match source.raw_os_error() {
        Some(_) if source.kind() != io::ErrorKind::Other => source.kind().to_string(),
        _ => source.to_string(),
    }
}

fn after(detail: &str) -> String {
    if detail.is_empty() { String::new() } else { format!(": {detail}") }
}

fn because(last: &Option<Box<Error>>) -> String {
    last.as_ref().map(|last| format!(": {last}")).unwrap_or_default()
}

fn listed(partitions: &[TopicPartition]) -> String {
    let names: Vec<String> = partitions.iter().map(ToString::to_string).collect();
    names.join(", ")
}
