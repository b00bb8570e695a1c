//! The two kinds of groups, and what is asked of both.

use ottla_machine::{Answer, Millis};
use ottla_wire::messages::{OffsetCommitRequest, TxnOffsetCommitRequest};
use ottla_wire::{ErrorCode, Uuid};

use crate::classic::{self, ClassicGroup};
use crate::consumer::{self, Committer, ConsumerGroup, OlderEpoch};
use crate::request::Response;

/// Where a group is between two assignments.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum State {
    Classic(classic::State),
    Consumer(consumer::State),
}

impl State {
    /// Whether the group's members speak the consumer protocol.
    #[must_use]
    pub fn is_consumer(self) -> bool {
        matches!(self, Self::Consumer(_))
    }

    /// The name that clients and tools see.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Classic(state) => state.name(),
            Self::Consumer(state) => state.name(),
        }
    }
}

/// From when on an offset counts as unused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Expiry {
    SinceEmpty(Millis),
    SinceCommit,
}

/// Leave to commit offsets.
#[derive(Debug, Default)]
pub(crate) struct Permit<'a> {
    /// The classic member whose session the commit renews.
    pub(crate) session: Option<&'a classic::Member>,
    /// What has to be asked for each partition.
    pub(crate) older_epoch: Option<OlderEpoch>,
}

impl Permit<'_> {
    /// # Errors
    /// The error for the whole commit.
    pub(crate) fn check(&self, topic: Option<Uuid>, partition: i32) -> Result<(), ErrorCode> {
        self.older_epoch.as_ref().map_or(Ok(()), |older| older.check(topic, partition))
    }
}

/// A group, hard and soft state together.
#[derive(Clone, Debug)]
pub(crate) enum Group {
    Classic(ClassicGroup),
    Consumer(ConsumerGroup),
}

impl Group {
    /// A group that only holds offsets.
    pub(crate) fn simple(id: String, state_since: Option<Millis>) -> Self {
        Self::Classic(ClassicGroup::empty(id, state_since))
    }

    pub(crate) fn id(&self) -> &str {
        match self {
            Self::Classic(group) => &group.id,
            Self::Consumer(group) => &group.id,
        }
    }

    pub(crate) fn state(&self) -> State {
        match self {
            Self::Classic(group) => State::Classic(group.state()),
            Self::Consumer(group) => State::Consumer(group.state()),
        }
    }

    /// Whether nobody is a member.
    pub(crate) fn is_empty(&self) -> bool {
        match self {
            Self::Classic(group) => group.is_empty(),
            Self::Consumer(group) => group.is_empty(),
        }
    }

    pub(crate) fn wake_at(&self) -> Option<Millis> {
        match self {
            Self::Classic(group) => group.wake_at(),
            Self::Consumer(group) => group.wake_at(),
        }
    }

    /// Whether the offsets of `topic` are in use by members.
    pub(crate) fn is_subscribed_to(&self, topic: &str) -> bool {
        match self {
            Self::Classic(group) => group.is_subscribed_to(topic),
            Self::Consumer(group) => group.is_subscribed_to(topic),
        }
    }

    /// Whether this commit may be done.
    ///
    /// # Errors
    /// The error for every partition of the commit.
    pub(crate) fn validate_commit(
        &self,
        request: &OffsetCommitRequest,
        api_version: i16,
    ) -> Result<Permit<'_>, ErrorCode> {
        match self {
            Self::Classic(group) => {
                let session = group.validate_commit(request)?;
                Ok(Permit { session, older_epoch: None })
            }
            Self::Consumer(group) => {
                let committer = Committer {
                    member_id: &request.member_id,
                    instance_id: request.group_instance_id.as_deref(),
                    epoch: request.generation_id_or_member_epoch,
                };
                let older_epoch = group.validate_commit(committer, Some(api_version))?;
                Ok(Permit { session: None, older_epoch })
            }
        }
    }

    /// Whether this commit may be done within a transaction. Producers of old versions name no member.
    ///
    /// # Errors
    /// The error for every partition of the commit.
    pub(crate) fn validate_transactional_commit(
        &self,
        request: &TxnOffsetCommitRequest,
    ) -> Result<Permit<'_>, ErrorCode> {
        match self {
            Self::Classic(group) => {
                group.validate_transactional_commit(request)?;
                Ok(Permit::default())
            }
            Self::Consumer(group) => {
                let committer = Committer {
                    member_id: &request.member_id,
                    instance_id: request.group_instance_id.as_deref(),
                    epoch: request.generation_id_or_member_epoch,
                };
                let older_epoch = group.validate_commit(committer, None)?;
                Ok(Permit { session: None, older_epoch })
            }
        }
    }

    /// Whether a member may read offsets.
    ///
    /// # Errors
    /// The error for the whole group.
    pub(crate) fn validate_fetch(
        &self,
        member_id: Option<&str>,
        epoch: i32,
    ) -> Result<(), ErrorCode> {
        match self {
            Self::Classic(_) => Ok(()),
            Self::Consumer(group) => group.validate_fetch(member_id, epoch),
        }
    }

    /// Whether offsets may be deleted by hand.
    ///
    /// # Errors
    /// `NON_EMPTY_GROUP` when the group has members whose needs the coordinator can't know.
    pub(crate) fn validate_offset_delete(&self) -> Result<(), ErrorCode> {
        match self {
            Self::Classic(group) => group.validate_offset_delete(),
            Self::Consumer(_) => Ok(()),
        }
    }

    /// From when on offsets that no member subscribes to are unused; none while that can't be told.
    pub(crate) fn offset_expiry(&self) -> Option<Expiry> {
        match self {
            Self::Classic(group) => group.offset_expiry(),
            Self::Consumer(_) => Some(Expiry::SinceCommit),
        }
    }

    /// Answers everyone who waits.
    pub(crate) fn refuse_all(&self, error: ErrorCode) -> Vec<Answer<Response>> {
        match self {
            Self::Classic(group) => group.refuse_all(error).collect(),
            Self::Consumer(_) => Vec::new(),
        }
    }
}
