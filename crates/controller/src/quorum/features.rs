//! UpdateFeatures: all of the changes, or none.
//!
//! v1: upgrade types (1 upgrade, 2 safe and 3 unsafe downgrade) and validate-only.
//! v2: no results by feature.

use std::cmp::Ordering;

use ottla_metadata::config::Values;
use ottla_metadata::version::{ELR_VERSION, KRAFT_VERSION, METADATA_VERSION, SUPPORTED_FEATURES};
use ottla_metadata::{ConfigResource, MetadataVersion, ResourceType};
use ottla_wire::ErrorCode;
use ottla_wire::messages::update_features_request::FeatureUpdateKey;
use ottla_wire::messages::update_features_response::UpdatableFeatureResult;
use ottla_wire::messages::{
    ConfigRecord, FeatureLevelRecord, MetadataRecord, UpdateFeaturesRequest, UpdateFeaturesResponse,
};

use crate::controller::{Controller, Outcome};
use crate::refusal::Refusal;

/// How a level may move.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Direction {
    Unknown,
    Up,
    DownSafely,
    DownAnyhow,
}

impl Controller {
    pub(crate) fn update_features(&self, request: UpdateFeaturesRequest, version: i16) -> Outcome {
        let mut records = Vec::new();
        for update in &request.feature_updates {
            if let Err(refusal) = self.update_feature(update, version, &mut records) {
                let reason = refusal.message.unwrap_or_default();
                return Outcome::answer(UpdateFeaturesResponse {
                    error_code: refusal.code.code(),
                    error_message: Some(format!(
                        "The update failed for all features since the following feature had an error: {reason}"
                    )),
                    ..Default::default()
                });
            }
        }
        let results = request.feature_updates.iter().filter(|_| version < 2);
        let results = results.map(|update| UpdatableFeatureResult {
            feature: update.feature.clone(),
            error_message: Some(ErrorCode::None.name().to_owned()),
            ..Default::default()
        });
        let response = UpdateFeaturesResponse {
            error_message: None,
            results: results.collect(),
            ..Default::default()
        };
        if request.validate_only {
            records.clear();
        }
        Outcome::new(records, response)
    }

    fn update_feature(
        &self,
        update: &FeatureUpdateKey,
        version: i16,
        records: &mut Vec<MetadataRecord>,
    ) -> Result<(), Refusal> {
        let (name, level) = (update.feature.as_str(), update.max_version_level);
        let invalid = |reason: &str| {
            let message = format!("Invalid update version {level} for feature {name}. {reason}");
            Refusal::new(ErrorCode::InvalidUpdateVersion, message)
        };
        let upgrade = upgrade_of(update, version);
        if upgrade == Direction::Unknown {
            return Err(invalid("The controller does not support the given upgrade type."));
        }
        if level < 0 {
            return Err(invalid("A feature version cannot be less than 0."));
        }
        self.check_supported(name, level).map_err(|reason| invalid(&reason))?;
        if !SUPPORTED_FEATURES.iter().any(|(known, _)| *known == name) {
            return Err(invalid(&format!("Feature {name} not found.")));
        }
        let current = self.image.feature_level(name);
        if level < current && upgrade == Direction::Up {
            return Err(invalid(
                "Can't downgrade the version of this feature without setting the upgrade type to \
                 either safe or unsafe downgrade.",
            ));
        }
        if level > current && upgrade != Direction::Up {
            return Err(invalid("Can't downgrade to a newer version."));
        }
        if name == METADATA_VERSION {
            self.check_metadata_version(MetadataVersion(level), upgrade)?;
        }
        if name == KRAFT_VERSION {
            // The quorum keeps this one in its own control records.
            return match level.cmp(&current) {
                Ordering::Equal => Ok(()),
                Ordering::Less => Err(invalid("Can't downgrade the version of this feature.")),
                Ordering::Greater => {
                    Err(invalid("A quorum of several controllers is not built yet."))
                }
            };
        }
        records.push(MetadataRecord::FeatureLevel(FeatureLevelRecord {
            name: name.to_owned(),
            feature_level: level,
            ..Default::default()
        }));
        if name == ELR_VERSION && level > 0 && current == 0 {
            records.extend(self.min_isr_records());
        }
        Ok(())
    }

    /// This controller, every other one and every broker must know the level.
    fn check_supported(&self, name: &str, level: i16) -> Result<(), String> {
        let own =
            SUPPORTED_FEATURES.iter().find(|(known, _)| *known == name).map(|(_, range)| *range);
        let local = format!("Local controller {}", self.settings.node_id);
        reason_against(own.map(|range| (range.min, range.max)), level, &local)?;
        for broker in self.image.brokers.values() {
            let range = broker.features.get(name).map(|range| (range.min, range.max));
            reason_against(range, level, &format!("Broker {}", broker.id))?;
        }
        for controller in self.image.controllers.values() {
            let feature = controller.features.iter().find(|feature| feature.name == name);
            let range = feature
                .map(|feature| (feature.min_supported_version, feature.max_supported_version));
            let who = format!("Controller {}", controller.controller_id);
            reason_against(range, level, &who)?;
        }
        Ok(())
    }

    fn check_metadata_version(
        &self,
        next: MetadataVersion,
        upgrade: Direction,
    ) -> Result<(), Refusal> {
        let refuse = |message: String| Err(Refusal::new(ErrorCode::InvalidUpdateVersion, message));
        if next.name().is_none() {
            let (min, max) = (MetadataVersion::MIN.0, MetadataVersion::LATEST.0);
            return refuse(format!(
                "Invalid metadata.version {}. Valid versions are from {min} to {max}.",
                next.0
            ));
        }
        let current = self.metadata_version();
        if next < current && changes_metadata(next, current) {
            let reason = match upgrade {
                Direction::DownAnyhow => {
                    "Unsafe metadata downgrade is not supported in this version."
                }
                _ => {
                    "Refusing to perform the requested downgrade because it might delete metadata information."
                }
            };
            return refuse(format!(
                "Unsupported metadata.version downgrade from {} to {}. {reason}",
                current.0, next.0
            ));
        }
        Ok(())
    }

    /// With eligible leader replicas the minimum is the cluster's, and no broker has its own.
    fn min_isr_records(&self) -> Vec<MetadataRecord> {
        const KEY: &str = "min.insync.replicas";
        let has = |values: &Values| values.contains_key(KEY);
        let record = |resource_name: String, value: Option<String>| {
            MetadataRecord::Config(ConfigRecord {
                resource_type: ResourceType::Broker.code(),
                resource_name,
                name: KEY.to_owned(),
                value,
                ..Default::default()
            })
        };
        let mut records = Vec::new();
        let cluster = self.image.configs.get(&ConfigResource::all_brokers());
        if !cluster.is_some_and(|values| has(values)) {
            records.push(record(String::new(), self.settings.server.text(KEY).map(str::to_owned)));
        }
        let brokers = self.image.configs.iter().filter(|(resource, values)| {
            resource.kind == ResourceType::Broker && !resource.name.is_empty() && has(values)
        });
        records.extend(brokers.map(|(resource, _)| record(resource.name.clone(), None)));
        records
    }
}

fn upgrade_of(update: &FeatureUpdateKey, version: i16) -> Direction {
    match (version, update.upgrade_type) {
        (0, _) if update.allow_downgrade => Direction::DownSafely,
        (0, _) | (_, 1) => Direction::Up,
        (_, 2) => Direction::DownSafely,
        (_, 3) => Direction::DownAnyhow,
        _ => Direction::Unknown,
    }
}

fn reason_against(range: Option<(i16, i16)>, level: i16, who: &str) -> Result<(), String> {
    match range {
        // Level zero is the absence of a feature, which everybody knows who does not know the feature.
        None if level == 0 => Ok(()),
        None => Err(format!("{who} does not support this feature.")),
        Some((min, max)) if !(min..=max).contains(&level) => {
            Err(format!("{who} only supports versions {min}-{max}"))
        }
        Some(_) => Ok(()),
    }
}

/// Whether any level after `lower`, up to `higher`, brought new records or fields.
fn changes_metadata(lower: MetadataVersion, higher: MetadataVersion) -> bool {
    /// Levels that changed the metadata records, as Kafka's table has them.
    const CHANGING: [i16; 15] = [7, 8, 11, 13, 14, 15, 16, 17, 18, 19, 22, 23, 26, 28, 30];
    CHANGING.iter().any(|level| lower.0 < *level && *level <= higher.0)
}
