//! Writing, and saying how fast.

use std::sync::Arc;
use std::time::Duration;

use ottla_client::producer::{Producer, ProducerConfig, ProducerRecord};
use ottla_terminal::failure::Failure;
use ottla_terminal::options::Stop;
use ottla_terminal::output;
use parking_lot::Mutex;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::declared::Declared;
use super::payloads::Payloads;
use super::statistics::Statistics;

/// As long as Java's `close()` waits.
const FOREVER: Duration = Duration::from_hours(24 * 365);
/// Being ahead of the wanted pace by less than this is no reason to sleep.
const PAUSE_MIN: Duration = Duration::from_millis(2);

pub(super) async fn measure(
    config: ProducerConfig,
    declared: Declared,
    mut payloads: Payloads,
) -> Result<(), Stop> {
    let producer = Producer::new(config).map_err(|error| {
        Stop::refused(format!("org.apache.kafka.common.KafkaException: {error}"))
    })?;
    let started = Instant::now();
    let whole = Statistics::new(declared.record_count, declared.reporting_interval, false);
    let whole = Arc::new(Mutex::new(whole));
    let mut steady: Option<Arc<Mutex<Statistics>>> = None;
    let mut under_way = JoinSet::new();
    for number in 0..declared.record_count {
        if declared.warmup_records > 0 && number == declared.warmup_records {
            let left = declared.record_count - number;
            let statistics = Statistics::new(left, declared.reporting_interval, true);
            whole.lock().is_silent = true;
            steady = Some(Arc::new(Mutex::new(statistics)));
        }
        let value = payloads.next(number);
        let size = value.len();
        let sent_at = Instant::now();
        let record = ProducerRecord::new(&*declared.topic, value);
        let delivery = match producer.send(record).await {
            Ok(delivery) => delivery,
            Err(error) => {
                output::plain_error(Failure::from(error).exception);
                continue;
            }
        };
        let told = [Some(Arc::clone(&whole)), steady.clone()];
        under_way.spawn(async move {
            let outcome = delivery.await;
            let latency = sent_at.elapsed();
            match outcome {
                Ok(_) => told.iter().flatten().for_each(|statistics| {
                    if let Some(line) = statistics.lock().record(latency, size) {
                        // Nobody reads: the numbers at the end will say so.
                        let _ = output::line(line);
                    }
                }),
                Err(error) => output::plain_error(Failure::from(error).exception),
            }
        });
        // Finished tasks must not pile up.
        while under_way.try_join_next().is_some() {}
        keep_pace(&declared, number + 1, started).await;
    }
    producer.flush().await;
    while under_way.join_next().await.is_some() {}
    output::line(whole.lock().total())?;
    if let Some(steady) = steady {
        output::line(steady.lock().total())?;
    }
    // Failures of single records have been told one by one.
    let _ = producer.close(FOREVER).await;
    Ok(())
}

/// Sleeps while more was sent than `--throughput` allows; without a limit only lets others work.
async fn keep_pace(declared: &Declared, sent: u64, started: Instant) {
    if declared.throughput <= 0.0 {
        tokio::task::coop::consume_budget().await;
        return;
    }
    let due = Duration::try_from_secs_f64(sent as f64 / declared.throughput).unwrap_or(FOREVER);
    let ahead = due.saturating_sub(started.elapsed());
    if ahead >= PAUSE_MIN {
        tokio::time::sleep(ahead).await;
    }
}
