//! A producer's life, and what must be true of it.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use ottla_client::Error;
use ottla_client::producer::{Acks, Producer, ProducerConfig, ProducerRecord, RecordMetadata};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};

use crate::network::cluster;
use crate::scene::{Dice, Scene, TOPIC, Unrest, Weather, in_virtual_time, pass};

/// What timers and tasks may take beyond the moment they are due.
const LATE: Duration = Duration::from_millis(20);
/// Virtual time in which a record gets through once all is well: what hung must time out first.
const RECOVERY: Duration = Duration::from_secs(30);

/// What became of a record.
struct Settled {
    partition: usize,
    number: usize,
    outcome: Result<RecordMetadata, Error>,
    in_time: bool,
}

struct Plan {
    config: ProducerConfig,
    weather: Weather,
    is_lying: bool,
    records: usize,
    partitions: usize,
    nodes: i32,
    pace: Duration,
}

impl Plan {
    fn draw(dice: &Dice) -> Plan {
        let mut config = ProducerConfig::new("n1:9092");
        let rate = |high: u64| if dice.in_thousand(500) { dice.below(high) } else { 0 };
        let is_lying = dice.in_thousand(300);
        let weather = Weather {
            refuse: rate(200),
            reject: rate(50),
            swallow: rate(100),
            lie: if is_lying { dice.below(150) } else { 0 },
            lose: rate(100),
            delay: rate(300),
            hang: rate(20),
            deaf: rate(200),
            throttle: rate(50),
            serves_the_dead: dice.in_thousand(300),
        };
        config.client.request_timeout = dice.millis(100, 3000);
        config.client.connect_timeout = dice.millis(50, 2000);
        config.client.retry_backoff = dice.millis(0, 100);
        config.client.retry_backoff_max = dice.millis(100, 1000);
        config.client.metadata_max_age = dice.millis(100, 10_000);
        config.client.retries = dice.pick(&[i32::MAX as u32, i32::MAX as u32, 3]);
        config.in_flight_max = dice.between(1, 5) as usize;
        config.batch_size = dice.between(80, 500) as usize;
        config.linger = dice.millis(0, 20);
        config.request_size_max = dice.between(600, 2000) as usize;
        config.buffer_memory = dice.pick(&[32 << 20, 4000]);
        let least = config.linger + config.client.request_timeout;
        config.delivery_timeout = match dice.below(3) {
            0 => least,
            1 => least + dice.millis(0, 3000),
            _ => Duration::from_mins(2),
        };
        if dice.in_thousand(150) {
            config.idempotence = false;
            config.acks = dice.pick(&[Acks::All, Acks::Leader, Acks::None]);
        }
        Plan {
            config,
            weather,
            is_lying,
            records: dice.between(10, 120) as usize,
            partitions: dice.between(1, 4) as usize,
            nodes: dice.between(1, 3) as i32,
            pace: dice.millis(20, 1500),
        }
    }
}

impl Plan {
    /// Whether a record may be given up although all is well.
    fn may_fail(&self) -> bool {
        self.config.delivery_timeout < RECOVERY || self.config.client.retries < u32::from(u16::MAX)
    }
}

/// Lives the life that a seed decides; what was wrong with it.
pub fn run(seed: u64) -> Vec<String> {
    in_virtual_time(live(Dice::new(seed)))
}

async fn live(dice: Dice) -> Vec<String> {
    let plan = Plan::draw(&dice);
    let scene = Scene::new(dice.clone(), plan.nodes, plan.partitions, plan.weather);
    let scene = Arc::new(scene);
    let producer = Producer::over(cluster(&scene, &plan.config.client), plan.config.clone());
    let unrest = {
        let kind = if plan.is_lying { Unrest::Forgetful } else { Unrest::Unclean };
        let (scene, pace) = (Arc::clone(&scene), plan.pace);
        tokio::spawn(async move { scene.unrest(pace, kind).await })
    };
    let mut life = Life { plan, producer, dice, watchers: JoinSet::new(), sent: HashMap::new() };
    let mut findings = life.send_all().await;
    unrest.abort();
    let _ = unrest.await;
    scene.heal();
    findings.extend(life.probe().await);
    let closed =
        timeout(Duration::from_mins(10), life.producer.close(Duration::from_mins(5))).await;
    match closed {
        Ok(Ok(())) => {}
        Ok(Err(error)) => findings.push(format!("close: {error}")),
        Err(_) => findings.push("close never ends".to_owned()),
    }
    let mut settled = Vec::new();
    while let Some(one) = life.watchers.join_next().await {
        settled.push(one.expect("watchers do not panic"));
    }
    findings.extend(check(&scene, &life.plan, &settled));
    findings.append(&mut scene.state.lock().findings);
    findings
}

struct Life {
    plan: Plan,
    producer: Producer,
    dice: Dice,
    watchers: JoinSet<Settled>,
    /// Records so far, by partition.
    sent: HashMap<usize, usize>,
}

impl Life {
    async fn send_all(&mut self) -> Vec<String> {
        for _ in 0..self.plan.records {
            let partition = self.dice.below(self.plan.partitions as u64) as usize;
            self.send(partition).await;
            if self.dice.in_thousand(300) {
                pass(self.dice.millis(0, 60)).await;
            }
            if self.dice.in_thousand(10) {
                let limit = self.plan.config.delivery_timeout + Duration::from_mins(2);
                if timeout(limit, self.producer.flush()).await.is_err() {
                    return vec!["flush never ends".to_owned()];
                }
            }
        }
        Vec::new()
    }

    async fn send(&mut self, partition: usize) {
        let number = self.sent.entry(partition).or_default();
        *number += 1;
        let number = *number;
        let mut record = ProducerRecord::new(TOPIC, format!("{partition}-{number}"));
        record.partition = Some(partition as i32);
        // What finds no room or no metadata in time was never sent.
        let Ok(delivery) = self.producer.send(record).await else { return };
        let limit = self.plan.config.delivery_timeout + LATE;
        self.watchers.spawn(async move {
            tokio::pin!(delivery);
            let settled = timeout(limit, &mut delivery).await;
            let (in_time, outcome) = match settled {
                Ok(outcome) => (true, outcome),
                Err(_) => (false, Err(Error::Closed)),
            };
            Settled { partition, number, outcome, in_time }
        });
    }

    /// All is well again: a record to each partition gets through.
    async fn probe(&mut self) -> Vec<String> {
        let mut findings = Vec::new();
        let begun = Instant::now();
        for partition in 0..self.plan.partitions {
            let mut record = ProducerRecord::new(TOPIC, format!("{partition}-{}", usize::MAX));
            record.partition = Some(partition as i32);
            let sent = match self.producer.send(record).await {
                Ok(delivery) => timeout(RECOVERY, delivery).await,
                Err(error) => Ok(Err(error)),
            };
            let took = begun.elapsed();
            match sent {
                Ok(Ok(_)) => {}
                Ok(Err(_)) if self.plan.may_fail() => {}
                Ok(Err(error)) => findings.push(format!("partition {partition}: probe: {error}")),
                Err(_) if self.plan.config.delivery_timeout < RECOVERY => {}
                Err(_) => findings.push(format!("partition {partition}: silent for {took:?}")),
            }
        }
        findings
    }
}

fn check(scene: &Scene, plan: &Plan, settled: &[Settled]) -> Vec<String> {
    let mut findings = Vec::new();
    for Settled { partition, number, in_time, .. } in settled {
        if !in_time {
            findings.push(format!("{partition}-{number} was not settled in time"));
        }
    }
    // A batch that is written long after it was given up may come under numbers that nobody fences any more:
    // Kafka's protocol knows no way around that without transactions.
    if plan.is_lying || plan.weather.serves_the_dead || !plan.config.idempotence {
        return findings;
    }
    let state = scene.state.lock();
    for (index, partition) in state.partitions.iter().enumerate() {
        let values: Vec<&String> = partition.log.iter().flat_map(|one| &one.values).collect();
        let numbers: Vec<usize> = values
            .iter()
            .map(|value| value.rsplit('-').next().and_then(|n| n.parse().ok()).expect("a number"))
            .collect();
        if let Some(at) = numbers.windows(2).position(|pair| pair[0] >= pair[1]) {
            let around = &values[at.saturating_sub(2)..(at + 3).min(values.len())];
            findings.push(format!("out of order or twice: {around:?}"));
        }
        for one in settled.iter().filter(|one| one.partition == index) {
            let value = format!("{index}-{}", one.number);
            let Ok(metadata) = &one.outcome else { continue };
            if partition.lost.contains(&value) {
                continue;
            }
            let found = values.iter().position(|known| **known == value);
            match found {
                None => findings.push(format!("{value} was acknowledged and is not there")),
                Some(at) if metadata.offset >= 0 && metadata.offset != at as i64 => {
                    findings.push(format!("{value} is at {at}, not at {}", metadata.offset));
                }
                Some(_) => {}
            }
        }
    }
    findings
}
