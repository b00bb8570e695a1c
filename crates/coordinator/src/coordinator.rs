//! The machine: one partition of `__consumer_offsets`, its groups and their offsets.
//!
//! Loading is replaying records; the first `expire` after that starts the sessions, so a driver must tick as soon as
//! [`Machine::next_deadline`] says. When leadership is lost the driver answers what [`GroupCoordinator::unload`] names.

use std::collections::{BTreeMap, BTreeSet};

use ottla_machine::{Answer, Decision, Machine, Millis, Offset, Token};
use ottla_wire::ErrorCode;
use ottla_wire::messages::{OffsetCommitKey, OffsetCommitValue};

use crate::classic::{ClassicGroup, Draft, Member};
use crate::config::Config;
use crate::consumer::{ConsumerGroup, Soft};
use crate::group::{Event, Group, History, Metadata, State, Work};
use crate::offsets::{Committed, Offsets};
use crate::record::{ConsumerRecord, Record};
use crate::request::{Body, Request, Response};

/// Decides the groups of one partition of `__consumer_offsets`.
#[derive(Debug)]
pub struct GroupCoordinator {
    config: Config,
    groups: BTreeMap<String, Group>,
    /// When each group that waits for anything wants to be looked at. Never later than its first deadline.
    wakes: BTreeSet<(Millis, String)>,
    offsets: Offsets,
    metadata: Metadata,
    /// Why groups have rebalanced lately.
    histories: BTreeMap<String, History>,
    work: Work,
    /// When the coordinator was loaded, so that histories begin.
    started_at: Option<Millis>,
    /// When offsets are next searched for expired ones. None until the first `expire`.
    next_offset_check: Option<Millis>,
}

/// An offset that a group has committed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CommittedOffset<'a> {
    pub group_id: &'a str,
    pub topic: &'a str,
    pub partition: i32,
    pub offset: i64,
    pub(crate) committed: &'a Committed,
}

impl CommittedOffset<'_> {
    /// Records a second over the last minute, in thousandths.
    #[must_use]
    pub fn rate_millis(&self, now: Millis) -> i64 {
        self.committed.rate_millis(now)
    }
}

/// A change of soft state.
#[derive(Debug)]
pub struct Touch(Change);

#[derive(Debug)]
enum Change {
    PutGroup(Box<Group>),
    /// What is soft in a group of the consumer protocol, all of it.
    Consumer {
        group_id: String,
        soft: Soft,
    },
    Metadata(Metadata),
    RenewSession {
        group_id: String,
        member_id: String,
        deadline: Millis,
    },
    CheckOffsetsAt(Millis),
    Rebalance {
        group_id: String,
        events: Vec<Event>,
    },
    ForgetHistory(String),
    Worked(Work),
    Started(Millis),
}

impl Touch {
    pub(crate) fn put_group(group: Group) -> Self {
        Self(Change::PutGroup(Box::new(group)))
    }

    pub(crate) fn renew_session(group_id: &str, member: &Member, now: Millis) -> Self {
        Self(Change::RenewSession {
            group_id: group_id.to_owned(),
            member_id: member.id.clone(),
            deadline: now.saturating_add(Millis::from(member.session_timeout_ms)),
        })
    }

    pub(crate) fn consumer(group_id: &str, soft: Soft) -> Self {
        Self(Change::Consumer { group_id: group_id.to_owned(), soft })
    }

    /// Steps of a rebalance; nothing when there are none.
    pub(crate) fn rebalance(group_id: &str, events: Vec<Event>) -> Option<Self> {
        let group_id = (!events.is_empty()).then(|| group_id.to_owned())?;
        Some(Self(Change::Rebalance { group_id, events }))
    }

    /// The group is removed, and another one of its name begins anew.
    pub(crate) fn forget_history(group_id: &str) -> Self {
        Self(Change::ForgetHistory(group_id.to_owned()))
    }

    /// What is counted; nothing when it is nothing.
    pub(crate) fn worked(work: Work) -> Option<Self> {
        (work != Work::default()).then_some(Self(Change::Worked(work)))
    }

    pub(crate) fn check_offsets_at(at: Millis) -> Self {
        Self(Change::CheckOffsetsAt(at))
    }
}

impl Machine for GroupCoordinator {
    type Request = Request;
    type Response = Response;
    type Record = Record;
    type Touch = Touch;

    fn decide(&self, token: Token, request: Request, now: Millis) -> Decision<Self> {
        if let Some(refusal) = request.refusal(&self.config) {
            return Decision::answer(token, refusal);
        }
        let Request { caller, body } = request;
        match body {
            Body::JoinGroup(request) => self.join_group(token, &caller, &request, now),
            Body::SyncGroup(request) => self.sync_group(token, &caller, &request, now),
            Body::Heartbeat(request) => self.heartbeat(token, &request, now),
            Body::LeaveGroup(request) => self.leave_group(token, &caller, request, now),
            Body::OffsetCommit(request) => self.commit_offsets(token, &caller, request, now),
            Body::OffsetFetch(request) => self.fetch_offsets(token, &caller, request),
            Body::OffsetDelete(request) => self.delete_offsets(token, request),
            Body::TxnOffsetCommit(request) => {
                self.commit_transactional_offsets(token, request, now)
            }
            Body::EndTransaction(ended) => self.end_transaction(token, ended),
            Body::ListGroups(filter) => self.list_groups(token, &filter),
            Body::DescribeGroups(request) => self.describe_groups(token, &caller, &request),
            Body::DeleteGroups(request) => self.delete_groups(token, &request, now),
            Body::ConsumerGroupHeartbeat(request) => {
                self.consumer_heartbeat(token, &caller, &request, now)
            }
            Body::ConsumerGroupDescribe(request) => self.describe_consumer_groups(token, &request),
            Body::ExplainGroup(group_id) => self.explain_group(token, &group_id, now),
            Body::MetadataChanged(metadata) => {
                let mut decision = Decision::answer(token, Response::MetadataTaken);
                if metadata.version() > self.metadata.version() {
                    decision.touches.push(Touch(Change::Metadata(metadata)));
                }
                decision
            }
            Body::TopicsDeleted(topics) => self.forget_topics(token, &topics),
            Body::ForgetMissingTopics => self.forget_missing_topics(token),
        }
    }

    fn expire(&self, now: Millis) -> Decision<Self> {
        let Some(next_offset_check) = self.next_offset_check else { return self.start(now) };
        let mut decision = Decision::nothing();
        let due = self.wakes.iter().take_while(|(at, _)| *at <= now);
        for group in due.filter_map(|(_, group_id)| self.groups.get(group_id)) {
            decision.extend(match group {
                Group::Classic(group) => self.expire_classic_group(group, now),
                Group::Consumer(group) => self.expire_consumer_group(group, now),
            });
        }
        // A group that changes in this decision must not be judged by what it was before: the offsets wait for the
        // next call, which is due at once.
        if decision.is_nothing() && next_offset_check <= now {
            return self.expire_offsets(now);
        }
        decision
    }

    fn next_deadline(&self) -> Option<Millis> {
        let Some(next_offset_check) = self.next_offset_check else { return Some(Millis::MIN) };
        let wake = self.wakes.first().map(|(at, _)| *at);
        Some(wake.map_or(next_offset_check, |at| at.min(next_offset_check)))
    }

    fn apply(&mut self, offset: Offset, record: &Record) {
        match record {
            Record::OffsetCommit { key, value } => {
                self.expect_group(key, value.as_ref());
                self.offsets.apply(offset, key, value.as_ref());
            }
            Record::TransactionalOffset { producer, key, value } => {
                self.expect_group(key, value.as_ref());
                self.offsets.apply_pending(offset, producer.producer_id, key, value.as_ref());
            }
            Record::EndTransaction(ended) => {
                self.offsets.end_transaction(ended.producer.producer_id, ended.is_commit);
            }
            Record::GroupMetadata { key, value: Some(value) } => {
                let group = ClassicGroup::from_record(key.group.clone(), value);
                self.put_group(Group::Classic(group));
            }
            Record::GroupMetadata { key, value: None } => {
                if matches!(self.group(&key.group), Some(Group::Classic(_))) {
                    self.remove_group(&key.group);
                }
            }
            Record::Consumer(record) => self.apply_consumer(record),
            // Written by a newer version, for a group that this one knows nothing about.
            Record::Unknown { .. } => {}
        }
    }

    fn touch(&mut self, touch: Touch) {
        match touch.0 {
            Change::PutGroup(group) => self.put_group(*group),
            Change::RenewSession { group_id, member_id, deadline } => {
                if let Some(mut group) = self.remove_group_entry(&group_id) {
                    if let Group::Classic(group) = &mut group {
                        group.renew_session(&member_id, deadline);
                    }
                    self.put_group(group);
                }
            }
            Change::Consumer { group_id, soft } => {
                if let Some(mut group) = self.remove_group_entry(&group_id) {
                    if let Group::Consumer(group) = &mut group {
                        group.set_soft(soft);
                    }
                    self.put_group(group);
                }
            }
            Change::Metadata(metadata) => self.metadata = metadata,
            Change::CheckOffsetsAt(at) => self.next_offset_check = Some(at),
            Change::Rebalance { group_id, events } => {
                let is_consumer = matches!(self.group(&group_id), Some(Group::Consumer(_)));
                self.work.add(Work::of_rebalance(is_consumer, &events));
                let history = self.histories.entry(group_id).or_default();
                events.into_iter().for_each(|event| history.take_in(event));
            }
            Change::ForgetHistory(group_id) => {
                self.histories.remove(&group_id);
            }
            Change::Worked(work) => self.work.add(work),
            Change::Started(now) => self.started_at = Some(now),
        }
    }
}

impl GroupCoordinator {
    /// A coordinator that knows of nothing yet: records are replayed into it.
    #[must_use]
    pub fn new(config: Config, metadata: Metadata) -> Self {
        Self {
            config,
            metadata,
            groups: BTreeMap::new(),
            wakes: BTreeSet::new(),
            offsets: Offsets::default(),
            histories: BTreeMap::new(),
            work: Work::default(),
            started_at: None,
            next_offset_check: None,
        }
    }

    /// The answers to everyone who waits in a join or sync, when this broker no longer coordinates: they must look for
    /// the new coordinator.
    #[must_use]
    pub fn unload(&self) -> Vec<Answer<Response>> {
        self.groups().flat_map(|group| group.refuse_all(ErrorCode::NotCoordinator)).collect()
    }

    /// How many groups are in each state.
    #[must_use]
    pub fn groups_by_state(&self) -> BTreeMap<State, usize> {
        let mut counts = BTreeMap::new();
        for group in self.groups() {
            *counts.entry(group.state()).or_default() += 1;
        }
        counts
    }

    /// What was done for groups since the coordinator was loaded.
    #[must_use]
    pub fn work(&self) -> Work {
        self.work
    }

    /// Every offset that is committed.
    pub fn committed_offsets(&self) -> impl Iterator<Item = CommittedOffset<'_>> {
        self.offsets.iter()
    }

    pub(crate) fn config(&self) -> &Config {
        &self.config
    }

    pub(crate) fn group(&self, group_id: &str) -> Option<&Group> {
        self.groups.get(group_id)
    }

    pub(crate) fn groups(&self) -> impl Iterator<Item = &Group> {
        self.groups.values()
    }

    pub(crate) fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    pub(crate) fn offsets(&self) -> &Offsets {
        &self.offsets
    }

    pub(crate) fn history_of(&self, group_id: &str) -> Option<&History> {
        self.histories.get(group_id)
    }

    /// Since when histories are kept.
    pub(crate) fn started_at(&self) -> Option<Millis> {
        self.started_at
    }

    pub(crate) fn draft(&self, group: ClassicGroup, now: Millis) -> Draft<'_> {
        Draft::new(&self.config, now, group)
    }

    fn start(&self, now: Millis) -> Decision<Self> {
        let mut decision = Decision::nothing();
        for group in self.groups() {
            decision.extend(match group {
                Group::Classic(group) => self.start_classic_group(group, now),
                Group::Consumer(group) => self.start_consumer_group(group, now),
            });
        }
        decision.touches.push(Touch(Change::Started(now)));
        decision.touches.push(Touch::check_offsets_at(self.next_check_after(now)));
        decision
    }

    pub(crate) fn next_check_after(&self, now: Millis) -> Millis {
        now.saturating_add(self.config.offsets_retention_check_interval_ms)
    }

    /// Who has offsets is a group, if only one without members.
    fn expect_group(&mut self, key: &OffsetCommitKey, value: Option<&OffsetCommitValue>) {
        if value.is_some() && !self.groups.contains_key(&key.group) {
            self.put_group(Group::simple(key.group.clone(), None));
        }
    }

    /// A tombstone for what is no group of the consumer protocol is of one that has been.
    fn apply_consumer(&mut self, record: &ConsumerRecord) {
        let group_id = record.group_id();
        let is_known = matches!(self.group(group_id), Some(Group::Consumer(_)));
        if !is_known && record.is_tombstone() {
            return;
        }
        let known = self.remove_group_entry(group_id);
        let mut group = match known {
            Some(Group::Consumer(group)) => group,
            _ => ConsumerGroup::new(group_id.to_owned()),
        };
        if !group.apply(record) {
            self.put_group(Group::Consumer(group));
        }
    }

    fn put_group(&mut self, group: Group) {
        let group_id = group.id().to_owned();
        self.remove_group(&group_id);
        if let Some(at) = group.wake_at() {
            self.wakes.insert((at, group_id.clone()));
        }
        self.groups.insert(group_id, group);
    }

    fn remove_group(&mut self, group_id: &str) {
        self.remove_group_entry(group_id);
    }

    fn remove_group_entry(&mut self, group_id: &str) -> Option<Group> {
        let group = self.groups.remove(group_id)?;
        if let Some(at) = group.wake_at() {
            self.wakes.remove(&(at, group_id.to_owned()));
        }
        Some(group)
    }
}
