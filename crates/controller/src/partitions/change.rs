//! One change of one partition: from what it is and what is wanted to the record that says so.
//!
//! A reassignment that has become possible completes; eligible leader replicas (KIP-966) follow the
//! in-sync set; a leader is elected when the present one may not stay. No change, no record.

use std::collections::BTreeMap;

use ottla_metadata::{LeaderRecovery, MetadataVersion, NO_LEADER, PartitionImage, directory};
use ottla_wire::Uuid;
use ottla_wire::messages::PartitionChangeRecord;

use crate::controller::Controller;
use crate::index::PartitionKey;

/// The value of `leader` in a record that leaves the leader alone.
pub(crate) const NO_LEADER_CHANGE: i32 = -2;
/// The value of `leader_recovery_state` in a record that leaves it alone.
const NO_RECOVERY_CHANGE: i8 = -1;

/// Who may become leader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Election {
    /// The preferred replica if it is in sync, else whoever leads, else another one in sync.
    Preferred,
    /// Whoever leads, else one in sync.
    Online,
    /// As `Online`; in the last resort a replica that lost records.
    Unclean,
}

/// A change in the making.
pub(crate) struct Change<'a> {
    partition: &'a PartitionImage,
    key: PartitionKey,
    version: MetadataVersion,
    elr_enabled: bool,
    min_isr: usize,
    may_lead: Box<dyn Fn(i32) -> bool + 'a>,
    is_online: Box<dyn Fn(i32, Uuid) -> bool + 'a>,
    default_directory: Box<dyn Fn(i32) -> Uuid + 'a>,
    pub election: Election,
    pub isr: Vec<i32>,
    pub replicas: Vec<i32>,
    pub removing: Vec<i32>,
    pub adding: Vec<i32>,
    pub recovery: LeaderRecovery,
    /// Replicas that lost what they had not flushed.
    pub unclean_shutdown: Option<i32>,
    /// Directories chosen by brokers.
    pub directories: BTreeMap<i32, Uuid>,
    elr: Vec<i32>,
    last_known_elr: Vec<i32>,
}

impl Controller {
    /// A change of a partition; `may_lead` says who may, besides being in sync.
    pub(crate) fn change<'a>(
        &'a self,
        key: PartitionKey,
        partition: &'a PartitionImage,
        may_lead: impl Fn(i32) -> bool + 'a,
    ) -> Change<'a> {
        let topic = self.image.topics.by_id(key.0);
        let min_isr = topic.map_or(1, |topic| self.effective_min_isr(topic));
        let directories =
            partition.replicas.iter().copied().zip(partition.directories.iter().copied());
        Change {
            partition,
            key,
            version: self.metadata_version(),
            elr_enabled: self.elr_enabled(),
            min_isr,
            may_lead: Box::new(may_lead),
            is_online: Box::new(|replica, directory| {
                let broker = self.image.broker(replica);
                broker.is_some_and(|broker| broker.has_online_directory(directory))
            }),
            default_directory: Box::new(|broker| self.default_directory(broker)),
            election: Election::Online,
            isr: partition.isr.clone(),
            replicas: partition.replicas.clone(),
            removing: partition.removing.clone(),
            adding: partition.adding.clone(),
            recovery: partition.leader_recovery,
            unclean_shutdown: None,
            directories: directories.collect(),
            elr: partition.elr.clone(),
            last_known_elr: partition.last_known_elr.clone(),
        }
    }
}

impl Change<'_> {
    /// The record, unless nothing changes.
    pub fn build(mut self) -> Option<PartitionChangeRecord> {
        let mut record = PartitionChangeRecord {
            partition_id: self.key.1,
            topic_id: self.key.0,
            ..Default::default()
        };
        self.complete_reassignment();
        self.follow_elr();
        self.elect(&mut record);
        self.bump_epoch_for_removed_replicas(&mut record);
        self.record_elr(&mut record);
        let may_be_set = !self.isr.is_empty() || self.elr_enabled;
        if record.isr.is_none() && may_be_set && self.isr != self.partition.isr {
            record.isr = Some(self.isr.clone());
        }
        self.bump_epoch_for_shrunk_isr(&mut record);
        self.record_last_known_leader(&mut record);
        self.record_assignment(&mut record);
        if self.recovery != self.partition.leader_recovery {
            record.leader_recovery_state = self.recovery.code();
        }
        (!is_no_change(&record)).then_some(record)
    }

    /// Ends a reassignment once every new replica is in sync.
    fn complete_reassignment(&mut self) {
        if self.removing.is_empty() && self.adding.is_empty() {
            return;
        }
        let keep = |ids: &[i32]| -> Vec<i32> {
            ids.iter().copied().filter(|id| !self.removing.contains(id)).collect()
        };
        let (isr, replicas) = (keep(&self.isr), keep(&self.replicas));
        let in_sync = |ids: &[i32]| ids.iter().all(|id| isr.contains(id));
        let shrinks = self.adding.len() < self.removing.len();
        if !self.removing.is_empty() && (isr.is_empty() || replicas.is_empty())
            || !in_sync(&self.adding)
            || shrinks && !in_sync(&replicas)
        {
            return;
        }
        self.isr = isr;
        self.replicas = replicas;
        self.removing.clear();
        self.adding.clear();
    }

    /// Below min.insync.replicas, whoever leaves the in-sync set stays eligible.
    fn follow_elr(&mut self) {
        if !self.elr_enabled {
            return;
        }
        if self.isr.len() >= self.min_isr {
            self.elr.clear();
            self.last_known_elr.clear();
            return;
        }
        let mut candidates = [self.elr.as_slice(), &self.partition.isr].concat();
        let is_out = |id: &i32, isr: &[i32]| !isr.contains(id);
        self.elr = candidates
            .iter()
            .copied()
            .filter(|id| is_out(id, &self.isr) && self.unclean_shutdown != Some(*id))
            .collect();
        sort_and_dedup(&mut self.elr);
        candidates.append(&mut self.last_known_elr);
        candidates.retain(|id| is_out(id, &self.isr) && !self.elr.contains(id));
        sort_and_dedup(&mut candidates);
        self.last_known_elr = candidates;
    }

    fn elect(&mut self, record: &mut PartitionChangeRecord) {
        let (leader, unclean) = self.choose_leader();
        if leader == self.partition.leader {
            return;
        }
        if self.elr.contains(&leader) {
            self.isr = vec![leader];
            self.elr.retain(|id| *id != leader);
        }
        record.leader = leader;
        if unclean {
            // Records may be lost here: the new leader's log is the truth from now on.
            record.isr = Some(vec![leader]);
            if self.partition.leader_recovery != LeaderRecovery::Recovering {
                record.leader_recovery_state = LeaderRecovery::Recovering.code();
            }
            self.recovery = LeaderRecovery::Recovering;
        }
    }

    /// The leader, and whether it may have lost records.
    fn choose_leader(&self) -> (i32, bool) {
        let others = match self.election {
            Election::Preferred => {
                if let Some(preferred) =
                    self.replicas.first().filter(|id| self.is_valid_leader(**id))
                {
                    return (*preferred, false);
                }
                self.replicas.get(1..).unwrap_or_default()
            }
            Election::Online | Election::Unclean => &self.replicas,
        };
        if self.is_valid_leader(self.partition.leader) {
            return (self.partition.leader, false);
        }
        if let Some(online) = others.iter().find(|id| self.is_valid_leader(**id)) {
            return (*online, false);
        }
        if let Some(leader) = self.last_known_leader() {
            return (leader, true);
        }
        if self.election == Election::Unclean
            && let Some(unclean) = self.replicas.iter().find(|id| self.can_lead(**id))
        {
            return (*unclean, true);
        }
        (NO_LEADER, false)
    }

    /// Whether the broker may lead, and the replica's directory is online: the one that this very
    /// change puts it into, so that a replica which has moved away from a failed disk leads at once.
    fn can_lead(&self, replica: i32) -> bool {
        let directory = self.directories.get(&replica);
        (self.may_lead)(replica)
            && directory.is_none_or(|directory| (self.is_online)(replica, *directory))
    }

    fn is_valid_leader(&self, replica: i32) -> bool {
        let in_sync = self.isr.contains(&replica);
        let eligible = self.isr.is_empty() && self.elr.contains(&replica);
        (in_sync || eligible) && self.can_lead(replica)
    }

    /// The last one that led, when nobody is in sync or eligible and it is back.
    fn last_known_leader(&self) -> Option<i32> {
        if !self.elr_enabled || !self.elr.is_empty() || !self.isr.is_empty() {
            return None;
        }
        match self.partition.last_known_elr.as_slice() {
            [leader] if self.can_lead(*leader) => Some(*leader),
            _ => None,
        }
    }

    /// Replicas that lose the partition must learn it by a new leader epoch.
    fn bump_epoch_for_removed_replicas(&self, record: &mut PartitionChangeRecord) {
        let lost = self.partition.replicas.iter().any(|id| !self.replicas.contains(id));
        if record.leader == NO_LEADER_CHANGE && lost {
            record.leader = self.partition.leader;
        }
    }

    /// KAFKA-15021: before 3.6-IV0 every smaller in-sync set needed a new leader epoch.
    fn bump_epoch_for_shrunk_isr(&self, record: &mut PartitionChangeRecord) {
        if self.version >= MetadataVersion(12) || record.leader != NO_LEADER_CHANGE {
            return;
        }
        if let Some(isr) = &record.isr
            && self.partition.isr.iter().any(|id| !isr.contains(id))
        {
            record.leader = self.partition.leader;
        }
    }

    fn record_elr(&mut self, record: &mut PartitionChangeRecord) {
        let unclean = record.isr.is_some();
        if unclean || !self.elr_enabled {
            self.elr.clear();
            self.last_known_elr.clear();
        }
        if self.elr != self.partition.elr {
            record.eligible_leader_replicas = Some(self.elr.clone());
        }
    }

    /// `last_known_elr` remembers the last leader, as long as there is none (balanced recovery).
    fn record_last_known_leader(&self, record: &mut PartitionChangeRecord) {
        if !self.elr_enabled {
            if !self.partition.last_known_elr.is_empty() {
                record.last_known_elr = Some(Vec::new());
            }
            return;
        }
        let known = &self.partition.last_known_elr;
        let empties = record.isr.as_ref().is_some_and(Vec::is_empty);
        let stays_led = self.partition.has_leader() && record.leader != NO_LEADER;
        if empties && *known != [self.partition.leader] {
            record.last_known_elr = Some(vec![self.partition.leader]);
        } else if (record.leader >= 0 || stays_led) && !known.is_empty() {
            record.last_known_elr = Some(Vec::new());
        }
    }

    fn record_assignment(&self, record: &mut PartitionChangeRecord) {
        if self.version.tells_directories() {
            let directories: Vec<Uuid> = self
                .replicas
                .iter()
                .map(|id| {
                    let chosen = self.directories.get(id).copied();
                    chosen.unwrap_or_else(|| (self.default_directory)(*id))
                })
                .collect();
            if directories != self.partition.directories {
                record.directories = Some(directories);
            }
        }
        let set_if_changed =
            |target: &[i32], current: &[i32]| (target != current).then(|| target.to_vec());
        record.replicas = set_if_changed(&self.replicas, &self.partition.replicas);
        record.removing_replicas = set_if_changed(&self.removing, &self.partition.removing);
        record.adding_replicas = set_if_changed(&self.adding, &self.partition.adding);
    }
}

fn sort_and_dedup(ids: &mut Vec<i32>) {
    ids.sort_unstable();
    ids.dedup();
}

fn is_no_change(record: &PartitionChangeRecord) -> bool {
    record.isr.is_none()
        && record.leader == NO_LEADER_CHANGE
        && record.replicas.is_none()
        && record.removing_replicas.is_none()
        && record.adding_replicas.is_none()
        && record.leader_recovery_state == NO_RECOVERY_CHANGE
        && record.directories.is_none()
        && record.eligible_leader_replicas.is_none()
        && record.last_known_elr.is_none()
}

impl Controller {
    /// The directory that a broker's new replica lies in, as far as anybody can say beforehand.
    pub(crate) fn default_directory(&self, broker: i32) -> Uuid {
        match self.image.broker(broker).map(|broker| broker.directories.as_slice()) {
            None => directory::UNASSIGNED,
            Some([]) => directory::MIGRATING,
            Some([only]) => *only,
            Some(_) => directory::UNASSIGNED,
        }
    }
}
