//! Writes markers: the end of a transaction, told to each of its partitions.
//!
//! A partition of `__consumer_offsets` gets its marker through the coordinator of its groups, who must know of it.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use bytes::BytesMut;
use ottla_coordinator::EndedTransaction;
use ottla_coordinator::transaction::{Markers, Partitions as Named, ProducerEpoch};
use ottla_hosting::{Append, Partition, Partitions, Until, Waiter};
use ottla_log::{AppendOrigin, Verification};
use ottla_metadata::MetadataImage;
use ottla_wire::ErrorCode;
use ottla_world::Clock;

use crate::OFFSETS_TOPIC;
use crate::groups::GroupCoordinators;
use crate::metrics::TransactionMetrics;

/// How long a marker may take to be replicated before it is written again.
const COMMIT_TIMEOUT: Duration = Duration::from_secs(30);

/// How long a writer rests before it tries again what has failed.
const RETRY_PAUSE: Duration = Duration::from_millis(100);

/// Writes markers into the partitions of this broker.
pub struct MarkerWriter {
    partitions: Arc<Partitions>,
    groups: Arc<GroupCoordinators>,
    clock: Arc<dyn Clock>,
    image: ArcSwap<MetadataImage>,
    metrics: TransactionMetrics,
}

impl MarkerWriter {
    /// A writer that knows nothing of the cluster yet.
    #[must_use]
    pub fn new(
        partitions: Arc<Partitions>,
        groups: Arc<GroupCoordinators>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let image = ArcSwap::from_pointee(MetadataImage::empty());
        Self { partitions, groups, clock, image, metrics: TransactionMetrics::default() }
    }

    /// What is counted of transactions.
    #[must_use]
    pub fn metrics(&self) -> &TransactionMetrics {
        &self.metrics
    }

    /// Takes over the cluster's metadata.
    pub fn publish(&self, image: &Arc<MetadataImage>) {
        self.image.store(Arc::clone(image));
    }

    /// Writes one marker and waits until it is committed.
    ///
    /// # Errors
    /// What the partition has against it: leadership, `INVALID_PRODUCER_EPOCH`, `TRANSACTION_COORDINATOR_FENCED`.
    pub async fn write(
        &self,
        topic: &str,
        index: i32,
        ended: EndedTransaction,
    ) -> Result<(), ErrorCode> {
        let image = self.image.load_full();
        let partition = self.partitions.find(topic, index, &image)?;
        if topic == OFFSETS_TOPIC {
            return self.groups.end_transaction(index, ended).await.map_err(|code| match code {
                ErrorCode::NotCoordinator => ErrorCode::NotLeaderOrFollower,
                code => code,
            });
        }
        let now_ms = self.clock.now_ms();
        let ProducerEpoch { producer_id, producer_epoch } = ended.producer;
        let batch = ended.marker().batch(producer_id, producer_epoch, now_ms);
        let batch = batch.map(BytesMut::freeze).map_err(|_| ErrorCode::InvalidRequest)?;
        let append = Append {
            origin: AppendOrigin::Coordinator,
            required_acks: -1,
            now_ms,
            transaction_version: ended.transaction_version,
            verification: Verification::NotRequired,
        };
        let appended = partition.append(batch, append).map_err(|failure| failure.code)?;
        committed(&partition, appended.last_offset + 1).await
    }

    /// Writes every marker of a transaction; those that fail are tried again for as long as `is_wanted`. Answers for
    /// which partitions there is nothing left to do.
    pub(super) async fn write_all(
        &self,
        markers: &Markers,
        coordinator_epoch: i32,
        is_wanted: impl Fn() -> bool,
    ) -> Named {
        let ended = EndedTransaction {
            producer: ProducerEpoch {
                producer_id: markers.producer_id,
                producer_epoch: markers.producer_epoch,
            },
            is_commit: markers.is_commit,
            coordinator_epoch,
            transaction_version: markers.transaction_version,
        };
        let mut done = Named::new();
        let places = markers.partitions.iter();
        let mut open: Vec<(&String, i32)> =
            places.flat_map(|(topic, all)| all.iter().map(move |index| (topic, *index))).collect();
        while !open.is_empty() && is_wanted() {
            let mut failed = Vec::new();
            for (topic, index) in open {
                match self.write(topic, index, ended).await {
                    Err(code) if !self.is_settled(topic, index, code) => {
                        tracing::debug!(
                            topic,
                            index,
                            code = code.name(),
                            "a marker is not written"
                        );
                        failed.push((topic, index));
                    }
                    _ => {
                        done.entry(topic.clone()).or_default().insert(index);
                    }
                }
            }
            open = failed;
            if !open.is_empty() {
                let _waits = self.metrics.retry(open.len());
                tokio::time::sleep(RETRY_PAUSE).await;
            }
        }
        done
    }

    /// Whether a marker that failed needs no other try: its partition is gone, or has seen a later end of the producer.
    fn is_settled(&self, topic: &str, index: i32, code: ErrorCode) -> bool {
        let is_gone = || {
            let image = self.image.load();
            let known = image.topics.by_name(topic);
            known.is_none_or(|known| known.partition(index).is_none())
        };
        code == ErrorCode::InvalidProducerEpoch || is_gone()
    }
}

async fn committed(partition: &Arc<Partition>, end: i64) -> Result<(), ErrorCode> {
    let deadline = tokio::time::Instant::now() + COMMIT_TIMEOUT;
    loop {
        if partition.is_durable(end, -1)? {
            return Ok(());
        }
        let waiter = Waiter::for_commit();
        let _joined = partition.waiters().join(&waiter, Until::Committed(end));
        // What was committed between the look and the joining woke nobody.
        if partition.is_durable(end, -1)? {
            return Ok(());
        }
        if tokio::time::timeout_at(deadline, waiter.woken()).await.is_err() {
            return Err(ErrorCode::RequestTimedOut);
        }
    }
}
