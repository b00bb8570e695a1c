//! The options of `consumer-groups`, and which of them go together.

use ottla_terminal::options::{Options, Parser, Stop};

const ABOUT: &str = "This tool helps to list all consumer groups, describe a consumer group, delete consumer group info, or reset consumer group offsets.";

/// What the tool can do; exactly one of these is asked for.
pub(super) const ACTIONS: [&str; 6] =
    ["list", "describe", "delete", "reset-offsets", "delete-offsets", "validate-regex"];

/// Where `--reset-offsets` may go.
const SCENARIOS: [&str; 8] = [
    "to-offset",
    "to-datetime",
    "by-duration",
    "to-earliest",
    "to-latest",
    "to-current",
    "shift-by",
    "from-file",
];

/// All options.
pub(super) fn parser() -> Parser {
    let mut parser = Parser::new();
    parser
        .value(
            "bootstrap-server",
            "The server(s) to connect to. REQUIRED for all options except for --validate-regex.",
        )
        .described_as("server to connect to");
    parser.value("group", "The consumer group we wish to act on.").described_as("consumer group");
    parser
        .value(
            "topic",
            "The topic whose consumer group information should be deleted or topic whose should be included in the reset offset process. In `reset-offsets` case, partitions can be specified using this format: `topic1:0,1,2`, where 0,1,2 are the partition to be included in the process. Reset-offsets also supports multiple topic inputs.",
        )
        .described_as("topic");
    parser.flag(
        "all-topics",
        "Consider all topics assigned to a group in the `reset-offsets` process.",
    );
    parser.flag("list", "List all consumer groups.");
    parser.flag(
        "describe",
        "Describe consumer group and list offset lag (number of messages not yet processed) related to given group.",
    );
    parser.flag("all-groups", "Apply to all consumer groups.");
    parser.flag(
        "delete",
        "Pass in groups to delete topic partition offsets and ownership information over the entire consumer group. For instance --group g1 --group g2",
    );
    parser
        .value(
            "timeout",
            "The timeout that can be set for some use cases. For example, it can be used when describing the group to specify the maximum amount of time in milliseconds to wait before the group stabilizes (when the group is just created, or is going through some changes).",
        )
        .described_as("timeout (ms)")
        .of_type("Long")
        .defaults_to(30_000);
    parser
        .value(
            "command-config",
            "Property file containing configs to be passed to Admin Client and Consumer.",
        )
        .described_as("command config property file");
    reset_options(&mut parser);
    describe_options(&mut parser);
    parser
        .value(
            "validate-regex",
            "Validate that the syntax of the provided regular expression is valid according to the RE2 format.",
        )
        .described_as("regex");
    parser
}

fn reset_options(parser: &mut Parser) {
    parser.flag(
        "reset-offsets",
        "Reset offsets of consumer group. Supports one consumer group at the time, and instances should be inactive\n\
         Has 2 execution options: --dry-run (the default) to plan which offsets to reset, and --execute to update the offsets. Additionally, the --export option is used to export the results to a CSV format.\n\
         You must choose one of the following reset specifications: --to-datetime, --by-duration, --to-earliest, --to-latest, --shift-by, --from-file, --to-current, --to-offset.\n\
         To define the scope use --all-topics or --topic. One scope must be specified unless you use '--from-file'.",
    );
    parser.flag(
        "delete-offsets",
        "Delete offsets of consumer group. Supports one consumer group at the time, and multiple topics.",
    );
    parser.flag(
        "dry-run",
        "Only show results without executing changes on Consumer Groups. Supported operations: reset-offsets.",
    );
    parser.flag("execute", "Execute operation. Supported operations: reset-offsets.");
    parser.flag(
        "export",
        "Export operation execution to a CSV file. Supported operations: reset-offsets.",
    );
    parser
        .value("to-offset", "Reset offsets to a specific offset.")
        .described_as("offset")
        .of_type("Long");
    parser
        .value("from-file", "Reset offsets to values defined in CSV file.")
        .described_as("path to CSV file");
    parser
        .value(
            "to-datetime",
            "Reset offsets to offset from datetime. Format: 'YYYY-MM-DDThh:mm:ss.sss'",
        )
        .described_as("datetime");
    parser
        .value(
            "by-duration",
            "Reset offsets to offset by duration from current timestamp. Format: 'PnDTnHnMnS'",
        )
        .described_as("duration");
    parser.flag("to-earliest", "Reset offsets to earliest offset.");
    parser.flag("to-latest", "Reset offsets to latest offset.");
    parser.flag("to-current", "Reset offsets to current offset.");
    parser
        .value(
            "shift-by",
            "Reset offsets shifting current offset by 'n', where 'n' can be positive or negative.",
        )
        .described_as("number-of-offsets")
        .of_type("Long");
}

fn describe_options(parser: &mut Parser) {
    parser
        .flag(
            "members",
            "Describe members of the group. This option may be used with '--describe' and '--bootstrap-server' options only.\n\
             Example: --bootstrap-server localhost:9092 --describe --group group1 --members",
        )
        .available_if(&["describe"]);
    parser
        .flag(
            "verbose",
            "Provide additional information, if any, when describing the group. This option may be used with '--offsets'/'--members'/'--state' and '--bootstrap-server' options only.\n\
             Example: --bootstrap-server localhost:9092 --describe --group group1 --members --verbose",
        )
        .available_if(&["describe"]);
    parser
        .flag(
            "offsets",
            "Describe the group and list all topic partitions in the group along with their offset lag. This is the default sub-action of and may be used with '--describe' and '--bootstrap-server' options only.\n\
             Example: --bootstrap-server localhost:9092 --describe --group group1 --offsets",
        )
        .available_if(&["describe"]);
    parser
        .flag(
            "rebalances",
            "Describe why the group has rebalanced lately: when each rebalance began and how long it took, who caused it and the reason that was given. Brokers of Ottla tell this; it is forgotten when the group's coordinator moves or starts anew.\n\
             Example: --bootstrap-server localhost:9092 --describe --group group1 --rebalances",
        )
        .available_if(&["describe"]);
    parser
        .flag(
            "expiry",
            "Adds to the described offsets when each of them will be removed unless it is used again. Brokers of Ottla tell this.\n\
             Example: --bootstrap-server localhost:9092 --describe --group group1 --offsets --expiry",
        )
        .available_if(&["describe"]);
    parser
        .flag(
            "rates",
            "Adds to the described offsets how many records a second were consumed in the last minute, or to the described state that of the whole group and its lag. Brokers of Ottla tell this.\n\
             Example: --bootstrap-server localhost:9092 --describe --group group1 --state --rates",
        )
        .available_if(&["describe"]);
    parser
        .perhaps_value(
            "state",
            "When specified with '--describe', includes the state of the group.\n\
             Example: --bootstrap-server localhost:9092 --describe --group group1 --state\n\
             When specified with '--list', it displays the state of all groups. It can also be used to list groups with specific states.\n\
             Example: --bootstrap-server localhost:9092 --list --state stable,empty\n\
             This option may be used with '--describe', '--list' and '--bootstrap-server' options only.",
        )
        .available_if(&["describe", "list"]);
    parser
        .perhaps_value(
            "type",
            "When specified with '--list', it displays the types of all the groups. It can also be used to list groups with specific types.\n\
             Example: --bootstrap-server localhost:9092 --list --type classic,consumer\n\
             This option may be used with the '--list' option only.",
        )
        .available_if(&["list"]);
}

/// Refuses options that do not go together.
pub(super) fn check(options: &Options<'_>) -> Result<(), Stop> {
    options.help_or_version(ABOUT)?;
    if !options.has("validate-regex") {
        options.require(&["bootstrap-server"])?;
    }
    let lacks_group = !options.has("group") && !options.has("all-groups");
    let needs_group = |action: &str| {
        options
            .usage(&format!("Option [{action}] takes one of these options: [group], [all-groups]"))
    };
    if options.has("describe") {
        if lacks_group {
            return Err(needs_group("describe"));
        }
        if ["members", "offsets", "state"].iter().filter(|name| options.has(name)).count() > 1 {
            return Err(options.usage(
                "Option [describe] takes at most one of these options: [members], [offsets], [state]",
            ));
        }
        for (option, excluded) in [
            ("rebalances", &["members", "offsets", "state", "expiry", "rates"][..]),
            ("expiry", &["members", "state"]),
            ("rates", &["members"]),
        ] {
            options.forbid_with(option, excluded)?;
        }
        if options.has_value("state") {
            return Err(options.usage("Option [describe] does not take a value for [state]"));
        }
    }
    if options.has("delete") {
        if lacks_group {
            return Err(needs_group("delete"));
        }
        if options.has("topic") {
            return Err(options.usage(
                "The consumer does not support topic-specific offset deletion from a consumer group.",
            ));
        }
    }
    if options.has("delete-offsets") && !(options.has("group") && options.has("topic")) {
        let message = "Option [delete-offsets] takes the following options: [group], [topic]";
        return Err(options.usage(message));
    }
    if options.has("reset-offsets") {
        check_reset(options)?;
        if lacks_group {
            return Err(needs_group("reset-offsets"));
        }
        for scenario in SCENARIOS {
            let others: Vec<&str> =
                SCENARIOS.into_iter().filter(|other| *other != scenario).collect();
            options.forbid_with(scenario, &others)?;
        }
    }
    options.forbid_with("group", &["all-groups"])?;
    options.forbid_with("group", &["list"])?;
    options.forbid_with("topic", &["list", "describe"])?;
    if ACTIONS.iter().filter(|action| options.has(action)).count() != 1 {
        let actions = ACTIONS.map(|action| format!("--{action}")).join(", ");
        return Err(options.usage(&format!("Command must include exactly one action: {actions}")));
    }
    Ok(())
}

fn check_reset(options: &Options<'_>) -> Result<(), Stop> {
    match (options.has("dry-run"), options.has("execute")) {
        (true, true) => {
            Err(options.usage("Option [reset-offsets] only accepts one of [execute] and [dry-run]"))
        }
        (false, false) => {
            ottla_terminal::output::warn(
                "No action will be performed as the --execute option is missing. In version 5.0, this command will require either --dry-run or --execute to be specified. You should add the --dry-run option explicitly if you are scripting this command and want to keep the current default behavior without prompting.",
            );
            Ok(())
        }
        _ => Ok(()),
    }
}

/// The refusal of `--reset-offsets` without a destination.
pub(super) fn lacks_scenario(options: &Options<'_>) -> Stop {
    let scenarios = SCENARIOS.map(|name| format!("[{name}]")).join(", ");
    options.usage(&format!(
        "Option '[reset-offsets]' requires one of the following scenarios: [{scenarios}]"
    ))
}
