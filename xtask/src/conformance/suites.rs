//! The suites: how each is run, and how its counts are read from what it prints.

use super::{Against, Clients, log_folder};
use anyhow::{Context, Result, bail};
use std::fs;
use std::process::{Command, Stdio};

/// One client's tests.
#[derive(Clone, Copy, Debug, PartialEq, clap::ValueEnum)]
pub enum Suite {
    /// kcat, from Debian
    Kcat,
    /// confluent-kafka for Python
    ConfluentKafka,
    /// kafka-python
    KafkaPython,
    /// aiokafka
    Aiokafka,
    /// kafkajs
    Kafkajs,
    /// Admin, producer and consumer of Apache Kafka in Java
    Java,
    /// Apache Kafka's own command-line tools
    KafkaTools,
    /// Members of different clients in one group, which changes its protocol while it lives
    Groups,
    /// Apache Kafka and Ottla in turns on one directory, and side by side on two
    Exchange,
}

/// What a suite found.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    pub suite: String,
    pub passed: u32,
    pub failed: u32,
    /// Why the suite did not run.
    pub skipped: Option<String>,
    /// What the suite printed.
    pub log: String,
}

impl Outcome {
    /// One line for a person.
    pub fn summary(&self) -> String {
        match &self.skipped {
            Some(reason) => format!("{}: skipped, {reason}", self.suite),
            None => format!("{}: {} passed, {} failed", self.suite, self.passed, self.failed),
        }
    }
}

impl std::fmt::Display for Suite {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let value = clap::ValueEnum::to_possible_value(self).expect("no suite is hidden");
        formatter.write_str(value.get_name())
    }
}

impl Suite {
    pub const ALL: [Suite; 9] = [
        Suite::Kcat,
        Suite::ConfluentKafka,
        Suite::KafkaPython,
        Suite::Aiokafka,
        Suite::Kafkajs,
        Suite::Java,
        Suite::KafkaTools,
        Suite::Groups,
        Suite::Exchange,
    ];

    /// Runs the suite against the cluster at `bootstrap`.
    pub fn run(
        self,
        clients: &Clients,
        against: &Against,
        bootstrap: &str,
        only: Option<&str>,
    ) -> Outcome {
        let suite = self.to_string();
        let command = match self.command(clients, against, only) {
            Ok(command) => command,
            Err(error) => {
                return Outcome {
                    suite,
                    skipped: Some(format!("{error:#}")),
                    ..Outcome::default()
                };
            }
        };
        match finish(command, clients, &suite, bootstrap) {
            Ok((log, success)) => {
                let (passed, mut failed) = counts(&log);
                // A suite that ran nothing or died has failed, whatever it counted.
                if failed == 0 && (!success || passed == 0) {
                    failed = 1;
                }
                Outcome { suite, passed, failed, skipped: None, log }
            }
            Err(error) => {
                Outcome { suite, failed: 1, log: format!("{error:#}"), ..Outcome::default() }
            }
        }
    }

    fn command(self, clients: &Clients, against: &Against, only: Option<&str>) -> Result<Command> {
        match self {
            Suite::Kafkajs => {
                let mut command = Command::new("node");
                command.args(["--test", "--test-concurrency=1", "--test-reporter=tap"]);
                command.args(only.map(|text| format!("--test-name-pattern={text}")));
                command.arg("kafkajs.test.mjs").current_dir(clients.kafkajs()?);
                Ok(command)
            }
            Suite::Java => {
                let classpath = clients.classes(&["java"])?;
                let mut command = Command::new("java");
                command.arg("-Dorg.slf4j.simpleLogger.defaultLogLevel=off");
                command.args(["-XX:+UseSerialGC", "-cp", &classpath, "JavaClients"]).args(only);
                Ok(command)
            }
            Suite::Kcat => {
                clients.kcat()?;
                pytest(clients, "test_kcat.py", only)
            }
            Suite::ConfluentKafka => pytest(clients, "test_confluent_kafka.py", only),
            Suite::KafkaPython => pytest(clients, "test_kafka_python.py", only),
            Suite::Aiokafka => pytest(clients, "test_aiokafka.py", only),
            Suite::KafkaTools | Suite::Groups => {
                let tools = self == Suite::KafkaTools;
                let file = if tools { "test_kafka_tools.py" } else { "test_groups.py" };
                let mut command = pytest(clients, file, only)?;
                command.env("OTTLA_KAFKA_CLASSPATH", clients.jars()?);
                Ok(command)
            }
            Suite::Exchange => exchange(clients, against, only),
        }
    }
}

/// It starts its own servers, of both kinds.
fn exchange(clients: &Clients, against: &Against, only: Option<&str>) -> Result<Command> {
    if let Against::Running(address) = against {
        bail!("it needs the directory of a server, not {address}");
    }
    let classpath = clients.classes(&["exchange", "java"])?;
    let mut command = Command::new("java");
    command.args(["-XX:+UseSerialGC", "-Dorg.slf4j.simpleLogger.defaultLogLevel=off"]);
    command.args(["-cp", &classpath, "Exchange"]).args(only);
    command.env("OTTLA_KAFKA_CLASSPATH", clients.jars()?);
    command.env("OTTLA_BINARY", clients.root.join("target/release/ottla"));
    command.env("OTTLA_JUDGED", against.to_string());
    Ok(command)
}

fn pytest(clients: &Clients, file: &str, only: Option<&str>) -> Result<Command> {
    let mut command = Command::new(clients.python()?);
    command.args(["-m", "pytest", "--quiet", "--durations=5", file]);
    if let Some(text) = only {
        command.args(["-k", text]);
    }
    command.env("PYTHONDONTWRITEBYTECODE", "1").current_dir(clients.sources("python"));
    Ok(command)
}

/// Runs the command to its end, and keeps what it printed in a file too.
fn finish(
    mut command: Command,
    clients: &Clients,
    suite: &str,
    bootstrap: &str,
) -> Result<(String, bool)> {
    let done = command
        .env("OTTLA_BOOTSTRAP", bootstrap)
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("cannot start {command:?}"))?;
    let mut log = String::from_utf8_lossy(&done.stdout).into_owned();
    log.push_str(&String::from_utf8_lossy(&done.stderr));
    let folder = log_folder(&clients.root);
    fs::create_dir_all(&folder)?;
    fs::write(folder.join(format!("{suite}.log")), &log)?;
    Ok((log, done.status.success()))
}

/// Passed and failed, as the last line that counts says: `3 failed, 4 passed in 2s` of pytest,
/// `4 passed, 3 failed` of the Java runner, or `# pass 4` and `# fail 3` of node.
fn counts(log: &str) -> (u32, u32) {
    let (mut passed, mut failed) = (0, 0);
    for line in log.lines() {
        if let Some(count) = line.strip_prefix("# pass ") {
            passed = count.trim().parse().unwrap_or(0);
        } else if let Some(count) = line.strip_prefix("# fail ") {
            failed = count.trim().parse().unwrap_or(0);
        } else if let Some(found) = tally(line) {
            (passed, failed) = found;
        }
    }
    (passed, failed)
}

fn tally(line: &str) -> Option<(u32, u32)> {
    let words: Vec<&str> = line.split_whitespace().collect();
    words.first()?.parse::<u32>().ok()?;
    let before = |wanted: &[&str]| {
        words
            .windows(2)
            .filter(|pair| wanted.contains(&pair[1].trim_end_matches(',')))
            .filter_map(|pair| pair[0].parse::<u32>().ok())
            .sum()
    };
    let passed: u32 = before(&["passed"]);
    let failed: u32 = before(&["failed", "error", "errors"]);
    (passed + failed > 0).then_some((passed, failed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_of_every_runner() {
        let cases = [
            ("...F\n1 failed, 3 passed in 2.50s\n", (3, 1)),
            ("....\n4 passed in 0.10s\n", (4, 0)),
            ("2 failed, 1 error in 3s\n", (0, 3)),
            ("ok - a\nnot ok - b\n1 passed, 1 failed\n", (1, 1)),
            ("# tests 40\n# pass 39\n# fail 1\n", (39, 1)),
            ("Traceback: the runner itself died\n", (0, 0)),
        ];
        for (log, wanted) in cases {
            assert_eq!(counts(log), wanted, "{log}");
        }
    }
}
