//! ListGroups, DeleteGroups, and the removal of members.

use super::Admin;
use crate::error::{Error, PerItem};

/// A group and what kind it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupListing {
    /// Its id.
    pub group_id: String,
    /// `consumer`, `connect`, `share`, …; empty for a group that only has offsets.
    pub protocol_type: String,
    /// `Classic`, `Consumer`, `Share`, `Streams`; empty where the broker does not tell.
    pub group_type: String,
    /// `Stable`, `Empty`, …; empty where the broker does not tell.
    pub state: String,
}

/// Which groups to list. Empty lists ask for all; names are Kafka's, case does not matter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GroupsFilter {
    /// States.
    pub states: Vec<String>,
    /// Types.
    pub types: Vec<String>,
    /// Protocol types, filtered by this client.
    pub protocol_types: Vec<String>,
}

/// A member to remove from its group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MemberToRemove {
    /// A dynamic member.
    MemberId(String),
    /// A static member.
    InstanceId(String),
}

impl Admin {
    /// Groups of all brokers, and the errors of the brokers that did not answer.
    pub async fn list_groups(
        &self,
        filter: &GroupsFilter,
    ) -> Result<(Vec<GroupListing>, Vec<Error>), Error> {
        todo!("{filter:?}")
    }

    /// Deletes groups that have no members.
    pub async fn delete_groups(&self, groups: &[String]) -> Result<PerItem<String, ()>, Error> {
        todo!("{groups:?}")
    }

    /// Removes members from a group; all of them when `members` is empty.
    pub async fn remove_group_members(
        &self,
        group: &str,
        members: &[MemberToRemove],
        reason: Option<&str>,
    ) -> Result<PerItem<String, ()>, Error> {
        todo!("{group} {members:?} {reason:?}")
    }
}
