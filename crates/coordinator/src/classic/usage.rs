//! What a group says about its offsets: who may commit them, delete them, and when they expire.

use ottla_machine::Answer;
use ottla_wire::ErrorCode;
use ottla_wire::messages::{OffsetCommitRequest, TxnOffsetCommitRequest};

use super::rebalance::{join_answer, join_refusal, sync_refusal};
use super::{ClassicGroup, Member, State};
use crate::group::Expiry;
use crate::request::Response;

impl ClassicGroup {
    /// Whether this commit may be done, and by which member; none when the committer is on its own.
    ///
    /// # Errors
    /// The error for every partition of the commit.
    pub(crate) fn validate_commit(
        &self,
        request: &OffsetCommitRequest,
    ) -> Result<Option<&Member>, ErrorCode> {
        let generation = request.generation_id_or_member_epoch;
        let instance_id = request.group_instance_id.as_deref();
        if generation < 0 && self.state == State::Empty {
            return Ok(None);
        }
        if generation < 0 && request.member_id.is_empty() && instance_id.is_none() {
            return Err(ErrorCode::UnknownMemberId);
        }
        let member = self.validate_member(&request.member_id, instance_id)?;
        if generation != self.generation {
            return Err(ErrorCode::IllegalGeneration);
        }
        match self.state {
            // The member knows the generation, so it is between join and sync: it must not think that it lost its
            // partitions, nor that it may keep them.
            State::CompletingRebalance => Err(ErrorCode::RebalanceInProgress),
            State::Empty => Ok(None),
            State::PreparingRebalance | State::Stable => Ok(Some(member)),
        }
    }

    /// Whether this commit may be done within a transaction. Producers of old versions name no member.
    ///
    /// # Errors
    /// The error for every partition of the commit.
    pub(crate) fn validate_transactional_commit(
        &self,
        request: &TxnOffsetCommitRequest,
    ) -> Result<(), ErrorCode> {
        let generation = request.generation_id_or_member_epoch;
        let instance_id = request.group_instance_id.as_deref();
        let names_nobody = generation < 0 && request.member_id.is_empty() && instance_id.is_none();
        if names_nobody || generation < 0 && self.state == State::Empty {
            return Ok(());
        }
        self.validate_member(&request.member_id, instance_id)?;
        match generation == self.generation {
            true => Ok(()),
            false => Err(ErrorCode::IllegalGeneration),
        }
    }

    /// Whether offsets may be deleted by hand. A consumer group may lose those it doesn't subscribe to.
    ///
    /// # Errors
    /// `NON_EMPTY_GROUP` when the group has members whose needs the coordinator can't know.
    pub(crate) fn validate_offset_delete(&self) -> Result<(), ErrorCode> {
        match self.state {
            State::Empty => Ok(()),
            _ if self.uses_consumer_protocol() => Ok(()),
            _ => Err(ErrorCode::NonEmptyGroup),
        }
    }

    /// From when on offsets that no member subscribes to are unused; none while that can't be told.
    pub(crate) fn offset_expiry(&self) -> Option<Expiry> {
        if self.protocol_type.is_none() {
            return Some(Expiry::SinceCommit);
        }
        match self.state {
            State::Empty => Some(self.state_since.map_or(Expiry::SinceCommit, Expiry::SinceEmpty)),
            State::Stable if self.subscribed.is_some() => Some(Expiry::SinceCommit),
            _ => None,
        }
    }

    /// Answers everyone who waits in a join or sync.
    pub(crate) fn refuse_all(&self, error: ErrorCode) -> impl Iterator<Item = Answer<Response>> {
        self.members().flat_map(move |member| {
            let join = member
                .awaiting_join
                .map(|waiting| join_answer(waiting, join_refusal(&member.id, error)));
            let sync = member.awaiting_sync.map(|waiting| Answer {
                token: waiting.token,
                response: Response::SyncGroup(sync_refusal(error)),
            });
            join.into_iter().chain(sync)
        })
    }
}
