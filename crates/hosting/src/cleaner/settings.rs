//! `log.cleaner.*`, as the cleaner goes by it.

use std::time::Duration;

use ottla_log::CleanerMemory;
use ottla_metadata::config::BrokerValues;

/// No thread has use of a larger map (Kafka's limit is that of a Java array).
const DEDUPE_BYTES_MAX: usize = i32::MAX as usize;

/// The cleaner's settings at one moment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct CleanerSettings {
    /// `log.cleaner.enable`.
    pub is_enabled: bool,
    /// `log.cleaner.threads`.
    pub threads: usize,
    /// `log.cleaner.dedupe.buffer.size`, all threads together.
    pub dedupe_bytes: u64,
    /// `log.cleaner.io.buffer.load.factor`.
    pub load_factor: f64,
    /// `log.cleaner.io.buffer.size`, all threads together, half of it to read and half to write.
    pub io_bytes: u64,
    /// `log.cleaner.io.max.bytes.per.second`, all threads together.
    pub bytes_per_second_max: f64,
    /// `log.cleaner.backoff.ms`.
    pub backoff: Duration,
}

impl Default for CleanerSettings {
    fn default() -> Self {
        Self {
            is_enabled: true,
            threads: 1,
            dedupe_bytes: 128 << 20,
            load_factor: 0.9,
            io_bytes: 512 << 10,
            bytes_per_second_max: f64::MAX,
            backoff: Duration::from_secs(15),
        }
    }
}

impl CleanerSettings {
    /// What a broker's settings say of the cleaner.
    pub(super) fn of(values: &BrokerValues) -> Self {
        let whole = |name: &str| values.number(name).and_then(|value| u64::try_from(value).ok());
        let fraction =
            |name: &str| values.text(name).and_then(|value| value.trim().parse::<f64>().ok());
        let own = Self::default();
        let threads = whole("log.cleaner.threads").and_then(|value| usize::try_from(value).ok());
        let enabled = values.text("log.cleaner.enable");
        Self {
            is_enabled: enabled.is_none_or(|value| value.trim().eq_ignore_ascii_case("true")),
            threads: threads.unwrap_or(own.threads),
            dedupe_bytes: whole("log.cleaner.dedupe.buffer.size").unwrap_or(own.dedupe_bytes),
            load_factor: fraction("log.cleaner.io.buffer.load.factor").unwrap_or(own.load_factor),
            io_bytes: whole("log.cleaner.io.buffer.size").unwrap_or(own.io_bytes),
            bytes_per_second_max: fraction("log.cleaner.io.max.bytes.per.second")
                .unwrap_or(own.bytes_per_second_max),
            backoff: whole("log.cleaner.backoff.ms").map_or(own.backoff, Duration::from_millis),
        }
    }

    /// What one thread may take.
    pub(super) fn memory(&self) -> CleanerMemory {
        let threads = self.threads.max(1) as u64;
        let share = |bytes: u64| usize::try_from(bytes / threads).unwrap_or(usize::MAX);
        CleanerMemory {
            dedupe_bytes: share(self.dedupe_bytes).min(DEDUPE_BYTES_MAX),
            load_factor: self.load_factor,
            io_bytes: share(self.io_bytes) / 2,
        }
    }
}

#[cfg(test)]
mod tests {
    use ottla_metadata::MetadataImage;

    use super::*;

    #[test]
    fn defaults_are_those_of_the_table() {
        let values = BrokerValues::new(Default::default(), 1, &MetadataImage::empty());
        assert_eq!(CleanerSettings::of(&values), CleanerSettings::default());
    }

    #[test]
    fn memory_is_shared_by_the_threads() {
        let settings = CleanerSettings { threads: 4, ..CleanerSettings::default() };
        let memory = settings.memory();
        assert_eq!((memory.dedupe_bytes, memory.io_bytes), (32 << 20, 64 << 10));
        let huge = CleanerSettings { dedupe_bytes: u64::MAX, ..CleanerSettings::default() };
        assert_eq!(huge.memory().dedupe_bytes, DEDUPE_BYTES_MAX);
    }
}
