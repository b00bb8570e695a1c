//! A static member that comes back under the same instance id takes the place of its former self (KIP-345).

use ottla_wire::ErrorCode;
use ottla_wire::messages::{JoinGroupResponse, SyncGroupResponse};

use super::join::Join;
use super::rebalance::{join_refusal, sync_refusal};
use super::{Draft, Member, State};
use crate::group::CauseKind;

/// From this version the coordinator can tell a leader to keep the assignment it has (KIP-814).
const FIRST_VERSION_WITH_SKIPPED_ASSIGNMENT: i16 = 9;

impl Draft<'_> {
    /// Gives the place of `old_id` to the joining member. In a stable group that spares everyone a rebalance, unless
    /// the members would now choose another protocol.
    pub(super) fn replace_static_member(&mut self, join: &Join, old_id: &str, new_id: String) {
        let former_leader = self.group.leader.clone();
        self.succeed(join, old_id, new_id.clone());
        let is_silent = self.group.state == State::Stable
            && self.group.choose_protocol() == self.group.protocol;
        if !is_silent {
            self.note_member(CauseKind::MemberReplaced, &new_id, join.reason());
        }
        match self.group.state {
            State::Stable if is_silent => {
                self.return_to_generation(join, &new_id, former_leader);
            }
            State::Stable => self.rebalance(),
            // The leader may have been told of the old id already, and would assign nothing to the new one.
            State::CompletingRebalance => self.prepare_rebalance(),
            State::PreparingRebalance | State::Empty => self.try_complete_join(),
        }
    }

    fn succeed(&mut self, join: &Join, old_id: &str, new_id: String) {
        let Some(old) = self.group.take(old_id) else { return };
        self.fence(&old);
        let session_deadline = Some(self.after(old.session_timeout_ms));
        let mut member = Member {
            id: new_id.clone(),
            is_new: false,
            session_deadline,
            awaiting_join: Some(join.waiting),
            awaiting_sync: None,
            ..old
        };
        member.rejoin(join.caller, join.request);
        if self.group.is_leader(old_id) {
            self.group.leader = Some(new_id.clone());
        }
        if self.group.pending_syncs.remove(old_id).is_some() {
            self.group.pending_syncs.insert(new_id);
        }
        self.group.insert(member);
    }

    /// Whoever still waits under the old id is a double.
    fn fence(&mut self, old: &Member) {
        if let Some(waiting) = old.awaiting_join {
            let response = JoinGroupResponse {
                protocol_name: None,
                ..join_refusal(&old.id, ErrorCode::FencedInstanceId)
            };
            self.answer_join(waiting, response);
        }
        if let Some(waiting) = old.awaiting_sync {
            let response = SyncGroupResponse { ..sync_refusal(ErrorCode::FencedInstanceId) };
            self.answer_sync(waiting, response);
        }
    }

    fn return_to_generation(&mut self, join: &Join, new_id: &str, former_leader: Option<String>) {
        self.group.update(new_id, |member| member.awaiting_join = None);
        self.write_group();
        let mut response = self.group.joined(new_id);
        if join.caller.api_version >= FIRST_VERSION_WITH_SKIPPED_ASSIGNMENT {
            response.skip_assignment = self.group.is_leader(new_id);
        } else {
            // An older client that finds itself the leader would assign: it is told of the leader before it.
            response.leader = former_leader.unwrap_or_default();
            response.members = Vec::new();
        }
        self.answer_join(join.waiting, response);
    }
}
