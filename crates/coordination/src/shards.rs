//! The coordinators at work, by partition.

use std::collections::BTreeMap;
use std::sync::Arc;

use ottla_coordinator::partition_for;
use ottla_hosting::Partition;
use ottla_log::Verification;
use ottla_wire::ErrorCode;
use ottla_world::Clock;
use parking_lot::Mutex;
use tokio::runtime::Handle;
use tokio::sync::Semaphore;

use super::driver::Driver;
use super::kind::{Kind, RequestOf, ResponseOf};
use super::queue::{Queue, WeakQueue};
use super::terms::LogTerms;
use crate::metrics::LoopMetrics;

/// What coordinators work with.
#[derive(Clone)]
pub(crate) struct Parts {
    /// Tasks run on it.
    pub runtime: Handle,
    pub clock: Arc<dyn Clock>,
    pub terms: LogTerms,
}

/// One partition of the topic, as its coordinator sees it.
pub(crate) struct Shard<K: Kind> {
    pub kind: Arc<K>,
    pub partition: Arc<Partition>,
    pub parts: Parts,
    /// The way back to the task, for what is done beside it. The queue closes when nobody else can ask.
    pub queue: WeakQueue<K>,
    pub metrics: Arc<LoopMetrics>,
}

/// The coordinators of one kind.
pub(crate) struct Shards<K: Kind> {
    kind: Arc<K>,
    parts: Parts,
    metrics: Arc<LoopMetrics>,
    /// Turns at loading, a piece of a partition each.
    pub(super) load_turns: Arc<Semaphore>,
    tasks: Mutex<Tasks<K>>,
}

struct Tasks<K: Kind> {
    /// How many partitions the topic has: what a name's place is computed from.
    partitions: i32,
    by_partition: BTreeMap<i32, Task<K>>,
}

struct Task<K: Kind> {
    partition: Arc<Partition>,
    leader_epoch: i32,
    queue: Queue<K>,
}

impl<K: Kind> Task<K> {
    /// Whether it still does what is wanted: a topic that was created anew begins again at epoch 0.
    fn is_for(&self, partition: &Arc<Partition>) -> bool {
        Arc::ptr_eq(&self.partition, partition) && partition.leader().1 == self.leader_epoch
    }
}

impl<K: Kind> Shards<K> {
    /// No coordinators yet.
    pub(crate) fn new(kind: K, parts: Parts) -> Self {
        // Half of the processors load at most, so that those who are loaded go on serving.
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        let load_turns = Arc::new(Semaphore::new((processors / 2).max(1)));
        let tasks = Tasks { partitions: 0, by_partition: BTreeMap::new() };
        let metrics = Arc::new(LoopMetrics::new(Arc::clone(&parts.clock)));
        Self { kind: Arc::new(kind), parts, metrics, load_turns, tasks: Mutex::new(tasks) }
    }

    pub(crate) fn kind(&self) -> &Arc<K> {
        &self.kind
    }

    pub(crate) fn parts(&self) -> &Parts {
        &self.parts
    }

    /// Starts and stops coordinators so that they match the partitions this broker leads.
    /// `partitions` is the topic's size, zero while it does not exist.
    pub(crate) fn reconcile(&self, partitions: i32, led: &[Arc<Partition>]) {
        let mut tasks = self.tasks.lock();
        tasks.partitions = partitions;
        tasks.by_partition.retain(|_, task| led.iter().any(|partition| task.is_for(partition)));
        for partition in led {
            tasks.by_partition.entry(partition.index()).or_insert_with(|| self.start(partition));
        }
    }

    fn start(&self, partition: &Arc<Partition>) -> Task<K> {
        let (queue, commands) = Queue::new(Arc::clone(&self.metrics));
        let shard = Shard {
            kind: Arc::clone(&self.kind),
            partition: Arc::clone(partition),
            parts: self.parts.clone(),
            queue: queue.downgrade(),
            metrics: Arc::clone(&self.metrics),
        };
        let driver = Driver::new(shard, Arc::clone(&self.load_turns));
        self.parts.runtime.spawn(driver.run(commands));
        Task { partition: Arc::clone(partition), leader_epoch: partition.leader().1, queue }
    }

    /// Ends every coordinator; whoever waits is told to look for another.
    pub(crate) fn shutdown(&self) {
        self.tasks.lock().by_partition.clear();
    }

    /// The partition that holds a name; `None` while the topic does not exist.
    pub(crate) fn partition_of(&self, name: &str) -> Option<i32> {
        let partitions = self.tasks.lock().partitions;
        (partitions > 0).then(|| partition_for(name, partitions))
    }

    /// The way to the coordinator of a name.
    ///
    /// # Errors
    /// `NOT_COORDINATOR`
    pub(crate) fn of(&self, name: &str) -> Result<Queue<K>, ErrorCode> {
        let index = self.partition_of(name).ok_or(ErrorCode::NotCoordinator)?;
        self.at(index)
    }

    /// The way to the coordinator of a partition.
    ///
    /// # Errors
    /// `NOT_COORDINATOR`
    pub(crate) fn at(&self, index: i32) -> Result<Queue<K>, ErrorCode> {
        let tasks = self.tasks.lock();
        let task = tasks.by_partition.get(&index).ok_or(ErrorCode::NotCoordinator)?;
        Ok(task.queue.clone())
    }

    /// The ways to all of them.
    pub(crate) fn all(&self) -> Vec<Queue<K>> {
        self.tasks.lock().by_partition.values().map(|task| task.queue.clone()).collect()
    }

    /// Writes how the loops of the coordinators do, under names that begin with `prefix`.
    pub(crate) fn write_metrics(&self, text: &mut String, prefix: &str) {
        let queued = self.tasks.lock().by_partition.values().map(|task| task.queue.len()).sum();
        self.metrics.write(text, prefix, queued);
    }

    /// Asks every coordinator, and collects what they answer.
    pub(crate) async fn ask_all(
        &self,
        mut request: impl FnMut() -> RequestOf<K>,
    ) -> Vec<Result<ResponseOf<K>, ErrorCode>> {
        let queues = self.all();
        let mut answers = Vec::with_capacity(queues.len());
        for queue in queues {
            answers.push(queue.ask(request(), Verification::NotRequired).await);
        }
        answers
    }
}
