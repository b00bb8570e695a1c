//! Sends numbered records: `cargo run -p ottla-client --example producer -- 127.0.0.1:9092 greetings 1000 [key=value]...`.

use std::collections::BTreeMap;
use std::error::Error;
use std::time::{Duration, Instant};

use ottla_client::producer::{Producer, ProducerConfig, ProducerRecord};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let bootstrap = arguments.next().unwrap_or_else(|| "127.0.0.1:9092".to_owned());
    let topic = arguments.next().unwrap_or_else(|| "greetings".to_owned());
    let count: usize = arguments.next().as_deref().unwrap_or("10").parse()?;
    let mut properties = BTreeMap::from([("bootstrap.servers".to_owned(), bootstrap)]);
    for argument in arguments {
        let (key, value) = argument.split_once('=').ok_or("properties are key=value")?;
        properties.insert(key.to_owned(), value.to_owned());
    }
    let configured = ProducerConfig::from_properties(&properties)?;
    for warning in &configured.warnings {
        eprintln!("warning: {warning}");
    }
    let producer = Producer::new(configured.config)?;
    let started = Instant::now();
    let mut deliveries = Vec::with_capacity(count);
    for number in 0..count {
        let record = ProducerRecord::new(&*topic, format!("record {number} {}", "x".repeat(80)));
        deliveries.push(producer.send(record).await?);
    }
    producer.flush().await;
    let mut written = 0;
    for delivery in deliveries {
        match delivery.await {
            Ok(metadata) if written == 0 => {
                written += 1;
                println!("the first lies at {} offset {}", metadata.partition, metadata.offset);
            }
            Ok(_) => written += 1,
            Err(error) => eprintln!("not written: {error}"),
        }
    }
    println!("{written} of {count} written in {:?}", started.elapsed());
    producer.close(Duration::from_secs(30)).await?;
    Ok(())
}
