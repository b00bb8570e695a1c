//! Transactions: how many have ended and how, markers that wait, and questions to coordinators before a transaction
//! begins in a partition. Names are after Kafka's `TransactionMarkerChannelManager` and `AddPartitionsToTxnManager`.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::histogram::Histogram;
use super::text::gauge;

/// What a broker counts of transactions.
#[derive(Debug, Default)]
pub struct TransactionMetrics {
    committed: AtomicU64,
    aborted: AtomicU64,
    /// Markers that could not be written and are tried again.
    retried: AtomicU64,
    /// Transactions whose markers are written, and whose coordinator has no room yet to be told so.
    untold: AtomicU64,
    verification: Histogram,
    verification_failures: AtomicU64,
}

/// Counts something for as long as it waits.
pub(crate) struct Waits<'a> {
    gauge: &'a AtomicU64,
    count: u64,
}

impl Drop for Waits<'_> {
    fn drop(&mut self) {
        self.gauge.fetch_sub(self.count, Ordering::Relaxed);
    }
}

impl TransactionMetrics {
    /// A transaction has ended, and all of its partitions know.
    pub(crate) fn ended(&self, is_commit: bool) {
        let count = if is_commit { &self.committed } else { &self.aborted };
        count.fetch_add(1, Ordering::Relaxed);
    }

    /// So many markers wait to be written once more.
    pub(crate) fn retry(&self, markers: usize) -> Waits<'_> {
        waits(&self.retried, markers as u64)
    }

    /// A coordinator is about to be told that the markers of a transaction are written.
    pub(crate) fn tell(&self) -> Waits<'_> {
        waits(&self.untold, 1)
    }

    /// A coordinator has answered for partitions, and turned down so many of them.
    pub fn verified(&self, took: Duration, refused: usize) {
        self.verification.add(took);
        self.verification_failures.fetch_add(refused as u64, Ordering::Relaxed);
    }

    pub(crate) fn write(&self, text: &mut String) {
        const MARKERS: &str = "kafka_coordinator_transaction_transactionmarkerchannelmanager_";
        const VERIFICATION: &str = "kafka_server_addpartitionstotxnmanager_";
        let count = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let name = "ottla_transactions";
        let _ = writeln!(
            text,
            "# HELP {name} Transactions that have ended and whose partitions all know\n\
             # TYPE {name} counter\n\
             {name}_total{{outcome=\"committed\"}} {}\n\
             {name}_total{{outcome=\"aborted\"}} {}",
            count(&self.committed),
            count(&self.aborted)
        );
        gauge(
            text,
            &format!("{MARKERS}unknowndestinationqueuesize"),
            "Markers that could not be written and are tried again",
            count(&self.retried),
        );
        gauge(
            text,
            &format!("{MARKERS}logappendretryqueuesize"),
            "Transactions whose markers are written and whose coordinator is not told yet",
            count(&self.untold),
        );
        let name = format!("{VERIFICATION}verificationtime_seconds");
        let help = "Time until a transaction's coordinator has answered for partitions";
        let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} histogram");
        self.verification.write(text, &name, "");
        let name = format!("{VERIFICATION}verificationfailure");
        let _ = writeln!(
            text,
            "# HELP {name} Partitions that a transaction's coordinator has turned down\n\
             # TYPE {name} counter\n{name}_total {}",
            count(&self.verification_failures)
        );
    }
}

fn waits(gauge: &AtomicU64, count: u64) -> Waits<'_> {
    gauge.fetch_add(count, Ordering::Relaxed);
    Waits { gauge, count }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waits_is_counted_until_it_does_not() {
        let metrics = TransactionMetrics::default();
        let line = |name: &str| {
            let mut text = String::new();
            metrics.write(&mut text);
            let found = text.lines().find(|line| line.starts_with(name)).map(str::to_owned);
            found.unwrap_or_else(|| panic!("no {name} in\n{text}"))
        };
        let retried = "kafka_coordinator_transaction_transactionmarkerchannelmanager_unknown";
        let untold = "kafka_coordinator_transaction_transactionmarkerchannelmanager_logappend";
        let waits = (metrics.retry(3), metrics.tell());
        assert!(line(retried).ends_with(" 3"), "{}", line(retried));
        assert!(line(untold).ends_with(" 1"), "{}", line(untold));
        drop(waits);
        assert!(line(retried).ends_with(" 0") && line(untold).ends_with(" 0"));
    }
}
