//! Records out of the cluster, and all that happens on the way.

use std::collections::BTreeMap;
use std::time::Duration;

use ottla_client::admin::OffsetAndMetadata;
use ottla_client::consumer::{Consumer, ConsumerConfig, ConsumerRecord, RebalanceListener};
use ottla_client::{Error, TopicPartition};
use ottla_terminal::failure::Failure;
use ottla_terminal::message_json::json_string;
use ottla_terminal::options::Stop;
use ottla_terminal::output;

use super::declared::Declared;
use crate::interrupt::Interrupt;
use crate::verifiable_events::{event, fields, partitions, text};

/// A poll ends after this long, only to begin another.
const POLL: Duration = Duration::from_secs(60);
/// As Java's `close()`.
const CLOSE: Duration = Duration::from_secs(30);

struct Teller;

impl RebalanceListener for Teller {
    fn assigned(&mut self, keys: &[TopicPartition]) -> Vec<(TopicPartition, i64)> {
        // Who closed the output does not want to know.
        let _ = event("partitions_assigned", &format!(",\"partitions\":{}", partitions(keys)));
        Vec::new()
    }

    fn revoked(&mut self, keys: &[TopicPartition]) -> Vec<(TopicPartition, OffsetAndMetadata)> {
        let _ = event("partitions_revoked", &format!(",\"partitions\":{}", partitions(keys)));
        Vec::new()
    }
}

/// Reads what is declared; gives the exit code.
pub(super) async fn read_records(config: ConsumerConfig, declared: Declared) -> Result<u8, Stop> {
    let told = |error: Error| Stop::refused(Failure::from(error).exception);
    let mut interrupt = Interrupt::new()?;
    let mut consumer = Consumer::new(config).map_err(told)?;
    event("startup_complete", "")?;
    consumer.subscribe([&*declared.topic]).await.map_err(told)?;
    consumer.listen(Teller).map_err(told)?;
    let (mut count, mut code) = (0u64, 0);
    while declared.message_count.is_none_or(|most| count < most) {
        let records = tokio::select! {
            records = consumer.poll(POLL) => records,
            asked = interrupt.heard() => {
                code = asked;
                break;
            }
        };
        let mut records = match records {
            Ok(records) => records,
            Err(error) => {
                output::log_error(
                    "Error during processing, terminating consumer process: ",
                    "org.apache.kafka.tools.VerifiableConsumer",
                );
                output::plain_error(Failure::from(error).exception);
                break;
            }
        };
        if let Some(most) = declared.message_count {
            records.truncate(usize::try_from(most - count).unwrap_or(usize::MAX));
        }
        count += records.len() as u64;
        if !records.is_empty() {
            take(&mut consumer, &records, &declared).await?;
        }
    }
    if code != 0 {
        event("shutdown_requested", "")?;
    }
    if let Some(Err(error)) = interrupt.or_at_once(consumer.close(CLOSE)).await {
        tracing::warn!(%error, "the consumer could not be closed");
    }
    event("shutdown_complete", "")?;
    if code == 0 {
        event("shutdown_requested", "")?;
    }
    Ok(code)
}

/// What was read of one partition.
struct Taken {
    count: u64,
    first: i64,
    last: i64,
}

async fn take(
    consumer: &mut Consumer,
    records: &[ConsumerRecord],
    declared: &Declared,
) -> Result<(), Stop> {
    let mut by_partition: BTreeMap<TopicPartition, Taken> = BTreeMap::new();
    for record in records {
        let key = TopicPartition::new(record.topic.clone(), record.partition);
        if declared.is_verbose {
            let (record_key, value) = (text(record.key.as_deref()), text(record.value.as_deref()));
            event(
                "record_data",
                &format!(
                    ",\"key\":{record_key},\"value\":{value},{},\"offset\":{}",
                    fields(&key),
                    record.offset
                ),
            )?;
        }
        let nothing = Taken { count: 0, first: record.offset, last: record.offset };
        let taken = by_partition.entry(key).or_insert(nothing);
        taken.count += 1;
        taken.last = record.offset;
    }
    let shown: Vec<String> = by_partition
        .iter()
        .map(|(key, taken)| {
            let Taken { count, first, last } = taken;
            format!(
                "{{{},\"count\":{count},\"minOffset\":{first},\"maxOffset\":{last}}}",
                fields(key)
            )
        })
        .collect();
    let (count, shown) = (records.len(), shown.join(","));
    event("records_consumed", &format!(",\"count\":{count},\"partitions\":[{shown}]"))?;
    if declared.commits_itself {
        return Ok(());
    }
    let offset = |offset| OffsetAndMetadata { offset, ..OffsetAndMetadata::default() };
    let offsets: Vec<(TopicPartition, OffsetAndMetadata)> =
        by_partition.into_iter().map(|(key, taken)| (key, offset(taken.last + 1))).collect();
    let outcome = consumer.commit_offsets(&offsets).await;
    let shown: Vec<String> = offsets
        .iter()
        .map(|(key, committed)| format!("{{{},\"offset\":{}}}", fields(key), committed.offset))
        .collect();
    let error = outcome
        .as_ref()
        .err()
        .map(|error| format!(",\"error\":{}", json_string(&Failure::from(error.clone()).message)));
    event(
        "offsets_committed",
        &format!(
            ",\"offsets\":[{}]{},\"success\":{}",
            shown.join(","),
            error.unwrap_or_default(),
            outcome.is_ok()
        ),
    )
}
