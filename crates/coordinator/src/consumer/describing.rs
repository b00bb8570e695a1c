//! ConsumerGroupDescribe (KIP-848).
//!
//! v1: whether a member speaks the consumer protocol or the classic one (KIP-1099).

use ottla_machine::{Decision, Token};
use ottla_wire::ErrorCode;
use ottla_wire::messages::consumer_group_describe_response::{
    Assignment as DescribedAssignment, DescribedGroup, Member as DescribedMember, TopicPartitions,
};
use ottla_wire::messages::{ConsumerGroupDescribeRequest, ConsumerGroupDescribeResponse};

use super::state::{Assignment, ConsumerGroup, Member};
use crate::coordinator::GroupCoordinator;
use crate::group::{Group, Metadata};
use crate::request::Response;

const CLASSIC_MEMBER: i8 = 0;
const CONSUMER_MEMBER: i8 = 1;

impl GroupCoordinator {
    pub(crate) fn describe_consumer_groups(
        &self,
        token: Token,
        request: &ConsumerGroupDescribeRequest,
    ) -> Decision<Self> {
        let groups = request.group_ids.iter().map(|group_id| match self.group(group_id) {
            Some(Group::Consumer(group)) => self.describe_consumer_group(group),
            Some(Group::Classic(_)) => {
                not_found(group_id, format!("Group {group_id} is not a consumer group."))
            }
            None => not_found(group_id, format!("Group {group_id} not found.")),
        });
        let groups = groups.collect();
        let response =
            ConsumerGroupDescribeResponse { groups, ..ConsumerGroupDescribeResponse::default() };
        Decision::answer(token, Response::ConsumerGroupDescribe(response))
    }

    fn describe_consumer_group(&self, group: &ConsumerGroup) -> DescribedGroup {
        let default = self.config().consumer.default_assignor().name();
        DescribedGroup {
            group_id: group.id.clone(),
            group_state: group.state().name().to_owned(),
            group_epoch: group.epoch,
            assignment_epoch: group.target_epoch,
            assignor_name: group.preferred_assignor().unwrap_or(default).to_owned(),
            members: group
                .members
                .values()
                .map(|member| group.describe(member, self.metadata()))
                .collect(),
            ..DescribedGroup::default()
        }
    }
}

fn not_found(group_id: &str, message: String) -> DescribedGroup {
    DescribedGroup {
        error_code: ErrorCode::GroupIdNotFound.code(),
        error_message: Some(message),
        group_id: group_id.to_owned(),
        ..DescribedGroup::default()
    }
}

impl ConsumerGroup {
    /// What a member has yet to give up is still its own.
    fn describe(&self, member: &Member, metadata: &Metadata) -> DescribedMember {
        let owned = member.owned_by_topic();
        let uses_classic = member.uses_classic_protocol();
        DescribedMember {
            member_id: member.id.clone(),
            instance_id: member.instance_id.clone(),
            rack_id: member.rack_id.clone(),
            member_epoch: member.epoch,
            client_id: member.client_id.clone(),
            client_host: member.client_host.clone(),
            subscribed_topic_names: member.topics.iter().cloned().collect(),
            subscribed_topic_regex: member.regex.clone(),
            assignment: named(&owned, metadata),
            target_assignment: named(&self.target_of(&member.id), metadata),
            member_type: if uses_classic { CLASSIC_MEMBER } else { CONSUMER_MEMBER },
            ..DescribedMember::default()
        }
    }
}

/// Topics that are gone are left out.
fn named(partitions: &Assignment, metadata: &Metadata) -> DescribedAssignment {
    let topics = partitions.iter().filter_map(|(topic, partitions)| {
        Some(TopicPartitions {
            topic_id: *topic,
            topic_name: metadata.name_of(*topic)?.to_owned(),
            partitions: partitions.iter().copied().collect(),
            ..TopicPartitions::default()
        })
    });
    DescribedAssignment { topic_partitions: topics.collect(), ..DescribedAssignment::default() }
}
