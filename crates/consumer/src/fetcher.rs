//! Fetching: one request under way to each broker, and what came back until it is read.
//!
//! A partition is asked for only when nothing of it waits to be read, so what is held is bounded by
//! `fetch.max.bytes` for each broker.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::sync::Arc;

use ottla_cluster::admin::IsolationLevel;
use ottla_cluster::cluster::MetadataImage;
use ottla_cluster::{Cluster, Error, Target, TopicPartition, by_topic};
use ottla_wire::messages::fetch_request::{FetchPartition, FetchTopic, ForgottenTopic};
use ottla_wire::messages::fetch_response::PartitionData;
use ottla_wire::messages::{FetchRequest, FetchResponse};
use ottla_wire::{ErrorCode, Message, Uuid};
use tokio::sync::mpsc;

use super::Event;
use super::config::{ConsumerConfig, OffsetReset};
use super::fetched::{Fetched, Reading};
use super::positions::{Need, Position, Positions};
use super::record::ConsumerRecord;
use super::session::{Ask, Session, Telling};

/// From here on topics are named by id (KIP-516).
const TOPIC_IDS_FROM: i16 = 13;

/// From here on there are sessions (KIP-227).
const SESSIONS_FROM: i16 = 7;

/// What was asked of a partition, for a position of this version.
#[derive(Clone, Copy)]
struct Asked {
    ask: Ask,
    version: u64,
}

/// An answer to a fetch.
pub(super) struct Answer {
    node: i32,
    asked: BTreeMap<TopicPartition, Asked>,
    outcome: Result<FetchResponse, Error>,
}

pub(super) struct Fetcher {
    cluster: Cluster,
    events: mpsc::Sender<Event>,
    sessions: HashMap<i32, Session>,
    under_way: HashSet<i32>,
    waiting: VecDeque<Fetched>,
    reading: Reading,
}

impl Fetcher {
    pub(super) fn new(
        cluster: Cluster,
        config: &ConsumerConfig,
        events: mpsc::Sender<Event>,
    ) -> Self {
        let committed_only = config.isolation == IsolationLevel::ReadCommitted;
        Self {
            cluster,
            events,
            sessions: HashMap::new(),
            under_way: HashSet::new(),
            waiting: VecDeque::new(),
            reading: Reading { check_crcs: config.check_crcs, committed_only },
        }
    }

    /// Asks every broker of which nothing is asked and nothing waits: a long poll for the partitions that are
    /// empty would hold up the one that is being read.
    pub(super) fn send(&mut self, positions: &Positions, config: &ConsumerConfig) {
        let image = self.cluster.metadata();
        let mut busy = self.under_way.clone();
        let mut by_node: BTreeMap<i32, BTreeMap<TopicPartition, Asked>> = BTreeMap::new();
        let waiting: HashMap<&TopicPartition, u64> =
            self.waiting.iter().map(|fetched| (&fetched.partition, fetched.version)).collect();
        for (key, reading) in positions.iter() {
            let Ok(position) = reading.state else { continue };
            let preferred = reading.preferred.filter(|id| image.nodes.contains_key(id));
            let Some(node) = preferred.or_else(|| image.leader(key).ok().map(|node| node.id))
            else {
                continue;
            };
            if reading.paused {
                continue;
            }
            if waiting.get(key) == Some(&reading.version) {
                busy.insert(node);
                continue;
            }
            let ask = ask(&image, key, position, config.partition_bytes_max);
            by_node
                .entry(node)
                .or_default()
                .insert(key.clone(), Asked { ask, version: reading.version });
        }
        for (node, asked) in by_node {
            if !busy.contains(&node) {
                self.under_way.insert(node);
                self.ask(node, asked, config);
            }
        }
    }

    /// Takes an answer in: what it brought waits to be read, what it refused is acted upon.
    pub(super) fn answered(
        &mut self,
        answer: Answer,
        positions: &mut Positions,
        config: &ConsumerConfig,
    ) -> Result<(), Error> {
        self.under_way.remove(&answer.node);
        let session = self.sessions.entry(answer.node).or_default();
        let response = match answer.outcome {
            Ok(response) => response,
            Err(error) => {
                session.failed();
                self.cluster.metadata_is_stale();
                return if error.is_retriable() { Ok(()) } else { Err(error) };
            }
        };
        let code = ErrorCode::from_code(response.error_code);
        session.answered(code, response.session_id);
        if code.is_error() {
            return if code.is_retriable() || code == ErrorCode::FetchSessionTopicIdError {
                Ok(())
            } else {
                Err(code.into())
            };
        }
        let mut first_error = Ok(());
        for topic in response.responses {
            let name = name_of(&topic.topic, topic.topic_id, &answer.asked);
            let Some(name) = name else { continue };
            for data in topic.partitions {
                let key = TopicPartition::new(Arc::clone(&name), data.partition_index);
                let Some(asked) = answer.asked.get(&key) else { continue };
                let taken = self.partition(key, *asked, data, positions, config);
                first_error = first_error.and(taken);
            }
        }
        first_error
    }

    /// Moves up to `poll_records_max` records out, and the positions with them.
    pub(super) fn read(
        &mut self,
        positions: &mut Positions,
        config: &ConsumerConfig,
    ) -> Result<Vec<ConsumerRecord>, Error> {
        let mut records = Vec::new();
        let mut paused = VecDeque::new();
        while records.len() < config.poll_records_max {
            let Some(mut fetched) = self.waiting.pop_front() else { break };
            let reading = positions.get(&fetched.partition);
            // Sought or taken away since: what was fetched is for nobody.
            let Some(reading) = reading.filter(|reading| reading.version == fetched.version) else {
                continue;
            };
            if reading.paused {
                paused.push_back(fetched);
                continue;
            }
            let left = config.poll_records_max - records.len();
            match fetched.take(left, &mut records) {
                Ok((position, done)) => {
                    positions.advance(&fetched.partition, position);
                    if !done {
                        self.waiting.push_front(fetched);
                    }
                }
                // What was read before it comes first; the error shows again at the same place.
                Err(_) if !records.is_empty() => {
                    if let Some(position) = after_last_of(&fetched.partition, &records) {
                        positions.advance(&fetched.partition, position);
                    }
                    break;
                }
                Err(error) => return Err(error),
            }
        }
        self.waiting.extend(paused);
        Ok(records)
    }

    /// Ends the sessions, so that brokers need not keep them; who does not answer is let be.
    pub(super) async fn close(&mut self, config: &ConsumerConfig) {
        let mut endings = tokio::task::JoinSet::new();
        for (node, session) in self.sessions.drain() {
            // An answer that is awaited holds up the connection; the broker forgets the session in time.
            let Some(telling) = session.end().filter(|_| !self.under_way.contains(&node)) else {
                continue;
            };
            let request = FetchRequest { max_wait_ms: 0, ..request(&telling, config) };
            let cluster = self.cluster.clone();
            endings.spawn(async move {
                let versions = SESSIONS_FROM..=*<FetchRequest as Message>::VERSIONS.end();
                let build = |version| in_version(&request, version);
                // There is nothing to be done about a failure.
                let _ = cluster.attempt(&Target::Node(node), &versions, &build, None).await;
            });
        }
        while endings.join_next().await.is_some() {}
    }

    fn partition(
        &mut self,
        key: TopicPartition,
        asked: Asked,
        data: PartitionData,
        positions: &mut Positions,
        config: &ConsumerConfig,
    ) -> Result<(), Error> {
        let Asked { ask, version } = asked;
        let Some(reading) = positions.get_mut(&key).filter(|reading| reading.version == version)
        else {
            return Ok(());
        };
        let position = reading.state.ok().filter(|position| position.offset == ask.offset);
        let Some(position) = position else { return Ok(()) };
        let code = ErrorCode::from_code(data.error_code);
        if code == ErrorCode::OffsetOutOfRange && reading.preferred.take().is_some() {
            // A follower may lag behind; the leader knows.
            return Ok(());
        }
        if code.is_error() {
            return self.refused(key, code, positions, config);
        }
        if data.diverging_epoch.end_offset >= 0 {
            return truncated(key, position, data.diverging_epoch.end_offset, positions, config);
        }
        reading.preferred =
            Some(data.preferred_read_replica).filter(|id| *id >= 0).or(reading.preferred);
        reading.end = Some(match config.isolation {
            IsolationLevel::ReadCommitted if data.last_stable_offset >= 0 => {
                data.last_stable_offset
            }
            _ => data.high_watermark,
        });
        let records = data.records.and_then(|records| records.bytes().cloned());
        let Some(bytes) = records.filter(|bytes| !bytes.is_empty()) else { return Ok(()) };
        let aborted = data.aborted_transactions.unwrap_or_default();
        let aborted = aborted.iter().map(|entry| (entry.producer_id, entry.first_offset)).collect();
        let fetched = Fetched::new(key, version, bytes, position, aborted, self.reading);
        if fetched.is_truncated_at_start() {
            return Err(Error::Unreadable {
                partition: fetched.partition,
                offset: position.offset,
                detail: "the broker sent a part of a batch; raise max.partition.fetch.bytes"
                    .to_owned(),
            });
        }
        self.waiting.push_back(fetched);
        Ok(())
    }

    fn refused(
        &self,
        key: TopicPartition,
        code: ErrorCode,
        positions: &mut Positions,
        config: &ConsumerConfig,
    ) -> Result<(), Error> {
        match code {
            ErrorCode::OffsetOutOfRange => match config.offset_reset {
                OffsetReset::None => Err(code.into()),
                rule => {
                    positions.set(&key, Err(Need::Reset(rule)));
                    Ok(())
                }
            },
            // Metadata catches up.
            ErrorCode::UnknownTopicId
            | ErrorCode::InconsistentTopicId
            | ErrorCode::UnknownLeaderEpoch => {
                self.cluster.metadata_is_stale();
                Ok(())
            }
            code if code.is_retriable() => {
                self.cluster.metadata_is_stale();
                Ok(())
            }
            code => Err(code.into()),
        }
    }

    fn ask(&mut self, node: i32, asked: BTreeMap<TopicPartition, Asked>, config: &ConsumerConfig) {
        let wanted = asked.iter().map(|(key, asked)| (key.clone(), asked.ask)).collect();
        let telling = self.sessions.entry(node).or_default().tell(wanted);
        let has_ids = !asked.values().any(|asked| asked.ask.topic_id.is_zero())
            && !telling.forgotten.iter().any(|(_, id)| id.is_zero());
        let newest = *<FetchRequest as Message>::VERSIONS.end();
        let versions = 4..=if has_ids { newest } else { TOPIC_IDS_FROM - 1 };
        let request = request(&telling, config);
        let (cluster, events) = (self.cluster.clone(), self.events.clone());
        tokio::spawn(async move {
            let build = |version| in_version(&request, version);
            let attempt = cluster.attempt(&Target::Node(node), &versions, &build, None).await;
            if attempt.is_err() {
                tokio::time::sleep(cluster.config().retry_backoff).await;
            }
            let outcome = attempt.map(|(response, _)| response);
            // The consumer is gone when nobody listens.
            let _ = events.send(Event::Fetched(Answer { node, asked, outcome })).await;
        });
    }
}

fn ask(image: &MetadataImage, key: &TopicPartition, position: Position, bytes_max: i32) -> Ask {
    let leader_epoch = image.partition(&key.topic, key.partition).map_or(-1, |p| p.leader_epoch);
    Ask {
        topic_id: image.topic(&key.topic).map(|topic| topic.topic_id).unwrap_or_default(),
        offset: position.offset,
        bytes_max,
        leader_epoch,
        last_fetched_epoch: position.leader_epoch.filter(|_| leader_epoch >= 0).unwrap_or(-1),
    }
}

fn after_last_of(key: &TopicPartition, records: &[ConsumerRecord]) -> Option<Position> {
    let is_of_it =
        |record: &&ConsumerRecord| record.topic == key.topic && record.partition == key.partition;
    let last = records.iter().rfind(is_of_it)?;
    Some(Position { offset: last.offset + 1, leader_epoch: last.leader_epoch })
}

fn truncated(
    key: TopicPartition,
    position: Position,
    end_offset: i64,
    positions: &mut Positions,
    config: &ConsumerConfig,
) -> Result<(), Error> {
    if config.offset_reset == OffsetReset::None {
        return Err(Error::Truncated { partition: key, offset: position.offset });
    }
    positions.set(&key, Ok(Position { offset: end_offset, leader_epoch: None }));
    Ok(())
}

fn request(telling: &Telling, config: &ConsumerConfig) -> FetchRequest {
    let asks = telling.asks.iter().map(|(key, ask)| (key.clone(), *ask));
    let mut ids: BTreeMap<&str, Uuid> = BTreeMap::new();
    for (key, ask) in &telling.asks {
        ids.insert(&key.topic, ask.topic_id);
    }
    let topics = by_topic(asks, |partition, ask| FetchPartition {
        partition,
        current_leader_epoch: ask.leader_epoch,
        fetch_offset: ask.offset,
        last_fetched_epoch: ask.last_fetched_epoch,
        partition_max_bytes: ask.bytes_max,
        ..FetchPartition::default()
    });
    let mut forgotten: BTreeMap<(String, [u8; 16]), Vec<i32>> = BTreeMap::new();
    for (key, id) in &telling.forgotten {
        let topic = (key.topic.to_string(), *id.as_bytes());
        forgotten.entry(topic).or_default().push(key.partition);
    }
    FetchRequest {
        max_wait_ms: i32::try_from(config.fetch_wait_max.as_millis()).unwrap_or(i32::MAX),
        min_bytes: config.fetch_bytes_min,
        max_bytes: config.fetch_bytes_max,
        isolation_level: config.isolation.id(),
        session_id: telling.session_id,
        session_epoch: telling.session_epoch,
        topics: topics
            .into_iter()
            .map(|(topic, partitions)| FetchTopic {
                topic_id: ids.get(topic.as_str()).copied().unwrap_or_default(),
                topic,
                partitions,
                ..FetchTopic::default()
            })
            .collect(),
        forgotten_topics_data: forgotten
            .into_iter()
            .map(|((topic, id), partitions)| ForgottenTopic {
                topic,
                topic_id: Uuid::from_bytes(id),
                partitions,
                ..ForgottenTopic::default()
            })
            .collect(),
        rack_id: config.client.rack.clone(),
        ..FetchRequest::default()
    }
}

/// Before version 12 a request can't tell the last fetched epoch, before 7 it can't forget.
fn in_version(request: &FetchRequest, version: i16) -> FetchRequest {
    let mut request = request.clone();
    if version < 12 {
        for topic in &mut request.topics {
            topic.partitions.iter_mut().for_each(|partition| partition.last_fetched_epoch = -1);
        }
    }
    if version < 7 {
        request.forgotten_topics_data.clear();
    }
    request
}

fn name_of(
    name: &str,
    topic_id: Uuid,
    asked: &BTreeMap<TopicPartition, Asked>,
) -> Option<Arc<str>> {
    let known = asked.iter().find(|(key, asked)| {
        if name.is_empty() { asked.ask.topic_id == topic_id } else { *key.topic == *name }
    });
    known.map(|(key, _)| Arc::clone(&key.topic))
}
