//! Brings a member nearer to its target: first it gives up what it is not to have, then it gets what is free.
//!
//! A member gives up partitions in its own epoch and enters the epoch of the target only when it has. So of two
//! members that know of the same partition, one has not yet been told of it or has already let it go.

use std::collections::BTreeSet;

use ottla_wire::messages::consumer_group_heartbeat_request::TopicPartitions;
use ottla_wire::{ErrorCode, Uuid};

use super::refusal::Refusal;
use super::state::{Assignment, Member, MemberState, Owned};

/// What a member is reconciled to, and what is known of it now.
pub(super) struct Reconciliation<'a, IsTaken> {
    pub(super) target_epoch: i32,
    pub(super) target: &'a Assignment,
    pub(super) subscribed: &'a BTreeSet<Uuid>,
    pub(super) has_subscription_changed: bool,
    /// What the member says it owns, if it says so.
    pub(super) claimed: Option<&'a [TopicPartitions]>,
    /// Whether another member owns a partition.
    pub(super) is_taken: IsTaken,
}

impl<IsTaken: Fn(Uuid, i32) -> bool> Reconciliation<'_, IsTaken> {
    /// The member's next step; the member as it is when there is none.
    pub(super) fn of(&self, member: &Member) -> Result<Member, Refusal> {
        match member.state {
            MemberState::Stable if member.epoch != self.target_epoch => {
                Ok(self.next_step(member, member.epoch))
            }
            MemberState::Stable => Ok(self.follow_subscription(member)),
            MemberState::Unrevoked if self.claims_any_of(&member.revoking) => {
                Ok(self.follow_subscription(member))
            }
            MemberState::Unrevoked | MemberState::Unreleased => {
                Ok(self.next_step(member, member.epoch))
            }
            MemberState::Unknown(_) if self.claimed.is_some_and(<[_]>::is_empty) => {
                Ok(self.next_step(member, self.target_epoch))
            }
            MemberState::Unknown(_) => Err(Refusal::new(
                ErrorCode::FencedMemberEpoch,
                "The consumer group member is in a unknown state. The member must abandon all its partitions \
                 and rejoin.",
            )),
        }
    }

    /// Whether the member still has any of these partitions, as far as it says.
    fn claims_any_of(&self, owned: &Owned) -> bool {
        let Some(claimed) = self.claimed else { return true };
        claimed.iter().any(|topic| {
            owned.get(&topic.topic_id).is_some_and(|partitions| {
                topic.partitions.iter().any(|partition| partitions.contains_key(partition))
            })
        })
    }

    /// Without a new target, a member that no longer subscribes to a topic gives up its partitions all the same.
    fn follow_subscription(&self, member: &Member) -> Member {
        let mut next = member.clone();
        if !self.has_subscription_changed {
            return next;
        }
        let gone = |topic: &Uuid| !self.subscribed.contains(topic);
        for topic in member.assigned.keys().filter(|topic| gone(topic)) {
            if let Some(partitions) = next.assigned.remove(topic) {
                next.revoking.entry(*topic).or_default().extend(partitions);
            }
        }
        if next.assigned.len() == member.assigned.len() {
            return next;
        }
        next.previous_epoch = next.epoch;
        if self.claims_any_of(&next.revoking) {
            next.state = MemberState::Unrevoked;
        } else {
            // The member has let go of them before it was asked to.
            next.revoking.clone_from(&member.revoking);
        }
        next
    }

    fn next_step(&self, member: &Member, epoch: i32) -> Member {
        let mut kept = Owned::new();
        let mut revoked = Owned::new();
        for (topic, partitions) in &member.assigned {
            for (partition, since) in partitions {
                let side = if self.wants(*topic, *partition) { &mut kept } else { &mut revoked };
                side.entry(*topic).or_default().insert(*partition, *since);
            }
        }
        if !revoked.is_empty() && self.claims_any_of(&revoked) {
            return Member {
                state: MemberState::Unrevoked,
                previous_epoch: member.epoch,
                epoch,
                assigned: kept,
                revoking: revoked,
                ..member.clone()
            };
        }
        let mut waits = false;
        for (topic, partitions) in
            self.target.iter().filter(|(topic, _)| self.subscribed.contains(topic))
        {
            for partition in partitions {
                if kept.get(topic).is_some_and(|kept| kept.contains_key(partition)) {
                    continue;
                }
                if (self.is_taken)(*topic, *partition) {
                    waits = true;
                } else {
                    kept.entry(*topic).or_default().insert(*partition, self.target_epoch);
                }
            }
        }
        Member {
            state: if waits { MemberState::Unreleased } else { MemberState::Stable },
            previous_epoch: member.epoch,
            epoch: self.target_epoch,
            assigned: kept,
            revoking: Owned::new(),
            ..member.clone()
        }
    }

    fn wants(&self, topic: Uuid, partition: i32) -> bool {
        self.subscribed.contains(&topic)
            && self.target.get(&topic).is_some_and(|partitions| partitions.contains(&partition))
    }
}
