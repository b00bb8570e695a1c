//! The options of `kafka-reassign-partitions.sh`, and which go together.

use ottla_terminal::options::{Options, Parser, Stop};

const ACTIONS: [&str; 5] = ["generate", "execute", "verify", "cancel", "list"];

const ALL: [&str; 20] = [
    "help",
    "version",
    "verify",
    "generate",
    "execute",
    "cancel",
    "list",
    "bootstrap-server",
    "bootstrap-controller",
    "command-config",
    "reassignment-json-file",
    "topics-to-move-json-file",
    "broker-list",
    "disable-rack-aware",
    "throttle",
    "replica-alter-log-dirs-throttle",
    "timeout",
    "additional",
    "preserve-throttles",
    "disallow-replication-factor-change",
];

/// What an action needs, and what else it takes.
fn belongings(action: &str) -> (&'static [&'static str], &'static [&'static str]) {
    match action {
        "verify" => (&["reassignment-json-file"], &["preserve-throttles"]),
        "generate" => (&["topics-to-move-json-file", "broker-list"], &["disable-rack-aware"]),
        "execute" => (
            &["reassignment-json-file"],
            &[
                "additional",
                "throttle",
                "replica-alter-log-dirs-throttle",
                "timeout",
                "disallow-replication-factor-change",
            ],
        ),
        "cancel" => (
            &["reassignment-json-file"],
            &["preserve-throttles", "timeout", "bootstrap-controller"],
        ),
        _ => (&[], &["bootstrap-controller"]),
    }
}

/// The one action that is asked for, with all that it needs and nothing that it does not take.
pub(super) fn action(options: &Options<'_>) -> Result<&'static str, Stop> {
    let asked: Vec<&'static str> =
        ACTIONS.into_iter().filter(|action| options.has(action)).collect();
    let [action] = asked[..] else {
        let names: Vec<String> = ACTIONS.iter().map(|action| format!("--{action}")).collect();
        let names = names.join(", ");
        return Err(options.usage(&format!("Command must include exactly one action: {names}")));
    };
    match (options.has("bootstrap-server"), options.has("bootstrap-controller")) {
        (true, true) => {
            return Err(options
                .usage("Please don't specify both --bootstrap-server and --bootstrap-controller"));
        }
        (false, false) => {
            return Err(
                options.usage("Please specify either --bootstrap-server or --bootstrap-controller")
            );
        }
        _ => {}
    }
    let (needed, taken) = belongings(action);
    options.require(needed)?;
    let always = [action, "bootstrap-server", "command-config"];
    let foreign = options
        .in_order(&ALL)
        .into_iter()
        .find(|(name, _)| ![&always[..], needed, taken].iter().any(|names| names.contains(name)));
    match foreign {
        None => Ok(action),
        Some((name, _)) => {
            Err(options
                .usage(&format!("Option \"[{name}]\" can't be used with action \"[{action}]\"")))
        }
    }
}

/// All options.
pub(super) fn parser() -> Parser {
    let mut parser = Parser::new();
    actions(&mut parser);
    places(&mut parser);
    manners(&mut parser);
    parser
}

fn actions(parser: &mut Parser) {
    parser.flag(
        "verify",
        "Verify if the reassignment completed as specified by the --reassignment-json-file option. If there \
         is a throttle engaged for the replicas specified, and the rebalance has completed, the throttle \
         will be removed",
    );
    parser.flag(
        "generate",
        "Generate a candidate partition reassignment configuration. Note that this only generates a \
         candidate assignment, it does not execute it.",
    );
    parser.flag(
        "execute",
        "Kick off the reassignment as specified by the --reassignment-json-file option.",
    );
    parser.flag("cancel", "Cancel an active reassignment.");
    parser.flag("list", "List all active partition reassignments.");
}

fn places(parser: &mut Parser) {
    parser
        .perhaps_value("bootstrap-server", "the server(s) to use for bootstrapping.")
        .described_as("Server(s) to use for bootstrapping");
    parser
        .perhaps_value(
            "bootstrap-controller",
            "The controller to use for reassignment. By default, the tool will get the quorum controller. \
             This option supports the actions --cancel and --list.",
        )
        .described_as("bootstrap controller to connect to");
    parser
        .value("command-config", "Property file containing configs to be passed to Admin Client.")
        .described_as("Admin client property file");
    parser
        .value(
            "reassignment-json-file",
            "The JSON file with the partition reassignment configurationThe format to use is - \n\
             {\"partitions\":\n\t[{\"topic\": \"foo\",\n\t  \"partition\": 1,\n\t  \"replicas\": [1,2,3],\n\t  \
             \"log_dirs\": [\"dir1\",\"dir2\",\"dir3\"] }],\n\"version\":1\n}\nNote that \"log_dirs\" is \
             optional. When it is specified, its length must equal the length of the replicas list. The value \
             in this list can be either \"any\" or the absolution path of the log directory on the broker. If \
             absolute log directory path is specified, the replica will be moved to the specified log \
             directory on the broker.",
        )
        .described_as("manual assignment json file path");
    parser
        .value(
            "topics-to-move-json-file",
            "Generate a reassignment configuration to move the partitions of the specified topics to the list \
             of brokers specified by the --broker-list option. The format to use is - \n{\"topics\":\n\t\
             [{\"topic\": \"foo\"},{\"topic\": \"foo1\"}],\n\"version\":1\n}",
        )
        .described_as("topics to reassign json file path");
    parser
        .value(
            "broker-list",
            "The list of brokers to which the partitions need to be reassigned in the form \"0,1,2\". This is \
             required if --topics-to-move-json-file is used to generate reassignment configuration",
        )
        .described_as("brokerlist");
}

fn manners(parser: &mut Parser) {
    parser.flag("disable-rack-aware", "Disable rack aware replica assignment");
    let resubmitted = "This option can be included with --execute when a reassignment is started, and it can \
                       be altered by resubmitting the current reassignment along with the --additional flag. \
                       The throttle rate should be at least 1 KB/s.";
    parser
        .value(
            "throttle",
            format!(
                "The movement of partitions between brokers will be throttled to this value (bytes/sec). \
                 {resubmitted}"
            ),
        )
        .described_as("throttle")
        .of_type("Long")
        .defaults_to(-1);
    parser
        .value(
            "replica-alter-log-dirs-throttle",
            format!(
                "The movement of replicas between log directories on the same broker will be throttled to \
                 this value (bytes/sec). {resubmitted}"
            ),
        )
        .described_as("replicaAlterLogDirsThrottle")
        .of_type("Long")
        .defaults_to(-1);
    parser
        .value(
            "timeout",
            "The maximum time in ms to wait for log directory replica assignment to begin.",
        )
        .described_as("timeout")
        .of_type("Long")
        .defaults_to(10_000);
    parser.flag(
        "additional",
        "Execute this reassignment in addition to any other ongoing ones. This option can also be used to \
         change the throttle of an ongoing reassignment.",
    );
    parser.flag("preserve-throttles", "Do not modify broker or topic throttles.");
    parser.flag(
        "disallow-replication-factor-change",
        "Denies the ability to change a partition's replication factor as part of this reassignment through \
         adding validation against it.",
    );
}
