//! `ottla log-dirs`: what lies in the log directories of brokers, as `kafka-log-dirs.sh` tells it in JSON.

use std::process::ExitCode;

use ottla_client::ApiError;
use ottla_client::admin::{Admin, DescribeClusterOptions, LogDirDescription, ReplicaLog};
use ottla_terminal::connect;
use ottla_terminal::failure::Failure;
use ottla_terminal::java_order::sort_as_hash_map;
use ottla_terminal::message_json::json_string;
use ottla_terminal::options::{Options, Parser, Stop, end};
use ottla_terminal::output;

/// Runs the verb.
pub fn run(arguments: &[String]) -> ExitCode {
    end(log_dirs(arguments))
}

fn log_dirs(arguments: &[String]) -> Result<(), Stop> {
    let parser = parser();
    let options = parser.parse(arguments)?;
    options.help_or_version(
        "This tool helps to query log directory usage on the specified brokers.",
    )?;
    options.require(&["bootstrap-server", "describe"])?;
    let mut properties = match options.text("command-config")? {
        Some(path) => connect::properties_file(path)?,
        None => connect::Properties::new(),
    };
    properties.entry("client.id".to_owned()).or_insert_with(|| "log-dirs-tool".to_owned());
    let topics = listed(&options, "topic-list")?;
    let mut brokers = Vec::new();
    for id in listed(&options, "broker-list")? {
        let wrong = |_| Stop::refused(format!("For input string: \"{id}\""));
        brokers.push(id.parse::<i32>().map_err(wrong)?);
    }
    let servers = options.text("bootstrap-server")?;
    connect::block_on(async {
        let admin = connect::admin(servers, properties)?;
        describe(&admin, &brokers, &topics)
            .await
            .map_err(|failure| Stop::refused(failure.exception))
    })
}

fn parser() -> Parser {
    let mut parser = Parser::new();
    parser
        .value("bootstrap-server", "REQUIRED: the server(s) to use for bootstrapping")
        .described_as("The server(s) to use for bootstrapping");
    parser
        .value("command-config", "Property file containing configs to be passed to Admin Client.")
        .described_as("Admin client property file");
    parser.flag("describe", "Describe the specified log directories on the specified brokers.");
    parser
        .value(
            "topic-list",
            "The list of topics to be queried in the form \"topic1,topic2,topic3\". All topics will be queried if no topic list is specified",
        )
        .described_as("Topic list")
        .defaults_to("");
    parser
        .value(
            "broker-list",
            "The list of brokers to be queried in the form \"0,1,2\". All brokers in the cluster will be queried if no broker list is specified",
        )
        .described_as("Broker list")
        .defaults_to("");
    parser
}

fn listed(options: &Options<'_>, name: &str) -> Result<Vec<String>, Stop> {
    let text = options.text(name)?.unwrap_or_default();
    Ok(text.split(',').filter(|part| !part.is_empty()).map(str::to_owned).collect())
}

async fn describe(admin: &Admin, wanted: &[i32], topics: &[String]) -> Result<(), Failure> {
    let cluster = admin.describe_cluster(DescribeClusterOptions::default()).await?;
    let known: Vec<i32> = cluster.nodes.iter().map(|known| known.node.id).collect();
    let mut unknown: Vec<i32> = wanted.iter().filter(|id| !known.contains(id)).copied().collect();
    let joined = |ids: &[i32]| ids.iter().map(i32::to_string).collect::<Vec<_>>().join(",");
    if !unknown.is_empty() {
        unknown.dedup();
        sort_as_hash_map(&mut unknown, |id| id);
        let told = format!(
            "ERROR: The given brokers do not exist from --broker-list: {}. Current existent brokers: {}",
            joined(&unknown),
            joined(&known)
        );
        return Err(Failure { message: told.clone(), exception: told });
    }
    let mut brokers = if wanted.is_empty() { known } else { wanted.to_vec() };
    brokers.sort_unstable();
    brokers.dedup();
    sort_as_hash_map(&mut brokers, |id| id);
    output::line("Querying brokers for log directories information")?;
    let mut described = Vec::new();
    for (broker, directories) in admin.describe_log_dirs(&brokers, None).await? {
        described.push((broker, directories?));
    }
    sort_as_hash_map(&mut described, |(broker, _)| broker);
    output::line(format!("Received log directory information from brokers {}", joined(&brokers)))?;
    let brokers: Vec<String> = described
        .into_iter()
        .map(|(broker, directories)| {
            let directories = directories.into_iter();
            let directories: Vec<String> =
                directories.map(|(path, outcome)| directory(&path, outcome, topics)).collect();
            format!("{{\"broker\":{broker},\"logDirs\":[{}]}}", directories.join(","))
        })
        .collect();
    Ok(output::line(format!("{{\"brokers\":[{}],\"version\":1}}", brokers.join(",")))?)
}

fn directory(
    path: &str,
    outcome: Result<LogDirDescription, ApiError>,
    topics: &[String],
) -> String {
    let (replicas, error) = match outcome {
        Ok(description) => (description.replicas, "null".to_owned()),
        Err(refusal) => (Vec::new(), json_string(&refusal.code.exception_name())),
    };
    let is_wanted = |replica: &ReplicaLog| {
        topics.is_empty() || topics.iter().any(|topic| **topic == *replica.partition.topic)
    };
    let mut replicas: Vec<ReplicaLog> = replicas.into_iter().filter(is_wanted).collect();
    sort_as_hash_map(&mut replicas, |replica| &replica.partition);
    let replicas: Vec<String> = replicas
        .iter()
        .map(|replica| {
            format!(
                "{{\"partition\":{},\"size\":{},\"offsetLag\":{},\"isFuture\":{}}}",
                json_string(&replica.partition.to_string()),
                replica.size,
                replica.offset_lag,
                replica.is_future
            )
        })
        .collect();
    format!(
        "{{\"partitions\":[{}],\"error\":{error},\"logDir\":{}}}",
        replicas.join(","),
        json_string(path)
    )
}

#[cfg(test)]
mod tests {
    use ottla_client::TopicPartition;
    use ottla_wire::ErrorCode;

    use super::*;

    #[test]
    fn directories_are_told_in_the_order_of_kafka() {
        let replica = |topic: &str, partition| ReplicaLog {
            partition: TopicPartition::new(topic, partition),
            size: 350,
            offset_lag: 0,
            is_future: false,
        };
        let description = LogDirDescription {
            path: "/data".to_owned(),
            total_bytes: None,
            usable_bytes: None,
            is_cordoned: false,
            replicas: vec![replica("beta", 0), replica("alpha", 0), replica("shared", 0)],
        };
        let topics = ["beta".to_owned(), "shared".to_owned()];
        assert_eq!(
            directory("/data", Ok(description), &topics),
            "{\"partitions\":[{\"partition\":\"shared-0\",\"size\":350,\"offsetLag\":0,\"isFuture\":false},\
             {\"partition\":\"beta-0\",\"size\":350,\"offsetLag\":0,\"isFuture\":false}],\"error\":null,\"logDir\":\"/data\"}"
        );
        assert_eq!(
            directory("/data", Err(ApiError::new(ErrorCode::KafkaStorageError)), &[]),
            "{\"partitions\":[],\"error\":\"org.apache.kafka.common.errors.KafkaStorageException\",\"logDir\":\"/data\"}"
        );
    }
}
