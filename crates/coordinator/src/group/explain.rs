//! What is told of a group beyond Kafka's protocol, to who asks for it.

use ottla_machine::{Decision, Millis, Token};
use ottla_wire::GroupExplanation;
use ottla_wire::group_explanation::{ExplainedOffset, ExplainedTopic};

use super::Group;
use crate::coordinator::GroupCoordinator;
use crate::offsets::Committed;
use crate::request::Response;

/// What has no time, and what can't be told.
const NONE: i64 = -1;

impl GroupCoordinator {
    pub(crate) fn explain_group(
        &self,
        token: Token,
        group_id: &str,
        now: Millis,
    ) -> Decision<Self> {
        let explanation = self.group(group_id).map(|group| self.explanation_of(group, now));
        Decision::answer(token, Response::GroupExplained(explanation.map(Box::new)))
    }

    fn explanation_of(&self, group: &Group, now: Millis) -> GroupExplanation {
        let rebalances = self.history_of(group.id()).into_iter();
        let topics = self.offsets().of_group(group.id()).into_iter().flatten();
        let topics = topics.map(|(topic, partitions)| {
            let offsets = partitions.iter().map(|(partition, committed)| {
                self.explain(group, (topic, *partition), committed, now)
            });
            ExplainedTopic { name: topic.clone(), offsets: offsets.collect() }
        });
        GroupExplanation {
            known_since_ms: self.started_at().unwrap_or(NONE),
            rebalances: rebalances.flat_map(|history| history.rebalances().cloned()).collect(),
            topics: topics.collect(),
        }
    }

    fn explain(
        &self,
        group: &Group,
        (topic, partition): (&str, i32),
        committed: &Committed,
        now: Millis,
    ) -> ExplainedOffset {
        let is_in_use = group.is_subscribed_to(topic)
            || self.offsets().pending().has(group.id(), topic, partition);
        let expiry = group.offset_expiry().filter(|_| !is_in_use);
        ExplainedOffset {
            partition,
            offset: committed.offset,
            committed_at_ms: committed.committed_at,
            expires_at_ms: expiry.map_or(NONE, |expiry| self.expires_at(committed, expiry)),
            rate_millis: committed.rate_millis(now),
            lag: NONE,
        }
    }
}
