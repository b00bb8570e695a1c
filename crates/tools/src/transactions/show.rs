//! Listing and describing transactions and producers.

use ottla_client::TopicPartition;
use ottla_client::admin::{Admin, TransactionsFilter};
use ottla_terminal::java_order::sort_as_hash_map;
use ottla_terminal::options::{Arguments, Stop};
use ottla_terminal::output;
use ottla_wire::ErrorCode;

use super::{because, failed, now_ms};
use crate::table::table;

/// Lists transactions.
pub(super) async fn list(admin: &Admin, arguments: &Arguments) -> Result<(), Stop> {
    let filter = TransactionsFilter {
        running_longer_than_ms: arguments.number("duration-filter"),
        transactional_id_pattern: arguments.text("transactional-id-pattern").map(str::to_owned),
        ..TransactionsFilter::default()
    };
    let mut brokers =
        admin.list_transactions(&filter).await.map_err(because("Failed to list transactions"))?;
    sort_as_hash_map(&mut brokers, |(broker, _)| broker);
    let mut rows = Vec::new();
    for (broker, listings) in brokers {
        rows.extend(listings.into_iter().map(|listing| {
            let (broker, producer) = (broker.to_string(), listing.producer_id.to_string());
            [listing.transactional_id, broker, producer, listing.state]
        }));
    }
    let titles = ["TransactionalId", "Coordinator", "ProducerId", "TransactionState"];
    output::line(table(titles, &rows))
}

/// Describes one transactional id.
pub(super) async fn describe(admin: &Admin, arguments: &Arguments) -> Result<(), Stop> {
    let id = arguments.text("transactional-id").unwrap_or_default().to_owned();
    let what = format!("Failed to describe transaction state of transactional-id `{id}`");
    let described = admin.describe_transactions(std::slice::from_ref(&id)).await;
    let described = described.and_then(|results| {
        let result = results.into_iter().next().map(|(_, result)| result);
        Ok(result.unwrap_or_else(|| Err(ErrorCode::UnknownServerError.into()))?)
    });
    let found = described.map_err(|error| match error.code() {
        Some(ErrorCode::TransactionalIdNotFound) => failed(
            &what,
            &format!(
                "DescribeTransactions request for transactionalId `{id}` failed because the ID could not be found"
            ),
        ),
        _ => because(what.as_str())(error),
    })?;
    let none = || "None".to_owned();
    let start = found.start_time_ms.map_or_else(none, |start| start.to_string());
    let duration = found.start_time_ms.map_or_else(none, |start| (now_ms() - start).to_string());
    let mut partitions = found.partitions;
    partitions.sort();
    sort_as_hash_map(&mut partitions, |key| key);
    let partitions: Vec<String> = partitions.iter().map(ToString::to_string).collect();
    let titles = [
        "CoordinatorId",
        "TransactionalId",
        "ProducerId",
        "ProducerEpoch",
        "TransactionState",
        "TransactionTimeoutMs",
        "CurrentTransactionStartTimeMs",
        "TransactionDurationMs",
        "TopicPartitions",
    ];
    let row = [
        found.coordinator_id.to_string(),
        id,
        found.producer_id.to_string(),
        found.producer_epoch.to_string(),
        found.state,
        found.timeout_ms.to_string(),
        start,
        duration,
        partitions.join(","),
    ];
    output::line(table(titles, &[row]))
}

/// The partition that the command line names.
pub(super) fn named_partition(arguments: &Arguments) -> TopicPartition {
    let topic = arguments.text("topic").unwrap_or_default();
    TopicPartition::new(topic, arguments.number("partition").unwrap_or_default())
}

/// Describes who writes to a partition.
pub(super) async fn describe_producers(admin: &Admin, arguments: &Arguments) -> Result<(), Stop> {
    let key = named_partition(arguments);
    let broker: Option<i32> = arguments.number("broker-id");
    let asked = broker.map_or_else(|| "leader".to_owned(), |id| format!("broker {id}"));
    let what = format!("Failed to describe producers for partition {key} on {asked}");
    let described = admin.describe_producers(std::slice::from_ref(&key), broker).await;
    let described = described.and_then(|results| {
        results.into_iter().map(|(_, result)| Ok(result?)).collect::<Result<Vec<_>, _>>()
    });
    let producers = described.map_err(because(what))?.into_iter().flatten();
    let rows: Vec<[String; 6]> = producers
        .map(|producer| {
            let start = producer.transaction_start_offset;
            [
                producer.producer_id.to_string(),
                producer.producer_epoch.to_string(),
                producer.coordinator_epoch.unwrap_or(-1).to_string(),
                producer.last_sequence.to_string(),
                producer.last_timestamp.to_string(),
                start.map_or_else(|| "None".to_owned(), |start| start.to_string()),
            ]
        })
        .collect();
    let titles = [
        "ProducerId",
        "ProducerEpoch",
        "LatestCoordinatorEpoch",
        "LastSequence",
        "LastTimestamp",
        "CurrentTransactionStartOffset",
    ];
    output::line(table(titles, &rows))
}
