//! Fetch: by name and by id, with and without sessions.

use super::batches::{compressed, plain, timed};
use crate::differ::book::{Case, Step, unknown_id};
use crate::differ::known::Known;
use bytes::Bytes;
use ottla_wire::messages::fetch_request::{
    FetchPartition, FetchTopic, ForgottenTopic, ReplicaState,
};
use ottla_wire::messages::produce_request::{PartitionProduceData, TopicProduceData};
use ottla_wire::messages::{FetchRequest, ProduceRequest};
use ottla_wire::records::CompressionType;
use ottla_wire::{Records, Uuid};

/// The newest version with topics by name.
const BY_NAME: i16 = 12;

pub fn cases() -> Vec<Case> {
    vec![good(), every_codec(), positions(), limits(), wrong_places(), sessions(), session_faults()]
}

/// Puts a batch into a partition, whatever the answer.
fn fill(case: &mut Case, topic: &'static str, index: i32, batch: Bytes) {
    case.ask(BY_NAME, "set up records", move |_| ProduceRequest {
        acks: -1,
        timeout_ms: 5_000,
        topic_data: vec![TopicProduceData {
            name: topic.to_owned(),
            partition_data: vec![PartitionProduceData {
                index,
                records: Some(Records::Bytes(batch.clone())),
                ..Default::default()
            }],
            ..Default::default()
        }],
        ..Default::default()
    });
}

fn partition(partition: i32, fetch_offset: i64) -> FetchPartition {
    FetchPartition { partition, fetch_offset, partition_max_bytes: 1 << 20, ..Default::default() }
}

fn named(topic: &str, partitions: Vec<FetchPartition>) -> FetchTopic {
    FetchTopic { topic: topic.to_owned(), partitions, ..Default::default() }
}

/// A request outside of any session.
fn request(topics: Vec<FetchTopic>) -> FetchRequest {
    FetchRequest {
        replica_id: -1,
        max_wait_ms: 0,
        min_bytes: 0,
        max_bytes: 50 << 20,
        session_epoch: -1,
        topics,
        ..Default::default()
    }
}

fn fetch<'a>(
    case: &'a mut Case,
    name: &str,
    request: impl Fn(&Known) -> FetchRequest + 'static,
) -> &'a mut Step {
    case.ask(BY_NAME, name, request)
}

/// Topics by their ids where the version wants them so.
fn fitted(known: &Known, version: i16, mut request: FetchRequest) -> FetchRequest {
    if version > BY_NAME {
        for topic in &mut request.topics {
            topic.topic_id = known.id(&topic.topic);
            topic.topic = String::new();
        }
    }
    if version >= 15 {
        request.replica_id = -1;
    }
    if version < 7 {
        request.session_epoch = -1;
    }
    request
}

fn good() -> Case {
    let mut case = Case::new("fetch");
    case.topic("fetch-a", 2, &[]);
    fill(&mut case, "fetch-a", 0, plain(3));
    fill(&mut case, "fetch-a", 0, plain(2));
    fill(&mut case, "fetch-a", 1, timed(5));
    case.versions("two partitions", |known, version| {
        let partitions = vec![partition(0, 0), partition(1, 0)];
        fitted(known, version, request(vec![named("fetch-a", partitions)]))
    });
    case.versions("from within a batch", |known, version| {
        fitted(known, version, request(vec![named("fetch-a", vec![partition(0, 4)])]))
    });
    case.versions("read committed", |known, version| FetchRequest {
        isolation_level: 1,
        ..fitted(known, version, request(vec![named("fetch-a", vec![partition(0, 0)])]))
    });
    case.versions("beyond the end", |known, version| {
        fitted(known, version, request(vec![named("fetch-a", vec![partition(0, 6)])]))
    });
    case.versions("at the end", |known, version| {
        fitted(known, version, request(vec![named("fetch-a", vec![partition(0, 5)])]))
    });
    case
}

fn every_codec() -> Case {
    let mut case = Case::new("fetch every codec");
    case.topic("fetch-codecs", 5, &[]);
    let codecs = [
        CompressionType::None,
        CompressionType::Gzip,
        CompressionType::Snappy,
        CompressionType::Lz4,
        CompressionType::Zstd,
    ];
    for (index, kind) in (0..).zip(codecs) {
        fill(&mut case, "fetch-codecs", index, compressed(kind, 10));
        for version in [4, 9, 10, BY_NAME] {
            case.ask(version, &format!("{kind:?}"), move |_| {
                request(vec![named("fetch-codecs", vec![partition(index, 0)])])
            });
        }
    }
    for topic in ["codecs", "codec-zstd", "codec-gzip", "codec-none"] {
        fetch(&mut case, &format!("what was produced to {topic}"), move |_| {
            request(vec![named(topic, vec![partition(0, 0)])])
        });
    }
    for topic in ["corrupt", "time-create", "time-append", "seq", "epochs", "compacted", "small"] {
        fetch(&mut case, &format!("what was produced to {topic}"), move |_| {
            request(vec![named(topic, vec![partition(0, 0)])])
        });
    }
    case
}

fn positions() -> Case {
    let mut case = Case::new("positions to fetch from");
    case.topic("positions", 1, &[]);
    fill(&mut case, "positions", 0, plain(3));
    for offset in [-1, -2, 3, 4, i64::MAX, i64::MIN] {
        fetch(&mut case, &format!("offset {offset}"), move |_| {
            request(vec![named("positions", vec![partition(0, offset)])])
        });
    }
    for (current, last_fetched) in
        [(0, -1), (1, -1), (-2, -1), (i32::MAX, -1), (0, 0), (0, 1), (-1, 5), (-1, -2)]
    {
        let name = format!("leader epoch {current}, last fetched {last_fetched}");
        fetch(&mut case, &name, move |_| {
            request(vec![named(
                "positions",
                vec![FetchPartition {
                    current_leader_epoch: current,
                    last_fetched_epoch: last_fetched,
                    ..partition(0, 1)
                }],
            )])
        });
    }
    for replica_id in [-2, -3, 1, 9] {
        fetch(&mut case, &format!("replica {replica_id}"), move |_| FetchRequest {
            replica_id,
            ..request(vec![named("positions", vec![partition(0, 0)])])
        });
    }
    for (replica_id, replica_epoch) in [(-2, -1), (9, 0), (9, -1)] {
        let name = format!("replica {replica_id} with epoch {replica_epoch}");
        case.ask(16, &name, move |known| FetchRequest {
            replica_state: ReplicaState { replica_id, replica_epoch, ..Default::default() },
            ..fitted(known, 16, request(vec![named("positions", vec![partition(0, 0)])]))
        });
    }
    for isolation_level in [2, -1] {
        fetch(&mut case, &format!("isolation level {isolation_level}"), move |_| FetchRequest {
            isolation_level,
            ..request(vec![named("positions", vec![partition(0, 0)])])
        });
    }
    fetch(&mut case, "a rack", |_| FetchRequest {
        rack_id: "r1".to_owned(),
        ..request(vec![named("positions", vec![partition(0, 0)])])
    });
    fetch(&mut case, "a cluster id", |_| FetchRequest {
        cluster_id: Some("another".to_owned()),
        ..request(vec![named("positions", vec![partition(0, 0)])])
    });
    case
}

fn limits() -> Case {
    let mut case = Case::new("limits of a fetch");
    case.topic("limits", 2, &[]);
    for _ in 0..3 {
        fill(&mut case, "limits", 0, plain(2));
        fill(&mut case, "limits", 1, plain(2));
    }
    let both = |max_bytes: i32| {
        vec![
            FetchPartition { partition_max_bytes: max_bytes, ..partition(0, 0) },
            FetchPartition { partition_max_bytes: max_bytes, ..partition(1, 0) },
        ]
    };
    for max_bytes in [0, 1, 90, 170, 200, -1, i32::MIN] {
        fetch(&mut case, &format!("{max_bytes} bytes a partition"), move |_| {
            request(vec![named("limits", both(max_bytes))])
        });
        fetch(&mut case, &format!("{max_bytes} bytes in all"), move |_| FetchRequest {
            max_bytes,
            ..request(vec![named("limits", both(1 << 20))])
        });
    }
    for (min_bytes, max_wait_ms) in
        [(1, 0), (1, 100), (1 << 20, 100), (-1, 100), (0, -1), (1, -1), (i32::MAX, 1)]
    {
        fetch(&mut case, &format!("at least {min_bytes} bytes in {max_wait_ms} ms"), move |_| {
            FetchRequest {
                min_bytes,
                max_wait_ms,
                ..request(vec![named("limits", vec![partition(0, 0)])])
            }
        });
        fetch(&mut case, &format!("{min_bytes} bytes at the end in {max_wait_ms} ms"), move |_| {
            FetchRequest {
                min_bytes,
                max_wait_ms,
                ..request(vec![named("limits", vec![partition(0, 6)])])
            }
        });
    }
    fetch(&mut case, "a partition twice", |_| {
        request(vec![named("limits", vec![partition(0, 0), partition(0, 4)])])
    });
    fetch(&mut case, "a topic twice", |_| {
        request(vec![
            named("limits", vec![partition(0, 0)]),
            named("limits", vec![partition(1, 0)]),
        ])
    });
    case
}

fn wrong_places() -> Case {
    let mut case = Case::new("fetch from what is not there");
    case.topic("there", 1, &[]);
    for version in [4, 7, BY_NAME] {
        for (topic, index) in [
            ("no-such-topic", 0),
            ("a/b", 0),
            ("", 0),
            ("there", 1),
            ("there", -1),
            ("there", i32::MIN),
        ] {
            case.ask(version, &format!("partition {index} of {topic:?}"), move |_| {
                request(vec![named(topic, vec![partition(index, 0)])])
            });
        }
        case.ask(version, "a topic without partitions", |_| {
            request(vec![named("there", Vec::new())])
        });
    }
    for version in [13, 15, 17] {
        for (name, id) in [("an unknown id", unknown_id()), ("the id of zeros", Uuid::ZERO)] {
            case.ask(version, name, move |known| {
                let unknown = FetchTopic {
                    topic_id: id,
                    partitions: vec![partition(0, 0)],
                    ..Default::default()
                };
                let known = FetchTopic {
                    topic_id: known.id("there"),
                    partitions: vec![partition(0, 0)],
                    ..Default::default()
                };
                request(vec![unknown, known])
            });
        }
    }
    case
}

fn in_session(known: &Known, session: &str, epoch: i32, topics: Vec<FetchTopic>) -> FetchRequest {
    let session_id = if session.is_empty() { 0 } else { known.number(session) };
    FetchRequest { session_id, session_epoch: epoch, ..request(topics) }
}

fn sessions() -> Case {
    let mut case = Case::new("fetch sessions");
    case.topic("session-a", 3, &[]);
    case.topic("session-b", 1, &[]);
    fill(&mut case, "session-a", 0, plain(2));
    fetch(&mut case, "a new session", |known| {
        let partitions = vec![partition(0, 0), partition(1, 0)];
        in_session(known, "", 0, vec![named("session-a", partitions)])
    })
    .learn("session", "sessionId");
    fetch(&mut case, "nothing new", |known| in_session(known, "session", 1, Vec::new()));
    fetch(&mut case, "a new position", |known| {
        in_session(known, "session", 2, vec![named("session-a", vec![partition(0, 2)])])
    });
    fill(&mut case, "session-a", 1, plain(1));
    fetch(&mut case, "what came in", |known| in_session(known, "session", 3, Vec::new()));
    fetch(&mut case, "a partition more", |known| {
        let more = vec![
            named("session-b", vec![partition(0, 0)]),
            named("session-a", vec![partition(2, 0), partition(7, 0)]),
        ];
        in_session(known, "session", 4, more)
    });
    fetch(&mut case, "a partition less", |known| FetchRequest {
        forgotten_topics_data: vec![ForgottenTopic {
            topic: "session-a".to_owned(),
            partitions: vec![1, 7, 99],
            ..Default::default()
        }],
        ..in_session(known, "session", 5, Vec::new())
    });
    fetch(&mut case, "a wrong position", |known| {
        in_session(known, "session", 6, vec![named("session-a", vec![partition(0, 99)])])
    });
    fetch(&mut case, "an old epoch", |known| in_session(known, "session", 6, Vec::new()));
    fetch(&mut case, "an epoch too new", |known| in_session(known, "session", 9, Vec::new()));
    fetch(&mut case, "a repaired position", |known| {
        in_session(known, "session", 7, vec![named("session-a", vec![partition(0, 1)])])
    });
    case.ask(13, "the session by ids", |known| in_session(known, "session", 8, Vec::new()));
    fetch(&mut case, "closed", |known| in_session(known, "session", -1, Vec::new()));
    fetch(&mut case, "after its end", |known| in_session(known, "session", 8, Vec::new()));
    case
}

fn session_faults() -> Case {
    let mut case = Case::new("fetch sessions that are not there");
    for (session_id, session_epoch) in
        [(0, 1), (12_345, 1), (12_345, 0), (12_345, -1), (-1, 1), (0, -2), (0, i32::MAX)]
    {
        fetch(&mut case, &format!("session {session_id}, epoch {session_epoch}"), move |_| {
            FetchRequest {
                session_id,
                session_epoch,
                ..request(vec![named("session-a", vec![partition(0, 0)])])
            }
        });
    }
    case.ask(13, "by id, a new session", |known| {
        let topic = FetchTopic {
            topic_id: known.id("session-a"),
            partitions: vec![partition(0, 0)],
            ..Default::default()
        };
        let unknown = FetchTopic {
            topic_id: unknown_id(),
            partitions: vec![partition(0, 0)],
            ..Default::default()
        };
        in_session(known, "", 0, vec![topic, unknown])
    })
    .learn("by-id", "sessionId");
    case.ask(13, "by id, goes on", |known| in_session(known, "by-id", 1, Vec::new()));
    fetch(&mut case, "by name, the session by ids", |known| {
        in_session(known, "by-id", 2, Vec::new())
    });
    case.ask(13, "by id, forgets", |known| FetchRequest {
        forgotten_topics_data: vec![ForgottenTopic {
            topic_id: unknown_id(),
            partitions: vec![0],
            ..Default::default()
        }],
        ..in_session(known, "by-id", 2, Vec::new())
    });
    case
}
