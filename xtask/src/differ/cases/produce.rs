//! Produce, and the sequences of idempotent producers.

use super::batches::{
    self, Producer, TIME, changed, compressed, joined, old_message, plain, sequenced, spoiled,
    timed,
};
use crate::differ::book::{Case, Step, unknown_id};
use crate::differ::known::Known;
use bytes::Bytes;
use ottla_wire::messages::describe_producers_request::TopicRequest;
use ottla_wire::messages::produce_request::{PartitionProduceData, TopicProduceData};
use ottla_wire::messages::{DescribeProducersRequest, InitProducerIdRequest, ProduceRequest};
use ottla_wire::records::{BatchBuilder, BatchOptions, CompressionType, HeaderView};
use ottla_wire::{Records, Uuid};

/// The newest version with topics by name, which makes for readable cases.
const BY_NAME: i16 = 12;

pub fn cases() -> Vec<Case> {
    vec![
        good(),
        acks(),
        wrong_places(),
        codecs(),
        corrupt(),
        limits(),
        times(),
        compacted(),
        sequences(),
        epochs(),
        producer_ids(),
    ]
}

fn request(topic: &str, index: i32, records: Option<Bytes>) -> ProduceRequest {
    ProduceRequest {
        acks: -1,
        timeout_ms: 5_000,
        topic_data: vec![TopicProduceData {
            name: topic.to_owned(),
            partition_data: vec![PartitionProduceData {
                index,
                records: records.map(Records::Bytes),
                ..Default::default()
            }],
            ..Default::default()
        }],
        ..Default::default()
    }
}

/// One batch to partition 0.
fn produce<'a>(
    case: &'a mut Case,
    name: &str,
    topic: &'static str,
    batch: impl Fn(&Known) -> Bytes + 'static,
) -> &'a mut Step {
    case.ask(BY_NAME, name, move |known| request(topic, 0, Some(batch(known))))
}

fn good() -> Case {
    let mut case = Case::new("produce");
    case.topic("produce-a", 2, &[]);
    case.versions("two records", |known, version| {
        let mut request = request("produce-a", 1, Some(plain(2)));
        if version >= 13 {
            request.topic_data[0].name = String::new();
            request.topic_data[0].topic_id = known.id("produce-a");
        }
        request
    });
    produce(&mut case, "headers, nulls and empty values", "produce-a", |_| {
        let mut builder = BatchBuilder::new(BatchOptions::default());
        let headers = [
            HeaderView { key: b"h", value: Some(b"x") },
            HeaderView { key: b"", value: None },
            HeaderView { key: b"h", value: Some(b"") },
        ];
        builder.append(TIME, None, None, &headers).expect("a small record");
        builder.append(TIME, Some(b""), Some(b""), &[]).expect("a small record");
        builder.build().expect("nothing to compress").freeze()
    });
    case.ask(BY_NAME, "two partitions", |_| {
        let mut request = request("produce-a", 1, Some(plain(1)));
        request.topic_data[0].partition_data.push(PartitionProduceData {
            index: 0,
            records: Some(Records::Bytes(plain(3))),
            ..Default::default()
        });
        request
    });
    case
}

fn acks() -> Case {
    let mut case = Case::new("acks");
    case.topic("acks", 1, &[]);
    for acks in [1_i16, -1, 2, -2, i16::MAX, i16::MIN] {
        case.ask(BY_NAME, &format!("acks {acks}"), move |_| ProduceRequest {
            acks,
            ..request("acks", 0, Some(plain(1)))
        });
    }
    case.ask(BY_NAME, "acks 0", |_| ProduceRequest {
        acks: 0,
        ..request("acks", 0, Some(plain(1)))
    })
    .probe();
    case.ask(BY_NAME, "acks 0 to an unknown topic", |_| ProduceRequest {
        acks: 0,
        ..request("no-such-topic", 0, Some(plain(1)))
    })
    .probe();
    case.ask(BY_NAME, "acks 0 with a corrupt batch", |_| ProduceRequest {
        acks: 0,
        ..request("acks", 0, Some(spoiled(&plain(1), 17, &[0; 4])))
    })
    .probe();
    case.ask(BY_NAME, "acks 0 without topics", |_| ProduceRequest {
        acks: 0,
        ..Default::default()
    })
    .probe();
    case.ask(BY_NAME, "no time", |_| ProduceRequest {
        timeout_ms: -1,
        ..request("acks", 0, Some(plain(1)))
    });
    case
}

fn wrong_places() -> Case {
    let mut case = Case::new("produce to what is not there");
    case.topic("places", 1, &[]);
    for (topic, partition) in [
        ("no-such-topic", 0),
        ("a/b", 0),
        ("", 0),
        ("places", 1),
        ("places", -1),
        ("places", i32::MAX),
        ("__consumer_offsets", 0),
    ] {
        for version in [3, 7, 8, 10, BY_NAME] {
            case.ask(version, &format!("partition {partition} of {topic:?}"), move |_| {
                request(topic, partition, Some(plain(1)))
            });
        }
    }
    for (name, id) in [("an unknown id", unknown_id()), ("the id of zeros", Uuid::ZERO)] {
        case.ask(13, name, move |_| {
            let mut request = request("", 0, Some(plain(1)));
            request.topic_data[0].topic_id = id;
            request
        });
    }
    case.ask(BY_NAME, "the same partition twice", |_| {
        let mut request = request("places", 0, Some(plain(1)));
        let again = request.topic_data[0].partition_data[0].clone();
        request.topic_data[0].partition_data.push(again);
        request
    });
    case.ask(BY_NAME, "the same topic twice", |_| {
        let mut request = request("places", 0, Some(plain(1)));
        let again = request.topic_data[0].clone();
        request.topic_data.push(again);
        request
    });
    case.ask(BY_NAME, "good and bad partitions", |_| {
        let mut request = request("places", 7, Some(plain(1)));
        request.topic_data.extend(self::request("places", 0, Some(plain(1))).topic_data);
        request.topic_data.extend(self::request("no-such-topic", 0, Some(plain(1))).topic_data);
        request
    });
    for (name, records) in [("null records", None), ("empty records", Some(Bytes::new()))] {
        for version in [3, 8, BY_NAME] {
            let records = records.clone();
            case.ask(version, name, move |_| request("places", 0, records.clone()));
        }
    }
    case.ask(BY_NAME, "a transactional id without a transaction", |_| ProduceRequest {
        transactional_id: Some("t".to_owned()),
        ..request("places", 0, Some(plain(1)))
    });
    case
}

fn codecs() -> Case {
    let mut case = Case::new("codecs");
    case.topic("codecs", 1, &[]);
    case.topic("codec-zstd", 1, &[("compression.type", "zstd")]);
    case.topic("codec-gzip", 1, &[("compression.type", "gzip")]);
    case.topic("codec-none", 1, &[("compression.type", "uncompressed")]);
    let codecs = [
        ("none", CompressionType::None),
        ("gzip", CompressionType::Gzip),
        ("snappy", CompressionType::Snappy),
        ("lz4", CompressionType::Lz4),
        ("zstd", CompressionType::Zstd),
    ];
    for (name, kind) in codecs {
        for topic in ["codecs", "codec-zstd", "codec-gzip", "codec-none"] {
            produce(&mut case, &format!("{name} to {topic}"), topic, move |_| compressed(kind, 20));
        }
        for version in [3, 6, 7] {
            case.ask(version, &format!("{name} in an old version"), move |_| {
                request("codecs", 0, Some(compressed(kind, 2)))
            });
        }
        if kind != CompressionType::None {
            produce(&mut case, &format!("{name} without records"), "codecs", move |_| {
                changed(&compressed(kind, 2), 57, &0_i32.to_be_bytes())
            });
            produce(&mut case, &format!("garbage that says {name}"), "codecs", move |_| {
                changed(&plain(3), 22, &[kind.id()])
            });
        }
    }
    for id in [5_u8, 6, 7] {
        produce(&mut case, &format!("the unknown codec {id}"), "codecs", move |_| {
            changed(&plain(3), 22, &[id])
        });
    }
    case
}

fn corrupt() -> Case {
    let mut case = Case::new("corrupt batches");
    case.topic("corrupt", 1, &[]);
    let good = plain(3);
    let int = |number: i32| number.to_be_bytes().to_vec();
    let long = |number: i64| number.to_be_bytes().to_vec();
    let broken: Vec<(&str, Bytes)> = vec![
        ("a wrong checksum", spoiled(&good, 17, &[1, 2, 3, 4])),
        ("a flipped bit in a record", spoiled(&good, 64, &[0xff])),
        ("magic 3", spoiled(&good, 16, &[3])),
        ("magic -1", spoiled(&good, 16, &[0xff])),
        ("magic 0", old_message(0)),
        ("magic 1", old_message(1)),
        ("a length of -1", spoiled(&good, 8, &int(-1))),
        ("a length of 0", spoiled(&good, 8, &int(0))),
        ("a length one too short", spoiled(&good, 8, &int(good.len() as i32 - 13))),
        ("a length one too long", spoiled(&good, 8, &int(good.len() as i32 - 11))),
        ("a length far too long", spoiled(&good, 8, &int(i32::MAX))),
        ("cut short", good.slice(..good.len() - 1)),
        ("the header alone", good.slice(..61)),
        ("a few bytes", good.slice(..11)),
        ("two batches", joined(&good, &good)),
        ("a batch and rubbish", joined(&good, &Bytes::from_static(&[0; 7]))),
        ("a count too large", changed(&good, 57, &int(4))),
        ("a count too small", changed(&good, 57, &int(2))),
        ("a negative count", changed(&good, 57, &int(-1))),
        ("a count of 0", changed(&good, 57, &int(0))),
        ("an offset delta too large", changed(&good, 23, &int(9))),
        ("an offset delta too small", changed(&good, 23, &int(0))),
        ("a negative offset delta", changed(&good, 23, &int(-1))),
        ("a base offset of 100", spoiled(&good, 0, &long(100))),
        ("a negative base offset", spoiled(&good, 0, &long(-5))),
        ("a leader epoch of 9", spoiled(&good, 12, &int(9))),
        ("a control batch", changed(&good, 22, &[0x20])),
        ("a transactional batch", changed(&good, 22, &[0x10])),
        ("LogAppendTime", changed(&good, 22, &[0x08])),
        ("an unknown attribute", changed(&good, 21, &[0x80])),
        ("a delete horizon", changed(&good, 22, &[0x40])),
        ("a base timestamp of -1", changed(&good, 27, &long(-1))),
        ("a max timestamp too small", changed(&good, 35, &long(TIME - 9))),
        ("a max timestamp too large", changed(&good, 35, &long(TIME + 9_000))),
        ("a max timestamp of -1", changed(&good, 35, &long(-1))),
        ("a producer id without an epoch", changed(&good, 43, &long(5))),
        ("a negative producer id", changed(&good, 43, &long(-2))),
        ("a record's length too long", changed(&good, 61, &[0x7e])),
        ("a record's length of 0", changed(&good, 61, &[0])),
        ("a record's length of -1", changed(&good, 61, &[1])),
        ("a record's attributes", changed(&good, 62, &[1])),
        ("a record's offset delta", changed(&good, 64, &[8])),
        ("a key's length too long", changed(&good, 65, &[0x7e])),
        ("a key's length of -2", changed(&good, 65, &[3])),
    ];
    for (name, batch) in broken {
        produce(&mut case, name, "corrupt", move |_| batch.clone());
    }
    produce(&mut case, "no record", "corrupt", |_| batches::plain(0));
    case
}

fn limits() -> Case {
    let mut case = Case::new("sizes");
    case.topic("small", 1, &[("max.message.bytes", "100")]);
    case.topic("segments", 1, &[("segment.bytes", "1048576"), ("max.message.bytes", "9000000")]);
    for count in [1, 4, 20] {
        produce(&mut case, &format!("{count} records of at most 100 bytes"), "small", move |_| {
            plain(count)
        });
    }
    produce(&mut case, "compressed to fit", "small", |_| compressed(CompressionType::Gzip, 6));
    produce(&mut case, "larger than a segment", "segments", |_| {
        let mut builder = BatchBuilder::new(BatchOptions::default());
        let value = vec![b'x'; 1_100_000];
        builder.append(TIME, None, Some(&value), &[]).expect("one record");
        builder.build().expect("nothing to compress").freeze()
    });
    case
}

fn times() -> Case {
    let mut case = Case::new("timestamps");
    case.topic("time-create", 1, &[]);
    case.topic("time-append", 1, &[("message.timestamp.type", "LogAppendTime")]);
    case.topic(
        "time-limits",
        1,
        &[("message.timestamp.before.max.ms", "1000"), ("message.timestamp.after.max.ms", "1000")],
    );
    for topic in ["time-create", "time-append", "time-limits"] {
        for (name, time) in
            [("now long ago", TIME), ("-1", -1), ("0", 0), ("the far future", i64::MAX)]
        {
            for version in [3, 8, BY_NAME] {
                case.ask(version, &format!("{name} to {topic}"), move |_| {
                    request(topic, 0, Some(timed(time)))
                });
            }
        }
    }
    produce(&mut case, "three records to LogAppendTime", "time-append", |_| plain(3));
    produce(&mut case, "three old records", "time-limits", |_| plain(3));
    produce(&mut case, "three old records, compressed", "time-limits", |_| {
        compressed(CompressionType::Zstd, 3)
    });
    case
}

fn compacted() -> Case {
    let mut case = Case::new("compacted topics");
    case.topic("compacted", 1, &[("cleanup.policy", "compact")]);
    produce(&mut case, "records with keys", "compacted", |_| plain(3));
    for (name, kind) in [("plain", CompressionType::None), ("gzip", CompressionType::Gzip)] {
        produce(&mut case, &format!("a record without a key, {name}"), "compacted", move |_| {
            let options = BatchOptions {
                compression: ottla_wire::records::Compression::of(kind),
                ..Default::default()
            };
            let mut builder = BatchBuilder::new(options);
            builder.append(TIME, Some(b"k"), Some(b"v"), &[]).expect("a small record");
            builder.append(TIME, None, Some(b"v"), &[]).expect("a small record");
            builder.append(TIME, None, None, &[]).expect("a small record");
            builder.build().expect("every codec is there").freeze()
        });
    }
    case
}

fn init(case: &mut Case, name: &str) {
    case.ask(5, "a producer id", |_| InitProducerIdRequest {
        transaction_timeout_ms: 60_000,
        ..Default::default()
    })
    .learn(name, "producerId");
}

fn sequences() -> Case {
    let mut case = Case::new("sequences");
    case.topic("seq", 1, &[]);
    init(&mut case, "producer");
    let steps: [(&str, i64, i16, i32); 16] = [
        ("first", 2, 0, 0),
        ("second", 3, 0, 2),
        ("second again", 3, 0, 2),
        ("first again", 2, 0, 0),
        ("a gap", 1, 0, 9),
        ("half of the second", 1, 0, 2),
        ("across both", 5, 0, 0),
        ("a negative sequence", 1, 0, -1),
        ("third", 1, 0, 5),
        ("fourth", 1, 0, 6),
        ("fifth", 1, 0, 7),
        ("sixth", 1, 0, 8),
        ("seventh", 1, 0, 9),
        ("first, forgotten by now", 2, 0, 0),
        ("second, remembered no more", 3, 0, 2),
        ("third, still remembered", 1, 0, 5),
    ];
    for (name, count, epoch, sequence) in steps {
        produce(&mut case, name, "seq", move |known| {
            sequenced(count, Producer { id: known.number("producer"), epoch, sequence })
        });
    }
    produce(&mut case, "two batches in one request", "seq", |known| {
        let id = known.number("producer");
        joined(
            &sequenced(1, Producer { id, epoch: 0, sequence: 10 }),
            &sequenced(1, Producer { id, epoch: 0, sequence: 11 }),
        )
    });
    describe_producers(&mut case, "seq");
    case
}

fn epochs() -> Case {
    let mut case = Case::new("epochs of producers");
    case.topic("epochs", 1, &[]);
    init(&mut case, "fenced");
    let steps: [(&str, i64, i16, i32); 9] = [
        ("a first sequence that is not 0", 1, 0, 5),
        ("epoch 1 at once", 1, 1, 0),
        ("an older epoch", 1, 0, 0),
        ("a newer epoch not from 0", 1, 2, 1),
        ("a newer epoch from 0", 1, 2, 0),
        ("goes on", 1, 2, 1),
        ("a negative epoch", 1, -1, 2),
        ("an older epoch again", 1, 1, 2),
        ("the largest epoch", 1, i16::MAX, 0),
    ];
    for (name, count, epoch, sequence) in steps {
        produce(&mut case, name, "epochs", move |known| {
            sequenced(count, Producer { id: known.number("fenced"), epoch, sequence })
        });
    }
    describe_producers(&mut case, "epochs");
    init(&mut case, "wrapping");
    for (name, count, sequence) in
        [("near the end", 1, i32::MAX - 1), ("over the end", 3, i32::MAX), ("after the end", 1, 2)]
    {
        produce(&mut case, name, "epochs", move |known| {
            sequenced(count, Producer { id: known.number("wrapping"), epoch: 0, sequence })
        });
    }
    produce(&mut case, "a producer id that nobody gave out", "epochs", |_| {
        sequenced(1, Producer { id: 99_999_999, epoch: 0, sequence: 0 })
    });
    case
}

fn describe_producers(case: &mut Case, topic: &'static str) {
    let name = format!("producers of {topic}");
    case.ask(0, &name, move |_| DescribeProducersRequest {
        topics: vec![
            TopicRequest {
                name: topic.to_owned(),
                partition_indexes: vec![0, 1, -1],
                ..Default::default()
            },
            TopicRequest {
                name: "no-such-topic".to_owned(),
                partition_indexes: vec![0],
                ..Default::default()
            },
            TopicRequest { name: "a/b".to_owned(), ..Default::default() },
        ],
        ..Default::default()
    });
}

fn producer_ids() -> Case {
    let mut case = Case::new("producer ids");
    case.versions("a new one", |_, _| InitProducerIdRequest {
        transaction_timeout_ms: 60_000,
        ..Default::default()
    });
    for (name, producer_id, producer_epoch) in
        [("a known id and epoch", 0_i64, 0_i16), ("an id alone", 5, -1), ("an epoch alone", -1, 3)]
    {
        for version in [3, 4, 5] {
            case.ask(version, name, move |_| InitProducerIdRequest {
                transaction_timeout_ms: 60_000,
                producer_id,
                producer_epoch,
                ..Default::default()
            });
        }
    }
    case.versions("an empty transactional id", |_, _| InitProducerIdRequest {
        transactional_id: Some(String::new()),
        transaction_timeout_ms: 60_000,
        ..Default::default()
    });
    case.ask(5, "a time-out of -1", |_| InitProducerIdRequest {
        transaction_timeout_ms: -1,
        ..Default::default()
    });
    case
}
