//! Feature levels, and the record versions that each metadata.version writes.
//!
//! The levels are those that Kafka 4.3.1 supports; a level names the records that every node of the
//! cluster can read.

use std::fmt;

use ottla_wire::messages::MetadataRecord;

use crate::image::VersionRange;

/// The feature that decides which metadata records may be written.
pub const METADATA_VERSION: &str = "metadata.version";
/// Eligible leader replicas (KIP-966).
pub const ELR_VERSION: &str = "eligible.leader.replicas.version";
/// The consumer group protocol (KIP-848).
pub const GROUP_VERSION: &str = "group.version";
/// The quorum's own version (KIP-853); kept in the log's control records, not in feature records.
pub const KRAFT_VERSION: &str = "kraft.version";
/// Share groups (KIP-932).
pub const SHARE_VERSION: &str = "share.version";
/// Streams groups (KIP-1071).
pub const STREAMS_VERSION: &str = "streams.version";
/// The transaction protocol (KIP-890).
pub const TRANSACTION_VERSION: &str = "transaction.version";

/// Features this version understands, by name, with the levels it knows.
pub const SUPPORTED_FEATURES: [(&str, VersionRange); 7] = [
    (ELR_VERSION, VersionRange { min: 0, max: 1 }),
    (GROUP_VERSION, VersionRange { min: 0, max: 1 }),
    (KRAFT_VERSION, VersionRange { min: 0, max: 1 }),
    (
        METADATA_VERSION,
        VersionRange { min: MetadataVersion::MIN.0, max: MetadataVersion::LATEST.0 },
    ),
    (SHARE_VERSION, VersionRange { min: 0, max: 1 }),
    (STREAMS_VERSION, VersionRange { min: 0, max: 1 }),
    (TRANSACTION_VERSION, VersionRange { min: 0, max: 2 }),
];

/// The levels that a new cluster begins with, in the order in which Kafka writes them.
pub const BOOTSTRAP_FEATURES: [(&str, i16); 6] = [
    (METADATA_VERSION, MetadataVersion::LATEST.0),
    (ELR_VERSION, 1),
    (GROUP_VERSION, 1),
    (SHARE_VERSION, 1),
    (STREAMS_VERSION, 1),
    (TRANSACTION_VERSION, 2),
];

/// A level of metadata.version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MetadataVersion(pub i16);

/// Release and its inner version for every level from [`MetadataVersion::MIN`] on.
const NAMES: [&str; 24] = [
    "3.3-IV3", "3.4-IV0", "3.5-IV0", "3.5-IV1", "3.5-IV2", "3.6-IV0", "3.6-IV1", "3.6-IV2",
    "3.7-IV0", "3.7-IV1", "3.7-IV2", "3.7-IV3", "3.7-IV4", "3.8-IV0", "3.9-IV0", "4.0-IV0",
    "4.0-IV1", "4.0-IV2", "4.0-IV3", "4.1-IV0", "4.1-IV1", "4.2-IV0", "4.2-IV1", "4.3-IV0",
];

impl MetadataVersion {
    /// The oldest level that can be read: 3.3-IV3, the first one of KRaft for production.
    pub const MIN: Self = Self(7);
    /// The level of Kafka 4.3.
    pub const LATEST: Self = Self(30);

    /// The name, as `4.3-IV0`, of a level that this version knows.
    #[must_use]
    pub fn name(self) -> Option<&'static str> {
        let at = usize::try_from(self.0.checked_sub(Self::MIN.0)?).ok()?;
        NAMES.get(at).copied()
    }

    /// The level for a name as `4.3-IV0`.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        (Self::MIN.0..=Self::LATEST.0).map(Self).find(|level| level.name() == Some(name))
    }

    /// KIP-858: brokers tell their log directories and where replicas lie.
    #[must_use]
    pub fn tells_directories(self) -> bool {
        self >= Self(17)
    }

    /// KIP-919: controllers register.
    #[must_use]
    pub fn registers_controllers(self) -> bool {
        self >= Self(15)
    }

    /// KIP-966: records carry eligible leader replicas.
    #[must_use]
    pub fn tells_elr(self) -> bool {
        self >= Self(23)
    }

    /// KIP-1066: brokers cordon log directories.
    #[must_use]
    pub fn cordons_directories(self) -> bool {
        self >= Self(30)
    }

    /// KIP-868: batches of records may be tied together in a metadata transaction.
    #[must_use]
    pub fn has_transactions(self) -> bool {
        self >= Self(13)
    }

    /// The version in which a record is written at this level.
    #[must_use]
    pub fn record_version(self, record: &MetadataRecord) -> i16 {
        match record {
            MetadataRecord::RegisterBroker(_) if self.cordons_directories() => 4,
            MetadataRecord::RegisterBroker(_) if self.tells_directories() => 3,
            MetadataRecord::RegisterBroker(_) if self >= Self(8) => 2,
            MetadataRecord::RegisterBroker(_) => 1,
            MetadataRecord::BrokerRegistrationChange(_) if self.cordons_directories() => 3,
            MetadataRecord::BrokerRegistrationChange(_) if self.tells_directories() => 2,
            MetadataRecord::BrokerRegistrationChange(_) => 1,
            MetadataRecord::Partition(_) | MetadataRecord::PartitionChange(_) => {
                i16::from(self.tells_directories()) + i16::from(self.tells_elr())
            }
            _ => 0,
        }
    }
}

impl fmt::Display for MetadataVersion {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => formatter.write_str(name),
            None => write!(formatter, "{}", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_levels_agree() {
        assert_eq!(MetadataVersion::LATEST.name(), Some("4.3-IV0"));
        assert_eq!(MetadataVersion::MIN.name(), Some("3.3-IV3"));
        for level in 7..=30 {
            let version = MetadataVersion(level);
            let name = version.name().expect("every level has a name");
            assert_eq!(MetadataVersion::from_name(name), Some(version));
        }
        for unknown in [i16::MIN, -1, 6, 31, i16::MAX] {
            assert_eq!(MetadataVersion(unknown).name(), None);
        }
        assert_eq!(MetadataVersion::from_name("4.3"), None);
    }

    #[test]
    fn record_versions_follow_the_level() {
        let partition = MetadataRecord::Partition(Default::default());
        let broker = MetadataRecord::RegisterBroker(Default::default());
        let change = MetadataRecord::BrokerRegistrationChange(Default::default());
        for (level, versions) in
            [(7, [0, 1, 1]), (8, [0, 2, 1]), (17, [1, 3, 2]), (23, [2, 3, 2]), (30, [2, 4, 3])]
        {
            let version = MetadataVersion(level);
            let found = [&partition, &broker, &change].map(|record| version.record_version(record));
            assert_eq!(found, versions, "level {level}");
        }
    }
}
