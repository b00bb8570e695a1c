//! S1: from the start of the process to the first acknowledged record. S2: memory.

use super::produce::{Acks, load_batches};
use super::server::{Home, Process, Side};
use super::suite::{Figures, Suite, number};
use super::tools::Tools;
use anyhow::Result;
use std::thread;
use std::time::Duration;

const PARTITIONS: u64 = 1000;
/// How long a server that has nothing to do is left alone before its memory is read.
const IDLE: Duration = Duration::from_secs(10);

/// S1.
pub fn first_ack(suite: &mut Suite) -> Result<()> {
    suite.pairs("empty", |suite, side| {
        let mut home = Home::prepare(&suite.tools, side)?;
        let (milliseconds, process) = timed_start(&suite.tools, &mut home, &[])?;
        process.stop()?;
        Ok(vec![("ms", milliseconds)])
    })?;
    let mut homes = [filled(suite, Side::Ottla)?, filled(suite, Side::Kafka)?];
    suite.pairs("1,000 partitions", |suite, side| {
        let home = &mut homes[usize::from(side == Side::Kafka)];
        let (milliseconds, process) = timed_start(&suite.tools, home, &["--existing"])?;
        process.stop()?;
        Ok(vec![("ms", milliseconds)])
    })
}

/// A directory with many partitions, each with a record, cleanly stopped.
fn filled(suite: &Suite, side: Side) -> Result<Home> {
    let mut home = Home::prepare(&suite.tools, side)?;
    let process = home.start()?;
    let partitions = PARTITIONS.to_string();
    let topic =
        ["--bootstrap", process.bootstrap(), "--topic", "first", "--partitions", &partitions];
    suite.tools.load(&[&["create"], &topic[..]].concat())?;
    suite.tools.load(&[&["ack-all"], &topic[..]].concat())?;
    process.stop()?;
    Ok(home)
}

/// Starts a server while somebody asks for an acknowledgement all the time.
fn timed_start(tools: &Tools, home: &mut Home, more: &[&str]) -> Result<(f64, Process)> {
    let bootstrap = home.bootstrap().to_owned();
    let arguments = ["first-ack", "--bootstrap", &bootstrap, "--topic", "first"];
    let asking = tools.spawn_load(&[&arguments, more].concat())?;
    let process = home.spawn()?;
    let acked_ns = number(&asking.report()?, "acked_at_ns")?;
    Ok(((acked_ns - process.started_ns as f64) / 1e6, process))
}

/// S2.
pub fn memory(suite: &mut Suite) -> Result<()> {
    suite.pairs("idle, then after P1", |suite, side| {
        let mut home = Home::prepare(&suite.tools, side)?;
        let (_, process) = timed_start(&suite.tools, &mut home, &[])?;
        thread::sleep(IDLE);
        let mut figures: Figures = vec![("idle_mb", process.resident_mb()?)];
        load_batches(suite, &process, Acks::One)?;
        figures.push(("loaded_mb", process.resident_mb()?));
        process.stop()?;
        Ok(figures)
    })
}
