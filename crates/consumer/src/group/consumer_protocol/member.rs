//! What a member of the consumer protocol tells its coordinator, and is told. Pure.
//!
//! Only what changed is told, and everything again when an answer was lost: the coordinator may or may not
//! have heard.

use std::collections::{BTreeMap, BTreeSet};

use ottla_wire::Uuid;
use ottla_wire::messages::ConsumerGroupHeartbeatRequest;
use ottla_wire::messages::consumer_group_heartbeat_request::TopicPartitions;

/// Partitions by the id of their topic.
pub(crate) type Partitions = BTreeMap<Uuid, BTreeSet<i32>>;

/// Which topics a member wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Wish {
    /// These.
    Names(BTreeSet<String>),
    /// Those whose name matches this regular expression, which the coordinator reads as RE2.
    Matching(String),
}

/// One member, from its first heartbeat until it is fenced or leaves.
#[derive(Debug)]
pub(super) struct Member {
    /// 0 until the coordinator gave another.
    epoch: i32,
    state: Told,
    /// What it is to read, until it does.
    target: Option<Partitions>,
    /// What the coordinator surely knows.
    told: Option<Told>,
    /// What the heartbeat under way tells.
    telling: Option<Told>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Told {
    wish: Wish,
    owned: Partitions,
}

impl Member {
    pub(super) fn new(wish: Wish) -> Self {
        let state = Told { wish, owned: Partitions::new() };
        Self { epoch: 0, state, target: None, told: None, telling: None }
    }

    /// Wants other topics.
    pub(super) fn wish(&mut self, wish: Wish) {
        self.state.wish = wish;
    }

    /// Whether there is something that the coordinator does not know.
    pub(super) fn has_news(&self) -> bool {
        self.told.as_ref() != Some(&self.state)
    }

    /// The next heartbeat, without what never changes; and whether it has to tell that too.
    pub(super) fn tell(&mut self) -> (ConsumerGroupHeartbeatRequest, bool) {
        let told = self.told.as_ref();
        let mut request = ConsumerGroupHeartbeatRequest {
            member_epoch: self.epoch,
            ..ConsumerGroupHeartbeatRequest::default()
        };
        if told.is_none_or(|told| told.wish != self.state.wish) {
            match &self.state.wish {
                Wish::Names(names) => {
                    request.subscribed_topic_names = Some(names.iter().cloned().collect());
                }
                Wish::Matching(regex) => request.subscribed_topic_regex = Some(regex.clone()),
            }
        }
        if told.is_none_or(|told| told.owned != self.state.owned) {
            let topics = self.state.owned.iter().map(|(topic_id, partitions)| TopicPartitions {
                topic_id: *topic_id,
                partitions: partitions.iter().copied().collect(),
                ..TopicPartitions::default()
            });
            request.topic_partitions = Some(topics.collect());
        }
        let is_full = told.is_none();
        self.telling = Some(self.state.clone());
        (request, is_full)
    }

    /// Takes an answer: the epoch that is reached, and what to read if that is another.
    pub(super) fn answered(&mut self, epoch: i32, assignment: Option<Partitions>) {
        self.told = self.telling.take();
        self.epoch = epoch;
        if assignment.is_some() {
            self.target = assignment;
        }
    }

    /// No answer came, or none that counts.
    pub(super) fn unanswered(&mut self) {
        self.told = None;
        self.telling = None;
    }

    /// What it is to read, if that is not what it reads.
    pub(super) fn target(&self) -> Option<&Partitions> {
        self.target.as_ref()
    }

    /// Reads these from now on.
    pub(super) fn took(&mut self, owned: Partitions) {
        if self.target.as_ref() == Some(&owned) {
            self.target = None;
        }
        self.state.owned = owned;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> Wish {
        Wish::Names(names.iter().map(|name| (*name).to_owned()).collect())
    }

    fn partitions(topic: u8, indexes: &[i32]) -> Partitions {
        let id = Uuid::from_bytes([topic; 16]);
        [(id, indexes.iter().copied().collect())].into()
    }

    /// Epoch, names, number of topics owned; `-` for what is not told.
    fn told(member: &mut Member) -> String {
        let (request, is_full) = member.tell();
        let names = request.subscribed_topic_names.map_or("-".to_owned(), |names| names.join(","));
        let owned = request.topic_partitions.map_or("-".to_owned(), |topics| {
            let of = |topic: &TopicPartitions| format!("{:?}", topic.partitions);
            format!("{{{}}}", topics.iter().map(of).collect::<String>())
        });
        format!("{} {names} {owned}{}", request.member_epoch, if is_full { " full" } else { "" })
    }

    #[test]
    fn only_changes_are_told_until_an_answer_is_lost() {
        let mut member = Member::new(names(&["a"]));
        assert!(member.has_news());
        assert_eq!(told(&mut member), "0 a {} full");
        member.answered(1, Some(partitions(1, &[0, 1])));
        assert!(!member.has_news());
        assert_eq!(member.target(), Some(&partitions(1, &[0, 1])));
        assert_eq!(told(&mut member), "1 - -");
        member.answered(1, None);

        member.took(partitions(1, &[0, 1]));
        assert_eq!(member.target(), None);
        assert!(member.has_news(), "what is read now is to be acknowledged");
        assert_eq!(told(&mut member), "1 - {[0, 1]}");
        member.unanswered();
        assert_eq!(told(&mut member), "1 a {[0, 1]} full");
        member.wish(names(&["a", "b"]));
        member.answered(2, None);
        assert!(member.has_news(), "the answer was to an older wish");
        assert_eq!(told(&mut member), "2 a,b -");
    }

    #[test]
    fn an_assignment_that_came_meanwhile_stays_to_be_taken() {
        let mut member = Member::new(Wish::Matching("a.*".to_owned()));
        let (request, _) = member.tell();
        assert_eq!(request.subscribed_topic_regex.as_deref(), Some("a.*"));
        assert_eq!(request.subscribed_topic_names, None);
        member.answered(1, Some(partitions(1, &[0])));
        member.tell();
        member.answered(2, Some(partitions(2, &[0])));
        member.took(partitions(1, &[0]));
        assert_eq!(member.target(), Some(&partitions(2, &[0])));
    }
}
