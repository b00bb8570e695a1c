//! Snapshots are written, loaded, kept and dropped; Kafka's are read.

use std::path::Path;
use std::sync::Arc;

use ottla_metadata::config::ServerConfig;
use ottla_metadata::config::properties::parse;
use ottla_metadata::{MetadataImage, MetadataVersion, Provenance, Replayer};
use ottla_wire::Uuid;
use ottla_wire::messages::{ConfigRecord, FeatureLevelRecord, MetadataRecord, TopicRecord};
use ottla_world::memory::MemoryDisk;
use ottla_world::{Disk, OpenMode};

use super::metadata_log::{Beginning, DIRECTORY, MetadataLog};
use super::snapshot::{self, SnapshotId};

const NOW: i64 = 1_700_000_000_000;
const DAY: i64 = 24 * 60 * 60 * 1000;

fn config(lines: &str) -> ServerConfig {
    let (config, _) = ServerConfig::new(parse(lines)).expect("good values");
    config
}

fn disk() -> Arc<dyn Disk> {
    let disk = MemoryDisk::new(1);
    disk.create_dir_all(Path::new("/data")).expect("a directory");
    Arc::new(disk)
}

fn topic(number: u64) -> MetadataRecord {
    MetadataRecord::Topic(TopicRecord {
        name: format!("topic-{number}"),
        topic_id: Uuid::from_halves(1, number),
        ..TopicRecord::default()
    })
}

fn level() -> MetadataRecord {
    MetadataRecord::FeatureLevel(FeatureLevelRecord {
        name: "metadata.version".to_owned(),
        feature_level: MetadataVersion::LATEST.0,
        ..FeatureLevelRecord::default()
    })
}

/// A log and what it says, as the driver keeps them.
struct Trial {
    disk: Arc<dyn Disk>,
    log: MetadataLog,
    replayer: Replayer,
    now_ms: i64,
}

impl Trial {
    fn open(disk: &Arc<dyn Disk>, config: &ServerConfig, now_ms: i64) -> Result<Self, String> {
        let opened = MetadataLog::open(disk, Path::new("/data"), config, (1, now_ms));
        let (mut log, Beginning { image, next_offset }) =
            opened.map_err(|error| error.to_string())?;
        let mut replayer = Replayer::new(image);
        log.replay(next_offset, |records, provenance| {
            let records = records.iter().map(|(_, record)| record);
            replayer.batch(records, provenance).map(|_| ()).map_err(|error| error.to_string())
        })
        .map_err(|error| error.to_string())?;
        Ok(Self { disk: Arc::clone(disk), log, replayer, now_ms })
    }

    /// Appends a decision and lets everything follow that a commit brings with it.
    fn decide(&mut self, record: MetadataRecord) {
        self.now_ms += 60_000;
        let before = self.log.bytes();
        let version = |record: &MetadataRecord| MetadataVersion::LATEST.record_version(record);
        let records = [record];
        let end = self.log.append(&records, version, self.now_ms).expect("appended");
        self.log.commit(self.now_ms).expect("committed");
        let provenance =
            Provenance { offset: end - 1, epoch: self.log.epoch(), timestamp_ms: self.now_ms };
        self.replayer.batch(&records, provenance).expect("a record that fits");
        let bytes = self.log.bytes().saturating_sub(before);
        self.log.committed(bytes, self.replayer.image(), self.now_ms);
        self.log.finish_snapshot();
        self.log.clean(self.now_ms).expect("cleaned");
    }

    fn snapshots(&self) -> Vec<SnapshotId> {
        let directory = Path::new("/data").join(DIRECTORY);
        snapshot::list(self.disk.as_ref(), &directory).expect("a directory")
    }

    /// The metadata without what tells where it came from.
    fn metadata(&self) -> MetadataImage {
        MetadataImage { provenance: Provenance::EMPTY, ..self.replayer.image().clone() }
    }
}

#[test]
fn a_snapshot_takes_the_place_of_what_came_before() {
    let disk = disk();
    let lines = "metadata.log.max.record.bytes.between.snapshots=400\nmetadata.log.segment.ms=1\n\
                 metadata.max.retention.bytes=12000\n";
    let config = config(lines);
    let mut trial = Trial::open(&disk, &config, NOW).expect("a new log");
    trial.decide(level());
    for number in 0..60 {
        trial.decide(topic(number));
    }
    let ids = trial.snapshots();
    assert!((2..9).contains(&ids.len()), "{ids:?}");
    assert!(trial.log.start() > 10, "the log before the oldest snapshot is gone");
    assert!(trial.log.start() <= ids[0].offset);
    let (metadata, end) = (trial.metadata(), trial.log.end());
    let now_ms = trial.now_ms;
    trial.log.close(now_ms).expect("closed");
    let again = Trial::open(&disk, &config, now_ms).expect("a log with snapshots");
    assert_eq!(again.metadata(), metadata);
    assert_eq!(again.log.end(), end + 1, "the new leader's record follows");
    // Without snapshots the rest of the log means nothing.
    again.log.close(now_ms).expect("closed");
    let directory = Path::new("/data").join(DIRECTORY);
    for id in ids {
        disk.remove_file(&directory.join(format!("{id}.checkpoint"))).expect("removed");
    }
    let error =
        Trial::open(&disk, &config, now_ms).map(|_| ()).expect_err("a log that lacks its start");
    assert!(error.contains("cannot open the metadata log"), "{error}");
}

#[test]
fn snapshots_come_by_time_too_and_old_ones_go() {
    let disk = disk();
    let lines = format!(
        "metadata.log.max.snapshot.interval.ms={}\nmetadata.max.retention.ms={}\n\
         metadata.max.retention.bytes=-1\n",
        10 * 60_000,
        DAY
    );
    let mut trial = Trial::open(&disk, &config(&lines), NOW).expect("a new log");
    trial.decide(level());
    for number in 0..9 {
        trial.decide(topic(number));
    }
    assert_eq!(trial.snapshots().len(), 1, "one in ten minutes");
    trial.now_ms += 2 * DAY;
    trial.decide(topic(100));
    assert_eq!(trial.snapshots().len(), 1, "the first one is too old once there is another");
    let never = "metadata.log.max.snapshot.interval.ms=0\n";
    let mut trial = Trial::open(&self::disk(), &config(never), NOW).expect("a new log");
    trial.now_ms += 30 * DAY;
    trial.decide(level());
    assert_eq!(trial.snapshots(), []);
}

#[test]
fn a_log_that_ends_before_its_snapshot_goes_on_after_it() {
    let disk = disk();
    let config = config("metadata.log.max.record.bytes.between.snapshots=1\n");
    let mut trial = Trial::open(&disk, &config, NOW).expect("a new log");
    for record in [level(), topic(1), topic(2)] {
        trial.decide(record);
    }
    let (metadata, now_ms) = (trial.metadata(), trial.now_ms);
    let newest = *trial.snapshots().last().expect("a snapshot");
    drop(trial);
    let segment = Path::new("/data").join(DIRECTORY).join("00000000000000000000.log");
    disk.open(&segment, OpenMode::Write).expect("a segment").set_len(0).expect("cut");
    let again = Trial::open(&disk, &config, now_ms).expect("a log behind its snapshot");
    assert_eq!(again.metadata(), metadata);
    assert_eq!(again.log.start(), newest.offset);
}

#[test]
fn damage_is_told_and_what_was_never_finished_is_removed() {
    let disk = disk();
    let config = config("metadata.log.max.record.bytes.between.snapshots=1\n");
    let mut trial = Trial::open(&disk, &config, NOW).expect("a new log");
    trial.decide(level());
    let id = *trial.snapshots().last().expect("a snapshot");
    let directory = Path::new("/data").join(DIRECTORY);
    let part = directory.join("00000000000000000009-0000000001.checkpoint.part");
    disk.open(&part, OpenMode::Create).expect("a file");
    assert_eq!(trial.snapshots(), [id]);
    assert!(!disk.exists(&part).expect("a directory"));
    let path = directory.join(format!("{id}.checkpoint"));
    let file = disk.open(&path, OpenMode::Write).expect("the snapshot");
    let whole = file.len().expect("its size");
    file.set_len(whole - 90).expect("cut");
    let read = snapshot::read(disk.as_ref(), &directory, id).expect_err("no footer");
    assert!(read.to_string().contains("snapshot 0000000000000000000"), "{read}");
}

#[test]
fn a_snapshot_of_kafka_is_read_and_written_again() {
    let bytes = include_bytes!("../../../../tests/golden/metadata/kafka-4.3.1.checkpoint");
    let disk = disk();
    let directory = Path::new("/data");
    let id = SnapshotId { offset: 349, epoch: 1 };
    let path = directory.join(format!("{id}.checkpoint"));
    ottla_world::disk::replace_file(disk.as_ref(), &path, bytes).expect("written");
    let kafkas = snapshot::read(disk.as_ref(), directory, id).expect("Kafka's snapshot");
    let provenance = Provenance { offset: 348, epoch: 1, timestamp_ms: kafkas.timestamp_ms };
    let mut replayer = Replayer::default();
    replayer.snapshot(&kafkas.records, provenance).expect("records that fit");
    let image = replayer.image();
    assert_eq!(image.topics.by_name("golden").expect("a topic").partitions.len(), 3);
    let is_retention = |record: &MetadataRecord| matches!(record, MetadataRecord::Config(ConfigRecord { value: Some(value), .. }) if value == "12345");
    assert!(kafkas.records.iter().any(is_retention));

    snapshot::write(disk.as_ref(), directory, image, &kafkas.quorum).expect("written");
    let ours = snapshot::read(disk.as_ref(), directory, id).expect("our snapshot");
    let mut again = Replayer::default();
    again.snapshot(&ours.records, provenance).expect("records that fit");
    assert_eq!(again.image(), image, "the order is Kafka's where Kafka has one");
    assert_eq!(ours.quorum, kafkas.quorum, "the voters are kept");
    assert_eq!(ours.timestamp_ms, kafkas.timestamp_ms);
    let size = disk.metadata(&path).expect("a file").len;
    assert_eq!(size, bytes.len() as u64, "not a byte more or less");
}
