//! T1: what transactions of 100 ms cost.

use super::produce::{delete_topic, fresh_topic, records_a_second, warm_duo};
use super::server::Process;
use super::suite::Suite;
use anyhow::Result;

const PARTITIONS: u64 = 16;

/// T1: Kafka's own producer with a commit every 100 ms, beside the same producer without transactions.
pub fn commits(suite: &mut Suite) -> Result<()> {
    let duo = warm_duo(suite)?;
    suite.pairs("one producer, a commit every 100 ms", |suite, side| {
        let process = duo.of(side);
        let plain = produced(suite, process, &[])?;
        let id = format!("bench-{}", process.cpu_seconds()?);
        let transactions = ["--transactional-id", &id, "--transaction-duration-ms", "100"];
        let transactional = produced(suite, process, &transactions)?;
        Ok(vec![("records_per_s", transactional), ("share_of_plain", transactional / plain)])
    })
}

/// Records a second of one idempotent producer.
fn produced(suite: &Suite, process: &Process, more: &[&str]) -> Result<f64> {
    let topic = fresh_topic(suite, process, PARTITIONS, &[])?;
    let records = suite.scaled(1_000_000).to_string();
    let bootstrap = format!("bootstrap.servers={}", process.bootstrap());
    let mut arguments = vec!["--topic", &topic, "--num-records", &records, "--record-size", "1024"];
    arguments.extend(["--throughput", "-1"]);
    arguments.extend(more);
    arguments.extend(["--producer-props", &bootstrap, "acks=all", "linger.ms=5"]);
    let class = "org.apache.kafka.tools.ProducerPerformance";
    let text = suite.tools.spawn_kafka_tool(class, &arguments)?.output()?;
    delete_topic(suite, process, &topic)?;
    records_a_second(&text)
}
