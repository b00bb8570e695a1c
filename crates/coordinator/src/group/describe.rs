//! ListGroups and DescribeGroups.
//!
//! ListGroups v4: filter by state (KIP-518).  v5: group types (KIP-848).
//! DescribeGroups v6: a group that does not exist is an error (KIP-1043); before, it is a group in state "Dead".

use std::collections::HashSet;
use std::sync::Arc;

use ottla_machine::{Decision, Token};
use ottla_wire::ErrorCode;
use ottla_wire::messages::describe_groups_response::DescribedGroup;
use ottla_wire::messages::list_groups_response::ListedGroup;
use ottla_wire::messages::{
    DescribeGroupsRequest, DescribeGroupsResponse, ListGroupsRequest, ListGroupsResponse,
};

use super::Group;
use crate::coordinator::GroupCoordinator;
use crate::request::{Caller, Response};

const FIRST_VERSION_WITH_NOT_FOUND: i16 = 6;
/// The state of a group that does not exist.
const DEAD: &str = "Dead";

/// Which groups are listed, by the names of states and types in any case; all where there are none.
///
/// Every partition of groups is asked with the same one: it is made once, however many names a request has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GroupFilter {
    states: Arc<HashSet<String>>,
    types: Arc<HashSet<String>>,
}

impl From<ListGroupsRequest> for GroupFilter {
    fn from(request: ListGroupsRequest) -> Self {
        let states = request.states_filter.iter().map(|name| name.trim().to_lowercase());
        let types = request.types_filter.iter().map(|name| name.to_lowercase());
        Self { states: Arc::new(states.collect()), types: Arc::new(types.collect()) }
    }
}

impl GroupFilter {
    fn admits(&self, group: &Group) -> bool {
        let state = group.state().name().to_lowercase();
        let is_type_wanted = self.types.is_empty() || self.types.contains(group.kind());
        is_type_wanted && (self.states.is_empty() || self.states.contains(&state))
    }
}

impl GroupCoordinator {
    pub(crate) fn list_groups(&self, token: Token, filter: &GroupFilter) -> Decision<Self> {
        let wanted = self.groups().filter(|group| filter.admits(group));
        let groups = wanted.map(Group::listed).collect();
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
                Some(Group::Classic(group)) => group.described(),
                Some(Group::Consumer(_)) => {
                    let message = format!("Group {group_id} is not a classic group.");
                    not_found(caller, group_id, message)
                }
                None => not_found(caller, group_id, format!("Group {group_id} not found.")),
            })
            .collect();
        let response = DescribeGroupsResponse { groups, ..DescribeGroupsResponse::default() };
        Decision::answer(token, Response::DescribeGroups(response))
    }
}

fn not_found(caller: &Caller, group_id: &str, message: String) -> DescribedGroup {
    let mut described = DescribedGroup {
        group_id: group_id.to_owned(),
        group_state: DEAD.to_owned(),
        ..DescribedGroup::default()
    };
    if caller.api_version >= FIRST_VERSION_WITH_NOT_FOUND {
        described.error_code = ErrorCode::GroupIdNotFound.code();
        described.error_message = Some(message);
    }
    described
}

impl Group {
    /// The type of the group, as tools filter by it.
    fn kind(&self) -> &'static str {
        match self {
            Self::Classic(_) => "classic",
            Self::Consumer(_) => "consumer",
        }
    }

    fn listed(&self) -> ListedGroup {
        let protocol_type = match self {
            Self::Classic(group) => group.protocol_type().unwrap_or_default(),
            Self::Consumer(_) => "consumer",
        };
        ListedGroup {
            group_id: self.id().to_owned(),
            protocol_type: protocol_type.to_owned(),
            group_state: self.state().name().to_owned(),
            group_type: self.kind().to_owned(),
            ..ListedGroup::default()
        }
    }
}
