//! The lives of a group's members, and what must be true of them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use ottla_client::TopicPartition;
use ottla_client::admin::OffsetAndMetadata;
use ottla_client::consumer::{
    Assignor, Consumer, ConsumerConfig, ConsumerRecord, GroupProtocol, OffsetReset,
    RebalanceListener,
};
use parking_lot::Mutex;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};

use crate::network::cluster;
use crate::partition::Partition;
use crate::scene::{Dice, Scene, TOPIC, Unrest, Weather, in_virtual_time, pass};

/// Virtual time in which a group has read everything once all is well.
const RECOVERY: Duration = Duration::from_mins(2);

#[derive(Clone)]
struct Plan {
    config: ConsumerConfig,
    weather: Weather,
    members: usize,
    partitions: usize,
    nodes: i32,
    pace: Duration,
    lasting: Duration,
    /// Partitions are assigned by hand, without a group.
    is_alone: bool,
}

impl Plan {
    fn draw(dice: &Dice) -> Plan {
        let is_alone = dice.in_thousand(200);
        let mut config = ConsumerConfig::new("n1:9092", (!is_alone).then_some("g"));
        let rate = |high: u64| if dice.in_thousand(500) { dice.below(high) } else { 0 };
        let weather = Weather {
            refuse: rate(200),
            lose: rate(60),
            delay: rate(300),
            hang: rate(10),
            deaf: rate(200),
            serves_the_dead: dice.in_thousand(500),
            ..Weather::default()
        };
        config.client.request_timeout = dice.millis(300, 3000);
        config.client.connect_timeout = dice.millis(50, 2000);
        config.client.retry_backoff = dice.millis(1, 100);
        config.client.retry_backoff_max = dice.millis(100, 1000);
        config.client.metadata_max_age = dice.millis(100, 10_000);
        config.client.api_timeout = dice.millis(2000, 20_000);
        config.offset_reset = OffsetReset::Earliest;
        config.session_timeout = Duration::from_millis(2000);
        config.heartbeat_interval = dice.millis(50, 500);
        config.poll_interval_max = dice.millis(1500, 6000);
        config.poll_records_max = dice.between(1, 20) as usize;
        config.fetch_wait_max = dice.millis(0, 200);
        config.auto_commit = match is_alone || dice.in_thousand(400) {
            true => None,
            false => Some(dice.millis(10, 2000)),
        };
        config.group_protocol = dice.pick(&[GroupProtocol::Classic, GroupProtocol::Consumer]);
        config.assignors = match dice.below(4) {
            0 => vec![Assignor::Range],
            1 => vec![Assignor::RoundRobin],
            2 => vec![Assignor::CooperativeSticky],
            _ => vec![Assignor::Sticky, Assignor::Range],
        };
        Plan {
            config,
            weather,
            members: if is_alone { 1 } else { dice.between(1, 3) as usize },
            partitions: dice.between(1, 5) as usize,
            nodes: dice.between(1, 3) as i32,
            pace: dice.millis(20, 1500),
            lasting: dice.millis(2000, 15_000),
            is_alone,
        }
    }
}

/// Lives the lives that a seed decides; what was wrong with them.
pub fn run(seed: u64) -> Vec<String> {
    in_virtual_time(live(Dice::new(seed)))
}

async fn live(dice: Dice) -> Vec<String> {
    let plan = Plan::draw(&dice);
    let scene = Arc::new(Scene::new(dice.clone(), plan.nodes, plan.partitions, plan.weather));
    scene.state.lock().follows = plan.config.group_protocol == GroupProtocol::Consumer;
    let unrest = {
        let (scene, pace, dice) = (Arc::clone(&scene), plan.pace, dice.clone());
        tokio::spawn(async move {
            let fill = async {
                loop {
                    scene.fill();
                    pass(dice.millis(1, 200)).await;
                }
            };
            tokio::join!(scene.unrest(pace, Unrest::Retention), fill)
        })
    };
    let end = Instant::now() + plan.lasting;
    let mut members = JoinSet::new();
    for number in 0..plan.members {
        let life = Life::new(&scene, &plan, &dice, number, end);
        members.spawn(life.lead());
    }
    tokio::time::sleep_until(end).await;
    unrest.abort();
    let _ = unrest.await;
    scene.heal();
    let mut findings = Vec::new();
    match timeout(RECOVERY + Duration::from_mins(5), async {
        let mut told = Vec::new();
        while let Some(one) = members.join_next().await {
            told.extend(one.expect("members do not panic"));
        }
        told
    })
    .await
    {
        Ok(told) => findings.extend(told),
        Err(_) => findings.push("a member never ends".to_owned()),
    }
    let mut state = scene.state.lock();
    findings.append(&mut state.findings);
    for (index, one) in state.partitions.iter().enumerate() {
        if one.is_unread() {
            findings.push(format!("{index}: read up to {} of {}", one.read, one.next_offset()));
        }
    }
    findings
}

/// What a member owns, and where it reads each next.
#[derive(Default)]
struct Ownership {
    next: BTreeMap<i32, Option<i64>>,
    findings: Vec<String>,
}

struct Ears(Arc<Mutex<Ownership>>);

impl RebalanceListener for Ears {
    fn assigned(&mut self, partitions: &[TopicPartition]) -> Vec<(TopicPartition, i64)> {
        let mut own = self.0.lock();
        for one in partitions {
            if own.next.insert(one.partition, None).is_some() {
                own.findings.push(format!("{one} assigned twice"));
            }
        }
        Vec::new()
    }

    fn revoked(
        &mut self,
        partitions: &[TopicPartition],
    ) -> Vec<(TopicPartition, OffsetAndMetadata)> {
        self.lost(partitions);
        Vec::new()
    }

    fn lost(&mut self, partitions: &[TopicPartition]) {
        let mut own = self.0.lock();
        for one in partitions {
            if own.next.remove(&one.partition).is_none() {
                own.findings.push(format!("{one} taken away and not owned"));
            }
        }
    }
}

struct Life {
    scene: Arc<Scene>,
    plan: Plan,
    dice: Dice,
    number: usize,
    end: Instant,
    own: Arc<Mutex<Ownership>>,
}

impl Life {
    fn new(scene: &Arc<Scene>, plan: &Plan, dice: &Dice, number: usize, end: Instant) -> Life {
        let own = Arc::default();
        let (scene, plan, dice) = (Arc::clone(scene), plan.clone(), dice.clone());
        Life { scene, plan, dice, number, end, own }
    }

    async fn begin(&self) -> Consumer {
        let cluster = cluster(&self.scene, &self.plan.config.client);
        let mut consumer = Consumer::over(cluster, self.plan.config.clone());
        if self.plan.is_alone {
            let all: Vec<_> = self.partitions();
            consumer.assign(&all).await.expect("nothing is subscribed to");
            self.own.lock().next = all.iter().map(|one| (one.partition, None)).collect();
        } else {
            consumer.subscribe([TOPIC]).await.expect("a topic");
            consumer.listen(Ears(Arc::clone(&self.own))).expect("a subscription");
        }
        consumer
    }

    fn partitions(&self) -> Vec<TopicPartition> {
        (0..self.plan.partitions as i32).map(|one| TopicPartition::new(TOPIC, one)).collect()
    }

    async fn lead(self) -> Vec<String> {
        let mut consumer = self.begin().await;
        while !self.is_over() {
            self.act(&mut consumer).await;
            if !self.plan.is_alone && Instant::now() < self.end && self.dice.in_thousand(10) {
                let _ = consumer.close(Duration::from_secs(5)).await;
                self.own.lock().next.clear();
                consumer = self.begin().await;
            }
        }
        let paused = consumer.paused();
        let _ = consumer.resume(&paused);
        let _ = consumer.close(Duration::from_mins(1)).await;
        std::mem::take(&mut self.own.lock().findings)
    }

    /// All is read, or there was time enough.
    fn is_over(&self) -> bool {
        let now = Instant::now();
        let state = self.scene.state.lock();
        let is_read = !state.partitions.iter().any(Partition::is_unread);
        now > self.end && (is_read || now > self.end + RECOVERY)
    }

    async fn act(&self, consumer: &mut Consumer) {
        let is_calm = Instant::now() >= self.end;
        match consumer.poll(self.dice.millis(0, 300)).await {
            Ok(records) => self.take(consumer, &records),
            Err(error) => {
                let told = format!("member {}: poll: {error}", self.number);
                self.own.lock().findings.push(told);
            }
        }
        let own: Vec<TopicPartition> = consumer.assignment();
        if is_calm {
            let paused = consumer.paused();
            let _ = consumer.resume(&paused);
            return;
        }
        match self.dice.below(40) {
            0..=2 if !own.is_empty() => {
                let one = &own[self.dice.below(own.len() as u64) as usize];
                let _ = consumer.pause(std::slice::from_ref(one));
            }
            3..=6 => {
                let paused = consumer.paused();
                let _ = consumer.resume(&paused);
            }
            // What fails is committed later or read again.
            7..=9 if !self.plan.is_alone => drop(consumer.commit().await),
            10 => pass(self.dice.millis(0, 3000)).await,
            11 if !self.plan.is_alone => drop(consumer.enforce_rebalance()),
            12 if !own.is_empty() => self.seek(consumer, &own),
            _ => pass(self.dice.millis(0, 50)).await,
        }
    }

    /// Back to where somebody has read already, so that nothing is left out.
    fn seek(&self, consumer: &mut Consumer, own: &[TopicPartition]) {
        let one = &own[self.dice.below(own.len() as u64) as usize];
        let read = self.scene.state.lock().partitions[one.partition as usize].read;
        let to = self.dice.below(read as u64 + 1) as i64;
        consumer.seek(one, to).expect("it is assigned");
        self.own.lock().next.insert(one.partition, Some(to));
    }

    fn take(&self, consumer: &Consumer, records: &[ConsumerRecord]) {
        let paused = consumer.paused();
        let mut own = self.own.lock();
        let mut state = self.scene.state.lock();
        for record in records {
            let (index, offset) = (record.partition, record.offset);
            let partition = &mut state.partitions[index as usize];
            let finding = match own.next.get(&index) {
                None => Some("which is not owned".to_owned()),
                _ if paused.iter().any(|one| one.partition == index) => {
                    Some("which is paused".to_owned())
                }
                Some(Some(next)) if offset < *next => Some(format!("after {next}")),
                Some(Some(next)) if offset > *next && *next >= partition.log_start => {
                    Some(format!("before {next}"))
                }
                // Where the group, or nobody, had read before.
                Some(None) if offset > partition.read.max(partition.log_start) => {
                    Some(format!("at first, read up to {}", partition.read))
                }
                Some(_) => None,
            };
            if let Some(finding) = finding {
                let told = format!("member {}: {index}-{offset} {finding}", self.number);
                own.findings.push(told);
            }
            own.next.insert(index, Some(offset + 1));
            if offset <= partition.read.max(partition.log_start) {
                partition.read = partition.read.max(offset + 1);
            }
        }
    }
}
