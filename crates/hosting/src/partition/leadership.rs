//! What the metadata says of a partition, how far its followers are, and the high watermark.
//!
//! The high watermark is the smallest log end among the in-sync replicas. A leader that is alone in
//! sync moves it with every append, or with `ottla.durability=fsync` once the disk has the records: so
//! nobody reads, and no coordinator answers by, what a crash may take back.

use std::collections::BTreeMap;
use std::sync::Arc;

use ottla_log::Log;
use ottla_wire::ErrorCode;

use super::Partition;
use super::hosted::State;

/// The metadata's view of one partition.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Assignment {
    /// −1 when nobody leads.
    pub leader: i32,
    pub leader_epoch: i32,
    pub partition_epoch: i32,
    pub replicas: Vec<i32>,
    pub isr: Vec<i32>,
}

/// How far a follower is, as its fetches tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Follower {
    log_end: i64,
    log_start: i64,
}

#[derive(Debug)]
pub(super) struct Leadership {
    assignment: Assignment,
    /// Where the leader's epoch began, on the leader.
    epoch_start: Option<i64>,
    followers: BTreeMap<i32, Follower>,
}

impl Default for Leadership {
    fn default() -> Self {
        let assignment = Assignment { leader: -1, leader_epoch: -1, ..Assignment::default() };
        Self { assignment, epoch_start: None, followers: BTreeMap::new() }
    }
}

impl Leadership {
    pub(super) fn is_leader(&self, broker_id: i32) -> bool {
        self.assignment.leader == broker_id
    }

    pub(super) fn leader_epoch(&self) -> i32 {
        self.assignment.leader_epoch
    }

    /// The high watermark is behind the start of the leader's epoch: what is committed is not known.
    pub(super) fn is_lagging(&self, high_watermark: i64) -> bool {
        self.epoch_start.is_some_and(|start| start > high_watermark)
    }

    pub(super) fn is_under_replicated(&self, broker_id: i32) -> bool {
        self.is_leader(broker_id) && self.assignment.isr.len() < self.assignment.replicas.len()
    }

    /// Compares the epoch a request carries with the partition's.
    pub(super) fn check_epoch(&self, current: Option<i32>) -> Result<(), ErrorCode> {
        match current {
            Some(epoch) if epoch < self.leader_epoch() => Err(ErrorCode::FencedLeaderEpoch),
            Some(epoch) if epoch > self.leader_epoch() => Err(ErrorCode::UnknownLeaderEpoch),
            _ => Ok(()),
        }
    }

    fn in_sync_followers(&self, broker_id: i32) -> impl Iterator<Item = Option<&Follower>> {
        let others = self.assignment.isr.iter().filter(move |replica| **replica != broker_id);
        others.map(|replica| self.followers.get(replica))
    }
}

impl State {
    /// `min.insync.replicas`, at most the number of replicas there are.
    pub(super) fn min_isr(&self) -> usize {
        let replicas = self.leadership.assignment.replicas.len();
        usize::try_from(self.settings.min_insync_replicas).unwrap_or(1).min(replicas)
    }

    pub(super) fn isr_len(&self) -> usize {
        self.leadership.assignment.isr.len()
    }

    pub(super) fn is_under_min_isr(&self, broker_id: i32) -> bool {
        self.leadership.is_leader(broker_id) && self.isr_len() < self.min_isr()
    }

    pub(super) fn leader_log(&mut self, broker_id: i32) -> Result<&mut Log, ErrorCode> {
        let is_leader = self.leadership.is_leader(broker_id);
        let log = self.log_mut()?;
        if is_leader { Ok(log) } else { Err(ErrorCode::NotLeaderOrFollower) }
    }

    /// Raises the high watermark to where every in-sync replica is; its new value if it moved.
    pub(super) fn advance_high_watermark(
        &mut self,
        broker_id: i32,
    ) -> Result<Option<i64>, ottla_log::Error> {
        let Some(log) = self.log.as_mut() else { return Ok(None) };
        if !self.leadership.is_leader(broker_id) {
            return Ok(None);
        }
        let before = log.high_watermark();
        let mut reached = log.durable_end();
        for follower in self.leadership.in_sync_followers(broker_id) {
            // A follower that has not fetched yet may be anywhere.
            reached = reached.min(follower.map_or(before, |follower| follower.log_end));
        }
        if reached <= before {
            return Ok(None);
        }
        log.update_high_watermark(reached).map(Some)
    }

    /// The smallest log start offset among the live replicas (KIP-107).
    pub(super) fn low_watermark(&self) -> i64 {
        let own = self.log.as_ref().map_or(-1, Log::log_start_offset);
        self.leadership.followers.values().map(|follower| follower.log_start).fold(own, i64::min)
    }
}

impl Partition {
    /// Takes over what the metadata says. Older news than what is known is ignored.
    ///
    /// # Errors
    /// When the log can't be written: the partition is offline then.
    pub(crate) fn assign(self: &Arc<Self>, assignment: Assignment) -> Result<(), ottla_log::Error> {
        let broker_id = self.identity.broker_id;
        let (advanced, waits_for_flush) = {
            let mut state = self.state.lock();
            let known = &state.leadership.assignment;
            if known.leader_epoch >= 0 && assignment.partition_epoch < known.partition_epoch {
                return Ok(());
            }
            let is_new_epoch = assignment.leader_epoch > known.leader_epoch;
            let leads = assignment.leader == broker_id;
            let replicas = assignment.replicas.clone();
            state.leadership.followers.retain(|replica, _| replicas.contains(replica));
            state.leadership.assignment = assignment;
            if !leads {
                state.leadership.epoch_start = None;
                state.leadership.followers.clear();
            }
            if leads && is_new_epoch {
                let epoch = state.leadership.leader_epoch();
                if let Some(log) = &mut state.log {
                    let end = log.log_end_offset();
                    log.assign_epoch_start(epoch)?;
                    state.leadership.epoch_start = Some(end);
                }
                state.leadership.followers.clear();
            }
            let waits_for_flush = leads && state.log.as_ref().is_some_and(Log::waits_for_flush);
            (state.advance_high_watermark(broker_id)?, waits_for_flush)
        };
        // What a start found may be in the page cache alone: it can't be read before the disk has it.
        if waits_for_flush {
            self.request_flush();
        }
        if let Some(high_watermark) = advanced {
            self.waiters.committed(high_watermark);
        }
        self.waiters.changed();
        Ok(())
    }

    /// Who leads, and in which epoch.
    #[must_use]
    pub fn leader(&self) -> (i32, i32) {
        let state = self.state.lock();
        let Assignment { leader, leader_epoch, .. } = state.leadership.assignment;
        (leader, leader_epoch)
    }

    /// Whether this broker leads.
    #[must_use]
    pub fn is_leader(&self) -> bool {
        self.leader().0 == self.identity.broker_id
    }

    /// Notes how far a follower is, from its fetch.
    pub(super) fn follower_fetched(
        &self,
        state: &mut State,
        replica: i32,
        log_end: i64,
        log_start: i64,
    ) -> Result<(), ErrorCode> {
        state.leadership.followers.insert(replica, Follower { log_end, log_start });
        let advanced = state.advance_high_watermark(self.identity.broker_id);
        match advanced {
            Ok(Some(high_watermark)) => {
                self.waiters.committed(high_watermark);
                self.waiters.readable(crate::waiters::ENOUGH);
            }
            Ok(None) => {}
            Err(error) => {
                self.failed(&error);
                return Err(ErrorCode::KafkaStorageError);
            }
        }
        self.waiters.deleted(state.low_watermark());
        Ok(())
    }

    /// Whether a replica belongs to the partition.
    pub(super) fn is_replica(state: &State, replica: i32) -> bool {
        let assignment = &state.leadership.assignment;
        replica != assignment.leader && assignment.replicas.contains(&replica)
    }
}
