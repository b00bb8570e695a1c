//! Who is in a group: ConsumerGroupDescribe first, DescribeGroups for classic groups and older brokers.

use std::sync::Arc;

use bytes::Bytes;
use ottla_wire::codec::RawTaggedField;
use ottla_wire::messages::{
    ConsumerGroupDescribeRequest, ConsumerGroupDescribeResponse, DescribeGroupsRequest,
    DescribeGroupsResponse,
};
use ottla_wire::messages::{
    consumer_group_describe_response as modern_response,
    describe_groups_response as classic_response,
};
use ottla_wire::{ErrorCode, GroupExplanation, Message as _};

use super::Admin;
use super::routing::told;
use crate::cluster::{Node, Target};
use crate::error::{ApiError, Error, PerItem};
use crate::members;
use crate::topic_partition::TopicPartition;

/// A group and its members.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupDescription {
    /// Its id.
    pub group_id: String,
    /// `Classic` or `Consumer`.
    pub group_type: String,
    /// `consumer`, `connect`, …
    pub protocol_type: String,
    /// `Stable`, `Empty`, `Dead`, …
    pub state: String,
    /// The assignor in use; empty when none is.
    pub assignor: String,
    /// The broker that coordinates it.
    pub coordinator: Node,
    /// Group epoch (KIP-848 groups).
    pub group_epoch: Option<i32>,
    /// Epoch of the target assignment (KIP-848 groups).
    pub assignment_epoch: Option<i32>,
    /// Its members.
    pub members: Vec<GroupMember>,
    /// Operations the caller may do, as Kafka's bit field; `None` when not told.
    pub authorized_operations: Option<i32>,
    /// Why it rebalanced, when its offsets expire and how fast they move: asked for with [`Admin::explain_groups`], and
    /// told by coordinators of Ottla alone.
    pub explanation: Option<GroupExplanation>,
}

/// A member of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupMember {
    /// Its id.
    pub member_id: String,
    /// `group.instance.id`, for static members.
    pub instance_id: Option<String>,
    /// `client.rack`, where known.
    pub rack_id: Option<String>,
    /// `client.id`.
    pub client_id: String,
    /// Where it connects from, with a leading `/` as Kafka has it.
    pub host: String,
    /// Member epoch (KIP-848 groups).
    pub member_epoch: Option<i32>,
    /// Whether a member of a KIP-848 group still speaks the classic protocol.
    pub is_classic: Option<bool>,
    /// Topics it subscribes to, where known.
    pub subscription: Vec<String>,
    /// What it reads now.
    pub assignment: MemberPartitions,
    /// What it shall read (KIP-848 groups).
    pub target_assignment: Option<MemberPartitions>,
}

/// Partitions given to a member.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MemberPartitions {
    /// The partitions, sorted; empty for protocols other than `consumer`.
    pub partitions: Vec<TopicPartition>,
    /// The assignment as the protocol has it (classic groups).
    pub raw: Bytes,
}

impl Admin {
    /// Describes groups. A group nobody knows answers `GROUP_ID_NOT_FOUND`, as Kafka's admin client has it.
    pub async fn describe_groups(
        &self,
        groups: &[String],
    ) -> Result<PerItem<String, GroupDescription>, Error> {
        self.describe_all(groups, &[]).await
    }

    /// As [`Admin::describe_groups`], and asks for what Kafka's protocol has no fields for. A coordinator that is not
    /// Ottla's leaves it out.
    pub async fn explain_groups(
        &self,
        groups: &[String],
    ) -> Result<PerItem<String, GroupDescription>, Error> {
        self.describe_all(groups, &[GroupExplanation::question()]).await
    }

    /// `asked` goes with every request whose version has room for it.
    async fn describe_all(
        &self,
        groups: &[String],
        asked: &[RawTaggedField],
    ) -> Result<PerItem<String, GroupDescription>, Error> {
        let mut results = Vec::new();
        for group in groups {
            let modern = match self.describe_modern(group, asked).await {
                Err(Error::UnsupportedVersion { .. }) => Err(None),
                Err(Error::Api(refusal)) => match refusal.code {
                    ErrorCode::GroupIdNotFound | ErrorCode::UnsupportedVersion => Err(None),
                    _ => Err(Some(refusal)),
                },
                Err(error) => return Err(error),
                Ok(description) => Ok(description),
            };
            let outcome = match modern {
                Ok(description) => Ok(description),
                Err(Some(refusal)) => Err(refusal),
                Err(None) => match self.describe_classic(group, asked).await {
                    Ok(description) => Ok(description),
                    Err(Error::Api(refusal)) => Err(refusal),
                    Err(error) => return Err(error),
                },
            };
            results.push((group.clone(), outcome));
        }
        Ok(results)
    }

    async fn describe_modern(
        &self,
        group: &str,
        asked: &[RawTaggedField],
    ) -> Result<GroupDescription, Error> {
        let build = |_| ConsumerGroupDescribeRequest {
            group_ids: vec![group.to_owned()],
            unknown_tagged_fields: asked.to_vec(),
            ..ConsumerGroupDescribeRequest::default()
        };
        let code = |response: &ConsumerGroupDescribeResponse| {
            response.groups.first().map_or(0, |group| group.error_code)
        };
        let (response, _) = self.ask_coordinator(group, &build, code).await?;
        let answer = response.groups.into_iter().next();
        let answer = answer.ok_or(ErrorCode::UnknownServerError)?;
        ApiError::check(answer.error_code, answer.error_message.clone())?;
        let coordinator = self.coordinator_of(group).await?;
        modern(answer, coordinator)
    }

    async fn describe_classic(
        &self,
        group: &str,
        asked: &[RawTaggedField],
    ) -> Result<GroupDescription, Error> {
        let build = |version| DescribeGroupsRequest {
            groups: vec![group.to_owned()],
            unknown_tagged_fields: match DescribeGroupsRequest::is_flexible(version) {
                true => asked.to_vec(),
                false => Vec::new(),
            },
            ..DescribeGroupsRequest::default()
        };
        let code = |response: &DescribeGroupsResponse| {
            response.groups.first().map_or(0, |group| group.error_code)
        };
        let (response, _) = self.ask_coordinator(group, &build, code).await?;
        let answer = response.groups.into_iter().next();
        let answer = answer.ok_or(ErrorCode::UnknownServerError)?;
        ApiError::check(answer.error_code, answer.error_message.clone())?;
        // Before version 6 a group nobody knows is described as dead.
        if answer.group_state == "Dead" {
            let message = Some(format!("Group {group} not found."));
            return Err(ApiError { code: ErrorCode::GroupIdNotFound, message }.into());
        }
        let coordinator = self.coordinator_of(group).await?;
        classic(answer, coordinator)
    }

    async fn coordinator_of(&self, group: &str) -> Result<Node, Error> {
        let node = self.cluster().find_coordinator(&Target::Group(group.to_owned())).await?;
        // Metadata knows the rack, which FindCoordinator does not tell.
        Ok(self.cluster().metadata().nodes.get(&node.id).cloned().unwrap_or(node))
    }
}

fn modern(
    group: modern_response::DescribedGroup,
    coordinator: Node,
) -> Result<GroupDescription, Error> {
    let member = |member: modern_response::Member| GroupMember {
        member_id: member.member_id,
        instance_id: member.instance_id,
        rack_id: member.rack_id,
        client_id: member.client_id,
        host: member.client_host,
        member_epoch: Some(member.member_epoch),
        is_classic: match member.member_type {
            0 => Some(true),
            1 => Some(false),
            _ => None,
        },
        subscription: member.subscribed_topic_names,
        assignment: assigned(member.assignment),
        target_assignment: Some(assigned(member.target_assignment)),
    };
    Ok(GroupDescription {
        explanation: explained(&group.unknown_tagged_fields, &coordinator)?,
        group_id: group.group_id,
        group_type: "Consumer".to_owned(),
        protocol_type: "consumer".to_owned(),
        state: group.group_state,
        assignor: group.assignor_name,
        coordinator,
        group_epoch: Some(group.group_epoch),
        assignment_epoch: Some(group.assignment_epoch),
        members: group.members.into_iter().map(member).collect(),
        authorized_operations: told(group.authorized_operations),
    })
}

fn explained(
    fields: &[RawTaggedField],
    coordinator: &Node,
) -> Result<Option<GroupExplanation>, Error> {
    GroupExplanation::find(fields).map_err(|error| Error::Malformed {
        api: "DescribeGroups",
        address: format!("{}:{}", coordinator.host, coordinator.port),
        detail: error.to_string(),
    })
}

fn assigned(assignment: modern_response::Assignment) -> MemberPartitions {
    let mut partitions = Vec::new();
    for topic in assignment.topic_partitions {
        let name: Arc<str> = topic.topic_name.into();
        let keys = topic.partitions.into_iter();
        partitions.extend(keys.map(|partition| TopicPartition::new(Arc::clone(&name), partition)));
    }
    partitions.sort();
    MemberPartitions { partitions, raw: Bytes::new() }
}

fn classic(
    group: classic_response::DescribedGroup,
    coordinator: Node,
) -> Result<GroupDescription, Error> {
    // An empty protocol type is a group that only commits offsets, which is a consumer's too.
    let is_consumer = matches!(group.protocol_type.as_str(), "consumer" | "");
    let member = |member: classic_response::DescribedGroupMember| {
        let assignment = is_consumer.then(|| members::assignment(&member.member_assignment));
        let subscription = is_consumer.then(|| members::subscription(&member.member_metadata));
        let subscription = subscription.flatten();
        GroupMember {
            member_id: member.member_id,
            instance_id: member.group_instance_id,
            rack_id: subscription.as_ref().and_then(|known| known.rack_id.clone()),
            client_id: member.client_id,
            host: member.client_host,
            member_epoch: None,
            is_classic: None,
            subscription: subscription.map(|known| known.topics).unwrap_or_default(),
            assignment: MemberPartitions {
                partitions: assignment.flatten().unwrap_or_default(),
                raw: member.member_assignment,
            },
            target_assignment: None,
        }
    };
    Ok(GroupDescription {
        explanation: explained(&group.unknown_tagged_fields, &coordinator)?,
        group_id: group.group_id,
        group_type: "Classic".to_owned(),
        protocol_type: group.protocol_type,
        state: group.group_state,
        assignor: group.protocol_data,
        coordinator,
        group_epoch: None,
        assignment_epoch: None,
        members: group.members.into_iter().map(member).collect(),
        authorized_operations: told(group.authorized_operations),
    })
}
