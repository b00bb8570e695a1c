//! What the broker's configuration says of the offsets topic's log, for those who write and read it.

use std::time::Duration;

use ottla_wire::records::{Compression, CompressionType};

use crate::settings::Settings;

/// How groups use their log.
#[derive(Clone, Copy, Debug)]
pub struct LogTerms {
    /// `offsets.topic.compression.codec`.
    pub compression: Compression,
    /// `offsets.load.buffer.size`: bytes read at a time. A batch that is larger is read all the same.
    pub load_bytes: usize,
    /// `offsets.commit.timeout.ms`.
    pub commit_timeout: Duration,
}

impl LogTerms {
    /// What a broker's settings say.
    #[must_use]
    pub fn of(settings: &Settings) -> Self {
        let number = |name: &str| settings.number(name).unwrap_or_default();
        let codec = match number("offsets.topic.compression.codec") {
            1 => CompressionType::Gzip,
            2 => CompressionType::Snappy,
            3 => CompressionType::Lz4,
            4 => CompressionType::Zstd,
            _ => CompressionType::None,
        };
        let timeout_ms = u64::try_from(number("offsets.commit.timeout.ms")).unwrap_or_default();
        Self {
            compression: Compression::of(codec),
            load_bytes: usize::try_from(number("offsets.load.buffer.size")).unwrap_or_default(),
            commit_timeout: Duration::from_millis(timeout_ms),
        }
    }
}
