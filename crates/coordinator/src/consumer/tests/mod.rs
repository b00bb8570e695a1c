//! Groups of the consumer protocol, asked from outside.

mod committing;
mod heartbeats;
mod migrating;
mod regexes;
mod static_members;

use std::collections::BTreeMap;

use ottla_wire::ErrorCode;
use ottla_wire::messages::consumer_group_describe_response::DescribedGroup;
use ottla_wire::messages::consumer_group_heartbeat_request::TopicPartitions;
use ottla_wire::messages::{
    ConsumerGroupDescribeRequest, ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse,
};

use crate::trial::{GROUP, Trial, code, hard_state, topic_id};
use crate::{Body, Config, Response};

const REBALANCE_MS: i32 = 60_000;

/// A member as its client sees it.
#[derive(Clone, Debug, Default)]
pub(super) struct Consumer {
    pub(super) id: String,
    pub(super) epoch: i32,
    pub(super) topics: Vec<String>,
    pub(super) regex: Option<String>,
    pub(super) instance: Option<String>,
    pub(super) assignor: Option<String>,
    /// Partitions by topic.
    pub(super) owned: BTreeMap<String, Vec<i32>>,
}

impl Consumer {
    pub(super) fn new(id: &str, topics: &[&str]) -> Self {
        let topics = topics.iter().map(|topic| (*topic).to_owned()).collect();
        Self { id: id.to_owned(), topics, ..Self::default() }
    }

    /// A beat that tells everything.
    pub(super) fn full(&self) -> ConsumerGroupHeartbeatRequest {
        let owned = self.owned.iter().map(|(topic, partitions)| TopicPartitions {
            topic_id: topic_id(topic),
            partitions: partitions.clone(),
            ..TopicPartitions::default()
        });
        ConsumerGroupHeartbeatRequest {
            instance_id: self.instance.clone(),
            rebalance_timeout_ms: REBALANCE_MS,
            subscribed_topic_names: Some(self.topics.clone()),
            subscribed_topic_regex: self.regex.clone(),
            server_assignor: self.assignor.clone(),
            topic_partitions: Some(owned.collect()),
            ..self.short()
        }
    }

    /// A beat that tells nothing new.
    pub(super) fn short(&self) -> ConsumerGroupHeartbeatRequest {
        ConsumerGroupHeartbeatRequest {
            group_id: GROUP.to_owned(),
            member_id: self.id.clone(),
            member_epoch: self.epoch,
            ..ConsumerGroupHeartbeatRequest::default()
        }
    }

    /// Takes in an answer. Whether it brought an assignment.
    pub(super) fn take(&mut self, response: &ConsumerGroupHeartbeatResponse) -> bool {
        assert_eq!(code(response.error_code), ErrorCode::None, "{:?}", response.error_message);
        self.epoch = response.member_epoch;
        let Some(assignment) = &response.assignment else { return false };
        let topics = assignment.topic_partitions.iter();
        self.owned = topics
            .map(|topic| {
                let name = topic.topic_id.as_bytes().iter().take_while(|byte| **byte != 0);
                let name = name.map(|byte| char::from(*byte)).collect();
                (name, topic.partitions.clone())
            })
            .collect();
        true
    }

    pub(super) fn owns(&self, topic: &str) -> Vec<i32> {
        self.owned.get(topic).cloned().unwrap_or_default()
    }
}

impl Trial {
    pub(super) fn beat(
        &mut self,
        request: ConsumerGroupHeartbeatRequest,
    ) -> ConsumerGroupHeartbeatResponse {
        match self.call(1, Body::ConsumerGroupHeartbeat(request)) {
            Response::ConsumerGroupHeartbeat(response) => response,
            other => panic!("not a heartbeat answer: {other:?}"),
        }
    }

    pub(super) fn describe(&mut self) -> DescribedGroup {
        let request = ConsumerGroupDescribeRequest {
            group_ids: vec![GROUP.to_owned()],
            ..ConsumerGroupDescribeRequest::default()
        };
        match self.call(1, Body::ConsumerGroupDescribe(request)) {
            Response::ConsumerGroupDescribe(mut response) => response.groups.remove(0),
            other => panic!("not a describe answer: {other:?}"),
        }
    }

    /// The member joins, or tells everything again.
    pub(super) fn join(&mut self, consumer: &mut Consumer) {
        if consumer.epoch <= 0 {
            consumer.owned.clear();
        }
        let response = self.beat(consumer.full());
        consumer.take(&response);
    }

    /// Everyone beats, over and over, until nothing changes any more.
    pub(super) fn settle(&mut self, consumers: &mut [&mut Consumer]) {
        for _ in 0..20 {
            self.pass(1_000);
            let mut is_quiet = true;
            for consumer in consumers.iter_mut() {
                let before = (consumer.epoch, consumer.owned.clone());
                let response = self.beat(consumer.full());
                consumer.take(&response);
                is_quiet &= before == (consumer.epoch, consumer.owned.clone());
            }
            if is_quiet && self.describe().group_state == "Stable" {
                return;
            }
        }
        panic!("the group never came to rest");
    }

    /// A reload changes nothing that lasts.
    pub(super) fn check_reload(&self) {
        let loaded = self.loaded();
        assert_eq!(hard_state(loaded.machine()), hard_state(self.runner.machine()));
    }
}

/// A trial with topics `a` of six partitions and `b` of two.
pub(super) fn trial() -> Trial {
    trial_with(Config::default())
}

pub(super) fn trial_with(config: Config) -> Trial {
    let mut trial = Trial::new(config);
    trial.set_topics(&[("a", 6), ("b", 2)]);
    trial
}
