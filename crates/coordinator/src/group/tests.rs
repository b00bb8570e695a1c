//! What both kinds of groups have in common, and what they know of the cluster.

use std::collections::BTreeSet;
use std::sync::Arc;

use ottla_metadata::MetadataImage;
use ottla_wire::Uuid;
use ottla_wire::messages::{MetadataRecord, PartitionRecord, RegisterBrokerRecord, TopicRecord};

use super::Metadata;

fn topic(image: &mut MetadataImage, name: &str, topic_id: Uuid, partitions: i32, replicas: &[i32]) {
    let record = TopicRecord { name: name.to_owned(), topic_id, ..Default::default() };
    image.apply(&MetadataRecord::Topic(record)).expect("a topic");
    for partition_id in 0..partitions {
        let record = PartitionRecord {
            topic_id,
            partition_id,
            replicas: replicas.to_vec(),
            isr: replicas.to_vec(),
            ..Default::default()
        };
        image.apply(&MetadataRecord::Partition(record)).expect("a partition");
    }
}

/// Expected values were printed by `Utils.computeGroupHash` of Apache Kafka 4.3.1 over `Utils.computeTopicHash` for the
/// same topics and brokers.
#[test]
fn topics_hash_as_in_kafka() {
    let mut image = MetadataImage::empty();
    for (broker_id, rack) in [(1, Some("rack-b")), (2, Some("räck-🦀")), (3, None)] {
        let rack = rack.map(str::to_owned);
        let record = RegisterBrokerRecord { broker_id, rack, ..Default::default() };
        image.apply(&MetadataRecord::RegisterBroker(record)).expect("a broker");
    }
    topic(&mut image, "plain", Uuid::from_halves(1, 2), 3, &[3]);
    let racked = Uuid::from_halves(0xfedc_ba98_7654_3210, 0x0123_4567_89ab_cdef);
    topic(&mut image, "racked", racked, 2, &[2, 1, 3]);
    let metadata = Metadata::new(Arc::new(image));
    for (topics, expected) in [
        (&["plain"][..], -7728501457945954546),
        (&["plain", "racked"], 3897495455054623165),
        (&["gone", "plain"], -7728501457945954546),
        (&["gone"], 0),
        (&[], 0),
    ] {
        let topics: BTreeSet<&str> = topics.iter().copied().collect();
        assert_eq!(metadata.hash_of(&topics), expected, "{topics:?}");
    }
}
