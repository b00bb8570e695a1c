//! One drill: a node, what comes in, and two copiers, until the time is up and all is copied.

use anyhow::{Context, Result, ensure};
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use super::bell::Bell;
use super::copier::{Copier, Worker};
use super::draw::Draw;
use super::feed::Feed;
use super::node::Node;
use super::verdict::{self, Verdict};
use crate::conformance::Clients;

pub const INPUT: &str = "input";
pub const OUTPUT: &str = "output";
pub const GROUP: &str = "copiers";
/// How many copiers, and how many partitions.
pub const COPIERS: usize = 2;
/// Between two kills of the node.
const KILL_MS: (u64, u64) = (1_500, 6_000);
/// Of so many kills of the node, one takes a copier along.
const COPIER_ONCE_IN: u64 = 5;
/// How long the rest may take to be copied once nothing is killed any more.
const FINISH_PATIENCE: Duration = Duration::from_secs(240);

/// Where everything is.
pub struct Ground {
    pub folder: PathBuf,
    pub binary: PathBuf,
    pub python: PathBuf,
    /// The copiers in Python.
    pub programs: PathBuf,
    /// Rings when one of the drill's processes ends.
    pub bell: Bell,
    jars: String,
    keep: bool,
}

/// What one drill does.
pub struct Plan {
    pub copier: Copier,
    pub transaction_version: u8,
    pub lasting: Duration,
    pub rate: u64,
    pub seed: u64,
}

impl fmt::Display for Plan {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (copier, version) = (self.copier, self.transaction_version);
        write!(formatter, "{copier:?}, transaction.version {version}")
    }
}

impl Ground {
    /// Sets the clients up and takes a copy of the binary: whoever builds meanwhile changes nothing.
    pub fn prepare(clients: &Clients, binary: Option<&Path>, keep: bool) -> Result<Ground> {
        clients.kcat()?;
        let (jars, python) = (clients.jars()?, clients.python()?);
        let folder = std::env::temp_dir().join(format!("ottla-drill-{}", std::process::id()));
        fs::create_dir_all(&folder)?;
        let built = clients.root.join("target/release/ottla");
        let from = binary.unwrap_or(&built);
        let binary = folder.join("ottla");
        fs::copy(from, &binary)
            .with_context(|| format!("{}\nhint: run `cargo build --release`", from.display()))?;
        let programs = clients.sources("drills");
        Ok(Ground { folder, binary, python, programs, bell: Bell::new(), jars, keep })
    }

    /// A small virtual machine with Apache Kafka's classes.
    pub fn java(&self, class: &str) -> Command {
        let mut command = Command::new("java");
        command.args(["-Xmx128m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"]);
        command.args(["-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-cp", &self.jars, class]);
        command
    }

    /// One of our own tools.
    fn tool(&self, arguments: &[&str]) -> Result<()> {
        let done = Command::new(&self.binary).args(arguments).output()?;
        let said = String::from_utf8_lossy(&done.stderr);
        ensure!(done.status.success(), "{arguments:?}: {said}");
        Ok(())
    }
}

impl Drop for Ground {
    fn drop(&mut self) {
        if self.keep {
            println!("kept: {}", self.folder.display());
        } else {
            // What cannot be removed lies in a temporary folder and harms nobody.
            let _ = fs::remove_dir_all(&self.folder);
        }
    }
}

/// Runs one drill and tells what was seen.
pub fn run(ground: &Ground, plan: &Plan) -> Result<Verdict> {
    for leftover in fs::read_dir(&ground.folder)?.flatten() {
        let path = leftover.path();
        if path.is_dir() {
            fs::remove_dir_all(path)?;
        } else if path != ground.binary {
            fs::remove_file(path)?;
        }
    }
    let mut node = Node::start(ground, plan.transaction_version)?;
    let address = node.address().to_owned();
    for topic in [INPUT, OUTPUT] {
        let partitions = COPIERS.to_string();
        let create = ["topics", "--bootstrap-server", &address, "--create", "--topic", topic];
        ground.tool(&[&create[..], &["--partitions", &partitions]].concat())?;
    }
    let feed = Feed::start(ground, &address, plan.rate)?;
    let mut workers = Vec::new();
    for number in 0..COPIERS {
        workers.push(Worker::start(plan.copier, ground, &address, number)?);
    }
    let kills = harass(ground, plan, &mut node, &mut workers)?;
    let acked = feed.end(&ground.bell).context("VerifiableProducer")?;
    finish(ground, &mut node, &mut workers)?;
    let failures = workers.iter().map(|worker| worker.failures).sum();
    drop(workers);
    let mut verdict = verdict::reach(ground, &address, plan.copier, &acked)?;
    verdict.kills = kills;
    verdict.failures = failures;
    Ok(verdict)
}

/// Kills the node every few seconds, and now and then a copier, until the time is up.
fn harass(ground: &Ground, plan: &Plan, node: &mut Node, workers: &mut [Worker]) -> Result<u64> {
    let mut draw = Draw::new(plan.seed);
    let end = Instant::now() + plan.lasting;
    let mut kills = 0;
    let mut next = Instant::now() + Duration::from_secs(5);
    while Instant::now() < end {
        node.check()?;
        for worker in workers.iter_mut() {
            worker.tend(ground, node.address())?;
        }
        if Instant::now() >= next {
            node.kill_and_start(&ground.bell)?;
            kills += 1;
            if draw.once_in(COPIER_ONCE_IN) {
                let unlucky = usize::try_from(draw.between(0, workers.len() as u64 - 1))?;
                workers[unlucky].kill_and_start(ground, node.address())?;
            }
            next = Instant::now() + Duration::from_millis(draw.between(KILL_MS.0, KILL_MS.1));
        }
        ground.bell.wait(next.min(end));
    }
    node.wait(&ground.bell)?;
    Ok(kills)
}

/// Nothing more comes in, nothing more is killed: waits until each copier has come to the end of the
/// input in a process that was started after the last record.
fn finish(ground: &Ground, node: &mut Node, workers: &mut [Worker]) -> Result<()> {
    let ends: Vec<u64> = workers.iter().map(|worker| worker.ends).collect();
    let deadline = Instant::now() + FINISH_PATIENCE;
    let is_done = |worker: &Worker| worker.ends >= ends[worker.number()] + 2;
    while !workers.iter().all(is_done) {
        node.check()?;
        for worker in workers.iter_mut() {
            worker.tend(ground, node.address())?;
        }
        let told = || workers.iter().map(Worker::tail).collect::<Vec<_>>().join("\n--\n");
        ensure!(Instant::now() < deadline, "the rest is not copied in time:\n{}", told());
        ground.bell.wait(deadline);
    }
    Ok(())
}
