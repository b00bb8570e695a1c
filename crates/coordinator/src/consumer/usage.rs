//! What a consumer group says about its offsets: who may commit and read them, and how it is removed.

use std::sync::Arc;

use ottla_machine::Millis;
use ottla_wire::{ErrorCode, Uuid};

use super::draft::Draft;
use super::state::ConsumerGroup;
use super::state::Member;
use crate::coordinator::GroupCoordinator;
use crate::record::Record;

/// Members of the consumer protocol must commit with this version of OffsetCommit or a later one.
const FIRST_COMMIT_VERSION: i16 = 9;

/// Whose word a commit is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Committer<'a> {
    pub(crate) member_id: &'a str,
    pub(crate) instance_id: Option<&'a str>,
    pub(crate) epoch: i32,
}

/// A commit with an epoch that the member has left: it holds for partitions that the member had by then.
#[derive(Clone, Debug)]
pub(crate) struct OlderEpoch {
    member: Arc<Member>,
    epoch: i32,
}

impl OlderEpoch {
    /// # Errors
    /// When the partition is not the member's, or was not by then.
    pub(crate) fn check(&self, topic: Option<Uuid>, partition: i32) -> Result<(), ErrorCode> {
        let since = topic.and_then(|topic| self.member.assignment_epoch(topic, partition));
        match since {
            Some(since) if self.epoch >= since => Ok(()),
            _ => Err(stale(&self.member)),
        }
    }
}

fn stale(member: &Member) -> ErrorCode {
    match member.uses_classic_protocol() {
        true => ErrorCode::IllegalGeneration,
        false => ErrorCode::StaleMemberEpoch,
    }
}

impl ConsumerGroup {
    /// Whether a commit may be done; with an older epoch, what has to be asked for each partition.
    ///
    /// `api_version` is that of OffsetCommit; none within a transaction.
    pub(crate) fn validate_commit(
        &self,
        committer: Committer<'_>,
        api_version: Option<i16>,
    ) -> Result<Option<OlderEpoch>, ErrorCode> {
        let Committer { member_id, instance_id, epoch } = committer;
        if epoch < 0 && self.is_empty() {
            return Ok(None);
        }
        let names_nobody = epoch == -1 && member_id.is_empty() && instance_id.is_none();
        if api_version.is_none() && names_nobody {
            return Ok(None);
        }
        let member = self.member(member_id).ok_or(ErrorCode::UnknownMemberId)?;
        let is_old = api_version.is_some_and(|version| version < FIRST_COMMIT_VERSION);
        if is_old && !member.uses_classic_protocol() {
            return Err(ErrorCode::UnsupportedVersion);
        }
        match epoch.cmp(&member.epoch) {
            std::cmp::Ordering::Equal => Ok(None),
            std::cmp::Ordering::Greater => Err(stale(member)),
            std::cmp::Ordering::Less => Ok(Some(OlderEpoch { member: Arc::clone(member), epoch })),
        }
    }

    /// Whether a member may read offsets. Who names nobody may.
    pub(crate) fn validate_fetch(
        &self,
        member_id: Option<&str>,
        epoch: i32,
    ) -> Result<(), ErrorCode> {
        let Some(member_id) = member_id else {
            // Kafka has no answer to an epoch that is nobody's.
            return if epoch < 0 { Ok(()) } else { Err(ErrorCode::UnknownServerError) };
        };
        let member = self.member(member_id).ok_or(ErrorCode::UnknownMemberId)?;
        if member.epoch == epoch { Ok(()) } else { Err(stale(member)) }
    }

    /// The records that remove the group.
    pub(crate) fn tombstones(&self, coordinator: &GroupCoordinator, now: Millis) -> Vec<Record> {
        let mut draft = Draft::new(coordinator, now, self.clone());
        draft.forget_group();
        draft.records
    }
}
