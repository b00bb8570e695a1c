//! `ottla stop [--process-role=ROLE | --node-id=ID]`: what `kafka-server-stop.sh` does.
//!
//! Finds the running nodes of this user and sends each SIGTERM, or what `SIGNAL` names. A node is
//! known by its command line, and its role and id by the configuration it names there.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use ottla_metadata::config::ServerConfig;
use ottla_metadata::config::properties::Property;
use ottla_terminal::options::{Argument, Command, Stop, end};
use ottla_terminal::output;
use rustix::process::{Pid, Signal, kill_process};

use crate::start;

/// Runs the verb.
pub(crate) fn run(arguments: &[String]) -> ExitCode {
    end(execute(arguments))
}

fn command() -> Command {
    Command::new("kafka-server-stop")
        .description("Stops the nodes that run on this machine.")
        .argument(
            Argument::new(&["--process-role"], "Only nodes of this role: broker or controller.")
                .placeholder("ROLE"),
        )
        .argument(
            Argument::new(&["--node-id"], "Only the node of this id.")
                .placeholder("ID")
                .number::<i32>("Integer"),
        )
}

fn execute(arguments: &[String]) -> Result<(), Stop> {
    let parsed = command().parse(arguments)?;
    let signal = signal()?;
    let id: Option<i32> = parsed.number("node-id");
    let role = parsed.text("process-role").filter(|_| id.is_none());
    if id.is_some() && parsed.has("process-role") {
        output::line("Both --node-id and --process-role are given; --node-id counts.")?;
    }
    let wanted = |node: &RunningNode| match (id, role) {
        (None, None) => true,
        (Some(id), _) => node.is(|config| config.number("node.id") == Some(i64::from(id))),
        (None, Some(role)) => {
            node.is(|config| config.list("process.roles").iter().any(|one| one == role))
        }
    };
    let nodes = running();
    let wanted: Vec<&RunningNode> = nodes.iter().filter(|node| wanted(node)).collect();
    if wanted.is_empty() {
        output::line("No kafka server to stop")?;
        return Err(Stop { out: String::new(), err: String::new(), code: 1 });
    }
    for node in wanted {
        kill_process(node.process, signal).map_err(|error| {
            let process = node.process.as_raw_nonzero();
            Stop::refused(format!("error: cannot stop process {process}\n  {error}"))
        })?;
    }
    Ok(())
}

/// What `SIGNAL` names, as Kafka's script takes it.
fn signal() -> Result<Signal, Stop> {
    match std::env::var("SIGNAL").as_deref() {
        Err(_) | Ok("" | "TERM" | "SIGTERM") => Ok(Signal::TERM),
        Ok("INT" | "SIGINT") => Ok(Signal::INT),
        Ok("KILL" | "SIGKILL") => Ok(Signal::KILL),
        Ok(other) => Err(Stop::refused(format!(
            "error: SIGNAL={other} does not stop a node\n  hint: use TERM, INT or KILL"
        ))),
    }
}

struct RunningNode {
    process: Pid,
    arguments: Vec<String>,
    folder: PathBuf,
}

impl RunningNode {
    /// Whether the configuration that its command line names is such.
    fn is(&self, such: impl Fn(&ServerConfig) -> bool) -> bool {
        let Ok(options) = start::options(&self.arguments) else { return false };
        let mut properties: Vec<Property> = Vec::new();
        if let Some(file) = &options.file {
            let Ok(text) = std::fs::read(self.folder.join(file)) else { return false };
            properties = ottla_metadata::config::properties::parse(&String::from_utf8_lossy(&text));
        }
        properties.extend(options.overrides.iter().map(|(key, value)| Property {
            line: 0,
            key: key.clone(),
            value: value.clone(),
        }));
        ServerConfig::new(properties).is_ok_and(|(config, _)| such(&config))
    }
}

/// The nodes of this user, by what /proc tells.
fn running() -> Vec<RunningNode> {
    let Ok(entries) = std::fs::read_dir("/proc") else { return Vec::new() };
    let own = std::process::id();
    let ids = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    ids.filter(|id: &i32| u32::try_from(*id) != Ok(own)).filter_map(running_node).collect()
}

fn running_node(id: i32) -> Option<RunningNode> {
    let folder = Path::new("/proc").join(id.to_string());
    let line = std::fs::read(folder.join("cmdline")).ok()?;
    let line = String::from_utf8_lossy(&line);
    let mut words = line.split_terminator('\0').map(str::to_owned);
    let arguments = node_arguments(&mut words)?;
    // The folder of another user's process can't be read, and neither can the process be stopped.
    let folder = std::fs::read_link(folder.join("cwd")).ok()?;
    Some(RunningNode { process: Pid::from_raw(id)?, arguments, folder })
}

/// The arguments of `start`, if this is the command line of a node.
fn node_arguments(words: &mut impl Iterator<Item = String>) -> Option<Vec<String>> {
    let program = words.next()?;
    if Path::new(&program).file_stem()?.to_str()? != "ottla" {
        return None;
    }
    match words.next().as_deref() {
        None => Some(Vec::new()),
        Some("start") => Some(words.collect()),
        Some(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_is_known_by_its_command_line() {
        for (line, expected) in [
            ("/x/ottla start a.properties", Some(vec!["a.properties"])),
            ("ottla", Some(Vec::new())),
            ("ottla topics --list", None),
            ("java kafka.Kafka", None),
            ("vim ottla", None),
        ] {
            let mut words = line.split(' ').map(str::to_owned);
            let expected =
                expected.map(|words| words.into_iter().map(str::to_owned).collect::<Vec<_>>());
            assert_eq!(node_arguments(&mut words), expected, "{line}");
        }
    }

    #[test]
    fn its_configuration_is_that_of_file_and_overrides() {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(
            folder.path().join("s.properties"),
            "node.id=7\nprocess.roles=broker,controller\n",
        )
        .expect("written");
        let node = |arguments: &[&str]| RunningNode {
            process: Pid::from_raw(1).expect("a process id"),
            arguments: arguments.iter().map(|word| (*word).to_owned()).collect(),
            folder: folder.path().to_owned(),
        };
        let seven = |config: &ServerConfig| config.number("node.id") == Some(7);
        assert!(node(&["s.properties"]).is(seven));
        assert!(!node(&["s.properties", "--override", "node.id=8"]).is(seven));
        assert!(!node(&["absent.properties"]).is(seven));
    }
}
