//! Members that a group of the consumer protocol does not have, and epochs that its members no longer have.

use super::membership::sync;
use crate::differ::book::{Case, unknown_id};
use crate::differ::cases::terms::{Coordinated, coordinated, some, text};
use crate::differ::cases::transactions::terms::{add_offsets_request, end, init, own};
use crate::differ::known::Known;
use ottla_wire::Uuid;
use ottla_wire::messages::consumer_group_heartbeat_request::TopicPartitions;
use ottla_wire::messages::leave_group_request::MemberIdentity;
use ottla_wire::messages::offset_commit_request::{
    OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use ottla_wire::messages::offset_fetch_request::{
    OffsetFetchRequestGroup, OffsetFetchRequestTopics,
};
use ottla_wire::messages::txn_offset_commit_request::{
    TxnOffsetCommitRequestPartition, TxnOffsetCommitRequestTopic,
};
use ottla_wire::messages::{
    ConsumerGroupDescribeRequest, ConsumerGroupHeartbeatRequest, HeartbeatRequest,
    LeaveGroupRequest, OffsetCommitRequest, OffsetFetchRequest, SyncGroupRequest,
    TxnOffsetCommitRequest,
};

const GROUP: &str = "foreigners";
const TOPIC: &str = "foreign";

pub fn cases() -> Vec<Case> {
    vec![beats(), classic_requests(), commits(), fetches(), transactional_commits()]
}

/// Who says to be in the group, and by how much its epoch is wrong.
const STRANGERS: [(&str, i32); 12] = [
    ("f", 0),
    ("f", -1),
    ("f", 1),
    ("f", -50),
    ("f", i32::MAX - 10),
    ("g", 0),
    ("nobody", 0),
    ("nobody", -1),
    ("", 0),
    ("", -50),
    ("F", 0),
    ("f ", 0),
];

fn epoch(known: &Known, delta: i32) -> i32 {
    known.number::<i32>("foreign.epoch").saturating_add(delta)
}

fn member(member: &str, member_epoch: i32) -> ConsumerGroupHeartbeatRequest {
    ConsumerGroupHeartbeatRequest {
        group_id: text(GROUP),
        member_id: text(member),
        member_epoch,
        rebalance_timeout_ms: 60_000,
        ..Default::default()
    }
}

/// Two members, one of them static; the first one's epoch is learned.
fn beats() -> Case {
    let mut case = Case::new("foreign beats");
    coordinated(&mut case, Coordinated::Group, GROUP);
    case.topic(TOPIC, 2, &[]);
    let joins = |name: &'static str, instance: Option<&str>| ConsumerGroupHeartbeatRequest {
        instance_id: instance.map(text),
        subscribed_topic_names: Some(vec![text(TOPIC)]),
        topic_partitions: Some(Vec::new()),
        ..member(name, 0)
    };
    case.ask(1, "f joins", move |_| joins("f", None))
        .patient()
        .learn("foreign.epoch", "memberEpoch");
    case.ask(1, "g joins", move |_| joins("g", some("instance").as_deref()));
    for (name, delta) in STRANGERS {
        case.ask(1, &format!("{name:?} beats, {delta} off"), move |known| {
            member(name, epoch(known, delta))
        });
    }
    for instance in ["instance", "no-instance", "Instance"] {
        for name in ["f", "g", "nobody", ""] {
            case.ask(1, &format!("{name:?} beats as {instance}"), move |known| {
                ConsumerGroupHeartbeatRequest {
                    instance_id: some(instance),
                    ..member(name, epoch(known, 0))
                }
            });
        }
    }
    let owned: [(&str, &'static [i32], bool); 5] = [
        ("nothing", &[], true),
        ("what it has not", &[0, 1], true),
        ("what there is not", &[0, 9, -1], true),
        ("a topic that is not there", &[0], false),
        ("the same twice", &[0, 0], true),
    ];
    for (name, partitions, is_there) in owned {
        case.ask(1, &format!("f owns {name}"), move |known| ConsumerGroupHeartbeatRequest {
            topic_partitions: Some(vec![TopicPartitions {
                topic_id: if is_there { known.id(TOPIC) } else { unknown_id() },
                partitions: partitions.to_vec(),
                ..Default::default()
            }]),
            ..member("f", epoch(known, 0))
        });
    }
    case.ask(1, "the group is described", |_| ConsumerGroupDescribeRequest {
        group_ids: vec![text(GROUP)],
        ..Default::default()
    });
    case
}

/// Its members speak the consumer protocol alone.
fn classic_requests() -> Case {
    let mut case = Case::new("foreign classic requests");
    for (name, delta) in STRANGERS {
        case.versions(&format!("{name:?} beats, {delta} off"), move |known, _| HeartbeatRequest {
            group_id: text(GROUP),
            member_id: text(name),
            generation_id: epoch(known, delta),
            ..Default::default()
        });
        case.versions(&format!("{name:?} syncs, {delta} off"), move |known, version| {
            let mut request = sync(GROUP, text(name), epoch(known, delta));
            if version < 5 {
                request.protocol_type = None;
                request.protocol_name = None;
            }
            request
        });
    }
    case.ask(5, "f syncs another type", |known| SyncGroupRequest {
        protocol_type: some("connect"),
        ..sync(GROUP, text("f"), epoch(known, 0))
    });
    let named = |member: &str, instance: Option<&str>| MemberIdentity {
        member_id: text(member),
        group_instance_id: instance.map(text),
        ..Default::default()
    };
    for version in [3, 4, 5] {
        case.ask(version, "strangers leave", move |_| LeaveGroupRequest {
            group_id: text(GROUP),
            members: vec![
                named("nobody", None),
                named("", None),
                named("", Some("no-instance")),
                named("f", Some("instance")),
                named("nobody", Some("instance")),
                named("g", Some("no-instance")),
                named("f", Some("no-instance")),
            ],
            ..Default::default()
        });
    }
    for version in 0..=2 {
        case.ask(version, "a stranger leaves", |_| LeaveGroupRequest {
            group_id: text(GROUP),
            member_id: text("nobody"),
            ..Default::default()
        });
    }
    case
}

fn commit(known: &Known, version: i16, name: &str, delta: i32) -> OffsetCommitRequest {
    OffsetCommitRequest {
        group_id: text(GROUP),
        member_id: text(name),
        generation_id_or_member_epoch: epoch(known, delta),
        topics: vec![OffsetCommitRequestTopic {
            name: if version < 10 { text(TOPIC) } else { String::new() },
            topic_id: if version < 10 { Uuid::ZERO } else { known.id(TOPIC) },
            partitions: vec![OffsetCommitRequestPartition {
                committed_offset: 5,
                ..Default::default()
            }],
            ..Default::default()
        }],
        ..Default::default()
    }
}

fn commits() -> Case {
    let mut case = Case::new("foreign commits");
    for (name, delta) in STRANGERS {
        case.versions(&format!("{name:?} commits, {delta} off"), move |known, version| {
            commit(known, version, name, delta)
        });
    }
    for instance in ["instance", "no-instance"] {
        for name in ["f", "g", ""] {
            case.ask(9, &format!("{name:?} commits as {instance}"), move |known| {
                OffsetCommitRequest {
                    group_instance_id: some(instance),
                    ..commit(known, 9, name, 0)
                }
            });
        }
    }
    case
}

fn fetches() -> Case {
    let mut case = Case::new("foreign fetches of offsets");
    for (name, delta) in STRANGERS {
        for version in [9, 10] {
            case.ask(version, &format!("{name:?} fetches, {delta} off"), move |known| {
                OffsetFetchRequest {
                    groups: vec![OffsetFetchRequestGroup {
                        group_id: text(GROUP),
                        member_id: some(name),
                        member_epoch: epoch(known, delta),
                        topics: Some(vec![OffsetFetchRequestTopics {
                            name: if version < 10 { text(TOPIC) } else { String::new() },
                            topic_id: if version < 10 { Uuid::ZERO } else { known.id(TOPIC) },
                            partition_indexes: vec![0, 1],
                            ..Default::default()
                        }]),
                        ..Default::default()
                    }],
                    require_stable: true,
                    ..Default::default()
                }
            });
        }
    }
    case
}

fn transactional_commits() -> Case {
    let mut case = Case::new("foreign commits in a transaction");
    coordinated(&mut case, Coordinated::Transaction, GROUP);
    init(&mut case, GROUP);
    case.ask(4, "the group is added", |known| add_offsets_request(GROUP, own(known, GROUP), GROUP))
        .patient();
    for instance in [None, Some("instance"), Some("no-instance")] {
        for (name, delta) in STRANGERS {
            let what = format!("{name:?} commits as {instance:?}, {delta} off");
            for version in [3, 4, 5] {
                case.ask(version, &what, move |known| {
                    let (producer_id, producer_epoch) = own(known, GROUP);
                    TxnOffsetCommitRequest {
                        transactional_id: text(GROUP),
                        group_id: text(GROUP),
                        producer_id,
                        producer_epoch,
                        generation_id_or_member_epoch: epoch(known, delta),
                        member_id: text(name),
                        group_instance_id: instance.map(text),
                        topics: vec![TxnOffsetCommitRequestTopic {
                            name: text(TOPIC),
                            partitions: vec![TxnOffsetCommitRequestPartition {
                                committed_offset: 9,
                                ..Default::default()
                            }],
                            ..Default::default()
                        }],
                        ..Default::default()
                    }
                });
            }
        }
    }
    end(&mut case, GROUP, true);
    case
}
