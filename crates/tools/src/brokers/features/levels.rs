//! Feature levels: which a release brings along, and what each of them needs.

use ottla_metadata::MetadataVersion;
use ottla_metadata::version::{
    ELR_VERSION, GROUP_VERSION, KRAFT_VERSION, METADATA_VERSION, SHARE_VERSION, STREAMS_VERSION,
    TRANSACTION_VERSION,
};
use ottla_terminal::options::Stop;
use ottla_terminal::output;

/// Features besides metadata.version, in the order in which Kafka lists them: the highest level, and the
/// metadata.version that first brings it along.
const FEATURES: [(&str, i16, i16); 6] = [
    (KRAFT_VERSION, 1, 21),
    (TRANSACTION_VERSION, 2, 24),
    (GROUP_VERSION, 1, 22),
    (ELR_VERSION, 1, 26),
    (SHARE_VERSION, 1, 28),
    (STREAMS_VERSION, 1, 29),
];

/// Eligible leader replicas need records that this level brought.
const ELR_NEEDS: MetadataVersion = MetadataVersion(23);

/// A name of a newer Kafka that `version-mapping` lists although it is not stable.
const UNSTABLE: &str = "4.4-IV0";

/// The level that a release brings along.
fn default_level(highest: i16, since: i16, version: MetadataVersion) -> i16 {
    if version.0 >= since { highest } else { 0 }
}

/// The level for a release, as `4.0`, `4.0.1` or `4.0-IV3`.
fn release(name: &str, with_unstable: bool) -> Result<MetadataVersion, Stop> {
    let short: Vec<&str> = name.splitn(3, '.').take(2).collect();
    let short = short.join(".");
    let levels = || (MetadataVersion::MIN.0..=MetadataVersion::LATEST.0).map(MetadataVersion);
    let of_release = |level: &MetadataVersion| {
        level.name().is_some_and(|name| {
            name.strip_suffix(|last: char| last.is_ascii_digit())
                .and_then(|name| name.strip_suffix("-IV"))
                == Some(&short)
        })
    };
    let found = MetadataVersion::from_name(&short).or_else(|| levels().rfind(of_release));
    found.ok_or_else(|| {
        let mut names: Vec<&str> = levels().filter_map(MetadataVersion::name).collect();
        if with_unstable {
            names.push(UNSTABLE);
        }
        Stop::refused(format!(
            "Unknown metadata.version '{name}'. Supported metadata.version are: {}",
            names.join(", ")
        ))
    })
}

/// The level of every feature that a release brings along, `metadata.version` first.
pub fn levels_of_release(name: &str) -> Result<Vec<(&'static str, i16)>, Stop> {
    let version = release(name, true)?;
    let mut levels = vec![(METADATA_VERSION, version.0)];
    levels.extend(
        FEATURES
            .iter()
            .map(|(feature, highest, since)| (*feature, default_level(*highest, *since, version))),
    );
    Ok(levels)
}

/// `version-mapping`.
pub fn print_mapping(name: Option<&str>) -> Result<(), Stop> {
    let version = match name {
        None => MetadataVersion::LATEST,
        Some(name) => release(name, true)?,
    };
    let shown = name.or(version.name()).unwrap_or_default();
    output::line(format_args!("{METADATA_VERSION}={} ({shown})", version.0))?;
    for (feature, highest, since) in FEATURES {
        output::line(format_args!("{feature}={}", default_level(highest, since, version)))?;
    }
    Ok(())
}

/// `feature-dependencies`.
pub fn print_dependencies(wanted: &[String]) -> Result<(), Stop> {
    for setting in wanted {
        let Some((feature, level)) = setting.split_once('=') else {
            return Err(Stop::refused(format!(
                "Invalid feature format: {setting}. Expected format: 'feature=version' (e.g. \
                 'group.version=1')"
            )));
        };
        let level: i16 = level.trim().parse().map_err(|_| {
            Stop::refused(format!(
                "Invalid feature level: {level}. Feature level must be a valid number."
            ))
        })?;
        if feature == METADATA_VERSION {
            let Some(name) = MetadataVersion(level).name() else {
                return Err(Stop::refused(format!("Unknown metadata.version {level}")));
            };
            output::line(format_args!("{feature}={level} ({name}) has no dependencies."))?;
            continue;
        }
        let known = FEATURES.iter().find(|(name, _, _)| *name == feature);
        let (_, highest, _) =
            known.ok_or_else(|| Stop::refused(format!("Unknown feature: {feature}")))?;
        if !(0..=*highest).contains(&level) {
            let refusal = format!("Feature level {level} is not supported for feature {feature}");
            return Err(Stop::refused(refusal));
        }
        if feature == ELR_VERSION && level > 0 {
            output::line(format_args!("{feature}={level} requires:"))?;
            let name = ELR_NEEDS.name().unwrap_or_default();
            output::line(format_args!("    {METADATA_VERSION}={} ({name})", ELR_NEEDS.0))?;
        } else {
            output::line(format_args!("{feature}={level} has no dependencies."))?;
        }
    }
    Ok(())
}

/// What a new cluster begins with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeatureLevels {
    pub metadata_version: MetadataVersion,
    pub kraft_version: i16,
    /// The others above level 0, in order of their names.
    pub others: Vec<(&'static str, i16)>,
}

impl FeatureLevels {
    /// From `--release-version` and `--feature`; `is_dynamic` says whether the quorum's voters are kept
    /// in the log.
    pub fn choose(
        release_version: Option<&str>,
        settings: &[String],
        is_dynamic: bool,
    ) -> Result<Self, Stop> {
        let mut given = Vec::new();
        for setting in settings {
            given.push(setting_of(setting)?);
        }
        let level_of = |wanted: &str| {
            given.iter().rev().find(|(name, _)| *name == wanted).map(|(_, level)| *level)
        };
        let metadata_version = match (level_of(METADATA_VERSION), release_version) {
            (Some(_), Some(_)) => {
                return Err(Stop::refused(format!(
                    "Use --release-version instead of --feature {METADATA_VERSION}=X to avoid ambiguity."
                )));
            }
            (Some(level), None) if MetadataVersion(level).name().is_none() => {
                return Err(Stop::refused(format!(
                    "No MetadataVersion with feature level {level}"
                )));
            }
            (Some(level), None) => MetadataVersion(level),
            (None, Some(name)) => release(name, false)?,
            (None, None) => MetadataVersion::LATEST,
        };
        check_known(&given)?;
        let kraft_version = kraft_version(level_of(KRAFT_VERSION), is_dynamic)?;
        let mut others: Vec<(&'static str, i16)> = FEATURES
            .iter()
            .filter(|(name, _, _)| *name != KRAFT_VERSION)
            .map(|(name, highest, since)| {
                let default = default_level(*highest, *since, metadata_version);
                (*name, level_of(name).unwrap_or(default))
            })
            .filter(|(_, level)| *level > 0)
            .collect();
        others.sort_unstable();
        let has_elr = others.iter().any(|(name, _)| *name == ELR_VERSION);
        if has_elr && metadata_version < ELR_NEEDS {
            return Err(Stop::refused(format!(
                "{ELR_VERSION} could not be set to 1 because it depends on {METADATA_VERSION} level {}",
                ELR_NEEDS.0
            )));
        }
        Ok(Self { metadata_version, kraft_version, others })
    }

    /// All levels that are written as records, metadata.version first.
    pub fn recorded(&self) -> Vec<(&'static str, i16)> {
        let mut recorded = vec![(METADATA_VERSION, self.metadata_version.0)];
        recorded.extend_from_slice(&self.others);
        recorded
    }
}

fn setting_of(setting: &str) -> Result<(&str, i16), Stop> {
    let refuse =
        |why: String| Stop::refused(format!("Can't parse feature=level string {setting}: {why}"));
    let (name, level) =
        setting.split_once('=').ok_or_else(|| refuse("equals sign not found.".to_owned()))?;
    let level = level.trim();
    let parsed =
        level.parse().map_err(|_| refuse(format!("unable to parse {level} as a short.")))?;
    Ok((name.trim(), parsed))
}

fn check_known(given: &[(&str, i16)]) -> Result<(), Stop> {
    for (name, level) in given.iter().filter(|(name, _)| *name != METADATA_VERSION) {
        let Some((_, highest, _)) = FEATURES.iter().find(|(known, _, _)| known == name) else {
            let mut names: Vec<&str> = FEATURES.iter().map(|(name, _, _)| *name).collect();
            names.sort_unstable();
            return Err(Stop::refused(format!(
                "Unsupported feature: {name}. Supported features are: {}",
                names.join(", ")
            )));
        };
        if !(0..=*highest).contains(level) {
            return Err(Stop::refused(format!("No feature:{name} with feature level {level}")));
        }
    }
    Ok(())
}

fn kraft_version(given: Option<i16>, is_dynamic: bool) -> Result<i16, Stop> {
    match given {
        None => Ok(i16::from(is_dynamic)),
        Some(0) if is_dynamic => Err(Stop::refused(
            "Cannot set kraft.version to 0 if controller.quorum.voters is empty and one of the flags \
             --standalone, --initial-controllers, or --no-initial-controllers is used. For dynamic \
             controllers support, try removing the --feature flag for kraft.version.",
        )),
        Some(level) if level > 0 && !is_dynamic => Err(Stop::refused(format!(
            "Cannot set kraft.version to {level} unless controller.quorum.voters is empty and one of the \
             flags --standalone, --initial-controllers, or --no-initial-controllers is used. For dynamic \
             controllers support, try using one of --standalone, --initial-controllers, or \
             --no-initial-controllers and removing controller.quorum.voters."
        ))),
        Some(level) => Ok(level),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn releases_have_levels() {
        for (name, level) in [("3.3", 7), ("3.6.1", 14), ("4.0", 25), ("4.3-IV0", 30)] {
            assert_eq!(release(name, false).map(|version| version.0), Ok(level), "{name}");
        }
        for name in ["3.0", "4", "3.6-IV9", "4.4", ""] {
            assert!(release(name, false).is_err(), "{name}");
        }
    }

    #[test]
    fn levels_follow_the_release_unless_given() {
        let choose = |release: &str, settings: &[&str]| {
            let settings: Vec<String> = settings.iter().map(|one| (*one).to_owned()).collect();
            FeatureLevels::choose(Some(release), &settings, false).map(|levels| levels.others)
        };
        assert_eq!(choose("3.9", &[]), Ok(Vec::new()));
        let given = choose("3.9", &["transaction.version=2", "group.version=1"]);
        assert_eq!(given, Ok(vec![(GROUP_VERSION, 1), (TRANSACTION_VERSION, 2)]));
        assert_eq!(choose("4.1", &["group.version=0"]).map(|levels| levels.len()), Ok(2));
        for wrong in ["foo=1", "group.version=9", "group.version", "kraft.version=1"] {
            assert!(choose("4.3", &[wrong]).is_err(), "{wrong}");
        }
        assert!(choose("3.9", &["eligible.leader.replicas.version=1"]).is_err());
    }
}
