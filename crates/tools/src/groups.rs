//! `ottla groups`: groups of all types, as `kafka-groups.sh` lists them.

use std::process::ExitCode;

use ottla_client::admin::{GroupListing, GroupsFilter};
use ottla_terminal::connect;
use ottla_terminal::failure::Failure;
use ottla_terminal::java_order::sort_as_hash_map;
use ottla_terminal::options::{Options, Parser, Stop, end};
use ottla_terminal::output;

const ABOUT: &str = "This tool helps to list groups of all types.";
/// Types of groups, as they are printed.
const TYPES: [&str; 4] = ["Classic", "Consumer", "Share", "Streams"];
/// Columns are at least this wide.
const WIDTH_MIN: usize = 20;

/// Runs the verb.
pub fn run(arguments: &[String]) -> ExitCode {
    end(groups(arguments))
}

fn groups(arguments: &[String]) -> Result<(), Stop> {
    let parser = parser();
    let options = parser.parse(arguments).map_err(|stop| parser.usage(stop.err.trim_end()))?;
    options.help_or_version(ABOUT)?;
    if !options.has("list") {
        return Err(options.usage("Command must include exactly one action: --list."));
    }
    let only_type = match options.text("group-type")? {
        None => None,
        Some(name) => Some(
            TYPES
                .into_iter()
                .find(|known| known.eq_ignore_ascii_case(name))
                .ok_or_else(|| Stop::refused("--group-type must be a valid group type."))?,
        ),
    };
    let filters = ["consumer", "group-type", "protocol", "share", "streams"];
    for alone in ["consumer", "share", "streams"] {
        let others: Vec<&str> = filters.into_iter().filter(|other| *other != alone).collect();
        options.forbid_with(alone, &others)?;
    }
    let properties = match options.text("command-config")? {
        Some(path) => connect::properties_file(path)?,
        None => connect::Properties::new(),
    };
    connect::block_on(async {
        let admin = connect::admin(options.text("bootstrap-server")?, properties)?;
        let listed = admin.list_groups(&GroupsFilter::default()).await.map_err(Failure::from);
        let listed = listed.and_then(|(groups, errors)| match errors.into_iter().next() {
            None => Ok(groups),
            Some(error) => Err(Failure::from(error)),
        });
        match listed {
            Ok(groups) => print(groups, &options, only_type),
            Err(failure) => {
                let told = format!("Error while executing groups command : {}", failure.message);
                output::line(told)?;
                output::log_error(failure.exception, "org.apache.kafka.tools.GroupsCommand");
                Err(Stop { out: String::new(), err: String::new(), code: 1 })
            }
        }
    })
}

fn parser() -> Parser {
    let mut parser = Parser::new();
    parser
        .value("bootstrap-server", "REQUIRED: The Kafka server to connect to.")
        .described_as("server to connect to")
        .required();
    parser
        .value("command-config", "Property file containing configs to be passed to Admin Client.")
        .described_as("command config property file");
    parser.flag("list", "List the groups.");
    parser
        .value(
            "group-type",
            "Filter the groups based on group type. Valid types are: 'classic', 'consumer', 'share' and 'streams'.",
        )
        .described_as("type");
    parser.value("protocol", "Filter the groups based on protocol type.").described_as("protocol");
    parser.flag(
        "consumer",
        "Filter the groups to show all kinds of consumer groups, including classic and simple consumer groups. This matches group type 'consumer', and group type 'classic' where the protocol type is 'consumer' or empty.",
    );
    parser.flag("share", "Filter the groups to show share groups.");
    parser.flag("streams", "Filter the groups to show streams groups.");
    parser
}

fn print(
    mut groups: Vec<GroupListing>,
    options: &Options<'_>,
    only_type: Option<&str>,
) -> Result<(), Stop> {
    sort_as_hash_map(&mut groups, |group| &group.group_id);
    let protocol = options.text("protocol")?;
    let is = |group: &GroupListing, name: &str| group.group_type.eq_ignore_ascii_case(name);
    let is_wanted = |group: &GroupListing| match only_type {
        Some(name) => {
            is(group, name) && protocol.is_none_or(|wanted| group.protocol_type == wanted)
        }
        None if protocol.is_some() => protocol == Some(&group.protocol_type),
        None if options.has("consumer") => {
            matches!(group.protocol_type.as_str(), "consumer" | "") || is(group, "Consumer")
        }
        None if options.has("share") => is(group, "Share"),
        None if options.has("streams") => is(group, "Streams"),
        None => true,
    };
    let spelled = |group: &GroupListing| {
        let known = TYPES.into_iter().find(|name| is(group, name));
        known.map_or_else(|| group.group_type.clone(), str::to_owned)
    };
    let rows: Vec<[String; 3]> = groups
        .into_iter()
        .filter(is_wanted)
        .map(|group| [group.group_id.clone(), spelled(&group), group.protocol_type])
        .collect();
    let lengths = rows.iter().flatten().map(|text| text.chars().count());
    let width = lengths.fold(WIDTH_MIN, usize::max);
    output::line(format!("{:<width$} {:<width$} {:<width$}", "GROUP", "TYPE", "PROTOCOL"))?;
    for [group, group_type, protocol] in rows {
        output::line(format!("{group:<width$} {group_type:<width$} {protocol:<width$} "))?;
    }
    Ok(())
}
