//! `ottla zookeeper-start` and `ottla zookeeper-stop`: for tutorials and scripts of older Kafkas.
//!
//! There is no ZooKeeper: the node keeps the cluster's metadata itself. The first stays in the
//! foreground like a server, so that a script that starts, waits for and stops it goes on working.

use std::process::ExitCode;

use ottla_terminal::connect;
use ottla_terminal::options::{Stop, end};
use ottla_terminal::output;
use tokio::signal::unix::{SignalKind, signal};

const EXPLANATION: &str = "\
ZooKeeper is not needed: a node keeps the cluster's metadata in its own quorum (KRaft).
  start a node   bin/kafka-server-start.sh config/server.properties
  old options    --zookeeper host:2181 asks the broker at host:9092";

/// Runs `zookeeper-start`: explains, and waits for a signal unless `-daemon` is given.
pub(crate) fn start(arguments: &[String]) -> ExitCode {
    end(explain_and_wait(arguments))
}

fn explain_and_wait(arguments: &[String]) -> Result<(), Stop> {
    output::line(EXPLANATION)?;
    if arguments.iter().any(|word| matches!(word.as_str(), "-daemon" | "--daemon")) {
        return Ok(());
    }
    output::line("This process does nothing; Ctrl-C ends it.")?;
    connect::block_on(async {
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        tokio::select! {
            _ = terminate.recv() => Ok(()),
            _ = interrupt.recv() => Ok(()),
        }
    })
}

/// Runs `zookeeper-stop`.
pub(crate) fn stop(_arguments: &[String]) -> ExitCode {
    end(output::line(
        "There is no ZooKeeper to stop: the node keeps the cluster's metadata itself.",
    ))
}
