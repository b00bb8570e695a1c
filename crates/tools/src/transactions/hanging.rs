//! Transactions that hang: open in a partition, for longer than any transaction may be, and unknown to a coordinator.

use std::collections::HashMap;

use ottla_client::admin::{
    ActiveProducer, Admin, TopicRef, TransactionToAbort, TransactionsFilter,
};
use ottla_client::{Error, TopicPartition};
use ottla_terminal::java_order::sort_as_hash_map;
use ottla_terminal::options::{Arguments, Stop};
use ottla_terminal::output;
use ottla_wire::ErrorCode;

use super::show::named_partition;
use super::{because, now_ms};
use crate::table::table;

/// Topics or partitions asked for at once.
const BATCH: usize = 500;
/// How many partitions a broker may describe at once.
const PAGE: i32 = 2_000;
const MINUTE_MS: i64 = 60_000;

/// A transaction that is open in a partition.
type Open = (TopicPartition, ActiveProducer);

/// Ends a transaction in one partition, past its coordinator.
pub(super) async fn abort(admin: &Admin, arguments: &Arguments) -> Result<(), Stop> {
    let partition = named_partition(arguments);
    let start_offset: Option<i64> = arguments.number("start-offset");
    let producer_id: Option<i64> = arguments.number("producer-id");
    let abort = match (start_offset, producer_id) {
        (Some(offset), _) => open_at(admin, partition, offset).await?,
        (None, None) => {
            return Err(Stop::refused(
                "The transaction to abort must be identified either with --start-offset (for brokers on 3.0 or above) or with --producer-id, --producer-epoch, and --coordinator-epoch (for older brokers)",
            ));
        }
        (None, Some(producer_id)) => {
            let missing = |name| Stop::refused(format!("Missing required argument --{name}"));
            let producer_epoch: Option<i16> = arguments.number("producer-epoch");
            let coordinator_epoch: Option<i32> = arguments.number("coordinator-epoch");
            TransactionToAbort {
                partition,
                producer_id,
                producer_epoch: producer_epoch.ok_or_else(|| missing("producer-epoch"))?,
                coordinator_epoch: coordinator_epoch
                    .ok_or_else(|| missing("coordinator-epoch"))?
                    .max(0),
            }
        }
    };
    let what = format!(
        "Failed to abort transaction AbortTransactionSpec(topicPartition={}, producerId={}, producerEpoch={}, coordinatorEpoch={})",
        abort.partition, abort.producer_id, abort.producer_epoch, abort.coordinator_epoch
    );
    admin.abort_transaction(&abort).await.map_err(because(what))
}

/// The transaction that begins at this offset.
async fn open_at(
    admin: &Admin,
    partition: TopicPartition,
    offset: i64,
) -> Result<TransactionToAbort, Stop> {
    let what = format!("Failed to validate producer state for partition {partition}");
    let open = open_transactions(admin, std::slice::from_ref(&partition), None).await;
    let open = open.map_err(because(what))?;
    let starts = |producer: &ActiveProducer| producer.transaction_start_offset == Some(offset);
    let Some((_, producer)) = open.into_iter().find(|(_, producer)| starts(producer)) else {
        return Err(Stop::refused(format!(
            "Could not find any open transactions starting at offset {offset} on partition {partition}"
        )));
    };
    Ok(TransactionToAbort {
        partition,
        producer_id: producer.producer_id,
        producer_epoch: i16::try_from(producer.producer_epoch).unwrap_or(-1),
        coordinator_epoch: producer.coordinator_epoch.unwrap_or(0),
    })
}

async fn open_transactions(
    admin: &Admin,
    partitions: &[TopicPartition],
    broker: Option<i32>,
) -> Result<Vec<Open>, Error> {
    let mut open = Vec::new();
    for (key, producers) in admin.describe_producers(partitions, broker).await? {
        let producers = producers?.into_iter();
        let producers = producers.filter(|producer| producer.transaction_start_offset.is_some());
        open.extend(producers.map(|producer| (key.clone(), producer)));
    }
    Ok(open)
}

/// Ends whatever transaction an id has open.
pub(super) async fn force_terminate(admin: &Admin, arguments: &Arguments) -> Result<(), Stop> {
    let id = arguments.text("transactionalId").unwrap_or_default();
    let what = format!("Failed to force terminate transactionalId `{id}`");
    admin.force_terminate_transaction(id).await.map_err(because(what))
}

/// Prints transactions that hang.
pub(super) async fn find(admin: &Admin, arguments: &Arguments) -> Result<(), Stop> {
    let broker: Option<i32> = arguments.number("broker-id");
    let topic = arguments.text("topic");
    if topic.is_none() && broker.is_none() {
        return Err(Stop::refused(
            "The `find-hanging` command requires either --topic or --broker-id to limit the scope of the search",
        ));
    }
    let partition: Option<i32> = arguments.number("partition");
    if partition.is_some() && topic.is_none() {
        return Err(Stop::refused("The --partition argument requires --topic to be provided"));
    }
    let timeout: i64 = arguments.number("max-transaction-timeout").unwrap_or(15);
    let partitions = match (topic, partition) {
        (Some(topic), Some(partition)) => vec![TopicPartition::new(topic, partition)],
        _ => partitions_to_search(admin, topic, broker).await?,
    };
    let mut candidates = Vec::new();
    for batch in partitions.chunks(BATCH) {
        let asked = broker
            .map_or_else(|| "Optional.empty".to_owned(), |broker| format!("Optional[{broker}]"));
        let what = format!(
            "Failed to describe producers for {} partitions on broker {asked}",
            batch.len()
        );
        let open = open_transactions(admin, batch, broker).await.map_err(because(what))?;
        let is_old =
            |(_, open): &Open| now_ms() - open.last_timestamp > timeout.saturating_mul(MINUTE_MS);
        candidates.extend(open.into_iter().filter(is_old));
    }
    let hanging = match candidates.is_empty() {
        true => candidates,
        false => without_coordinator(admin, candidates).await?,
    };
    print(&hanging)
}

async fn partitions_to_search(
    admin: &Admin,
    topic: Option<&str>,
    broker: Option<i32>,
) -> Result<Vec<TopicPartition>, Stop> {
    let names: Vec<TopicRef> = match topic {
        Some(topic) => vec![TopicRef::Name(topic.to_owned())],
        None => {
            let topics = admin.list_topics(true).await;
            let topics = topics.map_err(because("Failed to list topics"))?;
            topics.into_iter().map(|topic| TopicRef::Name(topic.name)).collect()
        }
    };
    let mut partitions = Vec::new();
    for batch in names.chunks(BATCH) {
        let described = admin.describe_topics(batch, PAGE).await.and_then(|topics| {
            topics.into_iter().map(|(_, topic)| Ok(topic?)).collect::<Result<Vec<_>, Error>>()
        });
        let what = format!("Failed to describe {} topics", batch.len());
        for topic in described.map_err(because(what))? {
            let here = topic.partitions.into_iter().filter(|partition| {
                broker.is_none_or(|id| partition.replicas.iter().any(|node| node.id == id))
            });
            partitions.extend(
                here.map(|found| TopicPartition::new(topic.name.as_str(), found.partition)),
            );
        }
    }
    Ok(partitions)
}

/// Those of which no coordinator knows that they are open in their partition.
async fn without_coordinator(admin: &Admin, candidates: Vec<Open>) -> Result<Vec<Open>, Stop> {
    let mut producer_ids: Vec<i64> =
        candidates.iter().map(|(_, producer)| producer.producer_id).collect();
    producer_ids.sort_unstable();
    producer_ids.dedup();
    let filter =
        TransactionsFilter { producer_ids: producer_ids.clone(), ..TransactionsFilter::default() };
    let what = format!("Failed to list transactions for {} producers", producer_ids.len());
    let listed = admin.list_transactions(&filter).await.map_err(because(what))?;
    let ids: HashMap<i64, String> = listed
        .into_iter()
        .flat_map(|(_, listings)| listings)
        .map(|listing| (listing.producer_id, listing.transactional_id))
        .collect();
    let wanted: Vec<String> = ids.values().cloned().collect();
    let what = || format!("Failed to describe {} transactions", wanted.len());
    let mut open_in: HashMap<String, Vec<TopicPartition>> = HashMap::new();
    for (id, described) in admin.describe_transactions(&wanted).await.map_err(because(what()))? {
        match described {
            Ok(description) => {
                open_in.insert(id, description.partitions);
            }
            Err(refusal) if refusal.code == ErrorCode::TransactionalIdNotFound => {}
            Err(refusal) => return Err(because(what())(refusal.into())),
        }
    }
    let is_known = |(key, producer): &Open| {
        let partitions = ids.get(&producer.producer_id).and_then(|id| open_in.get(id));
        partitions.is_some_and(|partitions| partitions.contains(key))
    };
    let mut hanging: Vec<Open> = candidates.into_iter().filter(|open| !is_known(open)).collect();
    sort_as_hash_map(&mut hanging, |(_, producer)| &producer.producer_id);
    Ok(hanging)
}

fn print(hanging: &[Open]) -> Result<(), Stop> {
    let now = now_ms();
    let rows: Vec<[String; 8]> = hanging
        .iter()
        .map(|(key, producer)| {
            [
                key.topic.to_string(),
                key.partition.to_string(),
                producer.producer_id.to_string(),
                producer.producer_epoch.to_string(),
                producer.coordinator_epoch.unwrap_or(-1).to_string(),
                producer.transaction_start_offset.unwrap_or(-1).to_string(),
                producer.last_timestamp.to_string(),
                ((now - producer.last_timestamp) / MINUTE_MS).to_string(),
            ]
        })
        .collect();
    let titles = [
        "Topic",
        "Partition",
        "ProducerId",
        "ProducerEpoch",
        "CoordinatorEpoch",
        "StartOffset",
        "LastTimestamp",
        "Duration(min)",
    ];
    output::line(table(titles, &rows))
}
