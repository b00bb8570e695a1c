//! An assignor: its names, and who gets what. Pure.

use std::collections::{BTreeMap, HashMap};

use bytes::Bytes;
use ottla_cluster::TopicPartition;
use ottla_cluster::members::Subscription;

use super::{range, round_robin, sticky};

/// A way to share out partitions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Assignor {
    /// Of each topic, a run of partitions to each member.
    Range,
    /// All partitions in turn.
    RoundRobin,
    /// Evenly, moving as little as possible; everyone stops during a rebalance.
    Sticky,
    /// As sticky, but members keep what they keep (KIP-429).
    CooperativeSticky,
}

/// A member as the leader sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Its id.
    pub id: String,
    /// `group.instance.id`, for static members.
    pub instance_id: Option<String>,
    /// What it said.
    pub subscription: Subscription,
}

impl Member {
    /// Static members come first, in an order that survives restarts.
    fn rank(&self) -> (bool, &str) {
        match &self.instance_id {
            Some(instance_id) => (false, instance_id),
            None => (true, &self.id),
        }
    }
}

/// Partitions by member id.
pub type Assignment = BTreeMap<String, Vec<TopicPartition>>;

impl Assignor {
    /// All of them.
    pub const ALL: [Assignor; 4] =
        [Self::Range, Self::RoundRobin, Self::Sticky, Self::CooperativeSticky];

    /// The name of the protocol in JoinGroup.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Range => "range",
            Self::RoundRobin => "roundrobin",
            Self::Sticky => "sticky",
            Self::CooperativeSticky => "cooperative-sticky",
        }
    }

    /// The simple name of Kafka's class, as `partition.assignment.strategy` has it.
    pub const fn class(self) -> &'static str {
        match self {
            Self::Range => "RangeAssignor",
            Self::RoundRobin => "RoundRobinAssignor",
            Self::Sticky => "StickyAssignor",
            Self::CooperativeSticky => "CooperativeStickyAssignor",
        }
    }

    /// Whether members keep reading during a rebalance.
    pub const fn is_cooperative(self) -> bool {
        matches!(self, Self::CooperativeSticky)
    }

    /// What the assignor wants its members to tell.
    pub fn user_data(self, owned: &[TopicPartition], generation: i32) -> Option<Bytes> {
        match self {
            Self::Range | Self::RoundRobin => None,
            Self::Sticky => sticky::previous_assignment(owned, generation),
            Self::CooperativeSticky => Some(Bytes::copy_from_slice(&generation.to_be_bytes())),
        }
    }

    /// Shares out the partitions of `partition_counts` (topic and number of partitions).
    pub fn assign(
        self,
        members: &[Member],
        partition_counts: &BTreeMap<String, i32>,
    ) -> Assignment {
        let mut members: Vec<&Member> = members.iter().collect();
        members.sort_by(|left, right| left.rank().cmp(&right.rank()));
        let mut assignment = match self {
            Self::Range => range::assign(&members, partition_counts),
            Self::RoundRobin => round_robin::assign(&members, partition_counts),
            Self::Sticky => sticky::assign(&members, partition_counts, sticky::owned_by_user_data),
            Self::CooperativeSticky => {
                let mut wanted =
                    sticky::assign(&members, partition_counts, sticky::owned_by_subscription);
                let kept = sticky::kept(&members, partition_counts, sticky::owned_by_subscription);
                hold_back_moves(&mut wanted, &kept);
                wanted
            }
        };
        for partitions in assignment.values_mut() {
            partitions.sort();
        }
        assignment
    }
}

/// A partition that moves is given to nobody until its owner has let go of it; the next rebalance gives it.
fn hold_back_moves(assignment: &mut Assignment, owners: &HashMap<TopicPartition, &str>) {
    for (id, partitions) in assignment {
        partitions.retain(|partition| owners.get(partition).is_none_or(|owner| owner == id));
    }
}

/// Members that want `topic`, in their order.
pub(super) fn subscribers<'a>(members: &[&'a Member], topic: &str) -> Vec<&'a Member> {
    let wants = |member: &&Member| member.subscription.topics.iter().any(|known| known == topic);
    members.iter().copied().filter(wants).collect()
}

pub(super) fn nobody_yet(members: &[&Member]) -> Assignment {
    members.iter().map(|member| (member.id.clone(), Vec::new())).collect()
}
