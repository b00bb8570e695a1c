//! The verb: which subcommand, on which configuration.

use std::process::ExitCode;

use ottla_metadata::config::ServerConfig;
use ottla_metadata::config::properties::{Property, parse};
use ottla_terminal::options::{Arguments, Stop, end};
use ottla_terminal::output;
use ottla_tools::features::levels;

use super::directories::random_id;
use super::{declared, format, info};

/// Runs the verb.
pub(crate) fn run(arguments: &[String]) -> ExitCode {
    end(execute(arguments))
}

fn execute(arguments: &[String]) -> Result<(), Stop> {
    let arguments = declared::command().parse(arguments)?;
    match arguments.subcommand {
        Some("info") => info::info(&configuration(&arguments)?),
        Some("format") => format::format(&arguments, &configuration(&arguments)?),
        Some("version-mapping") => levels::print_mapping(arguments.text("release-version")),
        Some("feature-dependencies") => levels::print_dependencies(arguments.texts("feature")),
        _ => output::line(random_id()),
    }
}

/// The configuration that `--config` names.
fn configuration(arguments: &Arguments) -> Result<ServerConfig, Stop> {
    let path = arguments.text("config").unwrap_or_default();
    let text = std::fs::read(path).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => Stop::refused(path),
        _ => Stop::refused(format!("{path}: {error}")),
    })?;
    let properties: Vec<Property> = parse(&String::from_utf8_lossy(&text));
    let (config, _) = ServerConfig::new(properties).map_err(|invalid| {
        let told: Vec<String> = invalid.iter().map(ToString::to_string).collect();
        Stop::refused(told.join("\n"))
    })?;
    Ok(config)
}
