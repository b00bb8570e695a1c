//! Numbers into the cluster, and what became of each.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use ottla_client::Error;
use ottla_client::producer::{Producer, ProducerConfig, RecordMetadata};
use ottla_terminal::failure::Failure;
use ottla_terminal::message_json::{java_double, json_string};
use ottla_terminal::options::Stop;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::declared::Declared;
use crate::interrupt::Interrupt;
use crate::verifiable_events::{event, text};

/// As long as Java's `close()` waits.
const FOREVER: Duration = Duration::from_hours(24 * 365);

/// Sends what is declared; gives the exit code.
pub(super) async fn send_numbers(config: ProducerConfig, declared: Declared) -> Result<u8, Stop> {
    let producer = Producer::new(config).map_err(|error| {
        Stop::refused(format!("org.apache.kafka.common.KafkaException: {error}"))
    })?;
    let mut interrupt = Interrupt::new()?;
    let (started, acknowledged) = (Instant::now(), Arc::new(AtomicU64::new(0)));
    event("startup_complete", "")?;
    let mut under_way = JoinSet::new();
    let (mut sent, mut code) = (0u64, 0);
    while code == 0 && declared.message_count.is_none_or(|count| sent < count) {
        let record = declared.record(sent, started.elapsed());
        let (key, value) = (record.key.clone(), record.value.clone().unwrap_or_default());
        let delivery = tokio::select! {
            delivery = producer.send(record) => delivery,
            asked = interrupt.heard() => {
                code = asked;
                continue;
            }
        };
        sent += 1;
        let (topic, acknowledged) = (declared.topic.clone(), Arc::clone(&acknowledged));
        under_way.spawn(async move {
            let outcome = match delivery {
                Ok(delivery) => delivery.await,
                Err(error) => Err(error),
            };
            if outcome.is_ok() {
                acknowledged.fetch_add(1, Ordering::Relaxed);
            }
            // Who closed the output does not want to know.
            let _ = tell(&topic, key.as_ref(), &value, outcome);
        });
        while under_way.try_join_next().is_some() {}
        if let Some(ahead) = declared.ahead(sent, started.elapsed()) {
            tokio::select! {
                () = tokio::time::sleep(ahead) => {}
                asked = interrupt.heard() => code = asked,
            }
        }
    }
    let farewell = async {
        // Failures of single records are told one by one.
        let _ = producer.close(FOREVER).await;
        while under_way.join_next().await.is_some() {}
    };
    interrupt.or_at_once(farewell).await;
    event("shutdown_complete", "")?;
    let acknowledged = acknowledged.load(Ordering::Relaxed);
    let average = acknowledged as f64 / started.elapsed().as_secs_f64();
    event(
        "tool_data",
        &format!(
            ",\"sent\":{sent},\"acked\":{acknowledged},\"target_throughput\":{},\"avg_throughput\":{}",
            declared.throughput,
            java_double(average)
        ),
    )?;
    Ok(code)
}

fn tell(
    topic: &str,
    key: Option<&Bytes>,
    value: &Bytes,
    outcome: Result<RecordMetadata, Error>,
) -> Result<(), Stop> {
    let (key, value) = (text(key.map(|key| &key[..])), text(Some(value)));
    let topic = json_string(topic);
    match outcome {
        Ok(written) => event(
            "producer_send_success",
            &format!(
                ",\"key\":{key},\"value\":{value},\"offset\":{},\"topic\":{topic},\"partition\":{}",
                written.offset, written.partition.partition
            ),
        ),
        Err(error) => {
            let failure = Failure::from(error);
            let class = failure.exception.split(": ").next().unwrap_or_default();
            event(
                "producer_send_error",
                &format!(
                    ",\"key\":{key},\"value\":{value},\"exception\":{},\"message\":{},\"topic\":{topic}",
                    json_string(&format!("class {class}")),
                    json_string(&failure.message)
                ),
            )
        }
    }
}
