//! P1 to P4: producing.

use super::server::{Duo, Process, Side};
use super::suite::{Figures, Suite, number};
use anyhow::{Context, Result};
use std::sync::atomic::{AtomicU64, Ordering};

const GIGABYTE: f64 = 1e9;
const PRODUCERS: u64 = 4;
const WARM_UP_SECONDS: u64 = 60;

/// Whose acknowledgement a producer asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Acks {
    One,
    /// With idempotence, as Kafka's producer does by itself.
    All,
}

impl Acks {
    fn name(self) -> &'static str {
        match self {
            Acks::One => "1",
            Acks::All => "all",
        }
    }
}

/// Topics are never used twice.
static NEXT_TOPIC: AtomicU64 = AtomicU64::new(0);

/// A fresh topic whose partitions all acknowledge, with a small record in each.
pub fn fresh_topic(
    suite: &Suite,
    process: &Process,
    partitions: u64,
    configs: &[&str],
) -> Result<String> {
    let topic = format!("load-{}", NEXT_TOPIC.fetch_add(1, Ordering::Relaxed));
    let partitions = partitions.to_string();
    let mut arguments = vec!["create", "--bootstrap", process.bootstrap(), "--topic", &topic];
    arguments.extend(["--partitions", &partitions]);
    for config in configs {
        arguments.extend(["--config", config]);
    }
    suite.tools.load(&arguments)?;
    let arguments = ["ack-all", "--bootstrap", process.bootstrap(), "--topic", &topic];
    suite.tools.load(&[&arguments[..], &["--partitions", &partitions]].concat())?;
    Ok(topic)
}

/// Deletes a topic, so that its data does not fill the disk.
pub fn delete_topic(suite: &Suite, process: &Process, topic: &str) -> Result<()> {
    let arguments = ["delete", "--bootstrap", process.bootstrap(), "--topic", topic];
    suite.tools.load(&arguments).map(|_| ())
}

/// Both servers, warm: a minute of batches and of single records each.
pub fn warm_duo(suite: &Suite) -> Result<Duo> {
    let duo = Duo::start(&suite.tools)?;
    for side in Side::BOTH {
        let seconds = match side {
            Side::Kafka => suite.seconds(WARM_UP_SECONDS) / 2,
            // Nothing is compiled while it runs; the page cache alone wants warming.
            Side::Ottla => suite.seconds(4) / 2,
        };
        for batch_records in [1, 16] {
            own_load(suite, duo.of(side), &Own { batch_records, seconds, ..Own::default() })?;
        }
    }
    Ok(duo)
}

/// P1: Kafka's own performance tool, four of it.
pub fn batches(suite: &mut Suite) -> Result<()> {
    let duo = warm_duo(suite)?;
    for acks in [Acks::One, Acks::All] {
        let case = format!("acks={}", acks.name());
        suite.pairs(&case, |suite, side| load_batches(suite, duo.of(side), acks))?;
    }
    for (case, record_bytes, batch_records) in [
        ("own load, 1 KB", 1024, 16),
        ("own load, 100 B", 100, 160),
        ("own load, 10 KB", 10_240, 2),
    ] {
        let own = Own {
            record_bytes,
            batch_records,
            connections: PRODUCERS,
            in_flight: 5,
            partitions: 16,
            seconds: suite.seconds(6),
            ..Own::default()
        };
        suite.pairs(case, |suite, side| {
            let all = own_load(suite, duo.of(side), &own)?;
            Ok(keep(all, &["cpu_s_per_gb", "records_per_s", "p99_us"]))
        })?;
    }
    Ok(())
}

/// One measurement of P1.
pub fn load_batches(suite: &Suite, process: &Process, acks: Acks) -> Result<Figures> {
    let topic = fresh_topic(suite, process, 16, &[])?;
    let records = suite.scaled(1_000_000) / PRODUCERS;
    let properties = [
        format!("bootstrap.servers={}", process.bootstrap()),
        format!("acks={}", acks.name()),
        "linger.ms=5".to_owned(),
        "batch.size=16384".to_owned(),
    ];
    let count = records.to_string();
    let mut arguments = vec!["--topic", &topic, "--num-records", &count, "--record-size", "1024"];
    arguments.extend(["--throughput", "-1", "--producer-props"]);
    arguments.extend(properties.iter().map(String::as_str));
    let before = process.cpu_seconds()?;
    let mut tools = Vec::new();
    for _ in 0..PRODUCERS {
        let class = "org.apache.kafka.tools.ProducerPerformance";
        tools.push(suite.tools.spawn_kafka_tool(class, &arguments)?);
    }
    let mut records_per_s = 0.0;
    for tool in tools {
        records_per_s += records_a_second(&tool.output()?)?;
    }
    let cpu = process.cpu_seconds()? - before;
    delete_topic(suite, process, &topic)?;
    let gigabytes = (records * PRODUCERS * 1024) as f64 / GIGABYTE;
    Ok(vec![("cpu_s_per_gb", cpu / gigabytes), ("records_per_s", records_per_s)])
}

/// From the tool's last line: "1000 records sent, 27027.0 records/sec (26.39 MB/sec), ...".
pub fn records_a_second(text: &str) -> Result<f64> {
    let line = text.lines().rfind(|line| line.contains("99.9th")).context("a last line")?;
    let part = line.split(',').find(|part| part.contains("records/sec")).context("a rate")?;
    Ok(part.split_whitespace().next().context("a number")?.parse()?)
}

/// What our own load does.
#[derive(Clone, Debug)]
pub struct Own {
    pub partitions: u64,
    pub connections: u64,
    pub in_flight: u64,
    pub rate: u64,
    pub record_bytes: u64,
    pub batch_records: u64,
    pub codec: &'static str,
    pub seconds: u64,
    pub configs: &'static [&'static str],
}

impl Default for Own {
    fn default() -> Own {
        Own {
            partitions: 128,
            connections: 64,
            in_flight: 1,
            rate: 0,
            record_bytes: 1024,
            batch_records: 1,
            codec: "none",
            seconds: 6,
            configs: &[],
        }
    }
}

/// Runs our own load on a fresh topic.
pub fn own_load(suite: &Suite, process: &Process, own: &Own) -> Result<Figures> {
    let topic = fresh_topic(suite, process, own.partitions, own.configs)?;
    let before = process.cpu_seconds()?;
    let report = suite
        .tools
        .load(&own.arguments(process, &topic).iter().map(String::as_str).collect::<Vec<_>>())?;
    let cpu = process.cpu_seconds()? - before;
    delete_topic(suite, process, &topic)?;
    let (requests, bytes) = (number(&report, "requests")?, number(&report, "bytes")?);
    let seconds = number(&report, "seconds")?;
    Ok(vec![
        ("cpu_us_per_request", cpu * 1e6 / requests),
        ("cpu_s_per_gb", cpu * GIGABYTE / bytes),
        ("requests_per_s", requests / seconds),
        ("records_per_s", number(&report, "records")? / seconds),
        ("mb_per_s", bytes / seconds / 1e6),
        ("p50_us", number(&report, "p50_us")?),
        ("p99_us", number(&report, "p99_us")?),
        ("p999_us", number(&report, "p999_us")?),
    ])
}

impl Own {
    /// The command line of it.
    pub fn arguments(&self, process: &Process, topic: &str) -> Vec<String> {
        let mut arguments: Vec<String> =
            ["produce", "--bootstrap", process.bootstrap(), "--topic", topic]
                .iter()
                .map(|argument| (*argument).to_owned())
                .collect();
        let numbers = [
            ("--partitions", self.partitions),
            ("--connections", self.connections),
            ("--in-flight", self.in_flight),
            ("--rate", self.rate),
            ("--record-bytes", self.record_bytes),
            ("--batch-records", self.batch_records),
            ("--seconds", self.seconds),
        ];
        for (name, value) in numbers {
            arguments.extend([name.to_owned(), value.to_string()]);
        }
        arguments.extend(["--codec".to_owned(), self.codec.to_owned()]);
        // The first connections and allocations are no part of the picture.
        let warm_up = if self.rate > 0 { self.seconds as f64 / 10.0 } else { 0.5 };
        arguments.extend(["--warm-up".to_owned(), warm_up.to_string()]);
        arguments
    }
}

/// Only these figures.
pub fn keep(figures: Figures, names: &[&str]) -> Figures {
    figures.into_iter().filter(|(name, _)| names.contains(name)).collect()
}

/// P2.
pub fn single_records(suite: &mut Suite) -> Result<()> {
    let duo = warm_duo(suite)?;
    let own = Own { seconds: suite.seconds(6), ..Own::default() };
    suite.pairs("64 producers", |suite, side| {
        let all = own_load(suite, duo.of(side), &own)?;
        Ok(keep(all, &["cpu_us_per_request", "requests_per_s", "p50_us", "p99_us", "p999_us"]))
    })
}

/// P3.
pub fn compressed(suite: &mut Suite) -> Result<()> {
    let duo = warm_duo(suite)?;
    for codec in ["lz4", "zstd"] {
        let own = Own {
            codec,
            // lz4 finds nothing in letters drawn by chance; this stays just below 1 MB.
            batch_records: 1000,
            connections: PRODUCERS,
            in_flight: 2,
            partitions: 16,
            seconds: suite.seconds(6),
            ..Own::default()
        };
        suite.pairs(codec, |suite, side| {
            let all = own_load(suite, duo.of(side), &own)?;
            Ok(keep(all, &["cpu_s_per_gb", "mb_per_s"]))
        })?;
    }
    Ok(())
}

/// P4: at fixed parts of what Kafka can do on this machine.
pub fn latency(suite: &mut Suite) -> Result<()> {
    let duo = warm_duo(suite)?;
    let probe = Own { seconds: suite.seconds(10), ..Own::default() };
    let seen = own_load(suite, duo.of(Side::Kafka), &probe)?;
    let most = seen.iter().find(|(name, _)| *name == "requests_per_s").context("a rate")?.1;
    for percent in [20_u32, 50, 80] {
        let rate = (most * f64::from(percent) / 100.0) as u64;
        let own = Own { rate, seconds: suite.seconds(30), ..Own::default() };
        suite.pairs(&format!("{percent} % of Kafka's most"), |suite, side| {
            let all = own_load(suite, duo.of(side), &own)?;
            Ok(keep(all, &["p50_us", "p99_us", "p999_us", "cpu_us_per_request"]))
        })?;
    }
    Ok(())
}
