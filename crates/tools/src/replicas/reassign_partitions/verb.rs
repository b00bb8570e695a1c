//! The verb: which action, and what it needs.

use std::process::ExitCode;
use std::time::Duration;

use ottla_terminal::connect::{self, Properties};
use ottla_terminal::options::{Options, Stop, end};

use super::declared;
use super::execute::{Execution, cancel, execute};
use super::generate::generate;
use super::trouble::Trouble;
use super::verify::{list, verify};

/// Bytes a second, where they are limited.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    pub(super) between_brokers: Option<i64>,
    pub(super) between_directories: Option<i64>,
}

/// Runs the verb.
pub fn run(arguments: &[String]) -> ExitCode {
    end(reassign_partitions(arguments))
}

fn reassign_partitions(arguments: &[String]) -> Result<(), Stop> {
    let parser = declared::parser();
    let options = parser.parse(arguments)?;
    options.help_or_version("This tool helps to move topic partitions between replicas.")?;
    let action = declared::action(&options)?;
    act(&options, action).map_err(Trouble::into_stop)
}

fn act(options: &Options<'_>, action: &str) -> Result<(), Trouble> {
    let mut properties = match options.text("command-config")? {
        Some(path) => connect::properties_file(path)?,
        None => Properties::new(),
    };
    if options.has("bootstrap-controller") {
        return Err(Trouble::Stopped(Stop::refused(
            "error: controllers can't be asked directly yet\n  hint: name a broker with --bootstrap-server",
        )));
    }
    let client_id = "reassign-partitions-tool".to_owned();
    properties.entry("client.id".to_owned()).or_insert(client_id);
    // A number that is none is found out at work, and told as what goes wrong there.
    let number = |name| {
        let read = options.number::<i64>(name);
        read.map_err(|stop| Trouble::failed(stop.err.trim_end()))
    };
    let limit = |name| Ok::<_, Trouble>(number(name)?.filter(|rate| *rate >= 0));
    let timeout_ms = number("timeout")?.unwrap_or_default();
    let timeout = Duration::from_millis(u64::try_from(timeout_ms).unwrap_or(0));
    let keeps_throttles = options.has("preserve-throttles");
    let plan = || file(options, "reassignment-json-file");
    connect::block_on(async {
        let admin = connect::admin(options.text("bootstrap-server")?, properties)?;
        let outcome = async {
            match action {
                "verify" => verify(&admin, &plan()?, keeps_throttles).await,
                "generate" => {
                    let topics = file(options, "topics-to-move-json-file")?;
                    let brokers = options.text("broker-list")?.unwrap_or_default();
                    generate(&admin, &topics, brokers, !options.has("disable-rack-aware")).await
                }
                "execute" => {
                    let execution = Execution {
                        is_additional: options.has("additional"),
                        allows_factor_change: !options.has("disallow-replication-factor-change"),
                        limits: Limits {
                            between_brokers: limit("throttle")?,
                            between_directories: limit("replica-alter-log-dirs-throttle")?,
                        },
                        timeout,
                    };
                    execute(&admin, &plan()?, &execution).await
                }
                "cancel" => cancel(&admin, &plan()?, keeps_throttles, timeout).await,
                _ => list(&admin).await,
            }
        };
        outcome.await.map_err(Trouble::into_stop)
    })
    .map_err(Trouble::Stopped)
}

fn file(options: &Options<'_>, name: &str) -> Result<String, Trouble> {
    let path = options.text(name)?.unwrap_or_default();
    std::fs::read_to_string(path)
        .map_err(|_| Trouble::failed(format!("Unable to read file {path}")))
}
