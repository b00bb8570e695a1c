//! DeleteGroups: a group goes with all its offsets, if nobody is a member.

use std::collections::BTreeSet;

use ottla_machine::{Decision, Millis, Token};
use ottla_wire::ErrorCode;
use ottla_wire::messages::delete_groups_response::DeletableGroupResult;
use ottla_wire::messages::{DeleteGroupsRequest, DeleteGroupsResponse};

use super::Group;
use crate::coordinator::{GroupCoordinator, Touch};
use crate::record::Record;
use crate::request::Response;

impl GroupCoordinator {
    pub(crate) fn delete_groups(
        &self,
        token: Token,
        request: &DeleteGroupsRequest,
        now: Millis,
    ) -> Decision<Self> {
        let mut decision = Decision::nothing();
        let mut results: Vec<DeletableGroupResult> = Vec::new();
        let mut answered = BTreeSet::new();
        for group_id in &request.groups_names {
            if !answered.insert(group_id) {
                continue;
            }
            let error = match self.group(group_id) {
                None => ErrorCode::GroupIdNotFound,
                Some(group) if !group.is_empty() => ErrorCode::NonEmptyGroup,
                Some(group) => {
                    decision.records.extend(self.offsets().tombstones_of(group_id));
                    decision.records.extend(self.group_tombstones(group, now));
                    decision.touches.push(Touch::forget_history(group_id));
                    ErrorCode::None
                }
            };
            results.push(DeletableGroupResult {
                group_id: group_id.clone(),
                error_code: error.code(),
                ..DeletableGroupResult::default()
            });
        }
        let response = DeleteGroupsResponse { results, ..DeleteGroupsResponse::default() };
        decision.and_answer(token, Response::DeleteGroups(response))
    }

    /// The records that remove a group which has neither members nor offsets.
    pub(crate) fn group_tombstones(&self, group: &Group, now: Millis) -> Vec<Record> {
        match group {
            Group::Classic(group) => vec![Record::group_tombstone(&group.id)],
            Group::Consumer(group) => group.tombstones(self, now),
        }
    }
}
