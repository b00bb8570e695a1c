//! The options of `kafka-topics.sh`, and which of them go together.

use ottla_metadata::config::topic;
use ottla_terminal::options::{Options, Parser, Stop};
use ottla_terminal::output;

const CONFIGS_ARE_ELSEWHERE: &str =
    " (To alter topic configurations, the kafka-configs tool can be used.)";

/// Options that show partitions in trouble.
const REPORTS: [&str; 4] = [
    "under-replicated-partitions",
    "under-min-isr-partitions",
    "at-min-isr-partitions",
    "unavailable-partitions",
];

const ACTIONS: [&str; 5] = ["alter", "create", "describe", "list", "delete"];

pub(super) fn parser() -> Parser {
    let mut parser = Parser::new();
    parser
        .value("bootstrap-server", "REQUIRED: The Kafka server to connect to.")
        .described_as("server to connect to");
    parser
        .value("command-config", "Property file containing configs to be passed to Admin Client.")
        .described_as("command config property file");
    parser.flag("list", "List all available topics.");
    parser.flag("create", "Create a new topic.");
    parser.flag("delete", "Delete a topic.");
    parser.flag(
        "alter",
        format!("Alter the number of partitions and replica assignment.{CONFIGS_ARE_ELSEWHERE}"),
    );
    parser.flag("describe", "List details for the given topics.");
    parser
        .value(
            "topic",
            "The topic to create, alter, describe or delete. It also accepts a regular expression, \
             except for --create option.",
        )
        .described_as("topic");
    parser.value("topic-id", "The topic-id to describe.").described_as("topic-id");
    settings(&mut parser);
    filters(&mut parser);
    parser
}

fn settings(parser: &mut Parser) {
    let keys: Vec<String> = topic::kafka_names().map(|name| format!("\t{name}")).collect();
    parser
        .value(
            "config",
            format!(
                "A topic configuration override for the topic being created. The following is a list \
                 of valid configurations: \n{}\nSee the Kafka documentation for full details on the \
                 topic configs. It is supported only in combination with --create.\
                 {CONFIGS_ARE_ELSEWHERE}",
                keys.join("\n")
            ),
        )
        .described_as("name=value");
    parser
        .value(
            "delete-config",
            "This option is no longer supported and has been deprecated since 4.0",
        )
        .described_as("name");
    parser
        .value(
            "partitions",
            "The number of partitions for the topic being created or altered. If not supplied with \
             --create, the topic uses the cluster default. (WARNING: If partitions are increased for a \
             topic that has a key, the partition logic or ordering of the messages will be affected).",
        )
        .described_as("# of partitions")
        .of_type("Integer");
    parser
        .value(
            "replication-factor",
            "The replication factor for each partition in the topic being created. If not supplied, the \
             topic uses the cluster default.",
        )
        .described_as("replication factor")
        .of_type("Integer");
    parser
        .value(
            "replica-assignment",
            "A list of manual partition-to-broker assignments for the topic being created or altered.",
        )
        .described_as(
            "broker_id_for_part1_replica1 : broker_id_for_part1_replica2 , \
             broker_id_for_part2_replica1 : broker_id_for_part2_replica2 , ...",
        );
}

fn filters(parser: &mut Parser) {
    for (name, shows) in [
        ("under-replicated-partitions", "under-replicated partitions."),
        ("unavailable-partitions", "partitions whose leader is not available."),
        (
            "under-min-isr-partitions",
            "partitions whose isr count is less than the configured minimum.",
        ),
        ("at-min-isr-partitions", "partitions whose isr count is equal to the configured minimum."),
        ("topics-with-overrides", "topics that have overridden configs."),
    ] {
        parser.flag(name, format!("If set when describing topics, only show {shows}"));
    }
    parser.flag(
        "if-exists",
        "If set when altering or deleting or describing topics, the action will only execute if the \
         topic exists.",
    );
    parser.flag(
        "if-not-exists",
        "If set when creating topics, the create request will not fail if the topic already exists, but the \
         request will still be sent.",
    );
    parser.flag(
        "exclude-internal",
        "Exclude internal topics when listing or describing topics. By default, the internal topics are \
         included.",
    );
    parser
        .value(
            "partition-size-limit-per-response",
            "The maximum partition size to be included in one DescribeTopicPartitions response.",
        )
        .described_as("maximum number of partitions per response")
        .of_type("Integer");
}

/// Refuses what makes no sense together.
pub(super) fn check(options: &Options<'_>) -> Result<(), Stop> {
    if options.is_empty {
        return Err(options.usage("Create, delete, describe, or change a topic."));
    }
    options.help_or_version("This tool helps to create, delete, describe, or change a topic.")?;
    if ACTIONS.iter().filter(|action| options.has(action)).count() != 1 {
        return Err(options.usage(
            "Command must include exactly one action: --list, --describe, --create, --alter or --delete",
        ));
    }
    if options.has("delete-config") {
        output::plain_error(
            "delete-config option is no longer supported and deprecated since version 4.0. The config \
             will be fully removed in future releases.",
        );
    }
    check_required(options)?;
    check_forbidden(options)
}

fn check_required(options: &Options<'_>) -> Result<(), Stop> {
    if !options.has("bootstrap-server") {
        return Err(Stop::refused("--bootstrap-server must be specified"));
    }
    if options.has("describe") && options.has("if-exists") {
        match (options.has("topic"), options.has("topic-id")) {
            (false, false) => {
                return Err(options.usage("--topic or --topic-id is required to describe a topic"));
            }
            (true, true) => output::line(
                "Only topic id will be used when both --topic and --topic-id are specified and topicId \
                 is not Uuid.ZERO_UUID",
            )?,
            _ => {}
        }
    }
    if !options.has("list") && !options.has("describe") {
        options.require(&["topic"])?;
    }
    if options.has("alter") {
        if options.has("config") {
            return Err(options.usage(&format!(
                "Option combination \"[[config], [bootstrap-server]]\" can't be used with option \
                 \"[alter]\"{CONFIGS_ARE_ELSEWHERE}"
            )));
        }
        options.require(&["partitions"])?;
    }
    Ok(())
}

fn check_forbidden(options: &Options<'_>) -> Result<(), Stop> {
    let other_than = |allowed: &[&str]| -> Vec<&str> {
        ACTIONS.into_iter().filter(|action| !allowed.contains(action)).collect()
    };
    for (option, actions) in [
        ("config", &["alter", "create"][..]),
        ("partitions", &["alter", "create"]),
        ("replication-factor", &["create"]),
        ("replica-assignment", &["alter", "create"]),
    ] {
        options.forbid_with(option, &other_than(actions))?;
    }
    if options.has("create") {
        options.forbid_with("replica-assignment", &["partitions", "replication-factor"])?;
    }
    for report in REPORTS {
        options.forbid_with(report, &other_than(&["describe"]))?;
        options.forbid_with(report, &["topics-with-overrides"])?;
    }
    options.forbid_with("topics-with-overrides", &other_than(&["describe"]))?;
    for (option, actions) in [
        ("if-exists", &["alter", "delete", "describe"][..]),
        ("if-not-exists", &["create"]),
        ("exclude-internal", &["list", "describe"]),
    ] {
        options.forbid_with(option, &other_than(actions))?;
    }
    Ok(())
}
