//! `ottla get-offsets`: offsets of partitions, as `kafka-get-offsets.sh` prints them.

use std::process::ExitCode;

use ottla_client::TopicPartition;
use ottla_client::admin::{Admin, IsolationLevel, OffsetSpec, TopicRef};
use ottla_terminal::connect;
use ottla_terminal::failure::Failure;
use ottla_terminal::options::{Options, Parser, Stop, end};
use ottla_terminal::output;

use crate::topic_filter::TopicFilter;

const ABOUT: &str = "An interactive shell for getting topic-partition offsets.";
/// How many partitions a broker may describe at once.
const PAGE: i32 = 2_000;

/// Runs the verb.
pub fn run(arguments: &[String]) -> ExitCode {
    end(get_offsets(arguments))
}

fn occurred(message: impl std::fmt::Display) -> Stop {
    Stop::refused(format!("Error occurred: {message}"))
}

fn get_offsets(arguments: &[String]) -> Result<(), Stop> {
    let parser = parser();
    if arguments.is_empty() {
        return Err(parser.usage(ABOUT));
    }
    let options = parser.parse(arguments).map_err(|stop| occurred(stop.err.trim_end()))?;
    options.help_or_version(ABOUT)?;
    options.require(&["bootstrap-server"])?;
    let servers = options.text("bootstrap-server")?.unwrap_or_default();
    if !servers.trim_end_matches(',').split(',').all(has_port) {
        return Err(options.usage("Please provide valid host:port like host1:9091,host2:9092\n"));
    }
    let wanted = Wanted::new(&options).map_err(|failure| occurred(failure.message))?;
    let mut properties = match options.text("command-config")? {
        Some(path) => {
            connect::properties_file(path).map_err(|stop| occurred(stop.err.trim_end()))?
        }
        None => connect::Properties::new(),
    };
    properties.insert("client.id".to_owned(), "GetOffsetShell".to_owned());
    connect::block_on(async {
        let admin = connect::admin(Some(servers), properties)?;
        let fetched = fetch(&admin, &wanted, options.has("exclude-internal-topics")).await;
        for (key, offset) in fetched.map_err(|failure| occurred(failure.exception))? {
            output::line(format!("{}:{}:{offset}", key.topic, key.partition))?;
        }
        Ok(())
    })
}

fn parser() -> Parser {
    let mut parser = Parser::new();
    parser
        .value(
            "bootstrap-server",
            "REQUIRED. The server(s) to connect to in the form HOST1:PORT1,HOST2:PORT2.",
        )
        .described_as("HOST1:PORT1,...,HOST3:PORT3");
    parser
        .value(
            "topic-partitions",
            "Comma separated list of topic-partition patterns to get the offsets for, with the format of '([^:,]*)(?::(?:([0-9]*)|(?:([0-9]*)-([0-9]*))))?'. The first group is an optional regex for the topic name, if omitted, it matches any topic name. The section after ':' describes a 'partition' pattern, which can be: a number, a range in the format of 'NUMBER-NUMBER' (lower inclusive, upper exclusive), an inclusive lower bound in the format of 'NUMBER-', an exclusive upper bound in the format of '-NUMBER' or may be omitted to accept all partitions.",
        )
        .described_as("topic1:1,topic2:0-3,topic3,topic4:5-,topic5:-3");
    parser
        .value(
            "topic",
            "The topic to get the offsets for. It also accepts a regular expression. If not present, all authorized topics are queried. Cannot be used if --topic-partitions is present.",
        )
        .described_as("topic");
    parser
        .value(
            "partitions",
            "Comma separated list of partition ids to get the offsets for. If not present, all partitions of the authorized topics are queried. Cannot be used if --topic-partitions is present.",
        )
        .described_as("partition ids");
    parser
        .value(
            "time",
            "timestamp of the offsets before that. [Note: No offset is returned, if the timestamp greater than recently committed record timestamp is given.]",
        )
        .described_as("<timestamp> / -1 or latest / -2 or earliest / -3 or max-timestamp / -4 or earliest-local / -5 or latest-tiered / -6 or earliest-pending-upload")
        .defaults_to("latest");
    parser
        .value("command-config", "Property file containing configs to be passed to Admin Client.")
        .described_as("config file");
    parser.flag(
        "exclude-internal-topics",
        "By default, internal topics are included. If specified, internal topics are excluded.",
    );
    parser
}

fn has_port(address: &str) -> bool {
    let port = address.rsplit_once(':').map_or("", |(_, port)| port);
    !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit())
}

/// Which partitions are meant, and which of their offsets.
struct Wanted {
    rules: Vec<Rule>,
    spec: OffsetSpec,
}

/// Topics by name, and partitions of them.
struct Rule {
    topics: TopicFilter,
    partitions: Partitions,
}

#[derive(Debug, PartialEq, Eq)]
enum Partitions {
    /// These; all of them where none is named.
    Listed(Vec<i32>),
    /// From the first on, up to but without the second.
    Range(i32, i32),
}

impl Partitions {
    fn allow(&self, partition: i32) -> bool {
        match self {
            Self::Listed(listed) => listed.is_empty() || listed.contains(&partition),
            Self::Range(from, to) => (*from..*to).contains(&partition),
        }
    }
}

impl Wanted {
    fn new(options: &Options<'_>) -> Result<Self, Failure> {
        if options.has("topic-partitions") && (options.has("topic") || options.has("partitions")) {
            let message = "--topic-partitions cannot be used with --topic or --partitions";
            return Err(Failure::new("", message));
        }
        let spec = spec(options.text("time")?.unwrap_or("latest"))?;
        let rules = match options.text("topic-partitions")? {
            Some(patterns) => patterns.split(',').map(rule).collect::<Result<_, _>>()?,
            None => {
                let topics = TopicFilter::new(options.text("topic")?.unwrap_or(".*"))?;
                let listed = listed(options.text("partitions")?.unwrap_or_default())?;
                vec![Rule { topics, partitions: Partitions::Listed(listed) }]
            }
        };
        Ok(Self { rules, spec })
    }

    fn names(&self, topic: &str) -> bool {
        self.rules.iter().any(|rule| rule.topics.allows(topic, false))
    }

    fn allows(&self, topic: &str, partition: i32) -> bool {
        let fits =
            |rule: &Rule| rule.topics.allows(topic, false) && rule.partitions.allow(partition);
        self.rules.iter().any(fits)
    }
}

fn listed(text: &str) -> Result<Vec<i32>, Failure> {
    if text.is_empty() {
        return Ok(Vec::new());
    }
    let numbers = text.split(',').map(str::parse).collect::<Result<Vec<i32>, _>>();
    numbers.map_err(|_| {
        let wrong =
            format!("--partitions expects a comma separated list of numeric partition ids, but received: {text}");
        Failure::new("", wrong)
    })
}

/// Reads `topic`, `topic:1`, `topic:1-3`, `topic:1-`, `topic:-3`; the topic may be left out.
fn rule(pattern: &str) -> Result<Rule, Failure> {
    let invalid = || {
        Failure::new(
            "",
            format!("org.apache.kafka.tools.TerseException: Invalid rule specification: {pattern}"),
        )
    };
    let (topic, partitions) = pattern.split_once(':').unwrap_or((pattern, ""));
    let number = |text: &str, none: i32| match text {
        "" => Ok(none),
        text if text.bytes().all(|byte| byte.is_ascii_digit()) => text.parse().map_err(|_| {
            Failure::new("java.lang.NumberFormatException", format!("For input string: \"{text}\""))
        }),
        _ => Err(invalid()),
    };
    let partitions = match partitions.split_once('-') {
        Some((from, to)) => Partitions::Range(number(from, 0)?, number(to, i32::MAX)?),
        None if partitions.is_empty() => Partitions::Range(0, i32::MAX),
        None => Partitions::Listed(vec![number(partitions, 0)?]),
    };
    let topics = TopicFilter::new(if topic.is_empty() { ".*" } else { topic })?;
    Ok(Rule { topics, partitions })
}

fn spec(time: &str) -> Result<OffsetSpec, Failure> {
    Ok(match time {
        "latest" | "-1" => OffsetSpec::Latest,
        "earliest" | "-2" => OffsetSpec::Earliest,
        "max-timestamp" | "-3" => OffsetSpec::MaxTimestamp,
        "earliest-local" | "-4" => OffsetSpec::EarliestLocal,
        "latest-tiered" | "-5" => OffsetSpec::LatestTiered,
        "earliest-pending-upload" | "-6" => OffsetSpec::EarliestPendingUpload,
        _ => OffsetSpec::Timestamp(time.parse().map_err(|_| {
            Failure::new(
                "",
                format!(
                    "Malformed time argument {time}. Please use -1 or latest / -2 or earliest / -3 or max-timestamp / -4 or earliest-local / -5 or latest-tiered / -6 or earliest-pending-upload, or a specified long format timestamp"
                ),
            )
        })?),
    })
}

/// Offsets of all partitions that are wanted, in the order of their names.
async fn fetch(
    admin: &Admin,
    wanted: &Wanted,
    exclude_internal: bool,
) -> Result<Vec<(TopicPartition, i64)>, Failure> {
    let topics = admin.list_topics(!exclude_internal).await?;
    let names = topics.into_iter().map(|topic| topic.name).filter(|name| wanted.names(name));
    let names: Vec<TopicRef> = names.map(TopicRef::Name).collect();
    let mut queries = Vec::new();
    for (_, topic) in admin.describe_topics(&names, PAGE).await? {
        let topic = topic?;
        let indexes = topic.partitions.iter().map(|found| found.partition);
        let indexes = indexes.filter(|index| wanted.allows(&topic.name, *index));
        queries.extend(
            indexes.map(|index| (TopicPartition::new(topic.name.as_str(), index), wanted.spec)),
        );
    }
    if queries.is_empty() {
        let told = "Could not match any topic-partitions with the specified filters".to_owned();
        return Err(Failure { message: told.clone(), exception: told });
    }
    let mut offsets = Vec::new();
    let answers = admin.list_offsets(&queries, IsolationLevel::ReadUncommitted).await?;
    for (key, answer) in answers {
        match answer {
            Ok(found) if found.offset >= 0 => offsets.push((key, found.offset)),
            Ok(_) => {}
            Err(refusal) => {
                let exception = Failure::from(refusal).exception;
                output::plain_error(format!(
                    "Skip getting offsets for topic-partition {key} due to error: {exception}"
                ));
            }
        }
    }
    offsets.sort_by_key(|(key, _)| key.to_string());
    Ok(offsets)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_name_topics_and_partitions() {
        for (pattern, allowed, refused) in [
            ("topic1:1", Some(("topic1", 1)), ("topic1", 0)),
            ("topic2:0-3", Some(("topic2", 2)), ("topic2", 3)),
            ("t.*", Some(("topic3", 7)), ("other", 7)),
            ("topic4:5-", Some(("topic4", 5)), ("topic4", 4)),
            ("topic5:-3", Some(("topic5", 2)), ("topic5", 3)),
            (":2", Some(("any", 2)), ("any", 1)),
        ] {
            let rule = rule(pattern).unwrap_or_else(|failure| panic!("{pattern}: {failure:?}"));
            let wanted = Wanted { rules: vec![rule], spec: OffsetSpec::Latest };
            if let Some((topic, partition)) = allowed {
                assert!(wanted.allows(topic, partition), "{pattern}");
            }
            assert!(!wanted.allows(refused.0, refused.1), "{pattern}");
        }
        for pattern in ["beta:x", "beta:1-2-3", "beta:1:2"] {
            let failure = rule(pattern).err().map(|failure| failure.message);
            let told = format!(
                "org.apache.kafka.tools.TerseException: Invalid rule specification: {pattern}"
            );
            assert_eq!(failure, Some(told));
        }
    }

    #[test]
    fn times_have_names_and_numbers() {
        for (time, expected) in [
            ("earliest", OffsetSpec::Earliest),
            ("-1", OffsetSpec::Latest),
            ("-3", OffsetSpec::MaxTimestamp),
            ("earliest-local", OffsetSpec::EarliestLocal),
            ("-5", OffsetSpec::LatestTiered),
            ("-6", OffsetSpec::EarliestPendingUpload),
            ("1700000000000", OffsetSpec::Timestamp(1_700_000_000_000)),
        ] {
            assert_eq!(spec(time), Ok(expected), "{time}");
        }
        assert!(spec("yesterday").is_err_and(|failure| failure.message.starts_with("Malformed")));
    }
}
