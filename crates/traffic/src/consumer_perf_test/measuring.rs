//! Reading, and saying how fast.

use std::sync::Arc;
use std::time::{Duration, Instant};

use ottla_client::consumer::{Consumer, RebalanceListener};
use ottla_client::{Error, TopicPartition};
use ottla_terminal::failure::Failure;
use ottla_terminal::options::Stop;
use ottla_terminal::output;
use parking_lot::Mutex;

use super::declared::{Declared, Topics};
use super::report::Report;

/// As Kafka's tool polls.
const POLL: Duration = Duration::from_millis(100);

/// How long the group took to share out partitions.
struct Joining {
    since: Instant,
    total: Duration,
    of_period: Duration,
}

struct Listener(Arc<Mutex<Joining>>);

impl RebalanceListener for Listener {
    fn assigned(&mut self, _: &[TopicPartition]) -> Vec<(TopicPartition, i64)> {
        let mut joining = self.0.lock();
        let took = joining.since.elapsed();
        joining.total += took;
        joining.of_period += took;
        Vec::new()
    }

    fn revoked(
        &mut self,
        _: &[TopicPartition],
    ) -> Vec<(TopicPartition, ottla_client::admin::OffsetAndMetadata)> {
        self.0.lock().since = Instant::now();
        Vec::new()
    }
}

pub(super) async fn measure(consumer: &mut Consumer, declared: &Declared) -> Result<(), Stop> {
    let told = |error: Error| Stop::refused(Failure::from(error).exception);
    let nothing =
        Joining { since: Instant::now(), total: Duration::ZERO, of_period: Duration::ZERO };
    let joining = Arc::new(Mutex::new(nothing));
    match &declared.topics {
        Topics::Named(topic) => consumer.subscribe([topic]).await.map_err(told)?,
        Topics::Matching(whole) => {
            let whole = whole.clone();
            consumer.subscribe_matching(move |topic| whole.is_match(topic)).map_err(told)?;
        }
    }
    consumer.listen(Listener(Arc::clone(&joining))).map_err(told)?;
    let mut report = Report::new(declared.date_format.clone(), declared.shows_details);
    if !declared.hides_header {
        output::line(report.header())?;
    }
    let mut heard_at = Instant::now();
    while report.whole.records < declared.record_count && heard_at.elapsed() <= declared.timeout {
        let records = consumer.poll(POLL).await.map_err(told)?;
        if !records.is_empty() {
            heard_at = Instant::now();
        }
        for record in &records {
            let size = |bytes: &Option<bytes::Bytes>| bytes.as_ref().map_or(0, |bytes| bytes.len());
            report.count(size(&record.key) + size(&record.value));
        }
        if declared.shows_details && report.period_age() >= declared.reporting_interval {
            let joined = std::mem::take(&mut joining.lock().of_period);
            output::line(report.period(joined))?;
        }
    }
    if report.whole.records < declared.record_count {
        output::line(format_args!(
            "WARNING: Exiting before consuming the expected number of records: timeout ({} ms) exceeded. \
             You can use the --timeout option to increase the timeout.",
            declared.timeout.as_millis()
        ))?;
    }
    if !declared.shows_details {
        output::line(report.total(joining.lock().total))?;
    }
    Ok(())
}
