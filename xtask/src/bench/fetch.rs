//! F1: fetching what the page cache holds, and right behind a producer. F2: catching up meanwhile.

use super::produce::{Own, delete_topic, fresh_topic, warm_duo};
use super::server::{Process, Side};
use super::suite::{Figures, Suite, number};
use anyhow::Result;

const PARTITIONS: u64 = 16;
const RECORD_BYTES: u64 = 1024;

/// F1.
pub fn cached(suite: &mut Suite) -> Result<()> {
    let duo = warm_duo(suite)?;
    let bytes = suite.scaled(2_000_000_000);
    let topics =
        [filled(suite, duo.of(Side::Ottla), bytes)?, filled(suite, duo.of(Side::Kafka), bytes)?];
    suite.pairs("cached, Kafka's consumer", |suite, side| {
        read_all(suite, duo.of(side), &topics[usize::from(side == Side::Kafka)], bytes)
    })?;
    for side in Side::BOTH {
        delete_topic(suite, duo.of(side), &topics[usize::from(side == Side::Kafka)])?;
    }
    for consumers in [1, 8, 32] {
        suite.pairs(&format!("tail, {consumers} consumers"), |suite, side| {
            tail(suite, duo.of(side), consumers)
        })?;
    }
    Ok(())
}

/// A topic with this many bytes.
fn filled(suite: &Suite, process: &Process, bytes: u64) -> Result<String> {
    let topic = fresh_topic(suite, process, PARTITIONS, &[])?;
    let own = Own {
        partitions: PARTITIONS,
        batch_records: 16,
        connections: 4,
        in_flight: 5,
        ..Own::default()
    };
    let mut written = 0.0;
    while written < bytes as f64 {
        let arguments = Own { seconds: 1, ..own.clone() }.arguments(process, &topic);
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        written += number(&suite.tools.load(&arguments)?, "bytes")?;
    }
    Ok(topic)
}

/// Kafka's own consumer tool over a topic from its start.
fn read_all(suite: &Suite, process: &Process, topic: &str, bytes: u64) -> Result<Figures> {
    let messages = (bytes / RECORD_BYTES).to_string();
    let group = format!("readers-{topic}-{}", process.cpu_seconds()?);
    let arguments = [
        "--bootstrap-server",
        process.bootstrap(),
        "--topic",
        topic,
        "--group",
        &group,
        "--messages",
        &messages,
        "--timeout",
        "60000",
    ];
    let before = process.cpu_seconds()?;
    let tool =
        suite.tools.spawn_kafka_tool("org.apache.kafka.tools.ConsumerPerformance", &arguments)?;
    let text = tool.output()?;
    let cpu = process.cpu_seconds()? - before;
    let row: Vec<&str> = text.lines().last().unwrap_or_default().split(", ").collect();
    let field = |at: usize| row.get(at).and_then(|text| text.trim().parse::<f64>().ok());
    // Columns: start, end, MB, MB/s, messages, messages/s, rebalance ms, fetch ms, fetch MB/s, ...
    let (Some(megabytes), Some(fetch_rate)) = (field(2), field(8)) else {
        anyhow::bail!("not a report: {text}");
    };
    let read_gb = megabytes * 1024.0 * 1024.0 / 1e9;
    Ok(vec![("cpu_s_per_gb", cpu / read_gb), ("mb_per_s", fetch_rate * 1.048_576)])
}

/// Consumers right behind one producer at a fixed rate.
fn tail(suite: &Suite, process: &Process, consumers: u64) -> Result<Figures> {
    let topic = fresh_topic(suite, process, PARTITIONS, &[])?;
    let seconds = suite.seconds(10);
    let own = Own {
        partitions: PARTITIONS,
        connections: 1,
        rate: 2000,
        seconds: seconds + 1,
        ..Own::default()
    };
    let (count, partitions) = (consumers.to_string(), PARTITIONS.to_string());
    let lasting = seconds.to_string();
    let before = process.cpu_seconds()?;
    let consuming = suite.tools.spawn_load(&[
        "consume",
        "--bootstrap",
        process.bootstrap(),
        "--topic",
        &topic,
        "--consumers",
        &count,
        "--partitions",
        &partitions,
        "--seconds",
        &lasting,
        "--warm-up",
        "1",
    ])?;
    let producing = own.arguments(process, &topic);
    suite.tools.load(&producing.iter().map(String::as_str).collect::<Vec<_>>())?;
    let report = consuming.report()?;
    let cpu = process.cpu_seconds()? - before;
    delete_topic(suite, process, &topic)?;
    Ok(vec![
        ("cpu_us_per_record", cpu * 1e6 / number(&report, "records")?),
        ("p50_us", number(&report, "p50_us")?),
        ("p99_us", number(&report, "p99_us")?),
        ("p999_us", number(&report, "p999_us")?),
    ])
}

/// F2: a consumer reads everything while a producer goes on at a fixed rate; from the disk, and from memory.
pub fn catch_up(suite: &mut Suite) -> Result<()> {
    let duo = warm_duo(suite)?;
    let bytes = suite.scaled(4_000_000_000);
    let topics =
        [filled(suite, duo.of(Side::Ottla), bytes)?, filled(suite, duo.of(Side::Kafka), bytes)?];
    for (case, is_cold) in [("cold, 50 MB/s produced", true), ("cached, 50 MB/s produced", false)] {
        suite.pairs(case, |suite, side| {
            let (process, topic) = (duo.of(side), &topics[usize::from(side == Side::Kafka)]);
            if is_cold {
                process.evict(topic)?;
            }
            read_beside_a_producer(suite, process, topic, bytes)
        })?;
    }
    Ok(())
}

fn read_beside_a_producer(
    suite: &Suite,
    process: &Process,
    topic: &str,
    bytes: u64,
) -> Result<Figures> {
    let other = fresh_topic(suite, process, PARTITIONS, &[])?;
    let own = Own {
        partitions: PARTITIONS,
        connections: 4,
        batch_records: 16,
        rate: 3000,
        seconds: suite.seconds(12),
        ..Own::default()
    };
    let arguments = own.arguments(process, &other);
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let producing = suite.tools.spawn_load(&arguments)?;
    let mut figures = read_all(suite, process, topic, bytes)?;
    let report = producing.report()?;
    delete_topic(suite, process, &other)?;
    figures.push(("produce_p99_us", number(&report, "p99_us")?));
    figures.push(("produce_p999_us", number(&report, "p999_us")?));
    figures.retain(|(name, _)| *name != "cpu_s_per_gb");
    Ok(figures)
}
