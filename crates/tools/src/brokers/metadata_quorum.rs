//! `ottla metadata-quorum`: who controls the cluster, as `kafka-metadata-quorum.sh` tells it.

use std::path::Path;
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use ottla_client::admin::{
    Admin, DescribeClusterOptions, QuorumEndpoint, QuorumInfo, QuorumReplica,
};
use ottla_metadata::config::properties;
use ottla_terminal::connect::{self, Properties};
use ottla_terminal::failure::Failure;
use ottla_terminal::options::{Argument, Arguments, Command, Stop, end};
use ottla_terminal::output;
use ottla_wire::Uuid;

use crate::table::table;

/// Runs the verb.
pub fn run(arguments: &[String]) -> ExitCode {
    end(metadata_quorum(arguments))
}

fn metadata_quorum(arguments: &[String]) -> Result<(), Stop> {
    let arguments = command().parse(arguments)?;
    let properties = match arguments.text("command-config") {
        None => Properties::new(),
        Some(path) if !Path::new(path).exists() => {
            return Err(Stop::refused(format!("Properties file {path} does not exists!")));
        }
        Some(path) => connect::properties_file(path)?,
    };
    if arguments.has("bootstrap-controller") {
        return Err(Stop::refused(
            "error: controllers can't be asked directly yet\n  hint: name a broker with --bootstrap-server",
        ));
    }
    connect::block_on(async {
        // A file of the controller's own is for brokers too: what does not concern clients is not for them.
        let is_addition = arguments.subcommand == Some("add-controller");
        let of_client = if is_addition { Properties::new() } else { properties.clone() };
        let admin = connect::admin(arguments.text("bootstrap-server"), of_client)?;
        match arguments.subcommand {
            Some("add-controller") => add(&admin, &arguments, &properties).await,
            Some("remove-controller") => remove(&admin, &arguments).await,
            _ => describe(&admin, &arguments).await,
        }
    })
}

fn command() -> Command {
    let dry_run = || {
        Argument::new(&["--dry-run"], "True if we should print what would be done, but not do it.")
            .flag()
    };
    let add = Command::new("add-controller")
        .help("Add a controller to the KRaft controller cluster")
        .argument(dry_run());
    let remove = Command::new("remove-controller")
        .help("Remove a controller from the KRaft controller cluster")
        .argument(
            Argument::new(&["--controller-id", "-i"], "The id of the controller to remove.")
                .number::<i32>("Integer")
                .placeholder("CONTROLLER_ID")
                .required(),
        )
        .argument(
            Argument::new(
                &["--controller-directory-id", "-d"],
                "The directory ID of the controller to remove.",
            )
            .placeholder("CONTROLLER_DIRECTORY_ID")
            .required(),
        )
        .argument(dry_run());
    let pairs = "A comma-separated list of host:port pairs to use for establishing the connection to the Kafka";
    Command::new("kafka-metadata-quorum")
        .description("This tool describes kraft metadata quorum status.")
        .exclusive(
            true,
            "",
            [
                Argument::new(&["--bootstrap-server"], format!("{pairs} cluster.")),
                Argument::new(&["--bootstrap-controller"], format!("{pairs} controllers.")),
            ],
        )
        .argument(Argument::new(
            &["--command-config"],
            "Property file containing configs to be passed to Admin Client. For add-controller, the file is \
             used to specify the controller properties as well.",
        ))
        .subcommand(described())
        .subcommand(add)
        .subcommand(remove)
}

fn described() -> Command {
    let status = "A short summary of the quorum status and the other provides detailed information about \
                  the status of replication.";
    Command::new("describe")
        .help("Describe the metadata quorum info")
        .section("Status", "", [Argument::new(&["--status"], status).flag()])
        .section(
            "Replication",
            "",
            [
                Argument::new(
                    &["--replication"],
                    "Detailed information about the status of replication",
                )
                .flag(),
                Argument::new(&["--human-readable"], "Human-readable output").flag(),
            ],
        )
}

async fn describe(admin: &Admin, arguments: &Arguments) -> Result<(), Stop> {
    let is_human = arguments.has("human-readable");
    match (arguments.has("status"), arguments.has("replication")) {
        (true, true) => Err(Stop::refused(
            "Only one of --status or --replication should be specified with describe sub-command",
        )),
        (false, false) => Err(Stop::refused(
            "One of --status or --replication must be specified with describe sub-command",
        )),
        (true, false) if is_human => Err(Stop::refused(
            "The option --human-readable is only supported along with --replication",
        )),
        (true, false) => {
            let cluster = admin.describe_cluster(DescribeClusterOptions::default()).await;
            let cluster_id = cluster.map_err(told)?.cluster_id;
            let quorum = admin.describe_metadata_quorum().await.map_err(told)?;
            output::line(status(&cluster_id, &quorum).map_err(Stop::refused)?)
        }
        (false, true) => {
            let quorum = admin.describe_metadata_quorum().await.map_err(told)?;
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
            let now_ms = i64::try_from(now).unwrap_or(i64::MAX);
            let now_ms = is_human.then_some(now_ms);
            output::line(replication(&quorum, now_ms).map_err(Stop::refused)?)
        }
    }
}

fn told(error: ottla_client::Error) -> Stop {
    Stop::refused(Failure::from(error).exception)
}

fn leader(quorum: &QuorumInfo) -> Result<&QuorumReplica, String> {
    let leader = quorum.voters.iter().find(|voter| voter.id == quorum.leader_id);
    leader.ok_or_else(|| "No value present".to_owned())
}

fn status(cluster_id: &str, quorum: &QuorumInfo) -> Result<String, String> {
    let leader = leader(quorum)?;
    let last = quorum.voters.iter().min_by_key(|voter| voter.log_end_offset).unwrap_or(leader);
    let lag_ms = match (leader.last_caught_up_ms, last.last_caught_up_ms) {
        _ if leader == last => 0,
        (Some(leader), Some(last)) => leader - last,
        _ => -1,
    };
    let listed = |replicas: &[QuorumReplica]| {
        let shown: Vec<String> = replicas.iter().map(|one| node(one, quorum)).collect();
        format!("[{}]", shown.join(", "))
    };
    Ok([
        format!("ClusterId:              {cluster_id}"),
        format!("LeaderId:               {}", quorum.leader_id),
        format!("LeaderEpoch:            {}", quorum.leader_epoch),
        format!("HighWatermark:          {}", quorum.high_watermark),
        format!("MaxFollowerLag:         {}", leader.log_end_offset - last.log_end_offset),
        format!("MaxFollowerLagTimeMs:   {lag_ms}"),
        format!("CurrentVoters:          {}", listed(&quorum.voters)),
        format!("CurrentObservers:       {}", listed(&quorum.observers)),
    ]
    .join("\n"))
}

fn node(replica: &QuorumReplica, quorum: &QuorumInfo) -> String {
    let mut fields = vec![format!("\"id\": {}", replica.id)];
    if replica.directory_id != Uuid::ZERO {
        fields.push(format!("\"directoryId\": \"{}\"", replica.directory_id));
    }
    let known = quorum.nodes.iter().find(|(id, _)| *id == replica.id);
    let endpoints: Vec<String> = known
        .iter()
        .flat_map(|(_, endpoints)| endpoints)
        .map(|endpoint| format!("\"{}\"", address(endpoint)))
        .collect();
    if !endpoints.is_empty() {
        fields.push(format!("\"endpoints\": [{}]", endpoints.join(", ")));
    }
    format!("{{{}}}", fields.join(", "))
}

fn address(endpoint: &QuorumEndpoint) -> String {
    let QuorumEndpoint { listener, host, port } = endpoint;
    if host.contains(':') {
        format!("{listener}://[{host}]:{port}")
    } else {
        format!("{listener}://{host}:{port}")
    }
}

/// The table of replicas; times as they are, or as they lie before `now_ms`.
fn replication(quorum: &QuorumInfo, now_ms: Option<i64>) -> Result<String, String> {
    let leader = leader(quorum)?;
    let time = |at: Option<i64>, what: &str| match (at, now_ms) {
        (None, _) => Ok("-1".to_owned()),
        (Some(at), None) => Ok(at.to_string()),
        (Some(at), Some(now)) if at > 0 && at <= now => Ok(format!("{} ms ago", now - at)),
        (Some(at), Some(now)) => Err(format!(
            "Error while computing relative time, possible drift in system clock.\n\
             Current timestamp is {now}, {what} timestamp is {at}"
        )),
    };
    let row = |replica: &QuorumReplica, status: &str| {
        Ok::<_, String>([
            replica.id.to_string(),
            replica.directory_id.to_string(),
            replica.log_end_offset.to_string(),
            (leader.log_end_offset - replica.log_end_offset).to_string(),
            time(replica.last_fetch_ms, "last fetch")?,
            time(replica.last_caught_up_ms, "last caught up")?,
            status.to_owned(),
        ])
    };
    let followers = quorum.voters.iter().filter(|voter| voter.id != leader.id);
    let mut rows = vec![row(leader, "Leader")?];
    for follower in followers {
        rows.push(row(follower, "Follower")?);
    }
    for observer in &quorum.observers {
        rows.push(row(observer, "Observer")?);
    }
    let titles = [
        "NodeId",
        "DirectoryId",
        "LogEndOffset",
        "Lag",
        "LastFetchTimestamp",
        "LastCaughtUpTimestamp",
        "Status",
    ];
    Ok(table(titles, &rows))
}

async fn add(admin: &Admin, arguments: &Arguments, file: &Properties) -> Result<(), Stop> {
    if !arguments.has("command-config") {
        return Err(Stop::refused(
            "You must supply the configuration file of the controller you are adding when using add-controller.",
        ));
    }
    let id = controller_id(file).map_err(Stop::refused)?;
    let directory_id = directory_id(file).map_err(Stop::refused)?;
    let endpoints = endpoints(file).map_err(Stop::refused)?;
    let is_dry = arguments.has("dry-run");
    if !is_dry {
        admin.add_raft_voter(id, directory_id, &endpoints).await.map_err(told)?;
    }
    let shown: Vec<String> = endpoints.iter().map(address).collect();
    output::line(format_args!(
        "{} controller {id} with directory id {directory_id} and endpoints: {}",
        if is_dry { "DRY RUN of adding" } else { "Added" },
        shown.join(", ")
    ))
}

fn controller_id(file: &Properties) -> Result<i32, String> {
    let question = "Is this a valid controller configuration file?";
    let id = file.get("node.id");
    let id = id.ok_or_else(|| format!("node.id not found in configuration file. {question}"))?;
    let id: i32 = id.trim().parse().map_err(|_| format!("For input string: \"{id}\""))?;
    if id < 0 {
        return Err(format!("node.id was negative in configuration file. {question}"));
    }
    if !file.get("process.roles").is_some_and(|roles| roles.contains("controller")) {
        let missing = "process.roles did not contain 'controller' in configuration file.";
        return Err(format!("{missing} {question}"));
    }
    Ok(id)
}

/// The id of the directory that holds the metadata log, from its `meta.properties`.
fn directory_id(file: &Properties) -> Result<Uuid, String> {
    let listed = file.get("log.dirs").and_then(|list| list.trim().split(',').next());
    let directory = file.get("metadata.log.dir").map(String::as_str).or(listed);
    let directory = directory.ok_or(
        "Neither metadata.log.dir nor log.dirs were found. Is this a valid controller configuration file?",
    )?;
    let text = std::fs::read_to_string(Path::new(directory).join("meta.properties"))
        .map_err(|_| format!("Unable to read meta.properties from {directory}"))?;
    let entries = properties::parse(&text);
    let id = entries.iter().find(|entry| entry.key == "directory.id");
    let id = id.ok_or_else(|| format!("No directory id found in {directory}"))?;
    id.value.trim().parse().map_err(|_| format!("No directory id found in {directory}"))
}

/// Where the controller's listeners are reached.
fn endpoints(file: &Properties) -> Result<Vec<QuorumEndpoint>, String> {
    let names = file.get("controller.listener.names").ok_or(
        "controller.listener.names was not found. Is this a valid controller configuration file?",
    )?;
    let listed = |key: &str| file.get(key).map(String::as_str).unwrap_or_default();
    let addresses = [listed("advertised.listeners"), listed("listeners")].join(",");
    let find = |name: &str| {
        addresses.split(',').find_map(|entry| {
            let (known, address) = entry.trim().split_once("://")?;
            let (host, port) = address.rsplit_once(':')?;
            let host = host.trim_start_matches('[').trim_end_matches(']');
            let host = if host.is_empty() { "localhost" } else { host };
            let is_it = known.eq_ignore_ascii_case(name);
            is_it.then(|| Some((host.to_owned(), port.parse().ok()?)))?
        })
    };
    let endpoint = |name: &str| {
        let name = name.trim().to_ascii_uppercase();
        let missing = || format!("Cannot find information about controller listener name: {name}");
        let (host, port) = find(&name).ok_or_else(missing)?;
        Ok(QuorumEndpoint { listener: name, host, port })
    };
    names.split(',').map(endpoint).collect()
}

async fn remove(admin: &Admin, arguments: &Arguments) -> Result<(), Stop> {
    let id: i32 = arguments.number("controller-id").unwrap_or_default();
    if id < 0 {
        return Err(Stop::refused(format!("Invalid negative --controller-id: {id}")));
    }
    let given = arguments.text("controller-directory-id").unwrap_or_default();
    let directory_id: Uuid = given.parse().map_err(|_| {
        Stop::refused(format!("Failed to parse --controller-directory-id: {}", no_uuid(given)))
    })?;
    let is_dry = arguments.has("dry-run");
    if !is_dry {
        admin.remove_raft_voter(id, directory_id).await.map_err(told)?;
    }
    output::line(format_args!(
        "{} KRaft controller {id} with directory id {directory_id}",
        if is_dry { "DRY RUN of removing " } else { "Removed " }
    ))
}

/// Why Java takes a text for no UUID.
fn no_uuid(text: &str) -> String {
    let prefix: String = text.chars().take(24).collect();
    match text.len() {
        1 => "Input byte[] should at least have 2 bytes for base64 bytes".to_owned(),
        25.. => {
            format!(
                "Input string with prefix `{prefix}` is too long to be decoded as a base64 UUID"
            )
        }
        length => format!(
            "Input string `{text}` decoded as {} bytes, which is not equal to the expected 16 bytes of a \
             base64-encoded UUID",
            length * 3 / 4
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quorum() -> QuorumInfo {
        let replica = |id, log_end_offset, at| QuorumReplica {
            id,
            log_end_offset,
            last_fetch_ms: at,
            last_caught_up_ms: at,
            ..QuorumReplica::default()
        };
        let host = |host: &str| QuorumEndpoint {
            listener: "CONTROLLER".to_owned(),
            host: host.to_owned(),
            port: 9093,
        };
        QuorumInfo {
            leader_id: 2,
            leader_epoch: 7,
            high_watermark: 95,
            voters: vec![
                replica(1, 90, Some(900)),
                QuorumReplica {
                    directory_id: Uuid::from_bytes([1; 16]),
                    ..replica(2, 100, Some(1000))
                },
            ],
            observers: vec![replica(3, 80, None)],
            nodes: vec![(1, vec![host("a")]), (2, vec![host("::1")])],
        }
    }

    #[test]
    fn the_status_is_kafkas() {
        let expected = "ClusterId:              C\nLeaderId:               2\n\
            LeaderEpoch:            7\nHighWatermark:          95\nMaxFollowerLag:         10\n\
            MaxFollowerLagTimeMs:   100\n\
            CurrentVoters:          [{\"id\": 1, \"endpoints\": [\"CONTROLLER://a:9093\"]}, \
            {\"id\": 2, \"directoryId\": \"AQEBAQEBAQEBAQEBAQEBAQ\", \"endpoints\": [\"CONTROLLER://[::1]:9093\"]}]\n\
            CurrentObservers:       [{\"id\": 3}]";
        assert_eq!(status("C", &quorum()).as_deref(), Ok(expected));
        let nobody = QuorumInfo { leader_id: -1, ..quorum() };
        assert!(status("C", &nobody).is_err());
    }

    #[test]
    fn the_leader_comes_first_and_times_are_told_either_way() {
        let shown = replication(&quorum(), None).expect("a leader");
        let rows: Vec<Vec<&str>> =
            shown.lines().map(|line| line.split('\t').map(str::trim).collect()).collect();
        let expected = ["2", "AQEBAQEBAQEBAQEBAQEBAQ", "100", "0", "1000", "1000", "Leader", ""];
        assert_eq!(rows[1], expected);
        assert_eq!(rows[2][3..7], ["10", "900", "900", "Follower"]);
        assert_eq!(rows[3][3..7], ["20", "-1", "-1", "Observer"]);
        let shown = replication(&quorum(), Some(1500)).expect("a leader");
        assert!(shown.contains("500 ms ago") && shown.contains("600 ms ago"), "{shown}");
        assert!(replication(&quorum(), Some(950)).is_err(), "the clocks differ");
    }
}
