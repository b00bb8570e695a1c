//! One broker's share of the sending: requests in order, answers as they come.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use ottla_cluster::connection::Pending;
use ottla_cluster::{Cluster, Error, Target, TopicPartition};
use ottla_wire::messages::produce_request::{PartitionProduceData, TopicProduceData};
use ottla_wire::messages::produce_response::PartitionProduceResponse;
use ottla_wire::messages::{ProduceRequest, ProduceResponse};
use ottla_wire::{Message, Records, Uuid};
use tokio::sync::mpsc;

use super::batch::SealedBatch;
use super::config::Acks;
use super::sender::Event;

/// From here on topics are named by id (KIP-516).
const TOPIC_IDS_FROM: i16 = 13;

/// Batches that go together, at most one a partition.
pub(super) struct Shipment {
    pub(super) batches: Vec<SealedBatch>,
    /// Ids of their topics; zero where unknown.
    pub(super) topic_ids: HashMap<Arc<str>, Uuid>,
}

/// What became of a shipment.
pub(super) struct Report {
    pub(super) node: i32,
    pub(super) batches: Vec<SealedBatch>,
    pub(super) outcome: Result<Answers, Error>,
}

/// The broker's answers; without any after `acks=0`.
#[derive(Default)]
pub(super) struct Answers {
    pub(super) by_partition: HashMap<TopicPartition, PartitionProduceResponse>,
    /// How long the broker wants to be left alone (KIP-219).
    pub(super) throttle: Duration,
    pub(super) unanswered: bool,
}

/// Sends shipments to one broker in order; ends when the sender drops its end.
pub(super) async fn run(
    cluster: Cluster,
    node: i32,
    acks: Acks,
    mut shipments: mpsc::Receiver<Shipment>,
    events: mpsc::Sender<Event>,
) {
    while let Some(shipment) = shipments.recv().await {
        let begun = begin(&cluster, node, acks, &shipment).await;
        let Shipment { batches, topic_ids } = shipment;
        let pending = match begun {
            Ok(Some(pending)) => pending,
            settled => {
                let outcome = settled.map(|_| Answers { unanswered: true, ..Answers::default() });
                // The sender is gone only when nobody waits any more.
                let _ = events.send(Event::Answered(Report { node, batches, outcome })).await;
                continue;
            }
        };
        let events = events.clone();
        let timeout = cluster.config().request_timeout;
        tokio::spawn(async move {
            let outcome = pending.answer(timeout).await;
            let outcome = outcome.map(|response| sort_out(response, &topic_ids));
            let _ = events.send(Event::Answered(Report { node, batches, outcome })).await;
        });
    }
}

async fn begin(
    cluster: &Cluster,
    node: i32,
    acks: Acks,
    shipment: &Shipment,
) -> Result<Option<Pending<ProduceResponse>>, Error> {
    let connection = cluster.connection(&Target::Node(node)).await?;
    let all_have_ids = shipment.topic_ids.values().all(|id| !id.is_zero());
    let newest = if all_have_ids {
        *<ProduceRequest as Message>::VERSIONS.end()
    } else {
        TOPIC_IDS_FROM - 1
    };
    let versions = 3..=newest;
    let version =
        connection.versions().newest::<ProduceRequest>(connection.address(), &versions)?;
    let request = request(shipment, acks, version, cluster.config().request_timeout);
    if acks == Acks::None {
        connection.start_unanswered(&request, version).await?;
        return Ok(None);
    }
    connection.start(&request, version).await.map(Some)
}

fn request(shipment: &Shipment, acks: Acks, version: i16, timeout: Duration) -> ProduceRequest {
    let mut topics: Vec<TopicProduceData> = Vec::new();
    let mut last: Option<&Arc<str>> = None;
    for batch in &shipment.batches {
        let topic = &batch.partition.topic;
        if last != Some(topic) {
            let by_id = version >= TOPIC_IDS_FROM;
            topics.push(TopicProduceData {
                name: if by_id { String::new() } else { topic.to_string() },
                topic_id: shipment.topic_ids.get(topic).copied().unwrap_or_default(),
                ..TopicProduceData::default()
            });
            last = Some(topic);
        }
        if let Some(data) = topics.last_mut() {
            data.partition_data.push(PartitionProduceData {
                index: batch.partition.partition,
                records: Some(Records::Bytes(batch.bytes.clone())),
                ..PartitionProduceData::default()
            });
        }
    }
    ProduceRequest {
        acks: acks.id(),
        timeout_ms: i32::try_from(timeout.as_millis()).unwrap_or(i32::MAX),
        topic_data: topics,
        ..ProduceRequest::default()
    }
}

fn sort_out(response: ProduceResponse, topic_ids: &HashMap<Arc<str>, Uuid>) -> Answers {
    let mut by_partition = HashMap::new();
    for topic in response.responses {
        let name: Arc<str> = if topic.name.is_empty() {
            let known = topic_ids.iter().find(|(_, id)| **id == topic.topic_id);
            let Some((name, _)) = known else { continue };
            Arc::clone(name)
        } else {
            topic.name.into()
        };
        for partition in topic.partition_responses {
            let key = TopicPartition::new(Arc::clone(&name), partition.index);
            by_partition.insert(key, partition);
        }
    }
    let throttle =
        Duration::from_millis(u64::from(response.throttle_time_ms.max(0).unsigned_abs()));
    Answers { by_partition, throttle, unanswered: false }
}
