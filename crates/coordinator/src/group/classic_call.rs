//! JoinGroup, SyncGroup, Heartbeat and LeaveGroup, to whichever kind of group they come.

use ottla_machine::{Decision, Millis, Token};
use ottla_wire::ErrorCode;
use ottla_wire::messages::{
    HeartbeatRequest, HeartbeatResponse, JoinGroupRequest, LeaveGroupRequest, SyncGroupRequest,
};

use super::Group;
use crate::classic::{self, ClassicGroup, Waiting};
use crate::consumer::{ConsumerGroup, Joined};
use crate::coordinator::GroupCoordinator;
use crate::record::Record;
use crate::request::{Caller, Response};

impl GroupCoordinator {
    pub(crate) fn join_group(
        &self,
        token: Token,
        caller: &Caller,
        request: &JoinGroupRequest,
        now: Millis,
    ) -> Decision<Self> {
        let waiting = Waiting { token, api_version: caller.api_version };
        match self.group(&request.group_id) {
            Some(Group::Consumer(group)) if !group.is_empty() => {
                self.join_consumer(waiting, group, caller, request, now)
            }
            known if !request.member_id.is_empty() && !matches!(known, Some(Group::Classic(_))) => {
                classic::refuse_join(waiting, &request.member_id, ErrorCode::UnknownMemberId)
            }
            Some(Group::Classic(group)) => {
                self.join_classic_group(waiting, caller, request, group.clone(), now)
            }
            Some(Group::Consumer(group)) => {
                let tombstones = group.tombstones(self, now);
                self.join_new_group(waiting, caller, request, tombstones, now)
            }
            None => self.join_new_group(waiting, caller, request, Vec::new(), now),
        }
    }

    fn join_new_group(
        &self,
        waiting: Waiting,
        caller: &Caller,
        request: &JoinGroupRequest,
        mut records: Vec<Record>,
        now: Millis,
    ) -> Decision<Self> {
        let group = ClassicGroup::empty(request.group_id.clone(), Some(now));
        let mut decision = self.join_classic_group(waiting, caller, request, group, now);
        if decision.records.is_empty() {
            records.push(classic::new_group_record(&request.group_id, now));
        }
        records.append(&mut decision.records);
        decision.records = records;
        decision
    }

    fn join_consumer(
        &self,
        waiting: Waiting,
        group: &ConsumerGroup,
        caller: &Caller,
        request: &JoinGroupRequest,
        now: Millis,
    ) -> Decision<Self> {
        match self.join_consumer_group(group, caller, request, now) {
            Ok((decision, Joined::Answer(response))) => {
                let answer = classic::join_answer(waiting, response);
                decision.and_answer(answer.token, answer.response)
            }
            Ok((_, Joined::MemberId(member_id))) => {
                classic::refuse_join(waiting, &member_id, ErrorCode::MemberIdRequired)
            }
            Err(error) => classic::refuse_join(waiting, "", error),
        }
    }

    pub(crate) fn sync_group(
        &self,
        token: Token,
        caller: &Caller,
        request: &SyncGroupRequest,
        now: Millis,
    ) -> Decision<Self> {
        match self.group(&request.group_id).filter(|group| !group.is_empty()) {
            None => classic::refuse_sync(token, ErrorCode::UnknownMemberId),
            Some(Group::Classic(group)) => {
                self.sync_classic_group(token, caller, group, request, now)
            }
            Some(Group::Consumer(group)) => self
                .sync_consumer_group(token, group, request, now)
                .unwrap_or_else(|error| classic::refuse_sync(token, error)),
        }
    }

    pub(crate) fn heartbeat(
        &self,
        token: Token,
        request: &HeartbeatRequest,
        now: Millis,
    ) -> Decision<Self> {
        let beat = match self.group(&request.group_id) {
            None => Err(ErrorCode::UnknownMemberId),
            Some(Group::Classic(group)) => self.beat_classic_group(group, request, now),
            Some(Group::Consumer(group)) => self.classic_beat_consumer_group(group, request, now),
        };
        let (error, decision) = beat.unwrap_or_else(|error| (error, Decision::nothing()));
        let response =
            HeartbeatResponse { error_code: error.code(), ..HeartbeatResponse::default() };
        decision.and_answer(token, Response::Heartbeat(response))
    }

    pub(crate) fn leave_group(
        &self,
        token: Token,
        caller: &Caller,
        request: LeaveGroupRequest,
        now: Millis,
    ) -> Decision<Self> {
        let members = classic::leaving_members(caller, request.member_id, request.members);
        let (results, decision) = match self.group(&request.group_id) {
            None => {
                let unknown = members.iter().map(|_| Err(ErrorCode::UnknownMemberId));
                (unknown.collect(), Decision::nothing())
            }
            Some(Group::Classic(group)) => self.leave_classic_group(group, &members, now),
            Some(Group::Consumer(group)) => self.leave_as_classic(group, &members, now),
        };
        decision.and_answer(token, classic::leave_answer(caller, &members, &results))
    }
}
