//! Who is in a group: ConsumerGroupDescribe first, DescribeGroups for classic groups and older brokers.

use bytes::Bytes;

use super::Admin;
use crate::cluster::Node;
use crate::error::{Error, PerItem};
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
        todo!("{groups:?}")
    }
}
