//! What the broker's configuration says of an internal topic's log, for those who write and read it.

use std::time::Duration;

use ottla_metadata::config::BrokerValues;
use ottla_wire::records::{Compression, CompressionType};

/// How coordinators use their log.
#[derive(Clone, Copy, Debug)]
pub struct LogTerms {
    /// Of the batches they write.
    pub compression: Compression,
    /// Bytes read at a time while loading. A batch that is larger is read all the same.
    pub load_bytes: usize,
    /// How long anybody waits for a commit; `None`: for as long as it takes.
    pub commit_timeout: Option<Duration>,
    pub linger: Linger,
}

/// How long decided records wait for others before all of them are appended. Those of transactions never do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Linger {
    /// Until everything is decided that was asked before.
    Adaptive,
    For(Duration),
}

impl LogTerms {
    /// Those of groups: the keys `offsets.topic.compression.codec`, `offsets.load.buffer.size`,
    /// `offsets.commit.timeout.ms` and `group.coordinator.append.linger.ms`.
    #[must_use]
    pub fn of_groups(values: &BrokerValues) -> Self {
        let number = |name: &str| values.number(name).unwrap_or_default();
        let millis = |name: &str| u64::try_from(number(name)).ok().map(Duration::from_millis);
        let codec = match number("offsets.topic.compression.codec") {
            1 => CompressionType::Gzip,
            2 => CompressionType::Snappy,
            3 => CompressionType::Lz4,
            4 => CompressionType::Zstd,
            _ => CompressionType::None,
        };
        // A negative number asks for what the load allows.
        let linger = millis("group.coordinator.append.linger.ms");
        Self {
            compression: Compression::of(codec),
            load_bytes: usize::try_from(number("offsets.load.buffer.size")).unwrap_or_default(),
            commit_timeout: millis("offsets.commit.timeout.ms"),
            linger: linger.map_or(Linger::Adaptive, Linger::For),
        }
    }

    /// Those of transactions: `transaction.state.log.load.buffer.size`.
    #[must_use]
    pub fn of_transactions(values: &BrokerValues) -> Self {
        let load_bytes = values.number("transaction.state.log.load.buffer.size");
        Self {
            compression: Compression::NONE,
            load_bytes: load_bytes
                .and_then(|bytes| usize::try_from(bytes).ok())
                .unwrap_or_default(),
            commit_timeout: None,
            linger: Linger::For(Duration::ZERO),
        }
    }
}
