//! The options of `kafka-verifiable-consumer.sh`, and what follows from them.

use ottla_terminal::connect::Properties;
use ottla_terminal::options::{Argument, Arguments, Command, Stop};

use crate::verifiable_options;

const RANGE: &str = "org.apache.kafka.clients.consumer.RangeAssignor";

/// What the command line asks for.
#[derive(Debug)]
pub(super) struct Declared {
    pub(super) topic: String,
    /// Without end if there is none.
    pub(super) message_count: Option<u64>,
    /// Tells of each record.
    pub(super) is_verbose: bool,
    /// The consumer commits by itself.
    pub(super) commits_itself: bool,
    pub(super) consumer: Properties,
}

fn command() -> Command {
    let command = Command::new("verifiable-consumer")
        .show_defaults()
        .help_code(1)
        .description(
            "This tool consumes messages from a specific topic and emits consumer events (e.g. group \
             rebalances, received messages, and offsets committed) as JSON objects to STDOUT.",
        )
        .argument(Argument::new(&["--topic"], "Consumes messages from this topic.").required())
        .argument(
            Argument::new(
                &["--group-protocol"],
                "Group protocol (must be one of CLASSIC, CONSUMER)",
            )
            .placeholder("GROUP-PROTOCOL")
            .default("classic"),
        )
        .argument(
            Argument::new(
                &["--group-remote-assignor"],
                "Group remote assignor; only used if the group protocol is CONSUMER",
            )
            .placeholder("GROUP-REMOTE-ASSIGNOR"),
        )
        .argument(
            Argument::new(&["--group-id"], "The group id of the consumer group")
                .placeholder("GROUP-ID")
                .required(),
        )
        .argument(
            Argument::new(
                &["--group-instance-id"],
                "A unique identifier of the consumer instance",
            )
            .placeholder("GROUP-INSTANCE-ID"),
        )
        .argument(
            Argument::new(
                &["--max-messages"],
                "Consume this many messages. If -1 (the default), the consumer will consume until the \
                 process is killed externally",
            )
            .placeholder("MAX-MESSAGES")
            .number::<i32>("Integer")
            .default(-1),
        )
        .argument(
            Argument::new(
                &["--session-timeout"],
                "Set the consumer's session timeout, note that this configuration is not supported when \
                 group protocol is consumer",
            )
            .placeholder("TIMEOUT-MS")
            .number::<i32>("Integer"),
        )
;
    behaviour_and_servers(command)
}

/// How it behaves, and where it reads.
fn behaviour_and_servers(command: Command) -> Command {
    let command = command
        .argument(
            Argument::new(&["--verbose"], "Enable to log individual consumed records").flag(),
        )
        .argument(
            Argument::new(&["--enable-autocommit"], "Enable offset auto-commit on consumer").flag(),
        )
        .argument(
            Argument::new(
                &["--reset-policy"],
                "Set reset policy (must be either 'earliest', 'latest', or 'none')",
            )
            .placeholder("RESET-POLICY")
            .default("earliest"),
        )
        .argument(
            Argument::new(
                &["--assignment-strategy"],
                "Set assignment strategy (e.g. org.apache.kafka.clients.consumer.RoundRobinAssignor); \
                 only used if the group protocol is CLASSIC",
            )
            .placeholder("ASSIGNMENT-STRATEGY")
            .default(RANGE),
        )
        .argument(
            Argument::new(
                &["--consumer.config"],
                "(DEPRECATED) Consumer config properties file. This option will be removed in a future \
                 version. Use --command-config instead",
            )
            .placeholder("CONFIG-FILE"),
        );
    let servers = "The server(s) to connect to. Comma-separated list of Kafka brokers in the form \
                   HOST1:PORT1,HOST2:PORT2,...";
    let server = verifiable_options::bootstrap_server(servers).required();
    verifiable_options::connecting(command, server)
}

impl Declared {
    pub(super) fn read(arguments: &[String]) -> Result<Self, Stop> {
        let (parsed, file) = verifiable_options::read(&command(), arguments, "consumer.config")?;
        let count = parsed.number::<i32>("max-messages").unwrap_or(-1);
        Ok(Self {
            topic: parsed.text("topic").unwrap_or_default().to_owned(),
            message_count: u64::try_from(count).ok(),
            is_verbose: parsed.has("verbose"),
            commits_itself: parsed.has("enable-autocommit"),
            consumer: properties(&parsed, file),
        })
    }
}

/// What the options add to the file's properties.
fn properties(parsed: &Arguments, mut properties: Properties) -> Properties {
    let commits_itself = parsed.has("enable-autocommit").to_string();
    let is_classic = parsed
        .text("group-protocol")
        .is_none_or(|protocol| protocol.eq_ignore_ascii_case("classic"));
    for (key, value) in [
        ("group.protocol", parsed.text("group-protocol").or(Some("classic"))),
        ("group.remote.assignor", parsed.text("group-remote-assignor").filter(|_| !is_classic)),
        (
            "partition.assignment.strategy",
            parsed.text("assignment-strategy").or(Some(RANGE)).filter(|_| is_classic),
        ),
        ("session.timeout.ms", parsed.text("session-timeout").filter(|_| is_classic)),
        ("group.id", parsed.text("group-id")),
        ("group.instance.id", parsed.text("group-instance-id")),
        ("bootstrap.servers", parsed.text("bootstrap-server")),
        ("enable.auto.commit", Some(commits_itself.as_str())),
        ("auto.offset.reset", parsed.text("reset-policy").or(Some("earliest"))),
    ] {
        if let Some(value) = value {
            properties.insert(key.to_owned(), value.to_owned());
        }
    }
    properties
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_become_properties() {
        let cases = [
            ("", "partition.assignment.strategy", Some(RANGE)),
            ("", "enable.auto.commit", Some("false")),
            ("--enable-autocommit", "enable.auto.commit", Some("true")),
            ("--reset-policy latest", "auto.offset.reset", Some("latest")),
            ("--session-timeout 7000", "session.timeout.ms", Some("7000")),
            ("--group-protocol consumer --session-timeout 7000", "session.timeout.ms", None),
        ];
        for (line, key, expected) in cases {
            let line = format!("--topic t --group-id g --bootstrap-server a:1 {line}");
            let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
            let declared = Declared::read(&words).expect("valid");
            assert_eq!(declared.consumer.get(key).map(String::as_str), expected, "{line}");
        }
    }
}
