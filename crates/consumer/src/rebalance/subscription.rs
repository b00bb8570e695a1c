//! Subscribing: what is wanted, and who hears of what comes and goes.

use std::collections::{BTreeMap, BTreeSet};

use ottla_cluster::admin::OffsetAndMetadata;
use ottla_cluster::cluster::MetadataImage;
use ottla_cluster::{Error, TopicPartition};

use super::Part;
use crate::client::{Consumer, Task, misuse, mixed};
use crate::commits::Offsets;
use crate::config::GroupProtocol;
use crate::group::consumer_protocol::Wish;

/// Hears, inside `poll`, which partitions come and go.
pub trait RebalanceListener: Send {
    /// These are read from now on; answers offsets to begin at instead of the committed ones.
    fn assigned(&mut self, _partitions: &[TopicPartition]) -> Vec<(TopicPartition, i64)> {
        Vec::new()
    }

    /// These are given back; answers offsets to commit before.
    fn revoked(
        &mut self,
        _partitions: &[TopicPartition],
    ) -> Vec<(TopicPartition, OffsetAndMetadata)> {
        Vec::new()
    }

    /// These were taken away, perhaps by another member already: nothing can be committed for them.
    fn lost(&mut self, _partitions: &[TopicPartition]) {}
}

/// For those who do not care.
struct Deaf;

impl RebalanceListener for Deaf {}

/// Which topics are wanted.
enum Wanted {
    Named,
    Matching(Box<dyn Fn(&str) -> bool + Send>),
    /// The coordinator knows which match.
    Regex(String),
}

/// A subscription, and how far its membership is.
pub(crate) struct Subscribed {
    wanted: Wanted,
    /// Unknown until metadata has told which topics match.
    pub(super) topics: Option<BTreeSet<String>>,
    pub(super) listener: Box<dyn RebalanceListener>,
    pub(super) must_join: bool,
    /// The number of the attempt, and its task.
    pub(crate) joining: Option<(u64, Task)>,
    pub(super) heartbeats: Option<Task>,
    /// Generation in which the present partitions were assigned.
    pub(super) generation: i32,
    pub(super) previous: Vec<TopicPartition>,
    pub(super) shared_out: Option<BTreeMap<String, i32>>,
    /// Offsets of partitions that went, to be committed before the next join.
    pub(super) late: Offsets,
    /// The membership, with the consumer protocol.
    pub(crate) part: Option<Part>,
}

impl Subscribed {
    fn new(wanted: Wanted, topics: Option<BTreeSet<String>>) -> Self {
        Self {
            wanted,
            topics,
            listener: Box::new(Deaf),
            must_join: true,
            joining: None,
            heartbeats: None,
            generation: -1,
            previous: Vec::new(),
            shared_out: None,
            late: Offsets::new(),
            part: None,
        }
    }

    pub(crate) fn is_pattern(&self) -> bool {
        matches!(self.wanted, Wanted::Matching(_))
    }

    /// Topics subscribed to; the leader of the group watches those of all members.
    pub(crate) fn topics_of_interest(&self) -> impl Iterator<Item = &String> {
        let of_others = self.shared_out.iter().flat_map(BTreeMap::keys);
        self.topics.iter().flatten().chain(of_others)
    }

    pub(super) fn wants(&self, partition: &TopicPartition) -> bool {
        self.topics.as_ref().is_some_and(|topics| topics.contains(&*partition.topic))
    }

    /// What the coordinator is told; `None` while metadata has yet to tell what matches.
    pub(super) fn wish(&self) -> Option<Wish> {
        match &self.wanted {
            Wanted::Regex(regex) => Some(Wish::Matching(regex.clone())),
            Wanted::Named | Wanted::Matching(_) => self.topics.clone().map(Wish::Names),
        }
    }

    fn became(&mut self, topics: BTreeSet<String>) {
        if self.topics.as_ref() != Some(&topics) {
            self.topics = Some(topics);
            self.must_join = true;
        }
    }
}

impl Consumer {
    /// Reads these topics as a member of the group, whose members share the partitions. No topics at all: as
    /// [`unsubscribe`](Self::unsubscribe).
    pub async fn subscribe<T: Into<String>>(
        &mut self,
        topics: impl IntoIterator<Item = T>,
    ) -> Result<(), Error> {
        let topics: BTreeSet<String> = topics.into_iter().map(Into::into).collect();
        if topics.is_empty() {
            self.unsubscribe().await;
            return Ok(());
        }
        if let Some(name) = topics.iter().find(|name| name.trim().is_empty()) {
            let detail = format!(
                "Topic collection to subscribe to cannot contain null or empty topic: {name:?}"
            );
            return Err(misuse(detail));
        }
        self.check_subscribing(|wanted| matches!(wanted, Wanted::Named))?;
        match &mut self.subscribed {
            Some(subscribed) => subscribed.became(topics),
            None => self.subscribed = Some(Subscribed::new(Wanted::Named, Some(topics))),
        }
        Ok(())
    }

    /// Reads, as a member of the group, all topics whose name `matches`, those to come included.
    pub fn subscribe_matching(
        &mut self,
        matches: impl Fn(&str) -> bool + Send + 'static,
    ) -> Result<(), Error> {
        self.check_subscribing(|wanted| matches!(wanted, Wanted::Matching(_)))?;
        let wanted = Wanted::Matching(Box::new(matches));
        match &mut self.subscribed {
            Some(subscribed) => subscribed.wanted = wanted,
            None => self.subscribed = Some(Subscribed::new(wanted, None)),
        }
        self.cluster.metadata_is_stale();
        Ok(())
    }

    /// Reads all topics whose whole name matches, as the coordinator finds: a regular expression of RE2 (KIP-848).
    /// Only with `group.protocol=consumer`.
    pub fn subscribe_regex(&mut self, regex: impl Into<String>) -> Result<(), Error> {
        if self.config.group_protocol == GroupProtocol::Classic {
            return Err(misuse(
                "Subscribe to RE2/J pattern is not supported when using the CLASSIC protocol defined in config \
                 group.protocol"
                    .to_owned(),
            ));
        }
        let regex = regex.into();
        if regex.is_empty() {
            return Err(misuse("Topic pattern to subscribe to cannot be empty".to_owned()));
        }
        self.check_subscribing(|wanted| matches!(wanted, Wanted::Regex(_)))?;
        let wanted = Wanted::Regex(regex);
        match &mut self.subscribed {
            Some(subscribed) => subscribed.wanted = wanted,
            None => self.subscribed = Some(Subscribed::new(wanted, None)),
        }
        Ok(())
    }

    /// Tells `listener` of partitions that come and go with the present subscription.
    pub fn listen(&mut self, listener: impl RebalanceListener + 'static) -> Result<(), Error> {
        let subscribed = self.subscribed.as_mut();
        let none = || misuse("only a subscription has a rebalance listener".to_owned());
        subscribed.ok_or_else(none)?.listener = Box::new(listener);
        Ok(())
    }

    /// The topics subscribed to, as far as they are known.
    pub fn subscription(&self) -> Vec<String> {
        let topics = self.subscribed.iter().filter_map(|own| own.topics.as_ref());
        topics.flatten().cloned().collect()
    }

    /// Leaves the group, and reads nothing.
    pub async fn unsubscribe(&mut self) {
        let offsets = self.revoke_everything();
        if let Some(commit) = self.submit(offsets) {
            // The log tells of it.
            let _ = commit.await;
        }
        self.leave_group("the consumer unsubscribed from all topics").await;
    }

    /// Joins the group again at the next poll. With the consumer protocol there is nothing to enforce.
    pub fn enforce_rebalance(&mut self) -> Result<(), Error> {
        let none =
            || misuse("Tried to force a rebalance but consumer does not have a group.".to_owned());
        self.subscribed.as_mut().ok_or_else(none)?.must_join = true;
        Ok(())
    }

    fn check_subscribing(&self, is_alike: fn(&Wanted) -> bool) -> Result<(), Error> {
        self.need_group()?;
        let mixes = match &self.subscribed {
            Some(subscribed) => !is_alike(&subscribed.wanted),
            None => !self.positions.assigned().is_empty(),
        };
        if mixes { Err(mixed()) } else { Ok(()) }
    }

    /// Reads nothing any more; answers what the listener wants committed.
    pub(crate) fn revoke_everything(&mut self) -> Offsets {
        let assigned = self.positions.assigned();
        self.positions.remove(&assigned);
        match &mut self.subscribed {
            Some(subscribed) if !assigned.is_empty() => {
                subscribed.listener.revoked(&assigned).into_iter().collect()
            }
            _ => Offsets::new(),
        }
    }

    /// Takes note of topics that came, went or grew.
    pub(crate) fn topics_changed(&mut self, image: &MetadataImage) {
        let exclude_internal = self.config.exclude_internal_topics;
        let Some(subscribed) = &mut self.subscribed else { return };
        if let Wanted::Matching(matches) = &subscribed.wanted {
            let topics = image.topics.values();
            let topics = topics.filter(|topic| !(exclude_internal && topic.is_internal));
            let names = topics.map(|topic| topic.name.to_string());
            let matching = names.filter(|name| matches(name)).collect();
            subscribed.became(matching);
        }
        let has_changed = |(topic, count): (&String, &i32)| {
            let known = image.topic(topic).map_or(0, |known| known.partitions.len());
            usize::try_from(*count).is_ok_and(|count| count != known)
        };
        if subscribed.shared_out.iter().flatten().any(has_changed) {
            subscribed.must_join = true;
        }
    }
}
