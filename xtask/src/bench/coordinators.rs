//! H1: heartbeats. G1: memory of groups and open transactions. G2: a million offsets are loaded.

use super::produce::{fresh_topic, warm_duo};
use super::server::{Home, Process, Side};
use super::suite::{Figures, Suite, number};
use super::tools::{Running, Tools};
use anyhow::{Context, Result};
use std::fs;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

const BEATS_A_SECOND: &str = "10000";
const WARM_UP_SECONDS: u64 = 20;
/// Of one topic; as many offsets each group commits.
const PARTITIONS: u64 = 100;
/// What a group of G1 commits.
const OFFSETS: &str = "10";
/// A group's first member waits for others (`group.initial.rebalance.delay.ms`), and its connection with it.
const GROUPS_A_CONNECTION: u64 = 10;
/// How long a server that has nothing to do is left alone before its memory is read.
const IDLE: Duration = Duration::from_secs(5);

/// Groups are never joined twice.
static NEXT_GROUP: AtomicU64 = AtomicU64::new(0);

/// H1.
pub fn heartbeats(suite: &mut Suite) -> Result<()> {
    let duo = warm_duo(suite)?;
    for (case, protocol) in [("classic", "classic"), ("consumer protocol", "consumer")] {
        // Records alone have warmed it.
        let seconds = suite.seconds(WARM_UP_SECONDS);
        beat(suite, duo.of(Side::Kafka), protocol, seconds)?;
        suite.pairs(case, |suite, side| beat(suite, duo.of(side), protocol, suite.seconds(10)))?;
    }
    Ok(())
}

/// A thousand members, each a group of its own.
fn beat(suite: &Suite, process: &Process, protocol: &str, seconds: u64) -> Result<Figures> {
    let topic = fresh_topic(suite, process, 1, &[])?;
    let group = format!("beating-{}", NEXT_GROUP.fetch_add(1, Ordering::Relaxed));
    let common = ["--bootstrap", process.bootstrap(), "--protocol", protocol];
    let join = ["--topic", &topic, "--group", &group, "--connections", "200"];
    let members = suite.tools.load(&[&["join"], &common[..], &join].concat())?;
    let path = suite.tools.folder.join("members.json");
    fs::write(&path, members.to_string())?;
    let (path, seconds) = (path.to_str().context("a path in UTF-8")?, seconds.to_string());
    let pace = ["--members", path, "--rate", BEATS_A_SECOND, "--seconds", &seconds];
    let before = process.cpu_seconds()?;
    let report =
        suite.tools.load(&[&["beat"], &common[..], &pace, &["--warm-up", "1"]].concat())?;
    let cpu = process.cpu_seconds()? - before;
    Ok(vec![
        ("cpu_us_per_heartbeat", cpu * 1e6 / number(&report, "requests")?),
        ("p50_us", number(&report, "p50_us")?),
        ("p99_us", number(&report, "p99_us")?),
    ])
}

/// G1.
pub fn memory(suite: &mut Suite) -> Result<()> {
    let (groups, ids) = (suite.scaled(5_000), suite.scaled(10_000));
    suite.pairs(&format!("{groups} groups, {ids} open transactions"), |suite, side| {
        let mut home = Home::prepare(&suite.tools, side)?;
        let process = home.start()?;
        let topic = fresh_topic(suite, &process, PARTITIONS, &[])?;
        let before = process.resident_mb()?;
        let numbers = [PARTITIONS, groups, ids, groups / GROUPS_A_CONNECTION];
        let [partitions, groups, ids, connections] = numbers.map(|number| number.to_string());
        let report = suite.tools.load(&[
            "gather",
            "--bootstrap",
            process.bootstrap(),
            "--topic",
            &topic,
            "--partitions",
            &partitions,
            "--groups",
            &groups,
            "--offsets",
            OFFSETS,
            "--transactional-ids",
            &ids,
            "--connections",
            &connections,
        ])?;
        thread::sleep(IDLE);
        let resident = process.resident_mb()?;
        process.stop()?;
        Ok(vec![
            ("grown_mb", resident - before),
            ("resident_mb", resident),
            ("groups_s", number(&report, "groups_s")?),
            ("transactions_s", number(&report, "transactions_s")?),
        ])
    })
}

/// G2: everything lies in one partition, but for one group, which must not wait for the others.
pub fn loading(suite: &mut Suite) -> Result<()> {
    let groups = suite.scaled(10_000);
    let offsets = groups * PARTITIONS;
    suite.pairs(&format!("{offsets} offsets in one partition"), |suite, side| {
        let mut home = Home::prepare(&suite.tools, side)?;
        let process = home.start()?;
        let topic = fresh_topic(suite, &process, PARTITIONS, &[])?;
        let [partitions, groups] = [PARTITIONS, groups].map(|number| number.to_string());
        let arguments = ["commit", "--bootstrap", process.bootstrap(), "--topic", &topic];
        let sizes = ["--partitions", &partitions, "--groups", &groups];
        let names = suite.tools.load(&[&arguments[..], &sizes].concat())?;
        process.stop()?;
        let awaited = |name: &str| -> Result<Running> {
            let group = names[name].as_str().context("a group's name")?;
            await_offsets(&suite.tools, home.bootstrap(), &topic, group)
        };
        let waiting = [awaited("last")?, awaited("alone")?];
        let process = home.spawn()?;
        let [last, alone] = waiting.map(|asking| {
            let answered = number(&asking.report()?, "answered_at_ns")?;
            anyhow::Ok((answered - process.started_ns as f64) / 1e6)
        });
        let figures = vec![
            ("all_ms", last?),
            ("another_ms", alone?),
            ("resident_mb", process.resident_mb()?),
        ];
        process.stop()?;
        Ok(figures)
    })
}

/// Asks all the time until a group's offsets are there.
fn await_offsets(tools: &Tools, bootstrap: &str, topic: &str, group: &str) -> Result<Running> {
    let arguments = ["await-offsets", "--bootstrap", bootstrap, "--topic", topic];
    tools.spawn_load(&[&arguments[..], &["--group", group]].concat())
}
