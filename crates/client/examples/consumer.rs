//! Reads topics: `cargo run -p ottla-client --example consumer -- 127.0.0.1:9092 greetings [key=value]...`.
//!
//! As a member of a group with `group.id=...`; otherwise all partitions, from `auto.offset.reset` on.
//! Ends after ten seconds without a record, or with Ctrl-C.

use std::collections::BTreeMap;
use std::error::Error;
use std::time::{Duration, Instant};

use ottla_client::TopicPartition;
use ottla_client::consumer::{Consumer, ConsumerConfig, RebalanceListener};

struct Announcer;

impl RebalanceListener for Announcer {
    fn assigned(&mut self, partitions: &[TopicPartition]) -> Vec<(TopicPartition, i64)> {
        eprintln!("+ {}", names(partitions));
        Vec::new()
    }

    fn revoked(
        &mut self,
        partitions: &[TopicPartition],
    ) -> Vec<(TopicPartition, ottla_client::admin::OffsetAndMetadata)> {
        eprintln!("- {}", names(partitions));
        Vec::new()
    }
}

fn names(partitions: &[TopicPartition]) -> String {
    partitions.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let bootstrap = arguments.next().unwrap_or_else(|| "127.0.0.1:9092".to_owned());
    let topic = arguments.next().unwrap_or_else(|| "greetings".to_owned());
    let mut properties = BTreeMap::from([("bootstrap.servers".to_owned(), bootstrap)]);
    for argument in arguments {
        let (key, value) = argument.split_once('=').ok_or("properties are key=value")?;
        properties.insert(key.to_owned(), value.to_owned());
    }
    let configured = ConsumerConfig::from_properties(&properties)?;
    for warning in &configured.warnings {
        eprintln!("warning: {warning}");
    }
    let in_group = configured.config.group_id.is_some();
    let mut consumer = Consumer::new(configured.config)?;
    if in_group {
        consumer.subscribe([topic]).await?;
        consumer.listen(Announcer)?;
    } else {
        let partitions = consumer.partitions_of(&topic).await?;
        consumer.assign(&partitions).await?;
    }
    let mut count = 0;
    let mut last = Instant::now();
    while last.elapsed() < Duration::from_secs(10) {
        let records = tokio::select! {
            records = consumer.poll(Duration::from_secs(1)) => records?,
            _ = tokio::signal::ctrl_c() => break,
        };
        for record in &records {
            last = Instant::now();
            let value = record.value.as_deref().unwrap_or(b"null");
            let value = String::from_utf8_lossy(value);
            println!("{}-{}@{}: {value}", record.topic, record.partition, record.offset);
        }
        count += records.len();
    }
    eprintln!("{count} records");
    consumer.close(Duration::from_secs(30)).await?;
    Ok(())
}
