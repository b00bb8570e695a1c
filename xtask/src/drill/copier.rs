//! The programs that copy, and one of them at work: started again whenever it ends.

use anyhow::{Context, Result};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

use super::round::{GROUP, Ground, INPUT, OUTPUT};

/// How long the coordinator lets a transaction be open.
const TRANSACTION_TIMEOUT_MS: &str = "15000";

/// Who copies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Copier {
    /// Apache Kafka's TransactionalMessageCopier, two in a group, with random aborts
    Java,
    /// Consume, transform, produce on confluent-kafka, two in a group
    ConfluentKafka,
    /// Consume, transform, produce on aiokafka, one a partition
    Aiokafka,
}

impl Copier {
    pub const ALL: [Copier; 3] = [Copier::Java, Copier::ConfluentKafka, Copier::Aiokafka];

    /// What it makes of a value.
    pub fn transformed(self, value: &str) -> String {
        match self {
            Copier::Java => value.to_owned(),
            _ => value.chars().rev().collect(),
        }
    }

    /// The command of the copier with this number, which is also its partition where it has one.
    fn command(self, ground: &Ground, bootstrap: &str, number: usize) -> Command {
        let id = format!("copier-{number}");
        let partition = number.to_string();
        if self == Copier::Java {
            let mut command = ground.java("org.apache.kafka.tools.TransactionalMessageCopier");
            command.args(["--broker-list", bootstrap, "--input-topic", INPUT]);
            command.args(["--input-partition", &partition, "--output-topic", OUTPUT]);
            command.args(["--consumer-group", GROUP, "--transactional-id", &id]);
            command.args(["--transaction-size", "50", "--enable-random-aborts"]);
            command.args(["--transaction-timeout", TRANSACTION_TIMEOUT_MS]);
            command.args(["--group-mode", "--use-group-metadata"]);
            return command;
        }
        let name = if self == Copier::Aiokafka { "aiokafka" } else { "confluent_kafka" };
        let mut command = Command::new(&ground.python);
        command.arg(ground.programs.join(format!("copy_with_{name}.py")));
        command.args([bootstrap, INPUT, OUTPUT, GROUP, &id, &partition, TRANSACTION_TIMEOUT_MS]);
        command
    }
}

/// One copier: a process, and the next one when it ends.
pub struct Worker {
    copier: Copier,
    number: usize,
    log: PathBuf,
    child: Child,
    /// How many processes have ended with an error.
    pub failures: u64,
    /// How many have ended well.
    pub ends: u64,
}

impl Worker {
    pub fn start(
        copier: Copier,
        ground: &Ground,
        bootstrap: &str,
        number: usize,
    ) -> Result<Worker> {
        let log = ground.folder.join(format!("copier-{number}.log"));
        let child = spawn(copier.command(ground, bootstrap, number), &log)?;
        ground.bell.watch(&child);
        Ok(Worker { copier, number, log, child, failures: 0, ends: 0 })
    }

    /// Counts an end, and starts the next process.
    pub fn tend(&mut self, ground: &Ground, bootstrap: &str) -> Result<()> {
        let Some(status) = self.ended()? else { return Ok(()) };
        if status.success() {
            self.ends += 1;
        } else {
            self.failures += 1;
        }
        self.restart(ground, bootstrap)
    }

    /// `kill -9`, and the next process.
    pub fn kill_and_start(&mut self, ground: &Ground, bootstrap: &str) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        self.restart(ground, bootstrap)
    }

    fn ended(&mut self) -> Result<Option<ExitStatus>> {
        Ok(self.child.try_wait()?)
    }

    fn restart(&mut self, ground: &Ground, bootstrap: &str) -> Result<()> {
        self.child = spawn(self.copier.command(ground, bootstrap, self.number), &self.log)?;
        ground.bell.watch(&self.child);
        Ok(())
    }

    pub fn number(&self) -> usize {
        self.number
    }

    /// What it said last.
    pub fn tail(&self) -> String {
        tail(&self.log)
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // Both fail only when the process has ended already, which is what is wanted.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn spawn(mut command: Command, log: &Path) -> Result<Child> {
    let log = File::options().create(true).append(true).open(log)?;
    command
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log)
        .spawn()
        .with_context(|| format!("cannot start {command:?}"))
}

/// The last lines of a file.
pub fn tail(path: &Path) -> String {
    let text = fs::read(path).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(15)..].join("\n")
}
