//! What callers of a producer ask.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ottla_cluster::cluster::{MetadataImage, Topics};
use ottla_cluster::{Cluster, Error, TopicPartition};
use ottla_wire::records::{HeaderView, record_bytes_max};
use parking_lot::Mutex;
use tokio::sync::{Notify, Semaphore};
use tokio::time::Instant;

use super::accumulator::{Accumulator, Rules};
use super::batch::Content;
use super::config::ProducerConfig;
use super::delivery::{Delivery, Ticket};
use super::partitioner::{Choice, Partitioner};
use super::record::ProducerRecord;
use super::sender::{Sender, Shared};

/// Sends records; cheap to clone, all clones share batches and connections.
///
/// ```no_run
/// use ottla_producer::{Producer, ProducerConfig, ProducerRecord};
/// # async fn example() -> Result<(), ottla_cluster::Error> {
/// let producer = Producer::new(ProducerConfig::new("127.0.0.1:9092"))?;
/// let delivery = producer.send(ProducerRecord::new("greetings", "hello")).await?;
/// println!("written at offset {}", delivery.await?.offset);
/// producer.close(std::time::Duration::from_secs(30)).await
/// # }
/// ```
#[derive(Clone)]
pub struct Producer {
    shared: Arc<Shared>,
    partitioner: Arc<Mutex<Partitioner>>,
    memory: Arc<Semaphore>,
    memory_total: usize,
    _life: Arc<Life>,
}

/// Ends the sender when the last clone of a producer is gone.
struct Life(Arc<Shared>);

impl Drop for Life {
    fn drop(&mut self) {
        begin_closing(&self.0);
    }
}

impl Producer {
    /// Prepares a producer; connects when the first record is sent. Must be called inside a tokio runtime.
    pub fn new(config: ProducerConfig) -> Result<Producer, Error> {
        let cluster = Cluster::new(config.client.clone())?;
        Ok(Self::over(cluster, config))
    }

    /// A producer over connections that are there already.
    pub fn over(cluster: Cluster, config: ProducerConfig) -> Producer {
        let rules = Rules {
            batch_size: config.batch_size,
            linger: millis(config.linger),
            delivery_timeout: millis(config.delivery_timeout),
            request_size_max: config.request_size_max,
            compression: config.compression,
            one_at_a_time: config.in_flight_max == 1,
        };
        let partitioner = Partitioner::new(config.partitioning, config.batch_size);
        let memory_total = config.buffer_memory.min(Semaphore::MAX_PERMITS);
        let shared = Arc::new(Shared {
            config,
            cluster,
            accumulator: Mutex::new(Accumulator::new(rules)),
            wake: Notify::new(),
            closing: AtomicBool::new(false),
            fatal: Mutex::new(None),
            started: Instant::now(),
        });
        tokio::spawn(Sender::new(Arc::clone(&shared)).run());
        Self {
            _life: Arc::new(Life(Arc::clone(&shared))),
            shared,
            partitioner: Arc::new(Mutex::new(partitioner)),
            memory: Arc::new(Semaphore::new(memory_total)),
            memory_total,
        }
    }

    /// What carries the records.
    pub fn cluster(&self) -> &Cluster {
        &self.shared.cluster
    }

    /// Adds a record to a batch, waiting at most `max.block.ms` for metadata and memory. The answer tells, when
    /// awaited, where the record came to lie; records of one partition are written in the order of these calls.
    pub async fn send(&self, record: ProducerRecord) -> Result<Delivery, Error> {
        let deadline = Instant::now() + self.shared.config.max_block;
        self.check_open()?;
        let headers: Vec<HeaderView<'_>> =
            record.headers.iter().map(|header| header.view()).collect();
        let (key, value) = (record.key.as_deref(), record.value.as_deref());
        let size = record_bytes_max(key, value, &headers);
        self.check_size(size)?;
        let timestamp = record.timestamp.unwrap_or_else(|| self.shared.cluster.now_ms());
        if timestamp < 0 {
            return Err(Error::Misuse {
                detail: format!(
                    "Invalid timestamp: {timestamp}. Timestamp should always be non-negative or null."
                ),
            });
        }
        let image = self.metadata_for(&record.topic, record.partition, deadline).await?;
        let content = Content { timestamp, key, value, headers: &headers };
        let partition = self.partition_of(&image, &record)?;
        let ticket = self.add(partition, &content, size, deadline).await?;
        Ok(ticket.into())
    }

    /// The partitions of a topic, once the cluster tells them.
    pub async fn partitions_of(&self, topic: &str) -> Result<i32, Error> {
        let deadline = Instant::now() + self.shared.config.max_block;
        let image = self.metadata_for(topic, None, deadline).await?;
        Ok(partition_count(&image, topic))
    }

    /// Sends everything that was added before, without lingering, and waits until all of it is settled.
    pub async fn flush(&self) {
        let outcomes = {
            let mut accumulator = self.shared.accumulator.lock();
            accumulator.hurry = true;
            accumulator.outcomes()
        };
        self.shared.wake.notify_one();
        for outcome in outcomes {
            outcome.wait().await;
        }
        self.shared.accumulator.lock().hurry = self.shared.closing.load(Ordering::Acquire);
    }

    /// Takes no more records, waits at most `timeout` for those that were taken, and disconnects.
    pub async fn close(&self, timeout: Duration) -> Result<(), Error> {
        begin_closing(&self.shared);
        let finished = tokio::time::timeout(timeout, self.flush()).await;
        if finished.is_err() {
            self.shared.accumulator.lock().fail_all(&Error::Closed);
            self.shared.wake.notify_one();
        }
        self.shared.cluster.close().await;
        finished.map_err(|_| Error::Timeout {
            operation: "closing the producer".to_owned(),
            timeout_ms: millis(timeout),
            last: None,
        })
    }

    fn check_open(&self) -> Result<(), Error> {
        if self.shared.closing.load(Ordering::Acquire) {
            return Err(Error::Closed);
        }
        match &*self.shared.fatal.lock() {
            Some(error) => Err(error.clone()),
            None => Ok(()),
        }
    }

    fn check_size(&self, size: usize) -> Result<(), Error> {
        let most = self.shared.config.request_size_max;
        let detail = if size > most {
            format!(
                "The message is {size} bytes when serialized which is larger than {most}, which is the value of \
                 the max.request.size configuration."
            )
        } else if size > self.memory_total {
            format!(
                "The message is {size} bytes when serialized which is larger than the total memory buffer you \
                 have configured with the buffer.memory configuration."
            )
        } else {
            return Ok(());
        };
        Err(Error::Misuse { detail })
    }

    async fn metadata_for(
        &self,
        topic: &str,
        partition: Option<i32>,
        deadline: Instant,
    ) -> Result<Arc<MetadataImage>, Error> {
        let cluster = &self.shared.cluster;
        let image = cluster.metadata();
        if knows(&image, topic, partition) {
            return Ok(image);
        }
        let mut retry = cluster.retry_within("Metadata", self.shared.config.max_block);
        let search = async {
            loop {
                let names = [topic];
                let error = match cluster
                    .refresh_once(Topics::Named { names: &names, create: true })
                    .await
                {
                    Ok(image) if knows(&image, topic, partition) => return Ok(image),
                    Ok(image) => {
                        match (image.refusal([topic].into_iter()), image.refused.get(topic)) {
                            (Some(refusal), _) => refusal.into(),
                            (None, Some(code)) => Error::from(*code),
                            (None, None) => ottla_wire::ErrorCode::UnknownTopicOrPartition.into(),
                        }
                    }
                    Err(error) => error,
                };
                retry.again(error).await?;
            }
        };
        let found = tokio::time::timeout_at(deadline, search).await;
        let timed_out = match found {
            Ok(Err(Error::Timeout { last, .. })) => last,
            Ok(found) => return found,
            Err(_) => None,
        };
        let waited = millis(self.shared.config.max_block);
        let operation = match partition {
            Some(partition) if partition_count(&cluster.metadata(), topic) > 0 => format!(
                "Partition {partition} of topic {topic} with partition count {} is not present in metadata \
                 after {waited} ms.; it",
                partition_count(&cluster.metadata(), topic)
            ),
            _ => format!("Topic {topic} not present in metadata after {waited} ms.; it"),
        };
        Err(Error::Timeout { operation, timeout_ms: waited, last: timed_out })
    }

    fn partition_of(
        &self,
        image: &MetadataImage,
        record: &ProducerRecord,
    ) -> Result<TopicPartition, Error> {
        let Some(topic) = image.topic(&record.topic) else { return Err(Error::Closed) };
        let name = &topic.name;
        if let Some(partition) = record.partition {
            if partition < 0 {
                let detail = format!(
                    "Invalid partition: {partition}. Partition number should always be non-negative or null."
                );
                return Err(Error::Misuse { detail });
            }
            return Ok(TopicPartition::new(Arc::clone(name), partition));
        }
        let with_leader = topic.partitions.iter().filter(|partition| partition.leader.is_some());
        let available: Vec<i32> = with_leader.map(|partition| partition.partition).collect();
        let choice = Choice {
            topic: name,
            key: record.key.as_deref(),
            partition_count: partition_count(image, name),
            available: &available,
        };
        let queued = |partition: i32| {
            let key = TopicPartition::new(Arc::clone(name), partition);
            self.shared.accumulator.lock().queued(&key)
        };
        let chance = || self.shared.cluster.random().next_u64();
        let partition = self.partitioner.lock().choose(&choice, queued, chance);
        Ok(TopicPartition::new(Arc::clone(name), partition))
    }

    async fn add(
        &self,
        partition: TopicPartition,
        content: &Content<'_>,
        size: usize,
        deadline: Instant,
    ) -> Result<Ticket, Error> {
        let mut memory = None;
        loop {
            let added = {
                let mut accumulator = self.shared.accumulator.lock();
                // Looked at under the lock: closing fails what is in the accumulator under the same one.
                self.check_open()?;
                accumulator.add(&partition, content, &mut memory, self.shared.now())
            };
            let added = added.map_err(|error| Error::Misuse { detail: error.to_string() })?;
            if let Some(added) = added {
                let mut partitioner = self.partitioner.lock();
                partitioner.produced(
                    &partition.topic,
                    partition.partition,
                    size,
                    added.batch_complete,
                );
                drop(partitioner);
                if added.wake {
                    self.shared.wake.notify_one();
                }
                return Ok(added.ticket);
            }
            memory = Some(self.reserve(size, deadline).await?);
        }
    }

    async fn reserve(
        &self,
        size: usize,
        deadline: Instant,
    ) -> Result<tokio::sync::OwnedSemaphorePermit, Error> {
        let wanted = size.max(self.shared.config.batch_size).min(self.memory_total);
        let wanted = u32::try_from(wanted).unwrap_or(u32::MAX);
        let memory = Arc::clone(&self.memory);
        match tokio::time::timeout_at(deadline, memory.acquire_many_owned(wanted)).await {
            Ok(Ok(permit)) => Ok(permit),
            Ok(Err(_)) => Err(Error::Closed),
            Err(_) => {
                let waited = millis(self.shared.config.max_block);
                Err(Error::Misuse {
                    detail: format!(
                        "Failed to allocate {wanted} bytes within the configured max blocking time {waited} ms. \
                         Total memory: {} bytes. Available memory: {} bytes.",
                        self.memory_total,
                        self.memory.available_permits()
                    ),
                })
            }
        }
    }
}

fn begin_closing(shared: &Shared) {
    shared.closing.store(true, Ordering::Release);
    shared.accumulator.lock().hurry = true;
    shared.wake.notify_one();
}

fn knows(image: &MetadataImage, topic: &str, partition: Option<i32>) -> bool {
    let count = partition_count(image, topic);
    count > 0 && partition.is_none_or(|partition| partition < count)
}

fn partition_count(image: &MetadataImage, topic: &str) -> i32 {
    let count = image.topic(topic).map_or(0, |topic| topic.partitions.len());
    i32::try_from(count).unwrap_or(i32::MAX)
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
