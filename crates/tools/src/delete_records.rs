//! `ottla delete-records`: deletes what lies before given offsets, as `kafka-delete-records.sh` does.

use std::process::ExitCode;

use ottla_client::TopicPartition;
use ottla_client::admin::Admin;
use ottla_terminal::connect;
use ottla_terminal::failure::Failure;
use ottla_terminal::java_order::sort_as_hash_map;
use ottla_terminal::options::{Parser, Stop, end};
use ottla_terminal::output;
use serde_json::Value;

use crate::json::{expected, integer, object};

/// Runs the verb.
pub fn run(arguments: &[String]) -> ExitCode {
    end(delete_records(arguments))
}

fn delete_records(arguments: &[String]) -> Result<(), Stop> {
    let parser = parser();
    let options = parser.parse(arguments)?;
    options.help_or_version(
        "This tool helps to delete records of the given partitions down to the specified offset.",
    )?;
    options.require(&["bootstrap-server", "offset-json-file"])?;
    let properties = match options.text("command-config")? {
        Some(path) => connect::properties_file(path)?,
        None => connect::Properties::new(),
    };
    let path = options.text("offset-json-file")?.unwrap_or_default();
    let text = std::fs::read_to_string(path)
        .map_err(|_| Stop::refused(format!("Unable to read file {path}")))?;
    let offsets = offsets(&text).map_err(Stop::refused)?;
    connect::block_on(async {
        let admin = connect::admin(options.text("bootstrap-server")?, properties)?;
        execute(&admin, &offsets).await
    })
}

fn parser() -> Parser {
    let mut parser = Parser::new();
    parser
        .value("bootstrap-server", "REQUIRED: The server to connect to.")
        .described_as("server(s) to use for bootstrapping");
    parser
        .value(
            "offset-json-file",
            "REQUIRED: The JSON file with offset per partition. The format to use is:\n\
             {\"partitions\":\n  [{\"topic\": \"foo\", \"partition\": 1, \"offset\": 1}],\n \"version\":1\n}",
        )
        .described_as("Offset json file path");
    parser
        .value("command-config", "A property file containing configs to be passed to Admin Client.")
        .described_as("command config property file path");
    parser
}

async fn execute(admin: &Admin, offsets: &[(TopicPartition, i64)]) -> Result<(), Stop> {
    output::line("Executing records delete operation")?;
    let deleted = admin.delete_records(offsets).await;
    output::line("Records delete operation completed:")?;
    let outcomes: Vec<_> = match deleted {
        Ok(results) => {
            results.into_iter().map(|(key, result)| (key, result.map_err(Failure::from))).collect()
        }
        Err(error) => {
            let failure = Failure::from(error);
            offsets.iter().map(|(key, _)| (key.clone(), Err(failure.clone()))).collect()
        }
    };
    for (key, outcome) in outcomes {
        output::line(match outcome {
            Ok(low_watermark) => format!("partition: {key}\tlow_watermark: {low_watermark}"),
            Err(failure) => format!("partition: {key}\terror: {}", failure.exception),
        })?;
    }
    Ok(())
}

/// Partitions and offsets of the file, in the order in which Kafka's tool takes them.
///
/// # Errors
/// What is wrong, in the words of Kafka's tool.
fn offsets(text: &str) -> Result<Vec<(TopicPartition, i64)>, String> {
    let file: Value =
        serde_json::from_str(text).map_err(|_| "The input string is not a valid JSON")?;
    let file = object(&file)?;
    let version = file.get("version").map_or(Ok(1), integer)?;
    if version != 1 {
        return Err(format!("Not supported version field value {version}"));
    }
    let partitions = file.get("partitions").ok_or("Missing partitions field")?;
    let partitions = partitions
        .as_array()
        .ok_or_else(|| format!("Expected JSON array, received {partitions}"))?;
    let mut offsets: Vec<(TopicPartition, i64)> = Vec::new();
    let mut repeated: Vec<TopicPartition> = Vec::new();
    for entry in partitions {
        let entry = object(entry)?;
        let field =
            |name: &str| entry.get(name).ok_or_else(|| format!("No such field exists: `{name}`"));
        let topic = field("topic")?;
        let topic = topic.as_str().ok_or_else(|| expected("String", topic))?;
        let key = TopicPartition::new(topic, integer(field("partition")?)?);
        let offset = field("offset")?;
        let offset = offset.as_i64().ok_or_else(|| expected("Long", offset))?;
        if offsets.iter().any(|(known, _)| *known == key) {
            if !repeated.contains(&key) {
                repeated.push(key);
            }
        } else {
            offsets.push((key, offset));
        }
    }
    if !repeated.is_empty() {
        sort_as_hash_map(&mut repeated, |key| key);
        let repeated: Vec<String> = repeated.iter().map(ToString::to_string).collect();
        let repeated = repeated.join(",");
        return Err(format!("Offset json file contains duplicate topic partitions: {repeated}"));
    }
    sort_as_hash_map(&mut offsets, |(key, _)| key);
    Ok(offsets)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_read_as_kafka_reads_them() {
        let text = r#"{"partitions":[{"topic":"codecs","partition":0,"offset":3},
            {"topic":"indexed","partition":0,"offset":-1}],"version":1}"#;
        let expected =
            [(TopicPartition::new("codecs", 0), 3), (TopicPartition::new("indexed", 0), -1)];
        assert_eq!(offsets(text).as_deref(), Ok(&expected[..]));
        // As Apache Kafka 4.3.1 said it.
        for (text, wrong) in [
            ("garbage", "The input string is not a valid JSON"),
            (r#"{"version":2}"#, "Not supported version field value 2"),
            ("{}", "Missing partitions field"),
            (r#"{"partitions":[{"topic":"a"}]}"#, "No such field exists: `partition`"),
            (
                r#"{"partitions":[{"topic":"a","partition":"x","offset":1}]}"#,
                "Expected `Integer` value, received \"x\"",
            ),
            (
                r#"{"partitions":[{"topic":"i","partition":0,"offset":5},{"topic":"i","partition":0,"offset":6}]}"#,
                "Offset json file contains duplicate topic partitions: i-0",
            ),
        ] {
            assert_eq!(offsets(text), Err(wrong.to_owned()), "{text}");
        }
    }
}
