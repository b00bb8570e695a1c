//! ConsumerGroupHeartbeat: joins, keeps the membership alive while the caller is busy, acknowledges, leaves.
//!
//! The task ends with the membership; whoever polls then hears why, and begins another.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use ottla_cluster::cluster::Backoff;
use ottla_cluster::{ApiError, Cluster, Error, Target};
use ottla_wire::messages::{ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse};
use ottla_wire::{ErrorCode, Message};
use parking_lot::Mutex;
use tokio::sync::{Notify, mpsc};
use tokio::time::Instant;

use super::member::{Member, Partitions, Wish};
use crate::Event;
use crate::config::ConsumerConfig;
use crate::group::{GroupMetadata, Membership};

/// The epoch that says goodbye.
const LEAVES: i32 = -1;
/// The epoch of a static member that will be back.
const LEAVES_FOR_A_WHILE: i32 = -2;
/// The first version that carries regular expressions.
const REGEX_VERSION: i16 = 1;

const REGEX_UNSUPPORTED: &str = "The cluster does not support regular expressions resolution on \
     ConsumerGroupHeartbeat API version 0. It must be upgraded to use ConsumerGroupHeartbeat API version >= 1 to \
     allow to subscribe to a SubscriptionPattern.";
const PROTOCOL_UNSUPPORTED: &str = "The cluster does not support the new CONSUMER group protocol. Set \
     group.protocol=classic on the consumer configs to revert to the CLASSIC protocol until the cluster is \
     upgraded.";

/// Why a membership ended.
#[derive(Clone, Debug)]
pub(crate) enum Ended {
    /// The coordinator went on without the member, which may join again.
    Fenced,
    /// `max.poll.interval.ms` passed without a poll, so the member left.
    PollTooLate,
    /// The coordinator refuses the member.
    Refused(Error),
}

/// What the task and whoever polls share.
pub(crate) struct Participation {
    state: Mutex<(Member, Option<Ended>)>,
    news: Notify,
}

impl Participation {
    pub(crate) fn new(wish: Wish) -> Self {
        Self { state: Mutex::new((Member::new(wish), None)), news: Notify::new() }
    }

    /// Wants these topics; told at once if they are others.
    pub(crate) fn subscribe(&self, wish: Wish) {
        self.change(|member| member.wish(wish));
    }

    /// Reads these partitions; told at once if they are others.
    pub(crate) fn took(&self, owned: Partitions) {
        self.change(|member| member.took(owned));
    }

    /// What is to be read, if that is not what is read.
    pub(crate) fn target(&self) -> Option<Partitions> {
        self.state.lock().0.target().cloned()
    }

    /// Why it ended, once it has.
    pub(crate) fn ended(&self) -> Option<Ended> {
        self.state.lock().1.clone()
    }

    fn change(&self, change: impl FnOnce(&mut Member)) {
        let mut state = self.state.lock();
        let had_news = state.0.has_news();
        change(&mut state.0);
        if !had_news && state.0.has_news() {
            self.news.notify_one();
        }
    }
}

/// The task.
pub(crate) struct Heartbeats {
    pub(crate) cluster: Cluster,
    pub(crate) config: ConsumerConfig,
    pub(crate) membership: Arc<Membership>,
    pub(crate) participation: Arc<Participation>,
    pub(crate) events: mpsc::Sender<Event>,
}

impl Heartbeats {
    /// Runs until the membership ends.
    pub(crate) async fn run(self) {
        let client = &self.config.client;
        let backoff = Backoff::new(client.retry_backoff, client.retry_backoff_max);
        let (mut due, mut failures) = (Instant::now(), 0);
        let ended = loop {
            self.wait(due, failures).await;
            if self.membership.polled_at().elapsed() >= self.config.poll_interval_max {
                break self.leave_for_want_of_polls().await;
            }
            let has_news = failures == 0 && self.participation.state.lock().0.has_news();
            if Instant::now() < due && !has_news {
                continue;
            }
            match self.beat().await {
                Ok(interval) => {
                    failures = 0;
                    due = Instant::now() + interval;
                }
                Err(error) => {
                    if let Some(ended) = verdict(&error) {
                        break ended;
                    }
                    tracing::debug!(%error, "heartbeat failed");
                    self.cluster.suspect(&self.membership.target(), &error);
                    failures += 1;
                    let chance = self.cluster.random().next_u64();
                    due = Instant::now() + backoff.after(failures, chance);
                }
            }
        };
        self.membership.left();
        self.participation.state.lock().1 = Some(ended);
        // A poll that waits for records must hear of it now; a full queue wakes it as well.
        let _ = self.events.try_send(Event::GroupChanged);
    }

    /// Waits until a heartbeat is due, there is news, or too long nobody polled.
    async fn wait(&self, due: Instant, failures: u32) {
        let too_late = self.membership.polled_at() + self.config.poll_interval_max;
        tokio::select! {
            () = tokio::time::sleep_until(due.min(too_late)) => {}
            // What waits after a failure, waits with its news.
            () = self.participation.news.notified(), if failures == 0 => {}
        }
    }

    /// One heartbeat; answers when the next one is due.
    async fn beat(&self) -> Result<Duration, Error> {
        let metadata = self.membership.metadata();
        let (mut request, is_full) = self.participation.state.lock().0.tell();
        request.group_id.clone_from(&metadata.group_id);
        request.member_id.clone_from(&metadata.member_id);
        request.instance_id.clone_from(&metadata.instance_id);
        if is_full {
            let timeout = self.config.poll_interval_max.as_millis();
            request.rebalance_timeout_ms = i32::try_from(timeout).unwrap_or(i32::MAX);
            request.server_assignor.clone_from(&self.config.remote_assignor);
            let rack = &self.config.client.rack;
            request.rack_id = Some(rack.clone()).filter(|rack| !rack.is_empty());
        }
        let mut versions = <ConsumerGroupHeartbeatRequest as Message>::VERSIONS;
        if request.subscribed_topic_regex.is_some() {
            versions = REGEX_VERSION..=*versions.end();
        }
        let target = self.membership.target();
        let attempt = self.cluster.attempt(&target, &versions, &|_| request.clone(), None).await;
        let checked = attempt.and_then(|(response, _)| {
            ApiError::check(response.error_code, response.error_message.clone())?;
            Ok(response)
        });
        let mut state = self.participation.state.lock();
        let response = checked.inspect_err(|_| state.0.unanswered())?;
        self.membership.joined(metadata.member_id, response.member_epoch);
        state.0.answered(response.member_epoch, assignment(&response));
        if state.0.target().is_some() {
            // A full queue wakes whoever polls as well.
            let _ = self.events.try_send(Event::GroupChanged);
        }
        Ok(Duration::from_millis(u64::try_from(response.heartbeat_interval_ms).unwrap_or(0)))
    }

    async fn leave_for_want_of_polls(&self) -> Ended {
        let metadata = self.membership.metadata();
        tracing::warn!(
            group = %metadata.group_id,
            "no poll within max.poll.interval.ms: leaving the group"
        );
        leave(&self.cluster, &metadata).await;
        Ended::PollTooLate
    }
}

fn assignment(response: &ConsumerGroupHeartbeatResponse) -> Option<Partitions> {
    let topics = &response.assignment.as_ref()?.topic_partitions;
    let mut assigned = Partitions::new();
    for topic in topics {
        let partitions: &mut BTreeSet<i32> = assigned.entry(topic.topic_id).or_default();
        partitions.extend(&topic.partitions);
    }
    assigned.retain(|_, partitions| !partitions.is_empty());
    Some(assigned)
}

/// What a failure makes of the membership; `None` if a later heartbeat may do better.
fn verdict(error: &Error) -> Option<Ended> {
    match error.code() {
        Some(ErrorCode::FencedMemberEpoch | ErrorCode::UnknownMemberId) => {
            tracing::warn!(%error, "fenced by the coordinator; joining again");
            Some(Ended::Fenced)
        }
        Some(code @ ErrorCode::UnsupportedVersion) => {
            let serves_older =
                matches!(error, Error::UnsupportedVersion { detail, .. } if !detail.is_empty());
            let message = if serves_older { REGEX_UNSUPPORTED } else { PROTOCOL_UNSUPPORTED };
            let refusal = ApiError { code, message: Some(message.to_owned()) };
            Some(Ended::Refused(refusal.into()))
        }
        _ if error.is_retriable() || matches!(error, Error::Timeout { .. }) => None,
        _ => Some(Ended::Refused(error.clone())),
    }
}

/// Says goodbye; a static member says that it will be back.
pub(crate) async fn leave(cluster: &Cluster, metadata: &GroupMetadata) {
    let member_epoch = if metadata.instance_id.is_some() { LEAVES_FOR_A_WHILE } else { LEAVES };
    let build = |_| ConsumerGroupHeartbeatRequest {
        group_id: metadata.group_id.clone(),
        member_id: metadata.member_id.clone(),
        instance_id: metadata.instance_id.clone(),
        member_epoch,
        ..ConsumerGroupHeartbeatRequest::default()
    };
    let target = Target::Group(metadata.group_id.clone());
    let versions = <ConsumerGroupHeartbeatRequest as Message>::VERSIONS;
    if let Err(error) = cluster.attempt(&target, &versions, &build, None).await {
        // The session times out instead.
        tracing::debug!(%error, group = %metadata.group_id, "could not leave the group");
    }
}
