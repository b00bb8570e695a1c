//! A metadata log that Apache Kafka 4.3.1 wrote, replayed.

use bytes::Bytes;
use ottla_machine::Machine;
use ottla_metadata::{MetadataImage, NO_LEADER, Provenance, Replayer};
use ottla_wire::messages::MetadataRecord;
use ottla_wire::records::Batches;

use crate::controller::Controller;
use crate::request::Settings;

/// Offset, record and the version that it was written in, by batch.
fn kafkas_log() -> Vec<Vec<(i64, MetadataRecord, i16, Bytes)>> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/golden/metadata/kafka-4.3.1.log");
    let bytes = Bytes::from(std::fs::read(path).expect("the golden file is part of the project"));
    let batches = Batches::new(bytes).map(|batch| batch.expect("the batch is whole"));
    let data = batches.filter(|batch| !batch.view().header().attributes.is_control());
    data.map(|batch| {
        let records = batch.records(1 << 20).expect("the batch is not compressed");
        let decoded = records.iter().map(|record| {
            let record = record.expect("the record is whole");
            let value = record.value.expect("metadata records have values");
            let (decoded, version) = MetadataRecord::decode(&value).expect("a known record");
            (record.offset, decoded, version, value)
        });
        decoded.collect()
    })
    .collect()
}

#[test]
fn records_are_written_again_as_kafka_wrote_them() {
    for (offset, record, version, bytes) in kafkas_log().into_iter().flatten() {
        let again = record.encode(version).expect("it was written in this version");
        assert_eq!(again, bytes, "offset {offset}: {record:?}");
    }
}

#[test]
fn replaying_loses_nothing() {
    let mut replayer = Replayer::default();
    let mut controller = Controller::new(Settings::new("cluster", 1, Default::default()));
    for batch in kafkas_log() {
        let last = batch.last().expect("a batch has records").0;
        let provenance = Provenance { offset: last, epoch: 1, timestamp_ms: 0 };
        let records = batch.iter().map(|(_, record, ..)| record);
        replayer.batch(records, provenance).expect("Kafka's records fit");
        for (offset, record, ..) in &batch {
            controller.apply(*offset, record);
        }
    }
    assert_eq!(controller.fault(), None);
    let image = MetadataImage { provenance: Provenance::EMPTY, ..replayer.image().clone() };
    assert_eq!(*controller.image(), image);

    let broker = image.broker(1).expect("it registered");
    assert!(broker.fenced && broker.in_controlled_shutdown);
    assert_eq!((broker.epoch, broker.endpoints[0].port), (15, 29731));
    assert_eq!(image.feature_level("transaction.version"), 2);
    assert_eq!((image.controllers.len(), image.configs.iter().count()), (1, 5));
    let topic = image.topics.by_name("ok.1").expect("it was created");
    for (index, partition) in &topic.partitions {
        // The last broker left in order: nobody leads, and it is eligible.
        assert_eq!((partition.leader, partition.leader_epoch), (NO_LEADER, 1), "{index}");
        assert_eq!((&partition.isr, &partition.elr), (&vec![], &vec![1]), "{index}");
    }

    let mut again = MetadataImage::empty();
    for record in &image.to_records() {
        again.apply(record).expect("what was written can be read");
    }
    assert_eq!(again, image);
}
