//! What a scrape shows.

use ottla_log::{AppendOrigin, Verification};
use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;

use super::PartitionMetrics;
use crate::partition::Append;
use crate::partitions::fixture::{BROKER, Fixture, START_MS, batch};

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
    let append = Append {
        origin: AppendOrigin::Client,
        required_acks: 1,
        now_ms: START_MS,
        transaction_version: 0,
        verification: Verification::NotRequired,
    };
    fixture.partition("a", 1).append(records.clone(), append).expect("appended");
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
