//! What happened to one partition, counted without locks and read when metrics are scraped.

use std::sync::atomic::{AtomicU64, Ordering};

use ottla_log::Appended;

macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// Counts that only grow.
        #[derive(Debug, Default)]
        pub struct Counters {
            $($(#[$doc])* pub $name: AtomicU64,)*
        }

        /// The counts at one moment.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct Counts {
            $($(#[$doc])* pub $name: u64,)*
        }

        impl Counters {
            /// The counts now.
            #[must_use]
            pub fn counts(&self) -> Counts {
                Counts { $($name: self.$name.load(Ordering::Relaxed),)* }
            }
        }

        impl std::ops::AddAssign for Counts {
            fn add_assign(&mut self, other: Self) {
                $(self.$name += other.$name;)*
            }
        }
    };
}

counters! {
    /// `MessagesInPerSec`: records appended by producers.
    messages_in,
    /// `BytesInPerSec`: bytes appended by producers.
    bytes_in,
    /// `BytesOutPerSec`: bytes sent to consumers.
    bytes_out,
    /// `ReplicationBytesOutPerSec`: bytes sent to followers.
    replication_bytes_out,
    /// `BytesRejectedPerSec`: bytes of batches that were too large.
    bytes_rejected,
    /// `TotalProduceRequestsPerSec`.
    produce_requests,
    /// `TotalFetchRequestsPerSec`.
    fetch_requests,
    /// `FailedProduceRequestsPerSec`: failures that a well-behaved producer does not cause.
    failed_produce_requests,
    /// `FailedFetchRequestsPerSec`.
    failed_fetch_requests,
    /// `InvalidMessageCrcRecordsPerSec`.
    invalid_crc,
    /// `InvalidMagicNumberRecordsPerSec`.
    invalid_magic,
}

impl Counters {
    pub(super) fn appended(&self, appended: &Appended) {
        if !appended.duplicate {
            let records = u64::try_from(appended.record_count).unwrap_or(0);
            self.messages_in.fetch_add(records, Ordering::Relaxed);
        }
        self.bytes_in.fetch_add(appended.bytes, Ordering::Relaxed);
    }

    /// Adds to one of the counts.
    pub fn add(counter: &AtomicU64, count: u64) {
        counter.fetch_add(count, Ordering::Relaxed);
    }
}
