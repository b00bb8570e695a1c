//! The consumer as its callers see it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use ottla_cluster::admin::{Admin, OffsetSpec, ResolvedOffset};
use ottla_cluster::cluster::MetadataImage;
use ottla_cluster::{Cluster, Error, PerItem, TopicPartition};
use ottla_wire::Uuid;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::commits::{Commit, Committer};
use super::config::{ConsumerConfig, GroupProtocol, OffsetReset};
use super::fetcher::{Answer, Fetcher};
use super::group::{GroupMetadata, Joined, Membership, consumer_protocol, leave};
use super::offsets::{Found, Search};
use super::polling::Refreshing;
use super::positions::{Need, Position, Positions};
use super::rebalance::Subscribed;

/// What tasks have told and no poll has heard yet; a task waits when there is no room.
const EVENTS_MAX: usize = 64;

/// Numbers consumers that were given no `client.id`.
static CONSUMERS: AtomicU32 = AtomicU32::new(1);

/// What a task reports.
pub(super) enum Event {
    /// A broker answered a fetch.
    Fetched(Answer),
    /// Positions were looked up.
    Found(Result<Found, Error>),
    /// Metadata was fetched.
    Refreshed(Result<(), Error>),
    /// An attempt to join, by its number, came to an end.
    Joined(u64, Result<Joined, Error>),
    /// Offsets of what was revoked are committed: a change of assignment, by its number, goes on.
    Reconciled(u64),
    /// The membership is in doubt, or there is another assignment.
    GroupChanged,
}

/// A task that ends with its owner.
pub(super) struct Task(JoinHandle<()>);

impl Task {
    pub(super) fn new(work: impl Future<Output = ()> + Send + 'static) -> Self {
        Self(tokio::spawn(work))
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Reads records, alone or as a member of a group.
///
/// ```no_run
/// use std::time::Duration;
/// use ottla_consumer::{Consumer, ConsumerConfig};
/// # async fn example() -> Result<(), ottla_cluster::Error> {
/// let mut consumer = Consumer::new(ConsumerConfig::new("127.0.0.1:9092", Some("readers")))?;
/// consumer.subscribe(["greetings"]).await?;
/// for record in consumer.poll(Duration::from_secs(1)).await? {
///     println!("{}: {:?}", record.offset, record.value);
/// }
/// consumer.close(Duration::from_secs(30)).await
/// # }
/// ```
pub struct Consumer {
    pub(super) cluster: Cluster,
    pub(super) config: ConsumerConfig,
    pub(super) positions: Positions,
    pub(super) fetcher: Fetcher,
    pub(super) membership: Option<Arc<Membership>>,
    pub(super) committer: Option<Committer>,
    pub(super) subscribed: Option<Subscribed>,
    pub(super) events: mpsc::Receiver<Event>,
    pub(super) reports: mpsc::Sender<Event>,
    pub(super) refreshing: Refreshing,
    pub(super) searching: Option<Task>,
    pub(super) auto_commit: Option<Commit>,
    pub(super) auto_commit_at: Instant,
    pub(super) joins: u64,
    pub(super) fatal: Option<Error>,
}

impl Consumer {
    /// Prepares a consumer; connects when first polled. Must be called inside a tokio runtime.
    pub fn new(mut config: ConsumerConfig) -> Result<Consumer, Error> {
        if config.client.client_id.is_empty() {
            let group = config.group_id.as_deref().unwrap_or("null");
            config.client.client_id = match &config.group_instance_id {
                Some(instance) => format!("consumer-{group}-{instance}"),
                None => format!("consumer-{group}-{}", CONSUMERS.fetch_add(1, Ordering::Relaxed)),
            };
        }
        let cluster = Cluster::new(config.client.clone())?;
        Ok(Self::over(cluster, config))
    }

    /// A consumer over connections that are there already.
    pub fn over(cluster: Cluster, config: ConsumerConfig) -> Consumer {
        let (reports, events) = mpsc::channel(EVENTS_MAX);
        let membership = config.group_id.clone().map(|group_id| {
            let member_id = match config.group_protocol {
                GroupProtocol::Classic => String::new(),
                GroupProtocol::Consumer => own_member_id(&cluster),
            };
            let instance_id = config.group_instance_id.clone();
            let metadata = GroupMetadata { group_id, member_id, generation: -1, instance_id };
            Arc::new(Membership::new(config.group_protocol, metadata))
        });
        let committer = membership
            .as_ref()
            .map(|membership| Committer::new(cluster.clone(), Arc::clone(membership)));
        let auto_commit_at = Instant::now() + config.auto_commit.unwrap_or_default();
        Self {
            fetcher: Fetcher::new(cluster.clone(), &config, reports.clone()),
            cluster,
            config,
            positions: Positions::default(),
            membership,
            committer,
            subscribed: None,
            events,
            reports,
            refreshing: Refreshing::default(),
            searching: None,
            auto_commit: None,
            auto_commit_at,
            joins: 0,
            fatal: None,
        }
    }

    /// What carries the records.
    pub fn cluster(&self) -> &Cluster {
        &self.cluster
    }

    /// Reads these partitions from now on, whatever the group does; those that were read already go on where they
    /// are. Not to be mixed with subscriptions.
    pub async fn assign(&mut self, partitions: &[TopicPartition]) -> Result<(), Error> {
        if self.subscribed.is_some() {
            return Err(mixed());
        }
        self.commit_automatically(self.positions.consumed());
        self.positions.retain(&partitions.iter().cloned().collect::<BTreeSet<_>>());
        self.positions.add(partitions, Need::Committed);
        Ok(())
    }

    /// The partitions that are read now.
    pub fn assignment(&self) -> Vec<TopicPartition> {
        self.positions.assigned()
    }

    /// Who this consumer is in its group, if it has one.
    pub fn group_metadata(&self) -> Option<GroupMetadata> {
        self.membership.as_ref().map(|membership| membership.metadata())
    }

    /// Reads from `offset` next.
    pub fn seek(&mut self, partition: &TopicPartition, offset: i64) -> Result<(), Error> {
        if offset < 0 {
            return Err(misuse("seek offset must not be a negative number".to_owned()));
        }
        self.place(partition, Ok(Position { offset, leader_epoch: None }))
    }

    /// Reads these partitions from their first record next.
    pub fn seek_to_beginning(&mut self, partitions: &[TopicPartition]) -> Result<(), Error> {
        let need = Err(Need::Reset(OffsetReset::Earliest));
        partitions.iter().try_for_each(|partition| self.place(partition, need))
    }

    /// Reads these partitions after their last record next.
    pub fn seek_to_end(&mut self, partitions: &[TopicPartition]) -> Result<(), Error> {
        let need = Err(Need::Reset(OffsetReset::Latest));
        partitions.iter().try_for_each(|partition| self.place(partition, need))
    }

    /// Hands out no records of these partitions until they are resumed.
    pub fn pause(&mut self, partitions: &[TopicPartition]) -> Result<(), Error> {
        self.set_paused(partitions, true)
    }

    /// Hands out records of these partitions again.
    pub fn resume(&mut self, partitions: &[TopicPartition]) -> Result<(), Error> {
        self.set_paused(partitions, false)
    }

    /// The partitions that are paused.
    pub fn paused(&self) -> Vec<TopicPartition> {
        let paused = self.positions.iter().filter(|(_, reading)| reading.paused);
        paused.map(|(key, _)| key.clone()).collect()
    }

    /// How many records lie between the position and the end the broker last told of, if both are known.
    pub fn lag(&self, partition: &TopicPartition) -> Option<i64> {
        let reading = self.positions.get(partition)?;
        Some((reading.end? - reading.state.ok()?.offset).max(0))
    }

    /// The first record of each partition whose timestamp is at least the given one; `None` where there is none.
    pub async fn offsets_for_times(
        &mut self,
        times: &[(TopicPartition, i64)],
    ) -> Result<Vec<(TopicPartition, Option<ResolvedOffset>)>, Error> {
        if let Some((key, time)) = times.iter().find(|(_, time)| *time < 0) {
            let detail = format!(
                "The target time for partition {key} is {time}. The target time cannot be negative."
            );
            return Err(misuse(detail));
        }
        let queries = times.iter().map(|(key, time)| (key.clone(), OffsetSpec::Timestamp(*time)));
        let found = self.list_offsets(queries.collect()).await?;
        let found = found.into_iter();
        let found = found.map(|(key, found)| (key, Some(found).filter(|found| found.offset >= 0)));
        Ok(found.collect())
    }

    /// The first offset of each partition.
    pub async fn beginning_offsets(
        &mut self,
        partitions: &[TopicPartition],
    ) -> Result<Vec<(TopicPartition, i64)>, Error> {
        self.edges(partitions, OffsetSpec::Earliest).await
    }

    /// The offset after the last record of each partition that `isolation.level` lets us read.
    pub async fn end_offsets(
        &mut self,
        partitions: &[TopicPartition],
    ) -> Result<Vec<(TopicPartition, i64)>, Error> {
        self.edges(partitions, OffsetSpec::Latest).await
    }

    /// The partitions of a topic; none if it does not exist.
    pub async fn partitions_of(&mut self, topic: &str) -> Result<Vec<TopicPartition>, Error> {
        let image = self.cluster.metadata_of(&[topic]).await?;
        Ok(partitions_in(&image, topic))
    }

    /// Commits what `enable.auto.commit` wants committed, leaves the group and disconnects. What takes longer than
    /// `timeout` is left undone.
    pub async fn close(mut self, timeout: Duration) -> Result<(), Error> {
        let cluster = self.cluster.clone();
        let closing = async move {
            let committed = self.commit_before_leaving().await;
            self.leave_group("the consumer is being closed").await;
            self.fetcher.close(&self.config).await;
            committed
        };
        let closed = tokio::time::timeout(timeout, closing).await;
        cluster.close().await;
        closed.unwrap_or_else(|_| {
            Err(Error::Timeout {
                operation: "closing the consumer".to_owned(),
                timeout_ms: u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX),
                last: None,
            })
        })
    }

    async fn commit_before_leaving(&mut self) -> Result<(), Error> {
        let commit = self.commit_automatically(self.positions.consumed());
        let revoked = self.revoke_everything();
        let of_listener = self.submit(revoked);
        for commit in [commit, of_listener].into_iter().flatten() {
            commit.await?;
        }
        Ok(())
    }

    /// Ends the membership, if there is one.
    pub(super) async fn leave_group(&mut self, reason: &str) {
        let Some(subscribed) = self.subscribed.take() else { return };
        // Whoever leaves must not go on joining.
        let is_joining = subscribed.joining.is_some();
        let takes_part = subscribed.part.is_some();
        drop(subscribed);
        let Some(membership) = &self.membership else { return };
        let metadata = membership.metadata();
        membership.left();
        match membership.protocol {
            GroupProtocol::Classic => leave(&self.cluster, &metadata, reason, is_joining).await,
            GroupProtocol::Consumer if takes_part => {
                consumer_protocol::leave(&self.cluster, &metadata).await;
            }
            GroupProtocol::Consumer => {}
        }
    }

    pub(super) fn search(&self) -> Search {
        Search {
            cluster: self.cluster.clone(),
            group: self.config.group_id.clone(),
            offset_reset: self.config.offset_reset,
            isolation: self.config.isolation,
        }
    }

    fn place(
        &mut self,
        partition: &TopicPartition,
        state: Result<Position, Need>,
    ) -> Result<(), Error> {
        if self.positions.set(partition, state) { Ok(()) } else { Err(not_assigned(partition)) }
    }

    fn set_paused(&mut self, partitions: &[TopicPartition], paused: bool) -> Result<(), Error> {
        for partition in partitions {
            let reading = self.positions.get_mut(partition);
            reading.ok_or_else(|| not_assigned(partition))?.paused = paused;
        }
        Ok(())
    }

    async fn edges(
        &mut self,
        partitions: &[TopicPartition],
        spec: OffsetSpec,
    ) -> Result<Vec<(TopicPartition, i64)>, Error> {
        let queries = partitions.iter().map(|key| (key.clone(), spec)).collect();
        let found = self.list_offsets(queries).await?;
        Ok(found.into_iter().map(|(key, found)| (key, found.offset)).collect())
    }

    async fn list_offsets(
        &mut self,
        queries: Vec<(TopicPartition, OffsetSpec)>,
    ) -> Result<Vec<(TopicPartition, ResolvedOffset)>, Error> {
        let admin = Admin::new(self.cluster.clone());
        let found: PerItem<_, _> = admin.list_offsets(&queries, self.config.isolation).await?;
        found.into_iter().map(|(key, found)| Ok((key, found?))).collect()
    }
}

/// Members of the consumer protocol choose their own id (KIP-1082).
fn own_member_id(cluster: &Cluster) -> String {
    let mut bytes = [0; 16];
    cluster.random().fill(&mut bytes);
    Uuid::from_random(bytes).to_string()
}

pub(super) fn partitions_in(image: &MetadataImage, topic: &str) -> Vec<TopicPartition> {
    let Some(topic) = image.topic(topic) else { return Vec::new() };
    let partitions = topic.partitions.iter();
    partitions.map(|one| TopicPartition::new(Arc::clone(&topic.name), one.partition)).collect()
}

pub(super) fn misuse(detail: String) -> Error {
    Error::Misuse { detail }
}

pub(super) fn mixed() -> Error {
    misuse("Subscription to topics, partitions and pattern are mutually exclusive".to_owned())
}

pub(super) fn not_assigned(partition: &TopicPartition) -> Error {
    misuse(format!("No current assignment for partition {partition}"))
}
