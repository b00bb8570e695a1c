//! How long a large offsets topic takes to load.

use std::sync::Arc;
use std::time::Duration;

use ottla_coordinator::{Config, Record};
use ottla_hosting::Append;
use ottla_hosting::fixture::{BROKER, Fixture, START_MS};
use ottla_log::{AppendOrigin, Verification};
use ottla_metadata::config::BrokerValues;
use ottla_wire::messages::{OffsetCommitKey, OffsetCommitValue};
use ottla_wire::records::{BatchBuilder, BatchOptions};

use super::kind::Groups;
use crate::loader::{Loaded, Loader};
use crate::{LogTerms, OFFSETS_TOPIC};

/// A batch of what one consumer commits at once.
fn committed(group: i32, partitions: i32) -> bytes::Bytes {
    let mut builder = BatchBuilder::new(BatchOptions::default());
    for partition in 0..partitions {
        let key = OffsetCommitKey {
            group: format!("group-of-consumers-{group}"),
            topic: "topic-that-is-consumed".to_owned(),
            partition,
        };
        let value = OffsetCommitValue { offset: 7, ..OffsetCommitValue::default() };
        let record = Record::OffsetCommit { key, value: Some(value) };
        let (key, value) = record.encode().expect("a record");
        builder.append(START_MS, Some(&key), value.as_deref(), &[]).expect("a small record");
    }
    builder.build().expect("a batch").freeze()
}

/// The time that this thread has had a processor for, in nanoseconds.
fn processor_time() -> Duration {
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanos = told.split(' ').next().and_then(|nanos| nanos.parse().ok());
    Duration::from_nanos(nanos.unwrap_or_default())
}

/// `cargo test --release -p ottla-coordination million` loads all of them, a debug build a fiftieth.
#[tokio::test]
async fn a_million_offsets_load_within_two_seconds() {
    let (groups, partitions) = (if cfg!(debug_assertions) { 1_000 } else { 50_000 }, 20);
    let mut fixture = Fixture::new();
    fixture.create("t", 1, &[]);
    fixture.create_replicated(OFFSETS_TOPIC, 1, &[], &[BROKER], &[BROKER]);
    let partition = fixture.partition(OFFSETS_TOPIC, 0);
    for group in 0..groups {
        let append = Append {
            origin: AppendOrigin::Coordinator,
            required_acks: -1,
            now_ms: START_MS,
            transaction_version: 0,
            verification: Verification::NotRequired,
        };
        partition.append(committed(group, partitions), append).expect("appended");
    }
    let kind = Groups::new(Config::default());
    let load_bytes =
        LogTerms::of_groups(&BrokerValues::new(Arc::default(), BROKER, &fixture.image)).load_bytes;
    let begin = processor_time();
    let mut loader = Loader::new(&kind, partition, load_bytes).expect("an open log");
    let runner = loop {
        match loader.replay_piece().expect("readable") {
            Loaded::Piece(more) => loader = more,
            Loaded::All(runner) => break runner,
        }
    };
    let took = processor_time().saturating_sub(begin);
    let loaded = runner.machine().committed_offsets().count();
    assert_eq!(i32::try_from(loaded), Ok(groups * partitions));
    println!("{loaded} offsets in {took:?}");
    assert!(took < Duration::from_secs(2), "{took:?}");
}
