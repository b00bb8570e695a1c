//! Weeks of segments on a virtual clock, through the log's own decisions.
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use ottla_log::{
    AppendOrigin, CleanerMemory, CleanupPolicy, FullSpeed, LeaderAppend, Log, LogConfig, OpenLog,
    Verification,
};
use ottla_wire::records::{BatchBuilder, BatchOptions, BatchViews};
use ottla_world::memory::{ManualClock, MemoryDisk};
use ottla_world::{Clock, Disk};

const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;
const DAY_MS: i64 = 24 * HOUR_MS;
const START_MS: i64 = 1_700_000_000_000;
const DIRECTORY: &str = "/data/topic-0";

/// A log that somebody writes to and looks after while the clock runs.
struct Kept {
    log: Log,
    disk: MemoryDisk,
    clock: ManualClock,
    cleaned_to: Option<i64>,
}

impl Kept {
    fn new(change: impl FnOnce(&mut LogConfig)) -> Kept {
        let mut config = LogConfig {
            segment_ms: HOUR_MS,
            segment_index_bytes: 1_200,
            retention_ms: -1,
            min_cleanable_dirty_ratio: 0.0,
            ..LogConfig::default()
        };
        change(&mut config);
        let (disk, clock) = (MemoryDisk::new(1), ManualClock::new(START_MS));
        disk.create_dir_all(Path::new("/data")).expect("nothing fails here");
        let options = OpenLog::new(DIRECTORY, Arc::new(config), clock.now_ms());
        let log = Log::open(Arc::new(disk.clone()), options).expect("nothing fails here");
        Kept { log, disk, clock, cleaned_to: None }
    }

    /// One record, now. Returns its size.
    fn append(&mut self, key: &str) -> u64 {
        let now_ms = self.clock.now_ms();
        let mut builder = BatchBuilder::new(BatchOptions::default());
        builder
            .append(now_ms, Some(key.as_bytes()), Some(&[7; 100]), &[])
            .expect("nothing fails here");
        let options = LeaderAppend {
            leader_epoch: 0,
            now_ms,
            transaction_version: 0,
            verification: Verification::NotRequired,
        };
        let records = builder.build().expect("nothing fails here").freeze();
        let appended =
            self.log.append(records, AppendOrigin::Client, options).expect("nothing fails here");
        self.log.update_high_watermark(self.log.log_end_offset()).expect("nothing fails here");
        appended.bytes
    }

    /// What a broker's timers do: flush what was closed, delete, remove, compact.
    fn look_after(&mut self) {
        let now_ms = self.clock.now_ms();
        if self.log.flush_is_due(now_ms) {
            self.log.flush(now_ms).expect("nothing fails here");
        }
        self.log.delete_old_segments(now_ms).expect("nothing fails here");
        self.log.remove_deleted_files(now_ms).expect("nothing fails here");
        if let Some(plan) =
            self.log.plan_compaction(self.cleaned_to, now_ms).expect("nothing fails here")
        {
            let cleaned = plan
                .run(&CleanerMemory::default(), now_ms, &FullSpeed)
                .expect("nothing fails here");
            let to = cleaned.cleaned_to();
            assert!(self.log.install_compaction(cleaned, now_ms).expect("nothing fails here"));
            self.cleaned_to = Some(to);
        }
    }

    /// So long, with a record of one of twenty keys and a round of upkeep every five minutes.
    fn live(&mut self, long_ms: i64) {
        for step in 0..long_ms / (5 * MINUTE_MS) {
            self.append(&format!("key {}", step % 20));
            self.look_after();
            self.clock.advance(Duration::from_secs(300));
        }
    }

    fn files(&self, suffix: &str) -> usize {
        let entries = self.disk.read_dir(Path::new(DIRECTORY)).expect("nothing fails here");
        entries.iter().filter(|entry| entry.name.ends_with(suffix)).count()
    }
}

#[test]
fn a_record_of_a_ten_day_segment_stays_for_ten_days_and_seven() {
    let batch_bytes = Kept::new(|_| {}).append("key");
    let mut kept = Kept::new(|config| {
        config.segment_ms = i64::MAX;
        config.segment_bytes = i32::try_from(240 * batch_bytes).expect("nothing fails here");
        config.segment_index_bytes = 1 << 20;
        config.retention_ms = 7 * DAY_MS;
    });
    // A record an hour: ten days fill a segment.
    let mut gone_after_ms = None;
    while gone_after_ms.is_none() {
        kept.append("key");
        kept.look_after();
        let age_ms = kept.clock.now_ms() - START_MS;
        gone_after_ms = (kept.log.log_start_offset() > 0).then_some(age_ms);
        assert!(age_ms < 30 * DAY_MS, "the first record is there after thirty days");
        kept.clock.advance(Duration::from_secs(3600));
    }
    assert_eq!(gone_after_ms, Some(17 * DAY_MS));
    assert_eq!(kept.log.log_start_offset(), 240, "ten days' worth goes at once");
}

#[test]
fn a_week_of_hourly_segments_of_which_a_day_is_kept() {
    let mut kept = Kept::new(|config| config.retention_ms = DAY_MS);
    kept.live(7 * DAY_MS);
    // A segment takes the record that comes exactly an hour after its first one.
    assert!((23..=25).contains(&kept.log.segment_count()), "{}", kept.log.segment_count());
    let oldest =
        kept.log.offset_for_timestamp(0).expect("nothing fails here").expect("nothing fails here");
    let age_ms = kept.clock.now_ms() - oldest.timestamp;
    assert!((DAY_MS..=DAY_MS + 2 * HOUR_MS).contains(&age_ms), "the oldest is {age_ms} ms old");
    assert_eq!(oldest.offset, kept.log.log_start_offset());
    // `file.delete.delay.ms` is a minute: files go with the next round.
    assert!(kept.files(".deleted") <= 5, "{}", kept.files(".deleted"));
    kept.clock.advance(Duration::from_secs(61));
    kept.log.remove_deleted_files(kept.clock.now_ms()).expect("nothing fails here");
    assert_eq!(kept.files(".deleted"), 0);
    assert_eq!(kept.files(".log"), kept.log.segment_count());
}

#[test]
fn segments_roll_earlier_by_jitter_and_by_full_indexes() {
    let rolled = |change: fn(&mut LogConfig)| {
        let mut kept = Kept::new(change);
        kept.live(DAY_MS);
        kept.log.segment_count()
    };
    let hourly = rolled(|_| {});
    let jittered = rolled(|config| config.segment_jitter_ms = 30 * MINUTE_MS);
    assert!(jittered > hourly && jittered <= 2 * hourly + 1, "{hourly}, then {jittered}");
    let by_index = rolled(|config| {
        (config.segment_index_bytes, config.index_interval_bytes) = (48, 0);
    });
    assert!(by_index > 2 * hourly, "{hourly}, then {by_index}");
    let by_bytes = rolled(|config| config.segment_bytes = 400);
    assert!(by_bytes >= 288 / 3, "{by_bytes}");
}

#[test]
fn retention_by_bytes_keeps_the_newest() {
    let mut kept = Kept::new(|config| config.retention_bytes = 20_000);
    kept.live(3 * DAY_MS);
    let size = kept.log.size();
    // What is deleted is whole segments, so there is less than one more than asked for.
    assert!((20_000..20_000 + 3_000).contains(&size), "{size} bytes");
}

#[test]
fn a_compacted_week_is_the_last_of_each_key() {
    let mut kept = Kept::new(|config| {
        config.cleanup_policy = CleanupPolicy { delete: false, compact: true };
    });
    kept.live(7 * DAY_MS);
    let cleaned_to = kept.cleaned_to.expect("a week is enough for a run");
    assert!(kept.log.log_end_offset() - cleaned_to <= 3 * 13, "cleaned to {cleaned_to}");
    assert_eq!(kept.log.log_start_offset(), 0, "compaction moves no start");
    let mut before = Vec::new();
    let mut next = 0;
    while next < kept.log.log_end_offset() {
        let options = ottla_log::ReadOptions {
            start_offset: next,
            max_bytes: 1 << 20,
            min_one_batch: true,
            isolation: ottla_log::Isolation::LogEnd,
        };
        let bytes = kept
            .log
            .read(options)
            .expect("nothing fails here")
            .slice
            .read()
            .expect("nothing fails here");
        for batch in BatchViews::new(&bytes) {
            let batch = batch.expect("nothing fails here");
            next = batch.next_offset();
            for record in batch.records(1 << 20).expect("nothing fails here").views() {
                let record = record.expect("nothing fails here");
                if record.offset < cleaned_to {
                    before.push(record.key.expect("nothing fails here").to_vec());
                }
            }
        }
    }
    before.sort();
    let found = before.len();
    before.dedup();
    assert_eq!((found, before.len()), (20, 20), "each of the twenty keys once");
}

/// KIP-1161: `cleanup.policy=` neither deletes nor compacts; DeleteRecords still does what it is told.
#[test]
fn an_empty_policy_keeps_everything() {
    let mut kept = Kept::new(|config| {
        config.cleanup_policy = CleanupPolicy { delete: false, compact: false };
        (config.retention_ms, config.retention_bytes) = (1, 1);
    });
    kept.live(7 * DAY_MS);
    assert_eq!((kept.log.log_start_offset(), kept.log.log_end_offset()), (0, 7 * 288));
    assert_eq!(kept.cleaned_to, None);
    assert!(kept.log.segment_count() > 150);
    kept.log.increment_log_start_offset(1_000).expect("nothing fails here");
    kept.look_after();
    assert_eq!(kept.log.log_start_offset(), 1_000);
    assert!(kept.log.segment_count() < 90, "{}", kept.log.segment_count());
}
