//! ListGroups and DescribeGroups.
//!
//! ListGroups v4: filter by state (KIP-518).  v5: group types (KIP-848).
//! DescribeGroups v6: a group that does not exist is an error (KIP-1043); before, it is a group in state "Dead".

use ottla_machine::{Decision, Token};
use ottla_wire::ErrorCode;
use ottla_wire::messages::describe_groups_response::{DescribedGroup, DescribedGroupMember};
use ottla_wire::messages::list_groups_response::ListedGroup;
use ottla_wire::messages::{
    DescribeGroupsRequest, DescribeGroupsResponse, ListGroupsRequest, ListGroupsResponse,
};

use super::{Group, Member, State};
use crate::coordinator::GroupCoordinator;
use crate::request::{Caller, Response};

/// The type of the groups in this module, as tools filter by it.
const GROUP_TYPE: &str = "classic";
const FIRST_VERSION_WITH_NOT_FOUND: i16 = 6;
/// The state of a group that does not exist.
const DEAD: &str = "Dead";

impl GroupCoordinator {
    pub(crate) fn list_groups(&self, token: Token, request: &ListGroupsRequest) -> Decision<Self> {
        let states: Vec<String> = request
            .states_filter
            .iter()
            .map(|state| state.to_lowercase().trim().to_owned())
            .collect();
        let is_type_wanted = request.types_filter.is_empty()
            || request.types_filter.iter().any(|name| name.to_lowercase() == GROUP_TYPE);
        let is_wanted = |group: &&Group| {
            let state = group.state.name().to_lowercase();
            is_type_wanted && (states.is_empty() || states.contains(&state))
        };
        let groups = self.groups().filter(is_wanted).map(Group::listed).collect();
        let response = ListGroupsResponse { groups, ..ListGroupsResponse::default() };
        Decision::answer(token, Response::ListGroups(response))
    }

    pub(crate) fn describe_groups(
        &self,
        token: Token,
        caller: &Caller,
        request: &DescribeGroupsRequest,
    ) -> Decision<Self> {
        let groups = request
            .groups
            .iter()
            .map(|group_id| match self.group(group_id) {
                Some(group) => group.described(),
                None => not_found(caller, group_id),
            })
            .collect();
        let response = DescribeGroupsResponse { groups, ..DescribeGroupsResponse::default() };
        Decision::answer(token, Response::DescribeGroups(response))
    }
}

fn not_found(caller: &Caller, group_id: &str) -> DescribedGroup {
    let mut described = DescribedGroup {
        group_id: group_id.to_owned(),
        group_state: DEAD.to_owned(),
        ..DescribedGroup::default()
    };
    if caller.api_version >= FIRST_VERSION_WITH_NOT_FOUND {
        described.error_code = ErrorCode::GroupIdNotFound.code();
        described.error_message = Some(format!("Group {group_id} not found."));
    }
    described
}

impl Group {
    fn listed(&self) -> ListedGroup {
        ListedGroup {
            group_id: self.id.clone(),
            protocol_type: self.protocol_type.clone().unwrap_or_default(),
            group_state: self.state.name().to_owned(),
            group_type: GROUP_TYPE.to_owned(),
            ..ListedGroup::default()
        }
    }

    /// Only a stable group has a protocol to speak of, and metadata that belongs to it.
    fn described(&self) -> DescribedGroup {
        let protocol = self.protocol.as_deref().filter(|_| self.state == State::Stable);
        DescribedGroup {
            group_id: self.id.clone(),
            group_state: self.state.name().to_owned(),
            protocol_type: self.protocol_type.clone().unwrap_or_default(),
            protocol_data: protocol.unwrap_or_default().to_owned(),
            members: self.members().map(|member| member.described(protocol)).collect(),
            ..DescribedGroup::default()
        }
    }
}

impl Member {
    fn described(&self, protocol: Option<&str>) -> DescribedGroupMember {
        DescribedGroupMember {
            member_id: self.id.clone(),
            group_instance_id: self.instance_id.clone(),
            client_id: self.client_id.clone(),
            client_host: self.client_host.clone(),
            member_metadata: self.metadata(protocol),
            member_assignment: self.assignment.clone(),
            ..DescribedGroupMember::default()
        }
    }
}
