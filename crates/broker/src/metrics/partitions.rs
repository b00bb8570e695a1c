//! What partitions and fetch sessions counted, added up for a scrape.

use std::collections::BTreeMap;
use std::fmt::Error;
use std::sync::Arc;

use ottla_hosting::fetch_session::FetchSessions;
use ottla_hosting::{Counts, Partitions, Usage};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;

/// Tells a registry what partitions and sessions counted.
#[derive(Clone, Debug)]
pub struct PartitionMetrics {
    pub partitions: Arc<Partitions>,
    pub fetch_sessions: Arc<FetchSessions>,
}

/// One family of `BrokerTopicMetrics`: name, help, and the count it shows.
type TopicFamily = (&'static str, &'static str, fn(&Counts) -> u64);

const TOPIC_FAMILIES: [TopicFamily; 11] = [
    ("messagesin", "Records appended by producers", |counts| counts.messages_in),
    ("bytesin", "Bytes appended by producers", |counts| counts.bytes_in),
    ("bytesout", "Bytes sent to consumers", |counts| counts.bytes_out),
    ("replicationbytesout", "Bytes sent to followers", |counts| counts.replication_bytes_out),
    ("bytesrejected", "Bytes of batches that were too large", |counts| counts.bytes_rejected),
    ("totalproducerequests", "Partitions in produce requests", |counts| counts.produce_requests),
    ("totalfetchrequests", "Partitions in fetch requests", |counts| counts.fetch_requests),
    ("failedproducerequests", "Appends that failed unexpectedly", |counts| {
        counts.failed_produce_requests
    }),
    ("failedfetchrequests", "Reads that failed unexpectedly", |counts| {
        counts.failed_fetch_requests
    }),
    ("invalidmessagecrcrecords", "Batches with a wrong CRC", |counts| counts.invalid_crc),
    ("invalidmagicnumberrecords", "Batches of an unknown format", |counts| counts.invalid_magic),
];

/// One gauge a partition: name, help, value.
type LogFamily = (&'static str, &'static str, fn(&Usage) -> i64);

const LOG_FAMILIES: [LogFamily; 4] = [
    ("size", "Bytes of records", |usage| i64::try_from(usage.bytes).unwrap_or(i64::MAX)),
    ("logstartoffset", "First offset of the log", |usage| usage.offsets.log_start),
    ("logendoffset", "Offset of the next record", |usage| usage.offsets.log_end),
    ("numlogsegments", "Segments of the log", |usage| {
        i64::try_from(usage.segments).unwrap_or(i64::MAX)
    }),
];

/// A partition and its log's state when the scrape came by.
struct Seen {
    topic: Arc<str>,
    index: i32,
    usage: Usage,
}

impl Collector for PartitionMetrics {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), Error> {
        let mut by_topic: BTreeMap<Arc<str>, Counts> = BTreeMap::new();
        let mut total = self.partitions.retired();
        total += self.partitions.strangers().counts();
        let mut seen = Vec::new();
        for partition in self.partitions.all() {
            let counts = partition.counters().counts();
            total += counts;
            *by_topic.entry(Arc::clone(partition.topic())).or_default() += counts;
            if let Some(usage) = partition.usage() {
                let (topic, index) = (Arc::clone(partition.topic()), partition.index());
                seen.push(Seen { topic, index, usage });
            }
        }
        seen.sort_by(|left, right| (&left.topic, left.index).cmp(&(&right.topic, right.index)));
        topics(&mut encoder, &by_topic, &total)?;
        logs(&mut encoder, &seen)?;
        self.replicas(&mut encoder, &seen)?;
        self.sessions(&mut encoder)
    }
}

fn topics(
    encoder: &mut DescriptorEncoder<'_>,
    by_topic: &BTreeMap<Arc<str>, Counts>,
    total: &Counts,
) -> Result<(), Error> {
    for (name, help, count) in TOPIC_FAMILIES {
        let name = format!("kafka_server_brokertopicmetrics_{name}");
        let mut family = encoder.encode_descriptor(&name, help, None, MetricType::Counter)?;
        let unlabelled: [(&str, &str); 0] = [];
        ConstCounter::new(count(total)).encode(family.encode_family(&unlabelled)?)?;
        for (topic, counts) in by_topic {
            let labels = [("topic", &**topic)];
            ConstCounter::new(count(counts)).encode(family.encode_family(&labels)?)?;
        }
    }
    Ok(())
}

fn logs(encoder: &mut DescriptorEncoder<'_>, seen: &[Seen]) -> Result<(), Error> {
    for (name, help, value) in LOG_FAMILIES {
        let name = format!("kafka_log_log_{name}");
        let mut family = encoder.encode_descriptor(&name, help, None, MetricType::Gauge)?;
        for Seen { topic, index, usage } in seen {
            let labels = [("topic", topic.to_string()), ("partition", index.to_string())];
            ConstGauge::new(value(usage)).encode(family.encode_family(&labels)?)?;
        }
    }
    Ok(())
}

fn gauge(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    value: usize,
) -> Result<(), Error> {
    let gauge = ConstGauge::new(i64::try_from(value).unwrap_or(i64::MAX));
    gauge.encode(encoder.encode_descriptor(name, help, None, MetricType::Gauge)?)
}

impl PartitionMetrics {
    fn replicas(&self, encoder: &mut DescriptorEncoder<'_>, seen: &[Seen]) -> Result<(), Error> {
        let count = |is: fn(&Usage) -> bool| seen.iter().filter(|each| is(&each.usage)).count();
        let gauges = [
            ("partitioncount", "Partitions hosted", seen.len()),
            ("leadercount", "Partitions led", count(|usage| usage.is_leader)),
            (
                "underreplicatedpartitions",
                "Led partitions with replicas out of sync",
                count(|usage| usage.is_under_replicated),
            ),
            (
                "underminisrpartitioncount",
                "Led partitions with fewer replicas in sync than min.insync.replicas",
                count(|usage| usage.is_under_min_isr),
            ),
            ("offlinereplicacount", "Partitions whose log failed", self.partitions.offline_count()),
        ];
        for (name, help, value) in gauges {
            gauge(encoder, &format!("kafka_server_replicamanager_{name}"), help, value)?;
        }
        let offline = self.partitions.offline_directory_count();
        let help = "Log directories that can't be used";
        gauge(encoder, "kafka_log_logmanager_offlinelogdirectorycount", help, offline)?;
        self.directories(encoder)
    }

    /// One gauge a directory, as Kafka's `LogDirectoryOffline`.
    fn directories(&self, encoder: &mut DescriptorEncoder<'_>) -> Result<(), Error> {
        let name = "kafka_log_logmanager_logdirectoryoffline";
        let help = "Whether a log directory can't be used";
        let mut family = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
        for (path, is_offline) in self.partitions.directory_conditions() {
            let labels = [("logDirectory", path.display().to_string())];
            let gauge = ConstGauge::new(i64::from(is_offline));
            gauge.encode(family.encode_family(&labels)?)?;
        }
        Ok(())
    }

    fn sessions(&self, encoder: &mut DescriptorEncoder<'_>) -> Result<(), Error> {
        const PREFIX: &str = "kafka_server_fetchsessioncache_";
        let counts = self.fetch_sessions.counts();
        let name = format!("{PREFIX}numincrementalfetchsessions");
        gauge(encoder, &name, "Incremental fetch sessions", counts.sessions)?;
        let name = format!("{PREFIX}numincrementalfetchpartitionscached");
        gauge(encoder, &name, "Partitions of incremental fetch sessions", counts.partitions)?;
        let name = format!("{PREFIX}incrementalfetchsessionevictions");
        let help = "Sessions that gave way to others";
        let family = encoder.encode_descriptor(&name, help, None, MetricType::Counter)?;
        ConstCounter::new(counts.evictions).encode(family)
    }
}
