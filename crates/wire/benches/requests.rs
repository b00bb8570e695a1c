//! Reading a produce request, as the node does for every one.
use std::hint::black_box;

use bytes::Bytes;
use criterion::{Criterion, criterion_group, criterion_main};
use ottla_wire::frame::write_request;
use ottla_wire::header::decode_request_header;
use ottla_wire::messages::ProduceRequest;
use ottla_wire::messages::produce_request::{PartitionProduceData, TopicProduceData};
use ottla_wire::{Message, Reader, Records, Writer};

const VERSION: i16 = 12;

fn frame(partitions: i32) -> Bytes {
    let data = (0..partitions).map(|index| PartitionProduceData {
        index,
        records: Some(Records::Bytes(Bytes::from(vec![0; 1100]))),
        ..PartitionProduceData::default()
    });
    let request = ProduceRequest {
        acks: -1,
        timeout_ms: 30_000,
        topic_data: vec![TopicProduceData {
            name: "orders".to_owned(),
            partition_data: data.collect(),
            ..TopicProduceData::default()
        }],
        ..ProduceRequest::default()
    };
    let mut writer = Writer::contiguous(0);
    write_request(&mut writer, &request, VERSION, 7, Some("producer-1")).expect("a request");
    writer.into_bytes().slice(4..)
}

fn decode(criterion: &mut Criterion) {
    for partitions in [1, 16] {
        let frame = frame(partitions);
        criterion.bench_function(&format!("decode-produce-{partitions}"), |bencher| {
            bencher.iter(|| {
                let mut reader = Reader::new(black_box(&frame));
                let start = decode_request_header(&mut reader).expect("a header");
                (start, ProduceRequest::decode(&mut reader, VERSION).expect("a request"))
            });
        });
    }
}

criterion_group!(benches, decode);
criterion_main!(benches);
