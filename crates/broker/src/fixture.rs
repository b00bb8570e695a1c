//! A broker on a memory disk, for tests.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use ottla_coordination::{
    GroupCoordinators, LogTerms, MarkerWriter, TransactionCoordinators, TransactionParts,
};
use ottla_coordinator::Config;
use ottla_hosting::fixture::{HostFixture, HostParts, Hosts};
use ottla_hosting::{LoadError, Partitions};
use ottla_metadata::config::BrokerValues;
use ottla_metadata::{MetadataDelta, MetadataImage};
use ottla_wire::ErrorCode;
use ottla_wire::messages::{AllocateProducerIdsResponse, RequestBody, ResponseBody};

use crate::broker::{Broker, BrokerParts};
use crate::forward::{ControllerAnswer, ControllerChannel};
use crate::request::{Caller, Connection};
use crate::settings::Settings;

pub(crate) use ottla_hosting::fixture::{BROKER, START_MS, append, batch, batch_with, follow};

/// A whole broker and what it stands on.
pub(crate) type Fixture = HostFixture<Broker>;

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

impl Hosts for Broker {
    fn of(HostParts { clock, random, partitions, image }: HostParts<'_>) -> Self {
        let runtime = tokio::runtime::Handle::current();
        let values = BrokerValues::new(Arc::default(), BROKER, image);
        let terms = LogTerms {
            commit_timeout: Some(std::time::Duration::from_millis(20)),
            ..LogTerms::of_groups(&values)
        };
        let time = clock.clone();
        let groups = GroupCoordinators::new(runtime.clone(), time, Config::default(), terms);
        let groups = Arc::new(groups);
        let markers = MarkerWriter::new(partitions.clone(), groups.clone(), clock.clone());
        let transactions = TransactionCoordinators::new(TransactionParts {
            runtime,
            clock: clock.clone(),
            config: ottla_coordinator::transaction::Config::default(),
            terms: LogTerms { load_bytes: 1_000, ..LogTerms::of_transactions(&values) },
            markers: Arc::new(markers),
        });
        Broker::new(BrokerParts {
            node_id: BROKER,
            cluster_id: "cluster".to_owned(),
            settings: Settings::new(values),
            clock,
            random,
            controller: Arc::new(Allocator::default()),
            partitions,
            groups,
            transactions: Arc::new(transactions),
        })
    }

    fn partitions(&self) -> &Arc<Partitions> {
        &self.partitions
    }

    fn load_logs(self: &Arc<Self>, image: &Arc<MetadataImage>) -> Result<(), LoadError> {
        Broker::load_logs(self, image)
    }

    fn publish(&self, image: &Arc<MetadataImage>, delta: &MetadataDelta) {
        Broker::publish(self, image, delta);
    }
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
