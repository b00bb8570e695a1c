//! The state of the cluster, and what happens to it.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use ottla_world::Random;
use ottla_world::memory::SeededRandom;
use parking_lot::Mutex;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::fetch::Session;
use crate::group::Group;
use crate::partition::Partition;

pub const TOPIC: &str = "t";

/// Lets virtual time pass: nobody waits for it.
pub async fn pass(time: Duration) {
    tokio::time::sleep_until(Instant::now() + time).await;
}

/// Lives a life in virtual time, on one thread.
pub fn in_virtual_time<Life: Future>(life: Life) -> Life::Output {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime");
    runtime.block_on(life)
}

/// What a seed decides.
#[derive(Clone)]
pub struct Dice(pub Arc<SeededRandom>);

impl Dice {
    pub fn new(seed: u64) -> Dice {
        Dice(Arc::new(SeededRandom::new(seed)))
    }

    pub fn below(&self, bound: u64) -> u64 {
        self.0.below(bound.max(1))
    }

    pub fn between(&self, low: u64, high: u64) -> u64 {
        low + self.below(high - low + 1)
    }

    pub fn in_thousand(&self, chances: u64) -> bool {
        self.below(1000) < chances
    }

    pub fn millis(&self, low: u64, high: u64) -> Duration {
        Duration::from_millis(self.between(low, high))
    }

    pub fn pick<T: Copy>(&self, choices: &[T]) -> T {
        choices[self.below(choices.len() as u64) as usize]
    }
}

/// How often something goes wrong, in a thousand.
#[derive(Clone, Copy, Debug, Default)]
pub struct Weather {
    /// A batch is refused for a reason that passes.
    pub refuse: u64,
    /// A batch is refused for good.
    pub reject: u64,
    /// A batch is written, and the answer says it was not.
    pub swallow: u64,
    /// A batch is refused for its numbers, which are right.
    pub lie: u64,
    /// A request is lost with its connection, before it is served or after.
    pub lose: u64,
    /// A request takes long.
    pub delay: u64,
    /// An answer never comes, nor any after it.
    pub hang: u64,
    /// A connection is refused or not answered.
    pub deaf: u64,
    /// What was sent over a connection is served after the client has given it up.
    pub serves_the_dead: bool,
    /// The answer asks to be left alone for a while.
    pub throttle: u64,
}

/// What may happen beside crashes and elections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unrest {
    /// Elections lose the end of a log.
    Unclean,
    /// That, and brokers forget producers.
    Forgetful,
    /// Logs lose their beginning.
    Retention,
}

/// What becomes of an attempt to connect.
pub enum Welcome {
    Open(i32),
    Refuse,
    Ignore,
}

pub struct Node {
    pub is_up: bool,
    /// Goes up with every crash.
    pub crashes: watch::Sender<u64>,
}

pub struct State {
    pub nodes: BTreeMap<i32, Node>,
    pub partitions: Vec<Partition>,
    pub weather: Weather,
    pub next_producer_id: i64,
    /// Batches of more bytes are refused.
    pub batch_bytes_max: usize,
    /// Newest version of Produce and Fetch that is spoken.
    pub newest: i16,
    pub coordinator: i32,
    pub group: Group,
    /// Whether the group uses the consumer protocol.
    pub follows: bool,
    pub sessions: HashMap<(i32, i32), Session>,
    pub next_session: i32,
    pub slowest: Duration,
    pub findings: Vec<String>,
}

pub struct Scene {
    pub dice: Dice,
    pub state: Mutex<State>,
}

impl Scene {
    pub fn new(dice: Dice, nodes: i32, partitions: usize, weather: Weather) -> Scene {
        let node = || Node { is_up: true, crashes: watch::channel(0).0 };
        let state = State {
            nodes: (1..=nodes).map(|id| (id, node())).collect(),
            partitions: (0..partitions).map(|_| Partition::default()).collect(),
            weather,
            next_producer_id: 1000,
            batch_bytes_max: dice.pick(&[1 << 20, 1 << 20, 250]),
            newest: dice.between(9, 13) as i16,
            coordinator: 1,
            group: Group::default(),
            follows: false,
            sessions: HashMap::new(),
            next_session: 0,
            slowest: dice.millis(1, 2000),
            findings: Vec::new(),
        };
        let scene = Scene { dice, state: Mutex::new(state) };
        scene.elect();
        scene
    }

    pub fn welcome(&self, address: &str) -> (Duration, Welcome) {
        let state = self.state.lock();
        let digits = address.trim_start_matches('n').split(':').next();
        let node: i32 = digits.and_then(|id| id.parse().ok()).expect("an address of the scene");
        let is_up = state.nodes.get(&node).is_some_and(|node| node.is_up);
        let delay = self.dice.millis(0, 3);
        let welcome = match is_up && !self.dice.in_thousand(state.weather.deaf) {
            true => Welcome::Open(node),
            false if self.dice.in_thousand(800) => Welcome::Refuse,
            false => Welcome::Ignore,
        };
        (delay, welcome)
    }

    /// Gives each partition without a leader one, as far as nodes are up.
    pub fn elect(&self) {
        let mut state = self.state.lock();
        let up: Vec<i32> =
            state.nodes.iter().filter(|(_, node)| node.is_up).map(|(id, _)| *id).collect();
        if !up.is_empty() && (!up.contains(&state.coordinator) || self.dice.in_thousand(100)) {
            state.coordinator = self.dice.pick(&up);
        }
        for partition in &mut state.partitions {
            if !up.is_empty() && partition.leader.is_none_or(|leader| !up.contains(&leader)) {
                partition.leader = Some(self.dice.pick(&up));
                partition.leader_epoch += 1;
            }
        }
    }

    /// Somebody writes to one of the partitions.
    pub fn fill(&self) {
        let mut state = self.state.lock();
        let at = self.dice.below(state.partitions.len() as u64) as usize;
        state.partitions[at].fill(self.dice.between(1, 8) as usize);
    }

    /// Things happen until the future is dropped.
    pub async fn unrest(&self, pace: Duration, kind: Unrest) {
        loop {
            pass(self.dice.millis(1, pace.as_millis() as u64)).await;
            self.happen(kind);
        }
    }

    fn happen(&self, kind: Unrest) {
        let dice = &self.dice;
        let node = dice.between(1, self.state.lock().nodes.len() as u64) as i32;
        let mut state = self.state.lock();
        let at = dice.below(state.partitions.len() as u64) as usize;
        match dice.below(10) {
            0..=1 => {
                if let Some(node) = state.nodes.get_mut(&node) {
                    node.is_up = false;
                    node.crashes.send_modify(|count| *count += 1);
                }
            }
            2..=4 => state.nodes.values_mut().for_each(|node| node.is_up = true),
            5 => state.partitions[at].leader = None,
            6 if kind == Unrest::Retention => {
                let partition = &mut state.partitions[at];
                partition.log_start =
                    dice.between(partition.log_start as u64, partition.next_offset() as u64) as i64;
            }
            6 => {
                let partition = &mut state.partitions[at];
                partition.leader = None;
                partition.truncate(dice.below(3) as usize);
            }
            7 if kind == Unrest::Forgetful => state.partitions[at].forget_producers(),
            _ => {
                drop(state);
                self.elect();
            }
        }
    }

    /// From now on all is well.
    pub fn heal(&self) {
        let mut state = self.state.lock();
        state.weather = Weather::default();
        state.slowest = Duration::from_millis(1);
        state.batch_bytes_max = 1 << 20;
        state.nodes.values_mut().for_each(|node| {
            node.is_up = true;
            // What hangs is cut off.
            node.crashes.send_modify(|count| *count += 1);
        });
        drop(state);
        self.elect();
    }
}
