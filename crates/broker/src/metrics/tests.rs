//! What a scrape shows.

use ottla_wire::codec::Message as _;
use ottla_wire::messages::OffsetCommitRequest;
use ottla_wire::messages::offset_commit_request::{
    OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;

use super::PartitionMetrics;
use crate::fixture::{BROKER, Fixture, append, batch};

fn scrape(fixture: &Fixture) -> String {
    let mut registry = Registry::default();
    let metrics = PartitionMetrics {
        partitions: fixture.broker.partitions.clone(),
        fetch_sessions: fixture.broker.fetch_sessions.clone(),
    };
    registry.register_collector(Box::new(metrics));
    let mut text = String::new();
    encode(&mut text, &registry).expect("a string takes everything");
    text
}

#[tokio::test]
async fn a_scrape_adds_up_and_never_goes_back() {
    let mut fixture = Fixture::new();
    let id = fixture.create("a", 2, &[]);
    fixture.create_replicated("b", 1, &[("min.insync.replicas", "2")], &[BROKER, 2], &[BROKER]);
    let records = batch(&["x", "y", "z"]);
    fixture.partition("a", 1).append(records.clone(), append(1)).expect("appended");
    let text = scrape(&fixture);
    let bytes = records.len();
    for line in [
        "kafka_server_brokertopicmetrics_messagesin_total{} 3".to_owned(),
        "kafka_server_brokertopicmetrics_messagesin_total{topic=\"a\"} 3".to_owned(),
        "kafka_server_brokertopicmetrics_messagesin_total{topic=\"b\"} 0".to_owned(),
        format!("kafka_server_brokertopicmetrics_bytesin_total{{topic=\"a\"}} {bytes}"),
        format!("kafka_log_log_size{{topic=\"a\",partition=\"1\"}} {bytes}"),
        "kafka_log_log_logendoffset{topic=\"a\",partition=\"1\"} 3".to_owned(),
        "kafka_server_replicamanager_partitioncount 3".to_owned(),
        "kafka_server_replicamanager_leadercount 3".to_owned(),
        "kafka_server_replicamanager_underreplicatedpartitions 1".to_owned(),
        "kafka_server_replicamanager_underminisrpartitioncount 1".to_owned(),
        "kafka_server_replicamanager_offlinereplicacount 0".to_owned(),
        "kafka_server_fetchsessioncache_numincrementalfetchsessions 0".to_owned(),
        "kafka_server_fetchsessioncache_incrementalfetchsessionevictions_total 0".to_owned(),
    ] {
        assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
    }
    fixture.delete(id);
    let text = scrape(&fixture);
    assert!(text.contains("kafka_server_brokertopicmetrics_messagesin_total{} 3\n"), "{text}");
    assert!(!text.contains("topic=\"a\""), "{text}");
}

#[tokio::test]
async fn the_page_tells_of_requests_groups_and_the_cleaner() {
    let mut fixture = Fixture::new();
    fixture.create("a", 1, &[]);
    fixture.create("__consumer_offsets", 1, &[]);
    fixture.partition("a", 0).append(batch(&["x", "y", "z"]), append(1)).expect("appended");
    // An offset commit of group "g" for a-0 at 1, version 8, as it comes over the wire.
    let request = OffsetCommitRequest {
        group_id: "g".to_owned(),
        generation_id_or_member_epoch: -1,
        topics: vec![OffsetCommitRequestTopic {
            name: "a".to_owned(),
            partitions: vec![OffsetCommitRequestPartition {
                committed_offset: 1,
                ..OffsetCommitRequestPartition::default()
            }],
            ..OffsetCommitRequestTopic::default()
        }],
        ..OffsetCommitRequest::default()
    };
    let mut frame = bytes::BytesMut::new();
    frame.extend_from_slice(&[0, 8, 0, 8, 0, 0, 0, 1, 0, 4, b't', b'e', b's', b't', 0]);
    frame.extend_from_slice(&request.encode_to_bytes(8).expect("a small request"));
    let connection = crate::fixture::caller(8).connection;
    loop {
        let outcome = fixture.broker.handle(&connection, frame.clone().freeze()).await;
        assert!(matches!(outcome, crate::Answer::Now(crate::Outcome::Reply { .. })), "{outcome:?}");
        let mut page = String::new();
        fixture.broker.write_metrics(&mut page).await;
        // The coordinator loads first.
        if !page.contains("kafka_consumergroup_lag{") {
            tokio::task::yield_now().await;
            continue;
        }
        for line in [
            "kafka_consumergroup_current_offset{group=\"g\",topic=\"a\",partition=\"0\"} 1",
            "kafka_consumergroup_lag{group=\"g\",topic=\"a\",partition=\"0\"} 2",
            "kafka_coordinator_group_groupmetadatamanager_numgroups 1",
            "kafka_coordinator_group_groupmetadatamanager_numgroupsempty 1",
            "kafka_coordinator_group_groupmetadatamanager_numgroupsstable 0",
            "kafka_coordinator_group_groupmetadatamanager_numoffsets 1",
            "kafka_network_requestchannel_requestqueuesize 0",
            "kafka_log_logcleanermanager_uncleanable_partitions_count{logDirectory=\"/data\"} 0",
            "kafka_log_logcleaner_deadthreadcount 0",
        ] {
            assert!(page.lines().any(|found| found == line), "{line} is not in\n{page}");
        }
        for phase in ["request_total", "request_local", "request_remote", "request_throttle"] {
            let line =
                format!("kafka_network_{phase}_time_seconds_count{{request=\"OffsetCommit\"}}");
            assert!(page.contains(&line), "{line} is not in\n{page}");
        }
        return;
    }
}
