//! What `ottla` can do: the table of verbs, and `ottla --help`, which teaches it.

use std::process::ExitCode;

use ottla_terminal::options::{KAFKA_VERSION, Stop, end};
use ottla_tools::{
    broker_api_versions, cluster, configs, consumer_groups, delete_records, dump_log, features,
    get_offsets, groups, leader_election, log_dirs, metadata_quorum, reassign_partitions, topics,
    transactions,
};
use ottla_traffic::{
    console_consumer, console_producer, consumer_perf_test, producer_perf_test,
    verifiable_consumer, verifiable_producer,
};

use crate::{start, stop, storage, zookeeper};

/// One verb.
struct Verb {
    name: &'static str,
    /// What it does, in one line.
    about: &'static str,
    run: fn(&[String]) -> ExitCode,
}

const fn verb(name: &'static str, about: &'static str, run: fn(&[String]) -> ExitCode) -> Verb {
    Verb { name, about, run }
}

/// All verbs, in the groups that the help shows.
const GROUPS: &[(&str, &[Verb])] = &[
    (
        "Run a node",
        &[
            verb("start", "start a broker and its controller", start::run),
            verb("stop", "stop the nodes that run on this machine", stop::run),
            verb("storage", "format log directories, tell what they hold", storage::run),
            verb("zookeeper-start", "explain what took ZooKeeper's place", zookeeper::start),
            verb("zookeeper-stop", "stop nothing, for old scripts", zookeeper::stop),
        ],
    ),
    (
        "Write and read records",
        &[
            verb(
                "console-producer",
                "send each line of standard input to a topic",
                console_producer::run,
            ),
            verb(
                "console-consumer",
                "print the records of topics to standard output",
                console_consumer::run,
            ),
            verb(
                "producer-perf-test",
                "measure how fast records are written",
                producer_perf_test::run,
            ),
            verb(
                "consumer-perf-test",
                "measure how fast records are read",
                consumer_perf_test::run,
            ),
            verb(
                "verifiable-producer",
                "write numbers, tell of each what became of it",
                verifiable_producer::run,
            ),
            verb(
                "verifiable-consumer",
                "read as a group's member, tell of all that happens",
                verifiable_consumer::run,
            ),
        ],
    ),
    (
        "Look after a cluster",
        &[
            verb("topics", "create, list, describe, alter and delete topics", topics::run),
            verb("configs", "show and change configuration while a cluster runs", configs::run),
            verb("get-offsets", "print offsets of partitions", get_offsets::run),
            verb("delete-records", "delete records before an offset", delete_records::run),
            verb("cluster", "print the cluster's id and brokers, forget a broker", cluster::run),
            verb("features", "show and move the feature levels of a cluster", features::run),
            verb("log-dirs", "print what lies in the log directories of brokers", log_dirs::run),
            verb(
                "reassign-partitions",
                "move partitions to other brokers and directories",
                reassign_partitions::run,
            ),
            verb(
                "leader-election",
                "have preferred or other leaders elected",
                leader_election::run,
            ),
            verb("metadata-quorum", "tell who controls the cluster", metadata_quorum::run),
            verb(
                "broker-api-versions",
                "print the requests that each broker takes",
                broker_api_versions::run,
            ),
        ],
    ),
    (
        "Look after consumers and producers",
        &[
            verb(
                "consumer-groups",
                "list and describe groups, reset and delete their offsets",
                consumer_groups::run,
            ),
            verb("groups", "list groups of all types", groups::run),
            verb(
                "transactions",
                "list and describe transactions, end those that hang",
                transactions::run,
            ),
        ],
    ),
    (
        "Look into files",
        &[verb(
            "dump-log",
            "print segments, indexes and snapshots of a log directory",
            dump_log::run,
        )],
    ),
];

/// Runs the verb that the arguments begin with.
pub(crate) fn run(arguments: &[String]) -> ExitCode {
    let Some((name, rest)) = arguments.split_first() else { return start::run(&[]) };
    match name.as_str() {
        "-h" | "--help" | "help" => return end(Err(Stop::told(help()))),
        "-V" | "--version" | "version" => {
            let version = env!("CARGO_PKG_VERSION");
            let told = format!("ottla {version} (protocol and tools of Kafka {KAFKA_VERSION})\n");
            return end(Err(Stop::told(told)));
        }
        _ => {}
    }
    let mut verbs = GROUPS.iter().flat_map(|(_, verbs)| verbs.iter());
    match verbs.find(|verb| verb.name == name) {
        Some(verb) => (verb.run)(rest),
        None => {
            let error = format!(
                "error: unknown verb {name}{}\n  hint: `ottla --help` lists the verbs\n",
                nearest(name)
            );
            end(Err(Stop { out: String::new(), err: error, code: 2 }))
        }
    }
}

/// Names the verb that was meant, where a beginning or the name of Apache's script tells.
fn nearest(name: &str) -> String {
    let bare = name.trim_start_matches("kafka-").trim_end_matches(".sh").trim_end_matches(".bat");
    let mut verbs = GROUPS.iter().flat_map(|(_, verbs)| verbs.iter());
    let meant = verbs.find(|verb| !bare.is_empty() && verb.name.starts_with(bare));
    meant.map(|verb| format!(", did you mean {}?", verb.name)).unwrap_or_default()
}

fn help() -> String {
    let mut text = String::from(
        "Ottla is Kafka in one binary: broker, controller and the classic tools.\n\n\
         Usage: ottla                      start a node on localhost:9092, data under ./ottla-data\n       \
         ottla VERB [OPTION]...     do one of the things below\n       \
         ottla VERB --help          tell its options\n",
    );
    for (group, verbs) in GROUPS {
        text.push_str(&format!("\n{group}\n"));
        for verb in *verbs {
            text.push_str(&format!("  {:<22}{}\n", verb.name, verb.about));
        }
    }
    text.push_str(
        "\nTools take the options of Apache Kafka's scripts: bin/kafka-topics.sh is `ottla topics`.\n\
         \nTry\n  \
         ottla start --override log.dirs=/tmp/ottla &\n  \
         ottla topics --bootstrap-server localhost:9092 --create --topic first\n  \
         ottla topics --bootstrap-server localhost:9092 --describe --topic first\n",
    );
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn help_lists_each_verb_once() {
        let help = help();
        for verb in GROUPS.iter().flat_map(|(_, verbs)| verbs.iter()) {
            let rows =
                help.lines().filter(|line| line.trim().starts_with(&format!("{} ", verb.name)));
            assert_eq!(rows.count(), 1, "{}", verb.name);
            assert!(verb.name.len() < 22, "{} is too long for its column", verb.name);
        }
    }

    #[test]
    fn a_script_name_leads_to_its_verb() {
        assert_eq!(nearest("kafka-topics.sh"), ", did you mean topics?");
        assert_eq!(nearest("nonsense"), "");
    }
}
