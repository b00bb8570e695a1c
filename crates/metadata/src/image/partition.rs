//! One partition: its replicas and who leads.

use ottla_wire::Uuid;
use ottla_wire::messages::{PartitionChangeRecord, PartitionRecord};

/// The leader of a partition that has none.
pub const NO_LEADER: i32 = -1;

/// The value of `leader` in a [`PartitionChangeRecord`] that leaves the leader alone.
const NO_LEADER_CHANGE: i32 = -2;

/// Directory ids with a meaning of their own (KIP-858).
pub mod directory {
    use ottla_wire::Uuid;

    /// Not known: the replica was placed by a broker that did not tell directories.
    pub const MIGRATING: Uuid = Uuid::from_halves(0, 0);
    /// The broker has not chosen a directory yet.
    pub const UNASSIGNED: Uuid = Uuid::from_halves(0, 1);
    /// The directory is offline and its id unknown.
    pub const LOST: Uuid = Uuid::from_halves(0, 2);

    /// Whether the id is one of the first hundred, which Kafka keeps for itself.
    #[must_use]
    pub fn is_reserved(id: Uuid) -> bool {
        u128::from_be_bytes(*id.as_bytes()) < 100
    }
}

/// Whether a leader that was elected uncleanly is still recovering.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LeaderRecovery {
    #[default]
    Recovered,
    Recovering,
}

impl LeaderRecovery {
    /// The value for a code from a record or request.
    #[must_use]
    pub fn from_code(code: i8) -> Option<Self> {
        match code {
            0 => Some(Self::Recovered),
            1 => Some(Self::Recovering),
            _ => None,
        }
    }

    /// The code in records and requests.
    #[must_use]
    pub const fn code(self) -> i8 {
        match self {
            Self::Recovered => 0,
            Self::Recovering => 1,
        }
    }
}

/// One partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartitionImage {
    /// Broker ids, preferred leader first.
    pub replicas: Vec<i32>,
    /// The log directory of each replica, in the order of `replicas`.
    pub directories: Vec<Uuid>,
    pub isr: Vec<i32>,
    pub removing: Vec<i32>,
    pub adding: Vec<i32>,
    /// Eligible leader replicas (KIP-966).
    pub elr: Vec<i32>,
    pub last_known_elr: Vec<i32>,
    /// Broker id, or [`NO_LEADER`].
    pub leader: i32,
    pub leader_recovery: LeaderRecovery,
    pub leader_epoch: i32,
    pub partition_epoch: i32,
}

impl PartitionImage {
    /// The partition that a record creates or replaces.
    #[must_use]
    pub fn from_record(record: &PartitionRecord) -> Self {
        Self {
            replicas: record.replicas.clone(),
            directories: padded(&record.directories, record.replicas.len()),
            isr: record.isr.clone(),
            removing: record.removing_replicas.clone(),
            adding: record.adding_replicas.clone(),
            elr: record.eligible_leader_replicas.clone().unwrap_or_default(),
            last_known_elr: record.last_known_elr.clone().unwrap_or_default(),
            leader: record.leader,
            leader_recovery: LeaderRecovery::from_code(record.leader_recovery_state)
                .unwrap_or_default(),
            leader_epoch: record.leader_epoch,
            partition_epoch: record.partition_epoch,
        }
    }

    /// The record that creates this partition in one step.
    #[must_use]
    pub fn to_record(&self, topic_id: Uuid, partition_id: i32) -> PartitionRecord {
        let list = |ids: &Vec<i32>| (!ids.is_empty()).then(|| ids.clone());
        PartitionRecord {
            partition_id,
            topic_id,
            replicas: self.replicas.clone(),
            isr: self.isr.clone(),
            removing_replicas: self.removing.clone(),
            adding_replicas: self.adding.clone(),
            leader: self.leader,
            leader_recovery_state: self.leader_recovery.code(),
            leader_epoch: self.leader_epoch,
            partition_epoch: self.partition_epoch,
            directories: self.directories.clone(),
            eligible_leader_replicas: list(&self.elr),
            last_known_elr: list(&self.last_known_elr),
            ..PartitionRecord::default()
        }
    }

    /// Takes in a change. Every change raises the partition epoch, a named leader the leader epoch.
    pub fn merge(&mut self, change: &PartitionChangeRecord) {
        if let Some(replicas) = &change.replicas {
            self.replicas.clone_from(replicas);
            self.directories = padded(&self.directories, self.replicas.len());
        }
        if let Some(directories) = change.directories.as_ref().filter(|all| !all.is_empty()) {
            self.directories = padded(directories, self.replicas.len());
        }
        replace(&mut self.isr, change.isr.as_ref());
        replace(&mut self.removing, change.removing_replicas.as_ref());
        replace(&mut self.adding, change.adding_replicas.as_ref());
        replace(&mut self.elr, change.eligible_leader_replicas.as_ref());
        replace(&mut self.last_known_elr, change.last_known_elr.as_ref());
        if change.leader != NO_LEADER_CHANGE {
            self.leader = change.leader;
            self.leader_epoch = self.leader_epoch.wrapping_add(1);
        }
        if let Some(recovery) = LeaderRecovery::from_code(change.leader_recovery_state) {
            self.leader_recovery = recovery;
        }
        self.partition_epoch = self.partition_epoch.wrapping_add(1);
    }

    /// The directory that holds the replica of a broker.
    #[must_use]
    pub fn directory_of(&self, broker: i32) -> Option<Uuid> {
        let at = self.replicas.iter().position(|replica| *replica == broker)?;
        self.directories.get(at).copied()
    }

    /// Whether some broker leads.
    #[must_use]
    pub fn has_leader(&self) -> bool {
        self.leader != NO_LEADER
    }

    /// The replica that leads when everything is well.
    #[must_use]
    pub fn preferred_leader(&self) -> i32 {
        self.replicas.first().copied().unwrap_or(NO_LEADER)
    }

    /// Whether replicas are being added or removed.
    #[must_use]
    pub fn is_reassigning(&self) -> bool {
        !self.removing.is_empty() || !self.adding.is_empty()
    }
}

fn replace(list: &mut Vec<i32>, with: Option<&Vec<i32>>) {
    if let Some(with) = with {
        list.clone_from(with);
    }
}

/// As many directories as there are replicas: older record versions name none.
fn padded(directories: &[Uuid], replicas: usize) -> Vec<Uuid> {
    let mut all = directories.to_vec();
    all.resize(replicas, directory::MIGRATING);
    all
}
