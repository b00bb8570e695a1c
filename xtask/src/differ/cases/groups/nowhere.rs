//! Groups and transactional ids that nobody coordinates: what is refused without asking a coordinator.
//!
//! Has to come before all else: the topics of the coordinators are not there yet.

use super::membership::{join, sync};
use crate::differ::book::{Case, unknown_id};
use crate::differ::cases::batches::{Producer, transactional};
use crate::differ::cases::terms::{some, text};
use crate::differ::cases::transactions::terms::{
    PRODUCE_V1, PRODUCE_V2, Places, add_offsets_request, add_request, end_request, init_request,
    produce_request,
};
use ottla_wire::Uuid;
use ottla_wire::messages::leave_group_request::MemberIdentity;
use ottla_wire::messages::offset_commit_request::{
    OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use ottla_wire::messages::offset_delete_request::{
    OffsetDeleteRequestPartition, OffsetDeleteRequestTopic,
};
use ottla_wire::messages::offset_fetch_request::{
    OffsetFetchRequestGroup, OffsetFetchRequestTopic, OffsetFetchRequestTopics,
};
use ottla_wire::messages::txn_offset_commit_request::{
    TxnOffsetCommitRequestPartition, TxnOffsetCommitRequestTopic,
};
use ottla_wire::messages::{
    ConsumerGroupDescribeRequest, ConsumerGroupHeartbeatRequest, DeleteGroupsRequest,
    DescribeGroupsRequest, DescribeTransactionsRequest, HeartbeatRequest, InitProducerIdRequest,
    JoinGroupRequest, LeaveGroupRequest, ListGroupsRequest, ListTransactionsRequest,
    OffsetCommitRequest, OffsetDeleteRequest, OffsetFetchRequest, SyncGroupRequest,
    TxnOffsetCommitRequest,
};

const TOPIC: &str = "nowhere";
/// No group, and one that has no coordinator.
const GROUPS: [&str; 2] = ["", "nowhere"];

pub fn cases() -> Vec<Case> {
    vec![members(), offsets(), fetches(), descriptions(), transactions(), commits()]
}

fn members() -> Case {
    let mut case = Case::new("members without a coordinator");
    case.topic(TOPIC, 1, &[]);
    for group in GROUPS {
        for (name, member, session_timeout_ms) in [
            ("a new member", "", 30_000),
            ("a known member", "m", 30_000),
            ("a session too short", "m", 1),
            ("a session too long", "", i32::MAX),
        ] {
            case.versions(&format!("{name} joins {group:?}"), move |_, _| JoinGroupRequest {
                session_timeout_ms,
                ..join(group, text(member))
            });
        }
        case.versions(&format!("joins {group:?} without a protocol"), move |_, _| {
            JoinGroupRequest {
                protocol_type: String::new(),
                protocols: Vec::new(),
                ..join(group, text("m"))
            }
        });
        case.versions(&format!("syncs with {group:?}"), move |_, version| SyncGroupRequest {
            protocol_type: some("consumer").filter(|_| version >= 5),
            protocol_name: some("range").filter(|_| version >= 5),
            ..sync(group, text("m"), 1)
        });
        case.ask(5, &format!("syncs with {group:?} without a protocol"), move |_| {
            SyncGroupRequest {
                protocol_type: None,
                protocol_name: None,
                ..sync(group, text("m"), 1)
            }
        });
        case.versions(&format!("beats in {group:?}"), move |_, _| HeartbeatRequest {
            group_id: text(group),
            member_id: text("m"),
            ..Default::default()
        });
        case.versions(&format!("leaves {group:?}"), move |_, version| {
            let member = || MemberIdentity { member_id: text("m"), ..Default::default() };
            LeaveGroupRequest {
                group_id: text(group),
                member_id: if version < 3 { text("m") } else { String::new() },
                members: if version < 3 { Vec::new() } else { vec![member(), member()] },
                ..Default::default()
            }
        });
        for (name, member_epoch, subscribed) in
            [("joins", 0, true), ("beats", 1, false), ("leaves", -1, false), ("lies", -3, false)]
        {
            case.versions(&format!("{name}, {group:?}"), move |_, _| {
                ConsumerGroupHeartbeatRequest {
                    group_id: text(group),
                    member_id: text("m"),
                    member_epoch,
                    rebalance_timeout_ms: 60_000,
                    subscribed_topic_names: subscribed.then(|| vec![text(TOPIC)]),
                    topic_partitions: subscribed.then(Vec::new),
                    ..Default::default()
                }
            });
        }
    }
    case
}

fn committed(topic: &str, topic_id: Uuid, version: i16) -> OffsetCommitRequestTopic {
    OffsetCommitRequestTopic {
        name: if version < 10 { text(topic) } else { String::new() },
        topic_id: if version < 10 { Uuid::ZERO } else { topic_id },
        partitions: [0, 9]
            .map(|partition_index| OffsetCommitRequestPartition {
                partition_index,
                committed_metadata: Some("m".repeat(5_000)),
                ..Default::default()
            })
            .to_vec(),
        ..Default::default()
    }
}

fn offsets() -> Case {
    let mut case = Case::new("offsets without a coordinator");
    for group in GROUPS {
        case.versions(&format!("commits for {group:?}"), move |known, version| {
            OffsetCommitRequest {
                group_id: text(group),
                generation_id_or_member_epoch: -1,
                topics: vec![
                    committed("no-such-topic", unknown_id(), version),
                    committed(TOPIC, known.id(TOPIC), version),
                ],
                ..Default::default()
            }
        });
        case.versions(&format!("commits nothing for {group:?}"), move |_, _| OffsetCommitRequest {
            group_id: text(group),
            ..Default::default()
        });
        for topics in [
            &[TOPIC] as &'static [&'static str],
            &[TOPIC, "no-such-topic"],
            &["no-such-topic"],
            &[],
        ] {
            case.ask(0, &format!("deletes {topics:?} of {group:?}"), move |_| {
                OffsetDeleteRequest {
                    group_id: text(group),
                    topics: topics
                        .iter()
                        .map(|name| OffsetDeleteRequestTopic {
                            name: text(name),
                            partitions: [0, 9]
                                .map(|partition_index| OffsetDeleteRequestPartition {
                                    partition_index,
                                })
                                .to_vec(),
                        })
                        .collect(),
                }
            });
        }
    }
    case
}

fn fetches() -> Case {
    let mut case = Case::new("fetched offsets without a coordinator");
    for group in GROUPS {
        for everything in [true, false] {
            let name = format!("fetches for {group:?}, everything {everything}");
            case.versions(&name, move |known, version| {
                if version < 8 {
                    let topic = OffsetFetchRequestTopic {
                        name: text(TOPIC),
                        partition_indexes: vec![0, 9],
                        ..Default::default()
                    };
                    return OffsetFetchRequest {
                        group_id: text(group),
                        topics: (!everything).then(|| vec![topic]),
                        ..Default::default()
                    };
                }
                let topic = |name: &str, id| OffsetFetchRequestTopics {
                    name: if version < 10 { text(name) } else { String::new() },
                    topic_id: if version < 10 { Uuid::ZERO } else { id },
                    partition_indexes: vec![0, 9],
                    ..Default::default()
                };
                let topics =
                    vec![topic(TOPIC, known.id(TOPIC)), topic("no-such-topic", unknown_id())];
                OffsetFetchRequest {
                    groups: vec![OffsetFetchRequestGroup {
                        group_id: text(group),
                        topics: (!everything).then_some(topics),
                        ..Default::default()
                    }],
                    ..Default::default()
                }
            });
        }
    }
    case
}

fn descriptions() -> Case {
    let mut case = Case::new("descriptions without a coordinator");
    let groups = || GROUPS.map(text).to_vec();
    case.versions("groups are described", move |_, version| DescribeGroupsRequest {
        groups: groups(),
        include_authorized_operations: version >= 3,
        ..Default::default()
    });
    case.versions("groups of consumers are described", move |_, _| ConsumerGroupDescribeRequest {
        group_ids: groups(),
        ..Default::default()
    });
    case.versions("groups are deleted", move |_, _| DeleteGroupsRequest {
        groups_names: groups(),
        ..Default::default()
    });
    case.versions("groups are listed", |_, _| ListGroupsRequest::default());
    case.versions("transactions are described", move |_, _| DescribeTransactionsRequest {
        transactional_ids: groups(),
        ..Default::default()
    });
    for (name, state) in [("all", None), ("ongoing", Some("Ongoing")), ("strange", Some("Strange"))]
    {
        case.versions(&format!("{name} transactions are listed"), move |_, _| {
            ListTransactionsRequest {
                state_filters: state.map(text).into_iter().collect(),
                ..Default::default()
            }
        });
    }
    case.ask(2, "transactions are listed by a wrong pattern", |_| ListTransactionsRequest {
        transactional_id_pattern: some("("),
        ..Default::default()
    });
    case
}

fn transactions() -> Case {
    let mut case = Case::new("transactions without a coordinator");
    for id in GROUPS {
        for (name, producer_id, producer_epoch, transaction_timeout_ms) in [
            ("a new one", -1, -1, 60_000),
            ("one that comes back", 7, 0, 60_000),
            ("an id alone", 7, -1, 60_000),
            ("an epoch alone", -1, 7, 60_000),
            ("no time", -1, -1, 0),
            ("too much time", -1, -1, i32::MAX),
            ("an epoch alone, no time", -1, 7, 0),
        ] {
            case.versions(&format!("{name}, {id:?}"), move |_, _| InitProducerIdRequest {
                producer_id,
                producer_epoch,
                transaction_timeout_ms,
                ..init_request(id)
            });
        }
        let lists: [(&str, Places<'static>); 3] = [
            ("a partition", &[(TOPIC, &[0])]),
            ("one that is not there", &[(TOPIC, &[0, 9])]),
            ("nothing", &[]),
        ];
        for (name, places) in lists {
            case.versions(&format!("adds {name}, {id:?}"), move |_, version| {
                add_request(version, id, (7, 0), places)
            });
        }
        for group in GROUPS {
            case.versions(&format!("adds group {group:?}, {id:?}"), move |_, _| {
                add_offsets_request(id, (7, 0), group)
            });
        }
        for committed in [true, false] {
            case.versions(&format!("ends {committed}, {id:?}"), move |_, _| {
                end_request(id, (7, 0), committed)
            });
        }
    }
    case
}

fn commits() -> Case {
    let mut case = Case::new("transactional offsets without a coordinator");
    for (group, id) in [("", ""), ("", "nowhere"), ("nowhere", ""), ("nowhere", "nowhere")] {
        for (topic, index) in [(TOPIC, 0), (TOPIC, 9), ("no-such-topic", 0)] {
            let name = format!("{topic} {index} for {group:?} of {id:?}");
            case.versions(&name, move |known, version| TxnOffsetCommitRequest {
                transactional_id: text(id),
                group_id: text(group),
                producer_id: 7,
                producer_epoch: 0,
                generation_id_or_member_epoch: -1,
                topics: vec![TxnOffsetCommitRequestTopic {
                    name: if version < 6 { text(topic) } else { String::new() },
                    topic_id: match (version, topic) {
                        (..6, _) => Uuid::ZERO,
                        (_, TOPIC) => known.id(TOPIC),
                        _ => unknown_id(),
                    },
                    partitions: vec![TxnOffsetCommitRequestPartition {
                        partition_index: index,
                        ..Default::default()
                    }],
                    ..Default::default()
                }],
                ..Default::default()
            });
        }
    }
    for version in [PRODUCE_V1, PRODUCE_V2] {
        for id in GROUPS {
            case.ask(version, &format!("a write of {id:?}"), move |_| {
                let batch = transactional(2, Producer { id: 7, epoch: 0, sequence: 0 });
                produce_request(Some(id), TOPIC, 0, batch)
            });
        }
    }
    case
}
