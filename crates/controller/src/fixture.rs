//! What the tests of this crate share.

use ottla_machine::{Decision, Machine, Millis, Offset, Token};
use ottla_metadata::PartitionImage;
use ottla_metadata::config::ServerConfig;
use ottla_metadata::version::SUPPORTED_FEATURES;
use ottla_wire::Uuid;
use ottla_wire::messages::broker_registration_request::Feature;
use ottla_wire::messages::create_topics_request::{CreatableReplicaAssignment, CreatableTopic};
use ottla_wire::messages::incremental_alter_configs_request::{
    AlterConfigsResource, AlterableConfig,
};
use ottla_wire::messages::register_broker_record::{BrokerEndpoint, BrokerFeature};
use ottla_wire::messages::{
    BrokerHeartbeatRequest, BrokerHeartbeatResponse, BrokerRegistrationRequest,
    CreateTopicsRequest, IncrementalAlterConfigsRequest, MetadataRecord, RegisterBrokerRecord,
    RequestBody as WireRequest, ResponseBody,
};

use crate::controller::Controller;
use crate::index::Index;
use crate::request::{Request, Response, Settings};

/// A broker as its registration writes it.
pub(crate) fn broker_record(id: i32, rack: Option<&str>, fenced: bool) -> MetadataRecord {
    let features = SUPPORTED_FEATURES.iter().map(|(name, range)| BrokerFeature {
        name: (*name).to_owned(),
        min_supported_version: range.min,
        max_supported_version: range.max,
        ..Default::default()
    });
    MetadataRecord::RegisterBroker(RegisterBrokerRecord {
        broker_id: id,
        broker_epoch: i64::from(id) * 100,
        incarnation_id: Uuid::from_halves(7, id as u64),
        end_points: vec![BrokerEndpoint {
            name: "PLAINTEXT".to_owned(),
            host: "localhost".to_owned(),
            port: 9092,
            security_protocol: 0,
            ..Default::default()
        }],
        features: features.collect(),
        rack: rack.map(str::to_owned),
        fenced,
        log_dirs: vec![Uuid::from_halves(1_000, id as u64)],
        ..Default::default()
    })
}

/// A controller with a log of its own, and a clock that a test turns.
pub(crate) struct Lab {
    pub controller: Controller,
    pub now: Millis,
    pub offset: Offset,
    seed: u64,
}

impl Lab {
    /// An active controller over a fresh log.
    pub fn new() -> Self {
        let settings = Settings::new("cluster", 1, ServerConfig::default());
        let mut lab =
            Self { controller: Controller::new(settings), now: 1_000, offset: 0, seed: 0 };
        lab.run(Request::activate([0, 0]));
        lab
    }

    /// A controller with unfenced brokers.
    pub fn with_brokers(brokers: &[i32]) -> Self {
        let mut lab = Self::new();
        for broker in brokers {
            lab.register(*broker, 1, -1);
            lab.heartbeat(*broker, false);
        }
        lab
    }

    /// Decides, applies, answers.
    pub fn run(&mut self, request: Request) -> (Vec<MetadataRecord>, Response) {
        let mut decision = self.controller.decide(Token(1), request, self.now);
        let answer = decision.answers.pop().expect("every request is answered at once");
        (self.take(decision), answer.response)
    }

    /// Lets time pass until something is due, and decides it.
    pub fn expire(&mut self) -> Vec<MetadataRecord> {
        let decision = self.controller.expire(self.now);
        self.take(decision)
    }

    fn take(&mut self, decision: Decision<Controller>) -> Vec<MetadataRecord> {
        for record in &decision.records {
            let version = self.controller.metadata_version().record_version(record);
            record.encode(version).expect("a decided record can be written");
            self.controller.apply(self.offset, record);
            self.offset += 1;
        }
        for touch in decision.touches {
            self.controller.touch(touch);
        }
        assert_eq!(self.controller.fault(), None);
        assert_eq!(self.controller.index, Index::of(&self.controller.image));
        decision.records
    }

    /// A request of the protocol in its newest version.
    pub fn call(
        &mut self,
        body: impl Into<WireRequest>,
        version: i16,
    ) -> (Vec<MetadataRecord>, ResponseBody) {
        self.seed += 1;
        let (records, response) = self.run(Request::call(body, version, [self.seed, !self.seed]));
        (records, response.into_body().expect("a controller decides this request"))
    }

    pub fn register(&mut self, broker: i32, incarnation: u64, previous_epoch: i64) -> i16 {
        let features = SUPPORTED_FEATURES.iter().map(|(name, range)| Feature {
            name: (*name).to_owned(),
            min_supported_version: range.min,
            max_supported_version: range.max,
            ..Default::default()
        });
        let request = BrokerRegistrationRequest {
            broker_id: broker,
            cluster_id: "cluster".to_owned(),
            incarnation_id: Uuid::from_halves(incarnation, broker as u64),
            features: features.collect(),
            log_dirs: vec![Uuid::from_halves(1_000, broker as u64)],
            previous_broker_epoch: previous_epoch,
            ..Default::default()
        };
        match self.call(request, 4).1 {
            ResponseBody::BrokerRegistration(response) => response.error_code,
            other => panic!("not an answer to a registration: {other:?}"),
        }
    }

    pub fn heartbeat(&mut self, broker: i32, leave: bool) -> BrokerHeartbeatResponse {
        let request = BrokerHeartbeatRequest {
            broker_id: broker,
            broker_epoch: self.epoch(broker),
            current_metadata_offset: self.offset - 1,
            want_shut_down: leave,
            ..Default::default()
        };
        match self.call(request, 1).1 {
            ResponseBody::BrokerHeartbeat(response) => *response,
            other => panic!("not an answer to a heartbeat: {other:?}"),
        }
    }

    pub fn epoch(&self, broker: i32) -> i64 {
        self.controller.image.broker(broker).map_or(-1, |broker| broker.epoch)
    }

    /// Creates a topic whose partitions have these replicas.
    pub fn topic(&mut self, name: &str, replicas: &[&[i32]]) -> Uuid {
        let assignments =
            (0..).zip(replicas).map(|(partition_index, broker_ids)| CreatableReplicaAssignment {
                partition_index,
                broker_ids: broker_ids.to_vec(),
                ..Default::default()
            });
        let topic = CreatableTopic {
            name: name.to_owned(),
            num_partitions: -1,
            replication_factor: -1,
            assignments: assignments.collect(),
            ..Default::default()
        };
        self.call(CreateTopicsRequest { topics: vec![topic], ..Default::default() }, 7);
        self.controller.image.topics.id_of(name).expect("the topic was created")
    }

    pub fn partition(&self, topic: &str, index: i32) -> PartitionImage {
        let topic = self.controller.image.topics.by_name(topic).expect("the topic exists");
        topic.partition(index).expect("the partition exists").clone()
    }

    pub fn set_topic_config(&mut self, topic: &str, name: &str, value: &str) {
        let config = AlterableConfig {
            name: name.to_owned(),
            value: Some(value.to_owned()),
            ..Default::default()
        };
        let resource = AlterConfigsResource {
            resource_type: 2,
            resource_name: topic.to_owned(),
            configs: vec![config],
            ..Default::default()
        };
        let request =
            IncrementalAlterConfigsRequest { resources: vec![resource], ..Default::default() };
        self.call(request, 1);
    }
}
