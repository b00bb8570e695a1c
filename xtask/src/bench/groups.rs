//! H2: members of one group come and go, and how long until every partition is consumed again.

use super::produce::{fresh_topic, warm_duo};
use super::server::Process;
use super::suite::{Figures, Suite, number};
use anyhow::{Context, Result};
use serde_json::Value;

const PARTITIONS: u64 = 200;
/// The figures of `bench/members`.
const FIGURES: [&str; 8] = [
    "start_ms",
    "start_stall_ms",
    "join_ms",
    "join_stall_ms",
    "leave_ms",
    "leave_stall_ms",
    "kill_ms",
    "kill_stall_ms",
];

/// H2.
pub fn rebalances(suite: &mut Suite) -> Result<()> {
    let duo = warm_duo(suite)?;
    let assignor = |name: &str| {
        format!("partition.assignment.strategy=org.apache.kafka.clients.consumer.{name}Assignor")
    };
    // A session of 45 s would be all that is seen of a member that is killed.
    let session = "session.timeout.ms=6000".to_owned();
    let cases = [
        ("classic, eager", vec![assignor("Range"), session.clone()]),
        ("classic, cooperative", vec![assignor("CooperativeSticky"), session]),
        ("consumer protocol", vec!["group.protocol=consumer".to_owned()]),
    ];
    for (case, settings) in cases {
        suite.pairs(case, |suite, side| come_and_go(suite, duo.of(side), &settings))?;
    }
    Ok(())
}

/// Java consumers of one process, through all the changes.
fn come_and_go(suite: &Suite, process: &Process, settings: &[String]) -> Result<Figures> {
    let topic = fresh_topic(suite, process, PARTITIONS, &[])?;
    let mut arguments = vec![process.bootstrap(), &topic];
    arguments.extend(settings.iter().map(String::as_str));
    let text = suite.tools.spawn_members(&arguments)?.output()?;
    let line = text.lines().last().unwrap_or_default();
    let report: Value =
        serde_json::from_str(line).with_context(|| format!("not a report: {text}"))?;
    let told = FIGURES.iter().filter(|name| !report[**name].is_null());
    told.map(|name| Ok((*name, number(&report, name)?))).collect()
}
