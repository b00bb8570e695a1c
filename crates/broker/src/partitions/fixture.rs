//! A broker on a memory disk, for tests.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use bytes::Bytes;
use ottla_coordinator::Config;
use ottla_log::{JournalSize, LogDirectory};
use ottla_metadata::{MetadataDelta, MetadataImage, Provenance};
use ottla_wire::messages::{
    AllocateProducerIdsResponse, ConfigRecord, MetadataRecord, PartitionChangeRecord,
    PartitionRecord, RemoveTopicRecord, RequestBody, ResponseBody, TopicRecord,
};
use ottla_wire::records::{BatchBuilder, BatchOptions};
use ottla_wire::{ErrorCode, Uuid};
use ottla_world::memory::{ManualClock, MemoryDisk, SeededRandom};

use super::{HostedDirectory, Hosting, Partitions, Placement, World};
use crate::broker::{Broker, BrokerParts};
use crate::coordinators::LogTerms;
use crate::forward::{ControllerAnswer, ControllerChannel};
use crate::groups::GroupCoordinators;
use crate::partition::Partition;
use crate::partition::settings::SettingsSource;
use crate::request::{Caller, Connection};
use crate::settings::Settings;
use crate::transactions::{MarkerWriter, TransactionCoordinators, TransactionParts};

/// Where the fixture's clock starts.
pub(crate) const START_MS: i64 = 1_700_000_000_000;
/// The fixture's broker.
pub(crate) const BROKER: i32 = 1;

/// A controller that gives out producer ids, ten at a time.
#[derive(Debug, Default)]
struct Allocator {
    next: AtomicI64,
}

impl ControllerChannel for Allocator {
    fn ask(&self, request: RequestBody, _version: i16, _principal: &str) -> ControllerAnswer<'_> {
        let answer = match request {
            RequestBody::AllocateProducerIds(_) => {
                let producer_id_start = self.next.fetch_add(10, Ordering::Relaxed);
                let response = AllocateProducerIdsResponse {
                    producer_id_start,
                    producer_id_len: 10,
                    ..AllocateProducerIdsResponse::default()
                };
                Ok(ResponseBody::AllocateProducerIds(Box::new(response)))
            }
            _ => Err(ErrorCode::NotController),
        };
        Box::pin(std::future::ready(answer))
    }
}

/// The log directories of a broker.
#[derive(Clone, Copy, Default)]
pub(crate) struct Places<'a> {
    pub(crate) directories: &'a [&'a str],
    /// Some more that can't be opened.
    pub(crate) absent: &'a [&'a str],
    pub(crate) placement: Placement,
}

/// The broker and what it stands on.
pub(crate) struct Fixture {
    pub(crate) disk: MemoryDisk,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) broker: Arc<Broker>,
    pub(crate) image: Arc<MetadataImage>,
}

impl Fixture {
    /// A broker without topics. Needs a tokio runtime around it.
    pub(crate) fn new() -> Self {
        let clock = Arc::new(ManualClock::new(START_MS));
        Self::on(MemoryDisk::new(1), clock, &["/data"], MetadataImage::empty())
    }

    /// A broker that finds what a disk holds.
    pub(crate) fn on(
        disk: MemoryDisk,
        clock: Arc<ManualClock>,
        directories: &[&str],
        image: MetadataImage,
    ) -> Self {
        Self::with_places(disk, clock, Places { directories, ..Places::default() }, image)
    }

    /// As [`Fixture::on`], with all that can be said of directories.
    pub(crate) fn with_places(
        disk: MemoryDisk,
        clock: Arc<ManualClock>,
        places: Places<'_>,
        image: MetadataImage,
    ) -> Self {
        let fixture = Self::built_on(disk, clock, places, image);
        fixture.load();
        fixture.begin();
        fixture
    }

    /// As [`Fixture::on`], while no log is open yet: [`Fixture::load`] opens them.
    pub(crate) fn loading_on(
        disk: MemoryDisk,
        clock: Arc<ManualClock>,
        image: MetadataImage,
    ) -> Self {
        let places = Places { directories: &["/data"], ..Places::default() };
        let fixture = Self::built_on(disk, clock, places, image);
        fixture.begin();
        fixture
    }

    /// Opens every log.
    pub(crate) fn load(&self) {
        self.broker.load_logs(&self.image).expect("threads");
        self.partitions().wait_for_logs();
    }

    /// Tells the broker what the metadata says.
    fn begin(&self) {
        let base = MetadataImage::empty();
        let delta = MetadataDelta::between(base, self.image.as_ref().clone());
        self.broker.publish(&self.image, &delta);
        self.partitions().discard_unclaimed();
    }

    fn built_on(
        disk: MemoryDisk,
        clock: Arc<ManualClock>,
        Places { directories, absent, placement }: Places<'_>,
        image: MetadataImage,
    ) -> Self {
        let open = |(at, path): (usize, &&str)| HostedDirectory {
            log_directory: LogDirectory::open(Arc::new(disk.clone()), path.as_ref())
                .expect("a free directory"),
            id: Uuid::from_halves(0xd1, at as u64),
            name: (*path).to_owned(),
        };
        let hosting = Hosting {
            directories: directories.iter().enumerate().map(open).collect(),
            image: Arc::new(image.clone()),
            absent: absent.iter().map(Into::into).collect(),
            placement,
            journal: JournalSize { files: 3, file_bytes: 1 << 16 },
            settings: SettingsSource { broker_id: BROKER, file: Arc::default() },
            recovery_threads: 1,
        };
        let random = Arc::new(SeededRandom::new(7));
        let world =
            World { disk: Arc::new(disk.clone()), clock: clock.clone(), random: random.clone() };
        let partitions = Partitions::new(hosting, world).expect("readable directories");
        let handle = tokio::runtime::Handle::current();
        let partitions = Arc::new(partitions);
        let settings = Settings::new(Default::default(), BROKER, &image);
        let terms = LogTerms {
            commit_timeout: Some(std::time::Duration::from_millis(20)),
            ..LogTerms::of_groups(&settings)
        };
        let (runtime, time) = (handle.clone(), clock.clone());
        let groups = Arc::new(GroupCoordinators::new(runtime, time, Config::default(), terms));
        let markers = MarkerWriter::new(partitions.clone(), groups.clone(), clock.clone());
        let transactions = TransactionCoordinators::new(TransactionParts {
            runtime: handle,
            clock: clock.clone(),
            config: ottla_coordinator::transaction::Config::default(),
            terms: LogTerms { load_bytes: 1_000, ..LogTerms::of_transactions(&settings) },
            markers: Arc::new(markers),
        });
        let broker = Broker::new(BrokerParts {
            node_id: BROKER,
            cluster_id: "cluster".to_owned(),
            settings,
            clock: clock.clone(),
            random,
            controller: Arc::new(Allocator::default()),
            partitions,
            groups,
            transactions: Arc::new(transactions),
        });
        let image = Arc::new(image);
        Self { disk, clock, broker: Arc::new(broker), image }
    }

    pub(crate) fn partitions(&self) -> &Arc<Partitions> {
        &self.broker.partitions
    }

    pub(crate) fn partition(&self, topic: &str, index: i32) -> Arc<Partition> {
        self.partitions().get(topic, index).expect("a hosted partition")
    }

    /// Lets the metadata say more.
    pub(crate) fn apply(&mut self, records: impl IntoIterator<Item = MetadataRecord>) {
        let mut delta = MetadataDelta::new(self.image.as_ref().clone());
        for record in records {
            delta.apply(&record).expect("a record that fits");
        }
        let offset = self.image.provenance.offset + 1;
        let image = delta.image(Provenance { offset, epoch: 1, timestamp_ms: START_MS });
        self.image = Arc::new(image);
        self.broker.publish(&self.image, &delta);
    }

    /// Creates a topic whose partitions this broker leads, alone.
    pub(crate) fn create(&mut self, name: &str, partitions: i32, configs: &[(&str, &str)]) -> Uuid {
        self.create_replicated(name, partitions, configs, &[BROKER], &[BROKER])
    }

    /// Creates a topic that this broker leads.
    pub(crate) fn create_replicated(
        &mut self,
        name: &str,
        partitions: i32,
        configs: &[(&str, &str)],
        replicas: &[i32],
        isr: &[i32],
    ) -> Uuid {
        let topic_id = Uuid::from_halves(0x70, (self.image.provenance.offset + 2).cast_unsigned());
        let topic = TopicRecord { name: name.to_owned(), topic_id, ..TopicRecord::default() };
        let mut records = vec![MetadataRecord::Topic(topic)];
        records.extend(configs.iter().map(|(key, value)| config(name, key, Some(value))));
        records.extend((0..partitions).map(|partition_id| {
            let record = PartitionRecord {
                partition_id,
                topic_id,
                replicas: replicas.to_vec(),
                isr: isr.to_vec(),
                directories: vec![ottla_metadata::image::directory::UNASSIGNED; replicas.len()],
                leader: BROKER,
                leader_epoch: 0,
                partition_epoch: 0,
                ..PartitionRecord::default()
            };
            MetadataRecord::Partition(record)
        }));
        self.apply(records);
        topic_id
    }

    /// Deletes a topic.
    pub(crate) fn delete(&mut self, topic_id: Uuid) {
        let record = RemoveTopicRecord { topic_id, ..RemoveTopicRecord::default() };
        self.apply([MetadataRecord::RemoveTopic(record)]);
    }

    /// Makes another broker lead partition 0.
    pub(crate) fn lead_elsewhere(&mut self, topic_id: Uuid, leader: i32) {
        let record = PartitionChangeRecord {
            topic_id,
            partition_id: 0,
            leader,
            ..PartitionChangeRecord::default()
        };
        self.apply([MetadataRecord::PartitionChange(record)]);
    }
}

/// A topic's configuration record.
pub(crate) fn config(topic: &str, name: &str, value: Option<&str>) -> MetadataRecord {
    let record = ConfigRecord {
        resource_type: 2,
        resource_name: topic.to_owned(),
        name: name.to_owned(),
        value: value.map(str::to_owned),
        ..ConfigRecord::default()
    };
    MetadataRecord::Config(record)
}

/// A caller of a client's connection.
pub(crate) fn caller(version: i16) -> Caller {
    let connection = Connection {
        id: 1,
        peer: std::net::Ipv4Addr::LOCALHOST.into(),
        peer_port: 9,
        listener: "PLAINTEXT".to_owned(),
        principal: "User:ANONYMOUS".to_owned(),
        is_controller_listener: false,
    };
    Caller { connection: Arc::new(connection), client_id: Some("test".to_owned()), version }
}

/// A batch of these values.
pub(crate) fn batch(values: &[&str]) -> Bytes {
    batch_with(BatchOptions::default(), values)
}

/// A batch of these values with these options.
pub(crate) fn batch_with(options: BatchOptions, values: &[&str]) -> Bytes {
    let mut builder = BatchBuilder::new(options);
    for value in values {
        builder.append(START_MS, None, Some(value.as_bytes()), &[]).expect("a small record");
    }
    builder.build().expect("a small batch").freeze()
}
