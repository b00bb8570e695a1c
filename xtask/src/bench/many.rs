//! C1: many connections. M1: many partitions. S3: killed with much data.

use super::produce::{Own, delete_topic, fresh_topic, keep, own_load, warm_duo};
use super::server::{Home, Process};
use super::suite::{Suite, number};
use super::tools::Tools;
use anyhow::Result;
use serde_json::Value;

/// C1: memory a connection while 10,000 requests a second come over all of them.
pub fn connections(suite: &mut Suite) -> Result<()> {
    let duo = warm_duo(suite)?;
    let connections = suite.scaled(5000);
    suite.pairs(&format!("{connections} connections"), |suite, side| {
        let process = duo.of(side);
        let own = Own {
            connections,
            rate: 10_000,
            record_bytes: 100,
            partitions: 16,
            seconds: suite.seconds(12),
            ..Own::default()
        };
        let topic = fresh_topic(suite, process, own.partitions, &[])?;
        let before = process.resident_mb()?;
        let arguments = own.arguments(process, &topic);
        let load =
            suite.tools.spawn_load(&arguments.iter().map(String::as_str).collect::<Vec<_>>())?;
        std::thread::sleep(std::time::Duration::from_millis(own.seconds * 700));
        let grown = process.resident_mb()? - before;
        let report = load.report()?;
        delete_topic(suite, process, &topic)?;
        Ok(vec![
            ("kb_per_connection", grown * 1e6 / 1024.0 / connections as f64),
            ("p99_us", number(&report, "p99_us")?),
            ("p999_us", number(&report, "p999_us")?),
        ])
    })?;
    suite.pairs("afterwards, 64 connections", |suite, side| {
        let own = Own { rate: 10_000, seconds: suite.seconds(6), ..Own::default() };
        Ok(keep(own_load(suite, duo.of(side), &own)?, &["p99_us", "p999_us"]))
    })
}

/// M1: as many partitions as one request may create, a record to each, a restart.
pub fn partitions(suite: &mut Suite) -> Result<()> {
    let partitions = suite.scaled(9_999);
    suite.pairs(&format!("{partitions} partitions"), |suite, side| {
        let mut home = Home::prepare(&suite.tools, side)?;
        let process = home.start()?;
        let before = process.resident_mb()?;
        let created = on_topic(&suite.tools, &process, "create", partitions)?;
        let produced = on_topic(&suite.tools, &process, "ack-all", partitions)?;
        let grown = process.resident_mb()? - before;
        let descriptors = process.descriptors()?;
        process.stop()?;
        let process = home.spawn()?;
        let back = on_topic(&suite.tools, &process, "ack-all", partitions)?;
        let restart = (number(&back, "acked_at_ns")? - process.started_ns as f64) / 1e9;
        process.stop()?;
        // Kafka answers before the partitions are there, so creating ends with the last record.
        let (created, produced) = (number(&created, "seconds")?, number(&produced, "seconds")?);
        Ok(vec![
            ("create_s", created),
            ("create_and_produce_to_all_s", created + produced),
            ("restart_s", restart),
            ("kb_per_partition", grown * 1e6 / 1024.0 / partitions as f64),
            ("descriptors_per_partition", descriptors / partitions as f64),
        ])
    })
}

/// S3: kill -9 with data in 1,000 partitions; until every partition acknowledges again.
pub fn killed(suite: &mut Suite) -> Result<()> {
    let partitions = suite.scaled(1000);
    suite.pairs(&format!("{partitions} partitions, 4 MB each"), |suite, side| {
        let mut home = Home::prepare(&suite.tools, side)?;
        let process = home.start()?;
        on_topic(&suite.tools, &process, "create", partitions)?;
        let count = partitions.to_string();
        for _ in 0..40 {
            suite.tools.load(&[
                "ack-all",
                "--bootstrap",
                process.bootstrap(),
                "--topic",
                "many",
                "--partitions",
                &count,
                "--batch-records",
                "100",
            ])?;
        }
        process.kill()?;
        let process = home.spawn()?;
        let back = on_topic(&suite.tools, &process, "ack-all", partitions)?;
        let seconds = (number(&back, "acked_at_ns")? - process.started_ns as f64) / 1e9;
        process.stop()?;
        Ok(vec![("restart_s", seconds)])
    })
}

fn on_topic(tools: &Tools, process: &Process, verb: &str, partitions: u64) -> Result<Value> {
    let count = partitions.to_string();
    let bootstrap = process.bootstrap();
    tools.load(&[verb, "--bootstrap", bootstrap, "--topic", "many", "--partitions", &count])
}
