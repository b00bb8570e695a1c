//! How a group is shown in DescribeGroups.

use ottla_wire::messages::describe_groups_response::{DescribedGroup, DescribedGroupMember};

use super::{ClassicGroup, Member, State};

impl ClassicGroup {
    /// Only a stable group has a protocol to speak of, and metadata that belongs to it.
    pub(crate) fn described(&self) -> DescribedGroup {
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
