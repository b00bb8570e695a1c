//! `ottla features`: feature levels of a cluster, as `kafka-features.sh` shows and moves them.

pub mod levels;

use std::process::ExitCode;

use ottla_client::admin::{Admin, FeatureUpdate, FeatureUpgrade};
use ottla_metadata::MetadataVersion;
use ottla_metadata::version::METADATA_VERSION;
use ottla_terminal::connect;
use ottla_terminal::options::{Argument, Arguments, Command, Stop, end};
use ottla_terminal::output;

use levels::{levels_of_release, print_dependencies, print_mapping};

/// Runs the verb.
pub fn run(arguments: &[String]) -> ExitCode {
    end(features(arguments))
}

fn command_line_error(message: &str) -> Stop {
    Stop::refused(format!("Command line error: {message}. Type --help for help."))
}

fn features(arguments: &[String]) -> Result<(), Stop> {
    let arguments = command().refusal(command_line_error).parse(arguments)?;
    match arguments.subcommand {
        Some("version-mapping") => return print_mapping(arguments.text("release-version")),
        Some("feature-dependencies") => {
            let wanted = arguments.texts("feature");
            for setting in wanted {
                name_and_level(setting)?;
            }
            return print_dependencies(wanted);
        }
        _ => {}
    }
    if arguments.has("bootstrap-controller") {
        return Err(Stop::refused(
            "error: controllers can't be asked directly yet\n  hint: name a broker with --bootstrap-server",
        ));
    }
    let servers = arguments.text("bootstrap-server").ok_or_else(|| {
        command_line_error("You must specify either --bootstrap-controller or --bootstrap-server.")
    })?;
    let properties = match arguments.text("command-config") {
        Some(path) => connect::properties_file(path)?,
        None => connect::Properties::new(),
    };
    connect::block_on(async {
        let admin = connect::admin(Some(servers), properties)?;
        match arguments.subcommand {
            Some("describe") | None => describe(&admin, &arguments).await,
            Some(operation) => update(&admin, operation, &arguments).await,
        }
    })
}

fn command() -> Command {
    let moves = |name, to| {
        let metadata = format!(
            "DEPRECATED -- The level to which we should {name} the metadata. For example, {to}."
        );
        let release = format!(
            "The release version to {} all features to. For example, 3.9-IV0 will set metadata.version=21 and kraft.version=1. Use the version-mapping command to learn which features will be set for any given version.",
            if name == "upgrade" { "update" } else { name }
        );
        let feature = format!(
            "A feature {name} we should perform, in feature=level format. For example: `metadata.version=5`."
        );
        Command::new(name)
            .argument(Argument::new(&["--metadata"], metadata))
            .argument(Argument::new(&["--release-version"], release))
            .argument(Argument::new(&["--feature"], feature).append())
    };
    let flag = |name, help: &str| Argument::new(name, help).flag();
    let node = Argument::new(
        &["--node-id"],
        "The node id to which the requests should be sent. If not specified, the requests will be sent to an arbitrary controller/broker.",
    );
    connection()
        .subcommand(
            Command::new("describe")
                .help("Describes the current active feature flags.")
                .argument(node.number::<i32>("Integer")),
        )
        .subcommand(
            moves("upgrade", "3.3-IV3")
                .help("Upgrade one or more feature flags.")
                .argument(flag(&["--dry-run"], "Validate this upgrade, but do not perform it.")),
        )
        .subcommand(
            moves("downgrade", "3.3-IV0")
                .help("Downgrade one or more feature flags.")
                .argument(flag(
                    &["--unsafe"],
                    "Perform this downgrade even if it may irreversibly destroy metadata.",
                ))
                .argument(flag(&["--dry-run"], "Validate this downgrade, but do not perform it.")),
        )
        .subcommand(
            Command::new("disable")
                .help("Disable one or more feature flags. This is the same as downgrading the version to zero.")
                .argument(Argument::new(&["--feature"], "A feature flag to disable.").append())
                .argument(flag(
                    &["--unsafe"],
                    "Disable this feature flag even if it may irreversibly destroy metadata.",
                ))
                .argument(flag(&["--dry-run"], "Perform a dry-run of this disable operation.")),
        )
        .subcommand(version_mapping())
        .subcommand(feature_dependencies())
}

fn version_mapping() -> Command {
    Command::new("version-mapping")
        .help("Look up the corresponding features for a given metadata version. Using the command with no --release-version  argument will return the mapping for the latest stable metadata version")
        .argument(Argument::new(
            &["--release-version"],
            "The release version to use for the corresponding feature mapping. The minimum is 3.3-IV3; the default is 4.3-IV0",
        ))
}

fn feature_dependencies() -> Command {
    let feature = Argument::new(
        &["--feature"],
        "The feature and version to look up dependencies for, in feature=version format. For example: `metadata.version=5`.",
    );
    Command::new("feature-dependencies")
        .help("Look up dependencies for a given feature version. If the feature is not known or the version not yet defined, an error is thrown. Multiple features can be specified.")
        .argument(feature.append().required())
}

fn connection() -> Command {
    Command::new("kafka-features")
        .description("This tool manages feature flags in Kafka.")
        .exclusive(
            false,
            "",
            [
                Argument::new(
                    &["--bootstrap-server"],
                    "A comma-separated list of host:port pairs to use for establishing the connection to the Kafka cluster.",
                ),
                Argument::new(
                    &["--bootstrap-controller"],
                    "A comma-separated list of host:port pairs to use for establishing the connection to the KRaft quorum.",
                ),
            ],
        )
        .argument(Argument::new(
            &["--command-config"],
            "Property file containing configs to be passed to Admin Client.",
        ))
}

/// A level as the tool shows it: `metadata.version` by its name.
fn shown(feature: &str, level: i16) -> String {
    if feature != METADATA_VERSION {
        return level.to_string();
    }
    MetadataVersion(level).name().map_or_else(|| format!("UNKNOWN {level}"), str::to_owned)
}

async fn describe(admin: &Admin, arguments: &Arguments) -> Result<(), Stop> {
    let node: Option<i32> = arguments.number("node-id");
    if let Some(node) = node.filter(|node| *node < 0) {
        return Err(Stop::refused(format!("Invalid node id {node}: must be non-negative.")));
    }
    let told = admin.describe_features(node).await;
    let told = told.map_err(|error| Stop::refused(connect::exception(&error)))?;
    let epoch = told.finalized_epoch.map_or_else(|| "-".to_owned(), |epoch| epoch.to_string());
    for (feature, range) in &told.supported {
        let finalized = told.finalized.iter().find(|(name, _)| name == feature);
        let level = finalized.map_or(0, |(_, range)| range.max);
        output::line(format!(
            "Feature: {feature:<40}  SupportedMinVersion: {:<15}  SupportedMaxVersion: {:<15}  FinalizedVersionLevel: {:<15}  Epoch: {epoch}",
            shown(feature, range.min),
            shown(feature, range.max),
            shown(feature, level),
        ))?;
    }
    Ok(())
}

/// The levels that the command line asks for, by name.
fn wanted(operation: &str, arguments: &Arguments) -> Result<Vec<(String, i16)>, Stop> {
    let (metadata, given) = (arguments.text("metadata"), arguments.texts("feature"));
    let mut levels: Vec<(String, i16)> = Vec::new();
    if let Some(release) = arguments.text("release-version") {
        if metadata.is_some() || !given.is_empty() {
            let message = "Can not specify `release-version` with other feature flags.";
            return Err(Stop::refused(message));
        }
        let all = levels_of_release(release)?.into_iter();
        let moved = all.filter(|(_, level)| operation != "upgrade" || *level > 0);
        levels.extend(moved.map(|(feature, level)| (feature.to_owned(), level)));
    }
    if let Some(release) = metadata {
        output::line(" `metadata` flag is deprecated and may be removed in a future release.")?;
        let level = levels_of_release(release)?.into_iter().next();
        levels.extend(level.map(|(feature, level)| (feature.to_owned(), level)));
    }
    for setting in given {
        let (name, level) = match operation {
            "disable" => (setting.as_str(), 0),
            _ => name_and_level(setting)?,
        };
        if levels.iter().any(|(known, _)| known == name) {
            let message = format!("Feature {name} was specified more than once.");
            return Err(Stop::refused(message));
        }
        levels.push((name.to_owned(), level));
    }
    levels.sort();
    Ok(levels)
}

fn name_and_level(setting: &str) -> Result<(&str, i16), Stop> {
    let cannot = format!("Can't parse feature=level string {setting}");
    let Some((name, level)) = setting.split_once('=') else {
        return Err(Stop::refused(format!("{cannot}: equals sign not found.")));
    };
    let (name, level) = (name.trim(), level.trim());
    let wrong = |_| Stop::refused(format!("{cannot}: unable to parse {level} as a short."));
    Ok((name, level.parse().map_err(wrong)?))
}

async fn update(admin: &Admin, operation: &str, arguments: &Arguments) -> Result<(), Stop> {
    let levels = wanted(operation, arguments)?;
    if levels.is_empty() {
        let message = format!("You must specify at least one feature to {operation}");
        return Err(Stop::refused(message));
    }
    let upgrade = match (operation, arguments.has("unsafe")) {
        ("upgrade", _) => FeatureUpgrade::Upgrade,
        (_, true) => FeatureUpgrade::UnsafeDowngrade,
        (_, false) => FeatureUpgrade::SafeDowngrade,
    };
    let updates: Vec<FeatureUpdate> = levels
        .into_iter()
        .map(|(feature, level)| FeatureUpdate { feature, level, upgrade })
        .collect();
    let is_dry = arguments.has("dry-run");
    let results = admin.update_features(&updates, is_dry).await;
    let results = results.map_err(|error| Stop::refused(connect::exception(&error)))?;
    let mut failures = 0;
    for (update, (feature, result)) in updates.iter().zip(results) {
        let target = match operation {
            "disable" => String::new(),
            _ => format!(" to {}", update.level),
        };
        output::line(match result {
            Ok(()) => {
                let verb = if is_dry { "can be" } else { "was" };
                let done = operation.strip_suffix('e').unwrap_or(operation);
                format!("{feature} {verb} {done}ed{target}.")
            }
            Err(refusal) => {
                failures += 1;
                let verb = if is_dry { "Can" } else { "Could" };
                format!("{verb} not {operation} {feature}{target}. {refusal}")
            }
        })?;
    }
    if failures > 0 {
        let all = updates.len();
        return Err(Stop::refused(format!("{failures} out of {all} operation(s) failed.")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_read_and_shown_as_kafka_has_them() {
        assert_eq!(name_and_level("metadata.version = 5"), Ok(("metadata.version", 5)));
        for (setting, wrong) in [
            ("x", "Can't parse feature=level string x: equals sign not found.\n"),
            ("x=y", "Can't parse feature=level string x=y: unable to parse y as a short.\n"),
        ] {
            assert_eq!(name_and_level(setting).map_err(|stop| stop.err), Err(wrong.to_owned()));
        }
        assert_eq!(shown(METADATA_VERSION, 30), "4.3-IV0");
        assert_eq!(shown(METADATA_VERSION, 99), "UNKNOWN 99");
        assert_eq!(shown("group.version", 1), "1");
    }
}
