//! Committing: one task sends commits one after the other, so that an older one never overtakes a newer.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use ottla_cluster::admin::{CommittedOffset, OffsetAndMetadata};
use ottla_cluster::{Cluster, Error, TopicPartition};
use ottla_wire::ErrorCode;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use super::client::{Consumer, misuse};
use super::group::{self, Membership};
use super::positions::Position;

/// Commits that wait for the one before; more are refused.
const COMMITS_MAX: usize = 100;

/// Offsets to commit, the latest of each partition.
pub(super) type Offsets = BTreeMap<TopicPartition, OffsetAndMetadata>;

/// A commit under way, to be awaited. Dropping it does not take the commit back.
#[must_use = "awaiting it tells whether the offsets were committed"]
pub struct Commit(oneshot::Receiver<Result<(), Error>>);

impl Commit {
    fn is_under_way(&mut self) -> bool {
        matches!(self.0.try_recv(), Err(oneshot::error::TryRecvError::Empty))
    }
}

impl Future for Commit {
    type Output = Result<(), Error>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(context).map(|told| told.unwrap_or(Err(Error::Closed)))
    }
}

/// The task that commits.
pub(super) struct Committer(mpsc::Sender<Job>);

/// Offsets to commit.
struct Job {
    offsets: Offsets,
    /// Whether to wait for topics that are not there.
    waits_for_topics: bool,
    done: oneshot::Sender<Result<(), Error>>,
}

impl Committer {
    pub(super) fn new(cluster: Cluster, membership: Arc<Membership>) -> Self {
        let (sender, mut jobs) = mpsc::channel::<Job>(COMMITS_MAX);
        tokio::spawn(async move {
            while let Some(Job { offsets, waits_for_topics, done }) = jobs.recv().await {
                let offsets: Vec<_> = offsets.into_iter().collect();
                let outcome =
                    group::commit(&cluster, &membership, &offsets, waits_for_topics).await;
                if let Err(error) = &outcome {
                    let group = membership.metadata().group_id;
                    tracing::warn!(%group, %error, "offsets could not be committed");
                }
                // Nobody needs to wait for it.
                let _ = done.send(outcome);
            }
        });
        Self(sender)
    }

    fn submit(&self, offsets: Offsets, waits_for_topics: bool) -> Result<Commit, Error> {
        let (done, told) = oneshot::channel();
        self.0.try_send(Job { offsets, waits_for_topics, done }).map_err(|_| {
            misuse(format!("{COMMITS_MAX} commits wait for the coordinator already"))
        })?;
        Ok(Commit(told))
    }
}

impl Consumer {
    /// Commits the positions of all partitions that are read, and waits for it.
    pub async fn commit(&mut self) -> Result<(), Error> {
        let commit = self.begin_commit(as_offsets(self.positions.consumed()))?;
        commit.await
    }

    /// Commits these offsets (the next one to read, not the last one that was) and waits for it.
    pub async fn commit_offsets(
        &mut self,
        offsets: &[(TopicPartition, OffsetAndMetadata)],
    ) -> Result<(), Error> {
        let commit = self.begin_commit(offsets.iter().cloned().collect())?;
        commit.await
    }

    /// Begins to commit the positions of all partitions that are read.
    pub fn commit_later(&mut self) -> Result<Commit, Error> {
        self.begin_commit(as_offsets(self.positions.consumed()))
    }

    /// Begins to commit these offsets.
    pub fn commit_offsets_later(
        &mut self,
        offsets: &[(TopicPartition, OffsetAndMetadata)],
    ) -> Result<Commit, Error> {
        self.begin_commit(offsets.iter().cloned().collect())
    }

    /// What the group committed for these partitions.
    pub async fn committed(
        &mut self,
        partitions: &[TopicPartition],
    ) -> Result<Vec<(TopicPartition, Option<CommittedOffset>)>, Error> {
        self.need_group()?;
        let mut committed = self.search().committed(partitions).await?;
        let keys = partitions.iter().cloned();
        Ok(keys.map(|key| (key.clone(), committed.remove(&key).flatten())).collect())
    }

    /// Commits what was read when `auto.commit.interval.ms` has passed.
    pub(super) fn step_auto_commit(&mut self) {
        let Some(interval) = self.config.auto_commit else { return };
        let under_way = self.auto_commit.as_mut().is_some_and(Commit::is_under_way);
        if Instant::now() < self.auto_commit_at || under_way {
            return;
        }
        self.auto_commit_at = Instant::now() + interval;
        self.auto_commit = self.commit_automatically(self.positions.consumed());
    }

    /// Begins to commit `consumed` if `enable.auto.commit` is on.
    pub(super) fn commit_automatically(
        &mut self,
        consumed: Vec<(TopicPartition, Position)>,
    ) -> Option<Commit> {
        self.config.auto_commit?;
        self.submit(as_offsets(consumed))
    }

    /// Begins to commit, if there is something and it may be; failures are logged.
    pub(super) fn submit(&mut self, offsets: Offsets) -> Option<Commit> {
        if offsets.is_empty() || !self.is_member() {
            return None;
        }
        // Partitions of a topic that was deleted must not keep others from being given back.
        let submitted = self.committer.as_ref()?.submit(offsets, false);
        submitted.inspect_err(|error| tracing::warn!(%error, "offsets not committed")).ok()
    }

    fn begin_commit(&mut self, offsets: Offsets) -> Result<Commit, Error> {
        self.need_group()?;
        if let Some((key, offset)) = offsets.iter().find(|(_, offset)| offset.offset < 0) {
            let detail = format!("Invalid negative offset {} for partition {key}", offset.offset);
            return Err(misuse(detail));
        }
        if !self.is_member() {
            let is_joining = self.subscribed.as_ref().is_some_and(|own| own.joining.is_some());
            return Err(if is_joining {
                ErrorCode::RebalanceInProgress.into()
            } else {
                Error::CommitFailed
            });
        }
        self.committer.as_ref().ok_or(Error::Closed)?.submit(offsets, true)
    }

    /// Whether this consumer may commit: as a member, or with partitions that were assigned by hand.
    fn is_member(&self) -> bool {
        let generation = self.membership.as_ref().map(|own| own.metadata().generation);
        self.subscribed.is_none() || generation.is_some_and(|generation| generation >= 0)
    }

    pub(super) fn need_group(&self) -> Result<(), Error> {
        if self.membership.is_some() {
            return Ok(());
        }
        Err(misuse(
            "To use the group management or offset commit APIs, you must provide a valid group.id in the consumer \
             configuration."
                .to_owned(),
        ))
    }
}

pub(super) fn as_offsets(consumed: Vec<(TopicPartition, Position)>) -> Offsets {
    let offset = |position: Position| OffsetAndMetadata {
        offset: position.offset,
        leader_epoch: position.leader_epoch,
        metadata: String::new(),
    };
    consumed.into_iter().map(|(key, position)| (key, offset(position))).collect()
}
