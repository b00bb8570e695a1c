//! Features: what the cluster finalized, what a broker supports, and moving between levels.

use ottla_wire::messages::update_features_request::FeatureUpdateKey;
use ottla_wire::messages::{ApiVersionsRequest, UpdateFeaturesRequest, UpdateFeaturesResponse};

use super::Admin;
use crate::cluster::Target;
use crate::error::{ApiError, Error, PerItem};

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
        let request = ApiVersionsRequest {
            client_software_name: "ottla".to_owned(),
            client_software_version: env!("CARGO_PKG_VERSION").to_owned(),
            ..ApiVersionsRequest::default()
        };
        let target = broker.map_or(Target::Any, Target::Node);
        let response = self.cluster().send(&target, &request).await?;
        ApiError::check(response.error_code, None)?;
        let finalized = response.finalized_features.into_iter().map(|feature| {
            let range =
                FeatureRange { min: feature.min_version_level, max: feature.max_version_level };
            (feature.name, range)
        });
        let supported = response.supported_features.into_iter().map(|feature| {
            (feature.name, FeatureRange { min: feature.min_version, max: feature.max_version })
        });
        let mut features = FeatureMetadata {
            finalized: finalized.collect(),
            finalized_epoch: Some(response.finalized_features_epoch).filter(|epoch| *epoch >= 0),
            supported: supported.collect(),
        };
        features.finalized.sort_by(|left, right| left.0.cmp(&right.0));
        features.supported.sort_by(|left, right| left.0.cmp(&right.0));
        Ok(features)
    }

    /// Moves features.
    pub async fn update_features(
        &self,
        updates: &[FeatureUpdate],
        validate_only: bool,
    ) -> Result<PerItem<String, ()>, Error> {
        let request = UpdateFeaturesRequest {
            timeout_ms: self.request_timeout_ms(),
            feature_updates: updates.iter().map(on_wire).collect(),
            validate_only,
            ..UpdateFeaturesRequest::default()
        };
        // Version 0 can't tell an unsafe downgrade from a safe one.
        let codes = |response: &UpdateFeaturesResponse| vec![response.error_code];
        let response = self.ask_controller(1, &request, codes).await?;
        let whole = ApiError::check(response.error_code, response.error_message);
        // From version 2 on, one verdict is for all.
        let mut results = response.results.into_iter().map(|result| {
            let outcome = ApiError::check(result.error_code, result.error_message);
            (result.feature, outcome)
        });
        let single: PerItem<String, ()> = results.by_ref().collect();
        Ok(updates
            .iter()
            .map(|update| {
                let own = single.iter().find(|(feature, _)| *feature == update.feature);
                let outcome = own.map_or_else(|| whole.clone(), |(_, outcome)| outcome.clone());
                (update.feature.clone(), whole.clone().and(outcome))
            })
            .collect())
    }
}

fn on_wire(update: &FeatureUpdate) -> FeatureUpdateKey {
    FeatureUpdateKey {
        feature: update.feature.clone(),
        max_version_level: update.level,
        upgrade_type: match update.upgrade {
            FeatureUpgrade::Upgrade => 1,
            FeatureUpgrade::SafeDowngrade => 2,
            FeatureUpgrade::UnsafeDowngrade => 3,
        },
        ..FeatureUpdateKey::default()
    }
}
