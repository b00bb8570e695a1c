//! The broker as a whole.

use bytes::Bytes;
use ottla_coordinator::{Body, Caller, Request};
use ottla_wire::ErrorCode;

use crate::fixture::{Fixture, START_MS, caller};
use crate::internal_topics::OFFSETS_TOPIC;

#[tokio::test]
async fn a_request_on_its_way_takes_little_memory() {
    let fixture = Fixture::new();
    let connection = caller(0).connection;
    let bytes = size_of_val(&fixture.broker.handle(&connection, Bytes::new()));
    assert!(bytes < 3_000, "every connection holds {bytes} bytes for it");
}

#[tokio::test]
async fn coordinators_begin_when_their_log_is_open() {
    let mut fixture = Fixture::new();
    fixture.create(OFFSETS_TOPIC, 1, &[]);
    fixture.partitions().shutdown(1, START_MS);
    let Fixture { disk, clock, image, broker } = fixture;
    drop(broker);
    let fixture = Fixture::loading_on(disk, clock, image.as_ref().clone());
    let ask = || {
        let body = Body::TopicsDeleted(Vec::new());
        fixture.broker.groups.ask("g", Request { caller: Caller::default(), body })
    };
    assert_eq!(ask().await.err(), Some(ErrorCode::NotCoordinator));
    fixture.load();
    assert_ne!(ask().await.err(), Some(ErrorCode::NotCoordinator), "it answers, or is loading");
}
