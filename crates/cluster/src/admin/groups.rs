//! ListGroups, DeleteGroups, and the removal of members.

use std::collections::BTreeMap;

use ottla_wire::messages::leave_group_request::MemberIdentity;
use ottla_wire::messages::list_groups_response::ListedGroup;
use ottla_wire::messages::{
    DeleteGroupsRequest, DeleteGroupsResponse, LeaveGroupRequest, LeaveGroupResponse,
    ListGroupsRequest,
};
use ottla_wire::{ErrorCode, Message};
use tokio::task::JoinSet;

use super::Admin;
use crate::cluster::{Cluster, Target, Topics};
use crate::error::{ApiError, Error, PerItem};

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
    /// Groups of all brokers, by id, and the errors of the brokers that did not answer.
    pub async fn list_groups(
        &self,
        filter: &GroupsFilter,
    ) -> Result<(Vec<GroupListing>, Vec<Error>), Error> {
        let image = self.cluster().refresh(Topics::None).await?;
        let mut asked = JoinSet::new();
        for id in image.nodes.keys() {
            asked.spawn(groups_of_broker(self.cluster().clone(), *id, filter.clone()));
        }
        let mut groups = BTreeMap::new();
        let mut errors = Vec::new();
        while let Some(answered) = asked.join_next().await {
            match answered {
                Ok(Ok(listings)) => {
                    groups
                        .extend(listings.into_iter().map(|group| (group.group_id.clone(), group)));
                }
                Ok(Err(error)) => errors.push(error),
                Err(_) => errors.push(Error::Closed),
            }
        }
        let wanted = |group: &GroupListing| {
            filter.protocol_types.is_empty() || filter.protocol_types.contains(&group.protocol_type)
        };
        Ok((groups.into_values().filter(wanted).collect(), errors))
    }

    /// Deletes groups that have no members.
    pub async fn delete_groups(&self, groups: &[String]) -> Result<PerItem<String, ()>, Error> {
        let mut results = Vec::new();
        for group in groups {
            let build = |_| DeleteGroupsRequest {
                groups_names: vec![group.clone()],
                ..DeleteGroupsRequest::default()
            };
            let code = |response: &DeleteGroupsResponse| {
                response.results.first().map_or(0, |result| result.error_code)
            };
            let answered = self.ask_coordinator(group, &build, code).await;
            let outcome = match answered {
                Ok((response, _)) => response.results.into_iter().next().map_or_else(
                    || Err(ErrorCode::UnknownServerError.into()),
                    |result| ApiError::check(result.error_code, result.error_message),
                ),
                Err(Error::Api(refusal)) => Err(refusal),
                Err(error) => return Err(error),
            };
            results.push((group.clone(), outcome));
        }
        Ok(results)
    }

    /// Removes members from a group; all of them when `members` is empty.
    pub async fn remove_group_members(
        &self,
        group: &str,
        members: &[MemberToRemove],
        reason: Option<&str>,
    ) -> Result<PerItem<String, ()>, Error> {
        let mut leaving = members.to_vec();
        if leaving.is_empty() {
            let described = self.describe_groups(&[group.to_owned()]).await?;
            for (_, description) in described {
                leaving.extend(description?.members.into_iter().map(|member| {
                    match member.instance_id {
                        Some(instance_id) => MemberToRemove::InstanceId(instance_id),
                        None => MemberToRemove::MemberId(member.member_id),
                    }
                }));
            }
        }
        let build = |_| LeaveGroupRequest {
            group_id: group.to_owned(),
            members: leaving.iter().map(|member| identity(member, reason)).collect(),
            ..LeaveGroupRequest::default()
        };
        let code = |response: &LeaveGroupResponse| response.error_code;
        let target = Target::Group(group.to_owned());
        // Several members can leave at once from version 3 on (KIP-345).
        let versions = 3..=*<LeaveGroupRequest as Message>::VERSIONS.end();
        let mut retry = self.cluster().retry("LeaveGroup");
        let response = loop {
            let error = match self.cluster().attempt(&target, &versions, &build, None).await {
                Ok((response, _)) => match ApiError::check(code(&response), None) {
                    Ok(()) => break response,
                    Err(refusal) => refusal.into(),
                },
                Err(error) => error,
            };
            self.cluster().suspect(&target, &error);
            retry.again(error).await?;
        };
        let results = response.members.into_iter().map(|member| {
            let name = member.group_instance_id.unwrap_or(member.member_id);
            (name, ApiError::check(member.error_code, None))
        });
        Ok(results.collect())
    }
}

fn identity(member: &MemberToRemove, reason: Option<&str>) -> MemberIdentity {
    let reason = reason.map_or_else(
        || "member was removed by an admin".to_owned(),
        |reason| format!("member was removed by an admin: {reason}"),
    );
    let (member_id, group_instance_id) = match member {
        MemberToRemove::MemberId(id) => (id.clone(), None),
        MemberToRemove::InstanceId(id) => (String::new(), Some(id.clone())),
    };
    MemberIdentity {
        member_id,
        group_instance_id,
        reason: Some(reason),
        ..MemberIdentity::default()
    }
}

async fn groups_of_broker(
    cluster: Cluster,
    broker: i32,
    filter: GroupsFilter,
) -> Result<Vec<GroupListing>, Error> {
    let request = ListGroupsRequest {
        states_filter: filter.states,
        types_filter: filter.types,
        ..ListGroupsRequest::default()
    };
    let least = match (request.types_filter.is_empty(), request.states_filter.is_empty()) {
        (false, _) => 5,
        (true, false) => 4,
        (true, true) => 0,
    };
    let versions = least..=*<ListGroupsRequest as Message>::VERSIONS.end();
    let mut retry = cluster.retry("ListGroups");
    loop {
        let target = Target::Node(broker);
        let attempt = cluster.attempt(&target, &versions, &|_| request.clone(), None).await;
        let checked = attempt.and_then(|(response, _)| {
            ApiError::check(response.error_code, None)?;
            Ok(response.groups)
        });
        match checked {
            Ok(groups) => {
                let listing = |group: ListedGroup| GroupListing {
                    group_id: group.group_id,
                    protocol_type: group.protocol_type,
                    group_type: group.group_type,
                    state: group.group_state,
                };
                return Ok(groups.into_iter().map(listing).collect());
            }
            Err(error) => retry.again(error).await?,
        }
    }
}
