//! The task that sends: drains the accumulator to the brokers, and acts on what they answer.
//!
//! It alone knows what is under way, who the producer is to the brokers, and when to look next.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ottla_cluster::cluster::{Backoff, Topics};
use ottla_cluster::{ApiError, Cluster, Error, Target, TopicPartition};
use ottla_wire::ErrorCode;
use ottla_wire::messages::InitProducerIdRequest;
use ottla_wire::messages::produce_response::PartitionProduceResponse;
use parking_lot::Mutex;
use tokio::sync::{Notify, mpsc};
use tokio::time::Instant;

use super::accumulator::{Accumulator, Drained, Routes};
use super::batch::{Millis, SealedBatch};
use super::config::ProducerConfig;
use super::delivery::Fate;
use super::judge::{Facts, Verdict, is_unwritten, judge};
use super::link::{self, Report, Shipment};
use super::sequences::Identity;

/// Events that wait for the sender: an answer for each request under way, and a few of its own.
const EVENTS_QUEUED_MAX: usize = 64;

/// How long to wait before metadata is asked for again.
const LEADER_WAIT: Duration = Duration::from_millis(100);

/// What producer and sender share.
pub(super) struct Shared {
    pub(super) config: ProducerConfig,
    pub(super) cluster: Cluster,
    pub(super) accumulator: Mutex<Accumulator>,
    pub(super) wake: Notify,
    pub(super) closing: AtomicBool,
    /// Why nothing can be sent any more.
    pub(super) fatal: Mutex<Option<Error>>,
    pub(super) started: Instant,
}

impl Shared {
    pub(super) fn now(&self) -> Millis {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

/// What the sender hears of.
pub(super) enum Event {
    /// A request is done with.
    Answered(Report),
    /// The brokers know who the producer is, or don't.
    Identified(Result<Identity, Error>),
    /// Metadata was fetched, or not.
    Refreshed,
}

#[derive(Default)]
struct Link {
    shipments: Option<mpsc::Sender<Shipment>>,
    under_way: usize,
    /// The broker asked for a pause until then.
    paused_until: Option<Instant>,
}

/// The sending side of a producer.
pub(super) struct Sender {
    shared: Arc<Shared>,
    links: HashMap<i32, Link>,
    events: mpsc::Receiver<Event>,
    events_in: mpsc::Sender<Event>,
    identity: Option<Identity>,
    identifying: bool,
    refreshing: bool,
}

impl Sender {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        let (events_in, events) = mpsc::channel(EVENTS_QUEUED_MAX);
        Self {
            shared,
            links: HashMap::new(),
            events,
            events_in,
            identity: None,
            identifying: false,
            refreshing: false,
        }
    }

    /// Runs until the producer is closed and everything is settled.
    pub(super) async fn run(mut self) {
        loop {
            let next = self.step();
            if self.shared.closing.load(Ordering::Acquire)
                && self.shared.accumulator.lock().is_empty()
            {
                return;
            }
            let shared = Arc::clone(&self.shared);
            let deadline = next.map(|at| shared.started + Duration::from_millis(at));
            tokio::select! {
                biased;
                event = self.events.recv() => {
                    let mut event = event;
                    while let Some(happened) = event {
                        self.handle(happened);
                        event = self.events.try_recv().ok();
                    }
                }
                () = shared.wake.notified() => {}
                () = sleep_until(deadline) => {}
            }
        }
    }

    /// Sends what can be sent; answers when to look again.
    fn step(&mut self) -> Option<Millis> {
        let shared = Arc::clone(&self.shared);
        let now = shared.now();
        let mut accumulator = shared.accumulator.lock();
        let expires = accumulator.expire(now);
        if shared.config.idempotence && self.identity.is_none() {
            let waits = !accumulator.is_empty();
            drop(accumulator);
            if waits {
                self.identify();
            }
            return expires;
        }
        let image = shared.cluster.metadata();
        let leader = |key: &TopicPartition| image.leader(key).ok().map(|node| node.id);
        let in_flight_max = shared.config.in_flight_max;
        let clock = Instant::now();
        let may_send = |node: i32| {
            self.links.get(&node).is_none_or(|link| {
                link.under_way < in_flight_max
                    && link.paused_until.is_none_or(|until| until <= clock)
            })
        };
        let routes = Routes { leader: &leader, may_send: &may_send, identity: self.identity };
        let drained = accumulator.drain(now, &routes);
        let topics = accumulator.topics();
        drop(accumulator);
        let pauses = self.links.values().filter_map(|link| link.paused_until);
        let resumes = pauses.filter(|until| *until > clock).min();
        let resumes = resumes.map(|until| millis(until.duration_since(shared.started)) + 1);
        if !drained.leaderless.is_empty() || (!topics.is_empty() && !shared.cluster.is_fresh()) {
            self.refresh(topics, !drained.leaderless.is_empty());
        }
        if drained.needs_new_epoch {
            self.next_epoch();
        }
        let Drained { by_leader, next, .. } = drained;
        self.ship(by_leader, &image);
        [next, expires, resumes].into_iter().flatten().min()
    }

    fn ship(
        &mut self,
        by_leader: BTreeMap<i32, Vec<SealedBatch>>,
        image: &ottla_cluster::cluster::MetadataImage,
    ) {
        for (node, batches) in by_leader {
            let ids = batches.iter().map(|batch| {
                let topic = &batch.partition.topic;
                let id = image.topic(topic).map(|known| known.topic_id).unwrap_or_default();
                (Arc::clone(topic), id)
            });
            let shipment = Shipment { topic_ids: ids.collect(), batches };
            let link = self.links.entry(node).or_default();
            let shipments = link.shipments.get_or_insert_with(|| {
                let (shipments, queue) = mpsc::channel(self.shared.config.in_flight_max);
                let cluster = self.shared.cluster.clone();
                let acks = self.shared.config.acks;
                tokio::spawn(link::run(cluster, node, acks, queue, self.events_in.clone()));
                shipments
            });
            match shipments.try_send(shipment) {
                Ok(()) => link.under_way += 1,
                // At most as many are sent as the queue holds; it is closed only if its task died.
                Err(mpsc::error::TrySendError::Full(shipment))
                | Err(mpsc::error::TrySendError::Closed(shipment)) => {
                    link.shipments = None;
                    for batch in shipment.batches {
                        self.send_again(batch);
                    }
                }
            }
        }
    }

    fn handle(&mut self, event: Event) {
        match event {
            Event::Answered(report) => self.answered(report),
            Event::Refreshed => self.refreshing = false,
            Event::Identified(Ok(identity)) => {
                self.identifying = false;
                self.identity = Some(identity);
            }
            Event::Identified(Err(error)) => {
                self.identifying = false;
                tracing::error!(%error, "the cluster gave no producer id");
                *self.shared.fatal.lock() = Some(error.clone());
                self.shared.accumulator.lock().fail_all(&error);
            }
        }
    }

    fn answered(&mut self, report: Report) {
        let link = self.links.entry(report.node).or_default();
        link.under_way = link.under_way.saturating_sub(1);
        match report.outcome {
            Err(error) => {
                self.shared.cluster.metadata_is_stale();
                for batch in report.batches {
                    self.attempt_failed(batch, error.clone());
                }
            }
            Ok(mut answers) => {
                if !answers.throttle.is_zero() {
                    link.paused_until = Some(Instant::now() + answers.throttle);
                }
                for batch in report.batches {
                    if answers.unanswered {
                        self.appended(batch, -1, None);
                        continue;
                    }
                    match answers.by_partition.remove(&batch.partition) {
                        Some(answer) => self.judged(batch, answer),
                        None => {
                            let error = ErrorCode::UnknownServerError.into();
                            self.attempt_failed(batch, error);
                        }
                    }
                }
            }
        }
    }

    fn judged(&mut self, mut batch: SealedBatch, answer: PartitionProduceResponse) {
        let code = ErrorCode::from_code(answer.error_code);
        batch.may_be_written |= code.is_error() && !is_unwritten(code);
        let is_next = batch.base_sequence.map(|_| self.shared.accumulator.lock().is_next(&batch));
        let facts = Facts {
            code,
            record_count: batch.count,
            retries_left: self.retries_left(&batch),
            is_next,
        };
        if code.is_stale_metadata() {
            self.shared.cluster.metadata_is_stale();
        }
        match judge(&facts) {
            Verdict::Done => {
                let time = Some(answer.log_append_time_ms).filter(|time| *time >= 0);
                self.appended(batch, answer.base_offset, time);
            }
            Verdict::Duplicate => self.appended(batch, -1, None),
            Verdict::Again => self.send_again(batch),
            Verdict::AgainUnderNewEpoch => {
                self.shared.accumulator.lock().doubt(&batch.partition);
                self.send_again(batch);
            }
            Verdict::Split => self.split(batch),
            Verdict::Refused => {
                let refusal = ApiError { code, message: answer.error_message };
                let of_records = answer.record_errors.into_iter().map(|record| {
                    let message = record.batch_index_error_message;
                    (record.batch_index.max(0).unsigned_abs(), ApiError { code, message }.into())
                });
                let of_records = of_records.collect();
                self.shared.accumulator.lock().abandoned(&batch);
                batch.outcome.settle(Fate::Failed { error: refusal.into(), of_records });
            }
        }
    }

    fn appended(&mut self, batch: SealedBatch, base_offset: i64, append_time: Option<i64>) {
        self.shared.accumulator.lock().settled(&batch);
        batch.outcome.settle(Fate::Appended { base_offset, append_time });
    }

    fn attempt_failed(&mut self, mut batch: SealedBatch, error: Error) {
        let never_left = matches!(error, Error::Connect { .. } | Error::ConnectTimeout { .. });
        batch.may_be_written |= !never_left;
        if error.is_retriable() && self.retries_left(&batch) {
            self.send_again(batch);
            return;
        }
        self.shared.accumulator.lock().abandoned(&batch);
        batch.outcome.fail(error);
    }

    fn retries_left(&self, batch: &SealedBatch) -> bool {
        batch.attempts < self.shared.config.client.retries && !batch.outcome.is_settled()
    }

    fn send_again(&mut self, mut batch: SealedBatch) {
        // Whoever waited for it was told that it expired; sending it again would lie to them.
        if batch.outcome.is_settled() {
            self.shared.accumulator.lock().abandoned(&batch);
            return;
        }
        let client = &self.shared.config.client;
        batch.attempts += 1;
        let backoff = Backoff::new(client.retry_backoff, client.retry_backoff_max);
        let pause = backoff.after(batch.attempts, self.shared.cluster.random().next_u64());
        batch.not_before = self.shared.now() + millis(pause);
        let order = batch.order.clone();
        self.shared.accumulator.lock().returned(&order, vec![batch]);
    }

    fn split(&mut self, batch: SealedBatch) {
        if batch.outcome.is_settled() {
            self.shared.accumulator.lock().abandoned(&batch);
            return;
        }
        let config = &self.shared.config;
        let (order, outcome) = (batch.order.clone(), Arc::clone(&batch.outcome));
        let mut accumulator = self.shared.accumulator.lock();
        let partition = batch.partition.clone();
        match batch.split(config.compression, config.batch_size) {
            Ok(parts) => accumulator.returned(&order, parts),
            Err(error) => {
                accumulator.forget(&partition, &order);
                outcome.fail(Error::Misuse { detail: error.to_string() });
            }
        }
    }

    /// The epoch goes up by one; when there are none left, a new producer id is asked for.
    fn next_epoch(&mut self) {
        self.identity = self.identity.and_then(Identity::next);
        match self.identity {
            Some(_) => self.shared.wake.notify_one(),
            None => self.identify(),
        }
    }

    fn identify(&mut self) {
        if std::mem::replace(&mut self.identifying, true) {
            return;
        }
        let (cluster, events) = (self.shared.cluster.clone(), self.events_in.clone());
        tokio::spawn(async move {
            let identity = producer_id(&cluster).await;
            let _ = events.send(Event::Identified(identity)).await;
        });
    }

    fn refresh(&mut self, topics: Vec<Arc<str>>, after_wait: bool) {
        if std::mem::replace(&mut self.refreshing, true) {
            return;
        }
        let (cluster, events) = (self.shared.cluster.clone(), self.events_in.clone());
        tokio::spawn(async move {
            if after_wait && cluster.is_fresh() {
                tokio::time::sleep(LEADER_WAIT).await;
            }
            let names: Vec<&str> = topics.iter().map(|topic| &**topic).collect();
            let named = Topics::Named { names: &names, create: true };
            if let Err(error) = cluster.refresh_once(named).await {
                tracing::debug!(%error, "metadata could not be fetched");
                tokio::time::sleep(cluster.config().retry_backoff).await;
            }
            let _ = events.send(Event::Refreshed).await;
        });
    }
}

async fn producer_id(cluster: &Cluster) -> Result<Identity, Error> {
    let request = InitProducerIdRequest {
        transactional_id: None,
        transaction_timeout_ms: i32::MAX,
        ..InitProducerIdRequest::default()
    };
    // An idempotent producer waits for as long as its records do; they expire on their own.
    let mut retry = cluster.retry_within("InitProducerId", Duration::MAX);
    loop {
        let answered = cluster.send(&Target::Any, &request).await;
        let checked = answered.and_then(|response| {
            ApiError::check(response.error_code, None)?;
            Ok(Identity { producer_id: response.producer_id, epoch: response.producer_epoch })
        });
        match checked {
            Ok(identity) => return Ok(identity),
            // The cluster can't be reached yet.
            Err(Error::Timeout { last: Some(last), .. }) => retry.again(*last).await?,
            Err(error) => retry.again(error).await?,
        }
    }
}

async fn sleep_until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}

fn millis(duration: Duration) -> Millis {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
