//! Checking records before they are appended.
use std::sync::Arc;

use bytes::Bytes;
use ottla_wire::ErrorCode;

use crate::config::LogConfig;

/// Who appends, which decides what is checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AppendOrigin {
    /// A producer: everything is checked.
    Client,
    /// A coordinator: no sequences, control records allowed.
    Coordinator,
    /// A leader's records on a follower: offsets are given.
    Replication,
    /// The metadata quorum's leader: offsets are given.
    RaftLeader,
}

/// Why records were refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Refusal {
    /// For the response.
    pub code: ErrorCode,
    /// For the response, as Kafka words it.
    pub message: String,
    /// The records at fault, where single ones are.
    pub record_errors: Vec<RecordError>,
}

/// One record at fault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordError {
    /// Which record of the batch, from 0.
    pub batch_index: i32,
    /// What is wrong with it.
    pub message: String,
}

/// What checking needs to know of a log; cheap to clone, used without the log's lock.
#[derive(Clone, Debug)]
pub struct AppendPolicy {
    /// Names the partition in messages.
    pub(crate) partition: Arc<str>,
    /// The log's settings at the time.
    pub(crate) config: Arc<LogConfig>,
}

impl AppendPolicy {
    /// Checks records (header, CRC, counts, timestamps, keys where compaction needs them) and, where
    /// the settings ask for it, compresses them anew. The log's lock is not needed.
    pub fn validate(
        &self,
        records: Bytes,
        origin: AppendOrigin,
        now_ms: i64,
    ) -> Result<ValidatedBatches, Refusal> {
        let _ = (records, origin, now_ms);
        unimplemented!()
    }
}

/// Records that may be appended.
#[derive(Debug)]
pub struct ValidatedBatches {
    #[expect(dead_code)]
    pub(crate) origin: AppendOrigin,
}
