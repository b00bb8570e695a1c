//! A produce request whose records are in the log, until its answer is known.
//!
//! What is durable at once is answered at once. Everything else waits for the high watermark, the
//! journal or a flush; nobody polls, and nothing is lost when whoever waits looks away in between.

use std::sync::Arc;
use std::time::Duration;

use ottla_hosting::{AppendFailure, Partition, Registration, Until, Waiter};
use ottla_log::Appended;
use ottla_wire::ErrorCode;
use ottla_wire::messages::ProduceResponse;
use ottla_wire::messages::produce_response::{
    BatchIndexAndErrorMessage, LeaderIdAndEpoch, NodeEndpoint, PartitionProduceResponse,
};
use tokio::time::Instant;

use super::leaders::Leaders;
use crate::broker::Broker;

/// What a produce request leads to.
#[derive(Debug)]
pub(crate) enum ProduceAnswer {
    Response(ProduceResponse),
    /// `acks=0` and all went well.
    Silent,
    /// `acks=0` and something failed: the producer learns it from a closed connection.
    Close(String),
}

/// An append that is not durable yet.
#[derive(Debug)]
struct Pending {
    place: (usize, usize),
    partition: Arc<Partition>,
    /// The offset after its last record.
    end: i64,
}

/// A request whose records are in the log.
#[derive(Debug)]
pub(crate) struct Accepted {
    acks: i16,
    version: i16,
    response: ProduceResponse,
    pending: Vec<Pending>,
    timeout: Duration,
    /// When waiting ends; known once there is something to wait for.
    deadline: Option<Instant>,
}

impl Accepted {
    /// Of a request's version, with nothing appended so far.
    pub(super) fn new(acks: i16, version: i16, timeout_ms: i32) -> Accepted {
        Accepted {
            acks,
            version,
            response: ProduceResponse::default(),
            pending: Vec::new(),
            timeout: Duration::from_millis(u64::try_from(timeout_ms).unwrap_or(0)),
            deadline: None,
        }
    }

    /// Has `response` as its answer, where nothing else is noted.
    pub(super) fn answered_with(self, response: ProduceResponse) -> Accepted {
        Accepted { response, ..self }
    }

    fn answer_at(&mut self, (topic, partition): (usize, usize)) -> &mut PartitionProduceResponse {
        &mut self.response.responses[topic].partition_responses[partition]
    }

    /// Takes note of what became of one partition's records.
    pub(super) fn note(
        &mut self,
        place: (usize, usize),
        outcome: Result<(Arc<Partition>, Appended), AppendFailure>,
    ) {
        let acks = self.acks;
        let answer = self.answer_at(place);
        match outcome {
            Ok((partition, appended)) => {
                answer.base_offset = appended.base_offset;
                answer.log_append_time_ms = appended.log_append_time_ms;
                answer.log_start_offset = appended.log_start_offset;
                let end = appended.last_offset + 1;
                // Who wants no answer waits where else there would be no bound to what waits for the disk.
                let waits = acks != 0 || partition.is_behind();
                // One replica and no flush to wait for: durable already, in most cases.
                if waits && partition.is_durable(end, acks) != Ok(true) {
                    self.deadline.get_or_insert_with(|| Instant::now() + self.timeout);
                    self.pending.push(Pending { place, partition, end });
                }
            }
            Err(failure) => {
                *answer = failed(answer.index, failure.code);
                if !is_expected(failure.code) {
                    answer.log_start_offset = failure.log_start_offset;
                }
                answer.error_message = failure.is_told.then_some(failure.message);
                let errors = failure.record_errors.into_iter();
                answer.record_errors = errors
                    .map(|error| BatchIndexAndErrorMessage {
                        batch_index: error.batch_index,
                        batch_index_error_message: Some(error.message),
                        ..BatchIndexAndErrorMessage::default()
                    })
                    .collect();
            }
        }
    }

    /// True when there is nothing to wait for.
    pub(crate) fn is_settled(&self) -> bool {
        self.pending.is_empty()
    }

    /// True while a disk has so much to write that its producers should wait before they add to it.
    pub(crate) fn is_behind(&self) -> bool {
        self.pending.iter().any(|each| each.partition.is_behind())
    }

    /// Takes what is decided out of the pending ones; true when none is left.
    pub(crate) fn settle(&mut self) -> bool {
        let mut pending = std::mem::take(&mut self.pending);
        pending.retain(|each| match each.partition.is_durable(each.end, self.acks) {
            Ok(is_durable) => !is_durable,
            Err(code) => {
                self.answer_at(each.place).error_code = code.code();
                false
            }
        });
        self.pending = pending;
        self.pending.is_empty()
    }

    /// Waits until the records are as safe as `acks` asks, or for as long as the request allows. May be
    /// given up and called again.
    pub(crate) async fn settled(&mut self) {
        let Some(deadline) = self.deadline else { return };
        while !self.settle() {
            let waiter = Waiter::for_commit();
            let _joined: Vec<Registration> = self.join(&waiter);
            // What became durable between the look and the joining woke nobody.
            if self.settle() {
                return;
            }
            if tokio::time::timeout_at(deadline, waiter.woken()).await.is_err() {
                self.settle();
                self.time_out();
            }
        }
    }

    fn join(&self, waiter: &Waiter) -> Vec<Registration> {
        let join =
            |each: &Pending| each.partition.waiters().join(waiter, Until::Committed(each.end));
        self.pending.iter().map(join).collect()
    }

    fn time_out(&mut self) {
        for each in std::mem::take(&mut self.pending) {
            if self.acks != 0 {
                self.answer_at(each.place).error_code = ErrorCode::RequestTimedOut.code();
            }
        }
    }

    /// The answer, once everything is settled. `listener` is where the request came in.
    pub(crate) fn answer(&mut self, broker: &Broker, listener: &str) -> ProduceAnswer {
        assert!(self.is_settled(), "nobody answers for what is not decided");
        if self.acks == 0 {
            return self.silent_answer();
        }
        self.name_leaders(broker, listener);
        ProduceAnswer::Response(std::mem::take(&mut self.response))
    }

    /// Tells the current leaders of partitions that are led elsewhere (KIP-951).
    fn name_leaders(&mut self, broker: &Broker, listener: &str) {
        if self.version < 10 {
            return;
        }
        let not_leader = ErrorCode::NotLeaderOrFollower.code();
        let mut answers = self.response.responses.iter().flat_map(|each| &each.partition_responses);
        if !answers.any(|answer| answer.error_code == not_leader) {
            return;
        }
        let image = broker.image();
        let mut leaders = Leaders::new(&broker.partitions, &image, listener);
        for topic in &mut self.response.responses {
            for answer in &mut topic.partition_responses {
                if answer.error_code == not_leader {
                    let found = if self.version > 12 {
                        image.topics.by_id(topic.topic_id)
                    } else {
                        image.topics.by_name(&topic.name)
                    };
                    let Some(found) = found else { continue };
                    let (leader_id, leader_epoch) = leaders.leader(&found.name, answer.index);
                    answer.current_leader =
                        LeaderIdAndEpoch { leader_id, leader_epoch, ..Default::default() };
                }
            }
        }
        self.response.node_endpoints = leaders
            .into_nodes()
            .into_iter()
            .map(|node| NodeEndpoint {
                node_id: node.id,
                host: node.host,
                port: node.port,
                rack: node.rack,
                ..NodeEndpoint::default()
            })
            .collect();
    }

    fn silent_answer(&self) -> ProduceAnswer {
        let mut failures = Vec::new();
        for topic in &self.response.responses {
            for answer in &topic.partition_responses {
                if let Some(code) = ErrorCode::try_from_code(answer.error_code)
                    && code != ErrorCode::None
                {
                    failures.push(format!("{}-{}: {}", topic.name, answer.index, code.name()));
                }
            }
        }
        if failures.is_empty() {
            ProduceAnswer::Silent
        } else {
            ProduceAnswer::Close(format!(
                "a produce request with acks=0 failed: {}",
                failures.join(", ")
            ))
        }
    }
}

/// The answer for a partition whose records were not appended.
pub(super) fn failed(index: i32, code: ErrorCode) -> PartitionProduceResponse {
    PartitionProduceResponse {
        index,
        error_code: code.code(),
        base_offset: -1,
        log_append_time_ms: -1,
        log_start_offset: -1,
        ..PartitionProduceResponse::default()
    }
}

/// Failures that happen in a healthy cluster: not counted, and answered without the log start offset.
pub(super) fn is_expected(code: ErrorCode) -> bool {
    matches!(
        code,
        ErrorCode::UnknownTopicOrPartition
            | ErrorCode::NotLeaderOrFollower
            | ErrorCode::MessageTooLarge
            | ErrorCode::RecordListTooLarge
            | ErrorCode::CorruptMessage
            | ErrorCode::KafkaStorageError
            | ErrorCode::UnknownTopicId
            | ErrorCode::InvalidRequiredAcks
            | ErrorCode::InvalidTopicException
    )
}
