//! `ottla leader-election`: has the controller choose leaders, as `kafka-leader-election.sh` does.

use std::process::ExitCode;

use ottla_client::TopicPartition;
use ottla_client::admin::{Admin, ElectionKind};
use ottla_terminal::connect::{self, Properties};
use ottla_terminal::failure::Failure;
use ottla_terminal::java_order::sort_as_hash_map;
use ottla_terminal::options::{Options, Parser, Stop, end};
use ottla_terminal::output;
use ottla_wire::ErrorCode;
use serde_json::Value;

use crate::json::{array, field, integer, object, text};

const EXCEPTION: &str = "com.fasterxml.jackson.databind.JsonMappingException";

/// Runs the verb.
pub fn run(arguments: &[String]) -> ExitCode {
    end(leader_election(arguments))
}

fn leader_election(arguments: &[String]) -> Result<(), Stop> {
    let parser = parser();
    let options = parser.parse(arguments)?;
    options.help_or_version(
        "This tool attempts to elect a new leader for a set of topic partitions. The type of elections \
         supported are preferred replicas and unclean replicas.",
    )?;
    validate(&options)?;
    let kind = election_kind(options.text("election-type")?.unwrap_or_default())?;
    let partitions = match options.text("path-to-json-file")? {
        Some(path) => Some(partitions_of_file(path)?),
        None => match (options.text("topic")?, options.number::<i32>("partition")?) {
            (Some(topic), Some(partition)) => Some(vec![TopicPartition::new(topic, partition)]),
            _ => None,
        },
    };
    let properties = properties(&options)?;
    connect::block_on(async {
        let admin = connect::admin(options.text("bootstrap-server")?, properties)?;
        elect(&admin, kind, partitions.as_deref()).await
    })
}

fn parser() -> Parser {
    let mut parser = Parser::new();
    parser
        .value(
            "bootstrap-server",
            "A hostname and port for the broker to connect to, in the form host:port. Multiple comma \
             separated URLs can be given. REQUIRED.",
        )
        .described_as("host:port");
    parser
        .value(
            "admin.config",
            "(DEPRECATED) Configuration properties files to pass to the admin client. This option will be \
             removed in a future version. Use --command-config instead.",
        )
        .described_as("config file");
    parser
        .value("command-config", "Config properties file to pass to the admin client.")
        .described_as("Config file");
    parser
        .value(
            "path-to-json-file",
            "The JSON file with the list  of partition for which leader elections should be performed. This \
             is an example format. \n{\"partitions\":\n\t[{\"topic\": \"foo\", \"partition\": 1},\n\t \
             {\"topic\": \"foobar\", \"partition\": 2}]\n}\nNot allowed if --all-topic-partitions or --topic \
             flags are specified.",
        )
        .described_as("Path to JSON file");
    parser
        .value(
            "topic",
            "Name of topic for which to perform an election. Not allowed if --path-to-json-file or \
             --all-topic-partitions is specified.",
        )
        .described_as("topic name");
    parser
        .value(
            "partition",
            "Partition id for which to perform an election. REQUIRED if --topic is specified.",
        )
        .described_as("partition id")
        .of_type("Integer");
    parser.flag(
        "all-topic-partitions",
        "Perform election on all of the eligible topic partitions based on the type of election (see the \
         --election-type flag). Not allowed if --topic or --path-to-json-file is specified.",
    );
    parser
        .value(
            "election-type",
            "Type of election to attempt. Possible values are \"preferred\" for preferred leader election or \
             \"unclean\" for unclean leader election. If preferred election is selection, the election is \
             only performed if the current leader is not the preferred leader for the topic partition. If \
             unclean election is selected, the election is only performed if there are no leader for the \
             topic partition. REQUIRED.",
        )
        .described_as("election type")
        .of_type("[PREFERRED,UNCLEAN]");
    parser
}

fn validate(options: &Options<'_>) -> Result<(), Stop> {
    let missing: Vec<&str> = ["bootstrap-server", "election-type"]
        .into_iter()
        .filter(|name| !options.has(name))
        .collect();
    if !missing.is_empty() {
        return Err(Stop::refused(format!("Missing required option(s): {}", missing.join(", "))));
    }
    options.forbid_with("admin.config", &["command-config"])?;
    let which = ["topic", "all-topic-partitions", "path-to-json-file"];
    if which.iter().filter(|name| options.has(name)).count() != 1 {
        return Err(Stop::refused(format!(
            "One and only one of the following options is required: {}",
            which.join(", ")
        )));
    }
    match (options.has("topic"), options.has("partition")) {
        (true, false) => Err(Stop::refused("Missing required option(s): partition")),
        (false, true) => Err(Stop::refused("Option partition is only allowed if topic is used")),
        _ => Ok(()),
    }
}

fn election_kind(given: &str) -> Result<ElectionKind, Stop> {
    match given.to_ascii_lowercase().as_str() {
        "preferred" => Ok(ElectionKind::Preferred),
        "unclean" => Ok(ElectionKind::Unclean),
        _ => Err(Stop::refused(format!("Cannot parse argument '{given}' of option election-type"))),
    }
}

fn properties(options: &Options<'_>) -> Result<Properties, Stop> {
    let path = match options.text("admin.config")? {
        Some(path) => {
            output::line(
                "Option --admin.config has been deprecated and will be removed in a future version. Use \
                 --command-config instead.",
            )?;
            Some(path)
        }
        None => options.text("command-config")?,
    };
    let mut properties = path.map_or_else(|| Ok(Properties::new()), connect::properties_file)?;
    for (key, value) in [("default.api.timeout.ms", "30000"), ("request.timeout.ms", "15000")] {
        properties.entry(key.to_owned()).or_insert_with(|| value.to_owned());
    }
    Ok(properties)
}

fn partitions_of_file(path: &str) -> Result<Vec<TopicPartition>, Stop> {
    let text = std::fs::read_to_string(path)
        .map_err(|_| Stop::refused(format!("java.io.IOException: Unable to read file {path}")))?;
    let file: Value =
        serde_json::from_str(&text).map_err(|_| Stop::refused("Replica election data is empty"))?;
    partitions(&file).map_err(Stop::refused)
}

/// The partitions of a file, in the order in which Kafka's tool has them.
fn partitions(file: &Value) -> Result<Vec<TopicPartition>, String> {
    let mapping = |why: String| format!("{EXCEPTION}: {why}");
    let listed = object(file).map_err(mapping)?.get("partitions");
    let listed = listed.ok_or("Replica election data is missing \"partitions\" field")?;
    let mut partitions: Vec<TopicPartition> = Vec::new();
    let mut repeated: Vec<TopicPartition> = Vec::new();
    for entry in array(listed).map_err(mapping)? {
        let entry = object(entry).map_err(mapping)?;
        let topic = field(entry, "topic").and_then(text).map_err(mapping)?;
        let partition = field(entry, "partition").and_then(integer).map_err(mapping)?;
        let key = TopicPartition::new(topic, partition);
        let is_known = partitions.contains(&key);
        let list = if is_known { &mut repeated } else { &mut partitions };
        if !list.contains(&key) {
            list.push(key);
        }
    }
    sort_as_hash_map(&mut partitions, |key| key);
    sort_as_hash_map(&mut repeated, |key| key);
    if repeated.is_empty() {
        return Ok(partitions);
    }
    Err(format!("Replica election data contains duplicate partitions: [{}]", joined(&repeated)))
}

fn joined(keys: &[TopicPartition]) -> String {
    keys.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

async fn elect(
    admin: &Admin,
    kind: ElectionKind,
    partitions: Option<&[TopicPartition]>,
) -> Result<(), Stop> {
    let outcomes = match admin.elect_leaders(kind, partitions).await {
        Ok(outcomes) => outcomes,
        Err(error) => {
            let told = match &error {
                ottla_client::Error::Timeout { .. } => "Timeout waiting for election results",
                error if error.code() == Some(ErrorCode::ClusterAuthorizationFailed) => {
                    "Not authorized to perform leader election"
                }
                _ => {
                    let exception = Failure::from(error.clone()).exception;
                    let class = "java.util.concurrent.ExecutionException";
                    return Err(Stop::refused(format!("{class}: {exception}")));
                }
            };
            output::line(told)?;
            return Err(Stop::refused(told));
        }
    };
    let name = if kind == ElectionKind::Preferred { "PREFERRED" } else { "UNCLEAN" };
    let (mut elected, mut unneeded, mut failed) = (Vec::new(), Vec::new(), Vec::new());
    for (key, outcome) in outcomes {
        match outcome {
            Ok(()) => elected.push(key),
            Err(refusal) if refusal.code == ErrorCode::ElectionNotNeeded => unneeded.push(key),
            Err(refusal) => failed.push((key, Failure::from(refusal).exception)),
        }
    }
    sort_as_hash_map(&mut elected, |key| key);
    sort_as_hash_map(&mut unneeded, |key| key);
    sort_as_hash_map(&mut failed, |(key, _)| key);
    if !elected.is_empty() {
        let elected = joined(&elected);
        output::line(format_args!(
            "Successfully completed leader election ({name}) for partitions {elected}"
        ))?;
    }
    if !unneeded.is_empty() {
        let unneeded = joined(&unneeded);
        output::line(format_args!("Valid replica already elected for partitions {unneeded}"))?;
    }
    for (key, exception) in &failed {
        output::line(format_args!(
            "Error completing leader election ({name}) for partition: {key}: {exception}"
        ))?;
    }
    match failed.len() {
        0 => Ok(()),
        count => Err(Stop::refused(format!("{count} replica(s) could not be elected"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_read_as_kafka_reads_them() {
        let read = |text: &str| partitions(&serde_json::from_str(text).expect("JSON"));
        let one = r#"{"topic":"a","partition":1}"#;
        let good = read(&format!(r#"{{"partitions":[{one},{{"topic":"a","partition":0}}]}}"#));
        assert_eq!(good.expect("valid").len(), 2);
        for (text, wrong) in [
            ("{}".to_owned(), "missing \"partitions\" field"),
            (r#"{"partitions":[{"topic":"a"}]}"#.to_owned(), "No such field exists: `partition`"),
            (format!(r#"{{"partitions":[{one},{one}]}}"#), "duplicate partitions: [a-1]"),
            ("[]".to_owned(), "Expected JSON object"),
        ] {
            let refused = read(&text).expect_err("wrong");
            assert!(refused.contains(wrong), "{text}: {refused}");
        }
    }
}
