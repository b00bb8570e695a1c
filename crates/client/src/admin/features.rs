//! Features: what the cluster finalized, what a broker supports, and moving between levels.

use super::Admin;
use crate::error::{Error, PerItem};

/// Features of the cluster, by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FeatureMetadata {
    /// Levels in force.
    pub finalized: Vec<(String, FeatureRange)>,
    /// Epoch of the finalized levels, where known.
    pub finalized_epoch: Option<i64>,
    /// Levels the asked broker supports.
    pub supported: Vec<(String, FeatureRange)>,
}

/// From a level to a level.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FeatureRange {
    /// Lowest.
    pub min: i16,
    /// Highest.
    pub max: i16,
}

/// In which direction a feature may move.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FeatureUpgrade {
    /// Up.
    Upgrade,
    /// Down without loss.
    SafeDowngrade,
    /// Down, losing what the lower level can't hold.
    UnsafeDowngrade,
}

/// A feature to move.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeatureUpdate {
    /// Its name.
    pub feature: String,
    /// The level it shall have; 0 removes it.
    pub level: i16,
    /// How far it may go.
    pub upgrade: FeatureUpgrade,
}

impl Admin {
    /// Features of the cluster, as `broker` (or any) tells them.
    pub async fn describe_features(&self, broker: Option<i32>) -> Result<FeatureMetadata, Error> {
        todo!("{broker:?}")
    }

    /// Moves features.
    pub async fn update_features(
        &self,
        updates: &[FeatureUpdate],
        validate_only: bool,
    ) -> Result<PerItem<String, ()>, Error> {
        todo!("{updates:?} {validate_only}")
    }
}
