//! Records out.

use ottla_log::{
    AbortedTransaction, EpochEnd, FileSlice, Isolation, LogRead, Offsets, ReadError, ReadOptions,
};
use ottla_wire::ErrorCode;

use super::Partition;
use super::hosted::State;

/// What a fetcher asks of one partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartitionRequest {
    pub fetch_offset: i64,
    /// The follower's log start offset; −1 from consumers.
    pub log_start_offset: i64,
    pub bytes_max: i32,
    pub current_leader_epoch: Option<i32>,
    pub last_fetched_epoch: Option<i32>,
}

/// What all partitions of one fetch request have in common, and what is left of its limits.
#[derive(Clone, Copy, Debug)]
pub struct Fetch {
    /// The follower that asks, or none for a consumer.
    pub replica: Option<i32>,
    /// Consumers before version 11, and followers, read from the leader only.
    pub only_from_leader: bool,
    pub isolation: Isolation,
    /// What the response can still hold.
    pub bytes_left: usize,
    /// Nothing was found yet: one whole batch may exceed the limits (KIP-74).
    pub min_one_batch: bool,
}

/// What a fetch found in one partition.
#[derive(Debug)]
pub struct Fetched {
    /// `None` when the epochs diverge.
    pub slice: Option<FileSlice>,
    pub offsets: Offsets,
    pub aborted_transactions: Option<Vec<AbortedTransaction>>,
    pub diverging: Option<EpochEnd>,
}

impl Fetched {
    /// Bytes of records.
    #[must_use]
    pub fn len(&self) -> usize {
        self.slice.as_ref().map_or(0, FileSlice::len)
    }

    /// Whether there are no records.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Partition {
    /// Finds the records that a fetch asks for. The slice is read without the partition's lock.
    ///
    /// # Errors
    /// `FENCED_LEADER_EPOCH`, `UNKNOWN_LEADER_EPOCH`, `NOT_LEADER_OR_FOLLOWER`,
    /// `OFFSET_OUT_OF_RANGE` or `KAFKA_STORAGE_ERROR`.
    pub fn fetch(&self, request: &PartitionRequest, fetch: &Fetch) -> Result<Fetched, ErrorCode> {
        let mut state = self.state.lock();
        state.readable_log(
            request.current_leader_epoch,
            fetch.only_from_leader,
            self.identity.broker_id,
        )?;
        if let Some(replica) = fetch.replica
            && !Self::is_replica(&state, replica)
        {
            // A follower that the metadata names later than it fetches tries again.
            return Err(match request.current_leader_epoch {
                Some(_) => ErrorCode::UnknownLeaderEpoch,
                None => ErrorCode::NotLeaderOrFollower,
            });
        }
        let report = |error: &ottla_log::Error| self.report(error);
        let fetched = state.find(request, fetch, report).inspect_err(|error| {
            if *error == ErrorCode::KafkaStorageError {
                self.waiters.changed();
            }
        })?;
        if let Some(replica) = fetch.replica
            && fetched.diverging.is_none()
        {
            let (log_end, log_start) = (request.fetch_offset, request.log_start_offset);
            self.follower_fetched(&mut state, replica, log_end, log_start)?;
        }
        Ok(fetched)
    }

    /// The first offset that a fetch of this isolation can't read yet.
    ///
    /// # Errors
    /// As [`Partition::log_offsets`].
    pub fn readable_end(&self, isolation: Isolation) -> Result<i64, ErrorCode> {
        let offsets = self.log_offsets()?;
        Ok(match isolation {
            Isolation::LogEnd => offsets.log_end,
            Isolation::HighWatermark => offsets.high_watermark,
            Isolation::TransactionCommitted => offsets.last_stable,
        })
    }
}

impl State {
    /// Checks epoch and leadership, in Kafka's order.
    pub(super) fn readable_log(
        &self,
        current_leader_epoch: Option<i32>,
        only_from_leader: bool,
        broker_id: i32,
    ) -> Result<&ottla_log::Log, ErrorCode> {
        let log = self.log()?;
        self.leadership.check_epoch(current_leader_epoch)?;
        if only_from_leader && !self.leadership.is_leader(broker_id) {
            return Err(ErrorCode::NotLeaderOrFollower);
        }
        Ok(log)
    }

    fn find(
        &self,
        request: &PartitionRequest,
        fetch: &Fetch,
        report: impl Fn(&ottla_log::Error),
    ) -> Result<Fetched, ErrorCode> {
        let log = self.log()?;
        if let Some(last_epoch) = request.last_fetched_epoch {
            let end = log.end_offset_for_epoch(last_epoch).ok_or(ErrorCode::OffsetOutOfRange)?;
            let offsets = log.offsets();
            if request.fetch_offset < offsets.log_start {
                return Err(ErrorCode::OffsetOutOfRange);
            }
            if end.leader_epoch < last_epoch || end.end_offset < request.fetch_offset {
                return Ok(Fetched {
                    slice: None,
                    offsets,
                    aborted_transactions: None,
                    diverging: Some(end),
                });
            }
        }
        let partition_bytes = usize::try_from(request.bytes_max).unwrap_or(0);
        let options = ReadOptions {
            start_offset: request.fetch_offset,
            max_bytes: partition_bytes.min(fetch.bytes_left),
            min_one_batch: fetch.min_one_batch,
            isolation: fetch.isolation,
        };
        match log.read(options) {
            Ok(LogRead { slice, offsets, aborted_transactions }) => {
                Ok(Fetched { slice: Some(slice), offsets, aborted_transactions, diverging: None })
            }
            Err(ReadError::OutOfRange { .. }) => Err(ErrorCode::OffsetOutOfRange),
            Err(ReadError::Fault(error)) => {
                tracing::error!(%error, "a read failed");
                report(&error);
                Err(ErrorCode::KafkaStorageError)
            }
        }
    }
}
