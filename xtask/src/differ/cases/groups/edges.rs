//! What few clients do to a group: strange protocols, batches of leavers, what is named twice.

use super::membership::{alone, join, sync};
use crate::differ::book::Case;
use crate::differ::cases::terms::{some, text};
use bytes::Bytes;
use ottla_wire::messages::join_group_request::JoinGroupRequestProtocol;
use ottla_wire::messages::leave_group_request::MemberIdentity;
use ottla_wire::messages::offset_commit_request::{
    OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use ottla_wire::messages::offset_delete_request::{
    OffsetDeleteRequestPartition, OffsetDeleteRequestTopic,
};
use ottla_wire::messages::sync_group_request::SyncGroupRequestAssignment;
use ottla_wire::messages::{
    DeleteGroupsRequest, DescribeGroupsRequest, HeartbeatRequest, JoinGroupRequest,
    LeaveGroupRequest, ListGroupsRequest, OffsetCommitRequest, OffsetDeleteRequest,
    SyncGroupRequest,
};

const JOIN: i16 = 9;
const SYNC: i16 = 5;

pub fn cases() -> Vec<Case> {
    vec![
        protocols(),
        time_outs(),
        assignments(),
        leavers(),
        states(),
        subscribed(),
        repeated_offsets(),
    ]
}

fn protocol(name: &str, metadata: &'static [u8]) -> JoinGroupRequestProtocol {
    JoinGroupRequestProtocol {
        name: text(name),
        metadata: Bytes::from_static(metadata),
        ..Default::default()
    }
}

/// Joins in the version that needs no member id first.
fn protocols() -> Case {
    let mut case = Case::new("strange protocols of joins");
    let lists: [(&str, Vec<JoinGroupRequestProtocol>); 4] = [
        ("no name", vec![protocol("", b"a")]),
        ("no metadata", vec![protocol("range", b"")]),
        ("metadata that is none", vec![protocol("range", b"\xff\xff\xff")]),
        ("many", (0..100).map(|at| protocol(&format!("p{at}"), b"m")).collect()),
    ];
    for (name, protocols) in lists {
        let group = format!("protocols {name}");
        let request = JoinGroupRequest { protocols, ..join(&group, String::new()) };
        case.ask(3, name, move |_| request.clone()).learn("strange", "memberId");
        let asked = group.clone();
        case.ask(6, &format!("{name}, described"), move |_| DescribeGroupsRequest {
            groups: vec![asked.clone()],
            ..Default::default()
        });
        case.ask(SYNC, &format!("{name}, synced"), move |known| SyncGroupRequest {
            protocol_name: None,
            protocol_type: None,
            ..sync(&group, known.text("strange"), 1)
        });
    }
    for kind in ["connect", "a b", "\u{e9}"] {
        let group = format!("type {kind}");
        let request = JoinGroupRequest { protocol_type: text(kind), ..join(&group, String::new()) };
        case.ask(3, &format!("type {kind:?}"), move |_| request.clone());
        case.ask(6, &format!("type {kind:?}, described"), move |_| DescribeGroupsRequest {
            groups: vec![group.clone()],
            ..Default::default()
        });
    }
    case.ask(JOIN, "a reason", |_| JoinGroupRequest {
        reason: some("because"),
        ..join("reasons", String::new())
    });
    case.ask(JOIN, "a long reason", |_| JoinGroupRequest {
        reason: Some("r".repeat(1_000)),
        ..join("reasons", String::new())
    });
    case
}

fn time_outs() -> Case {
    let mut case = Case::new("time-outs of joins");
    for (session, rebalance) in [
        (6_000, 1),
        (1_800_000, 30_000),
        (30_000, 0),
        (30_000, -1),
        (30_000, i32::MIN),
        (30_000, i32::MAX),
        (5_999, 30_000),
        (1_800_001, 30_000),
        (0, 0),
        (i32::MAX, 1),
    ] {
        for version in [0, 3] {
            case.ask(version, &format!("session {session}, rebalance {rebalance}"), move |_| {
                JoinGroupRequest {
                    session_timeout_ms: session,
                    rebalance_timeout_ms: if version == 0 { -1 } else { rebalance },
                    ..join(&format!("times {session} {rebalance} {version}"), String::new())
                }
            });
        }
    }
    case
}

fn assignments() -> Case {
    let mut case = Case::new("strange assignments");
    case.ask(3, "joins", |_| join("assigned", String::new())).learn("a", "memberId");
    case.ask(SYNC, "gets two", |known| {
        let mut request = sync("assigned", known.text("a"), 1);
        request.assignments.push(SyncGroupRequestAssignment {
            member_id: known.text("a"),
            assignment: Bytes::from_static(b"another"),
            ..Default::default()
        });
        request
    });
    case.ask(SYNC, "again, with another", |known| {
        let mut request = sync("assigned", known.text("a"), 1);
        request.assignments[0].assignment = Bytes::from_static(b"a third");
        request
    });
    case.ask(6, "is described", |_| DescribeGroupsRequest {
        groups: vec![text("assigned")],
        ..Default::default()
    });
    for version in 0..=4 {
        case.ask(version, "an old sync", |known| SyncGroupRequest {
            protocol_name: None,
            protocol_type: None,
            ..sync("assigned", known.text("a"), 1)
        });
    }
    for (name, kind) in [(some("range"), None), (None, some("consumer")), (some(""), some(""))] {
        case.ask(SYNC, &format!("protocol {name:?} of {kind:?}"), move |known| SyncGroupRequest {
            protocol_name: name.clone(),
            protocol_type: kind.clone(),
            ..sync("assigned", known.text("a"), 1)
        });
    }
    case
}

fn leavers() -> Case {
    let mut case = Case::new("batches of leavers");
    case.ask(3, "joins", |_| join("leaving", String::new())).learn("l", "memberId");
    case.ask(SYNC, "syncs", |known| sync("leaving", known.text("l"), 1));
    let named = |member: &str, instance: Option<&str>| MemberIdentity {
        member_id: text(member),
        group_instance_id: instance.map(text),
        reason: some("why not"),
        ..Default::default()
    };
    for version in [3, 4, 5] {
        case.ask(version, "none of the group", move |_| LeaveGroupRequest {
            group_id: text("leaving"),
            members: vec![
                named("x", None),
                named("", Some("i")),
                named("", None),
                named("x", Some("i")),
            ],
            ..Default::default()
        });
    }
    for version in 0..=2 {
        case.ask(version, "a stranger", |_| LeaveGroupRequest {
            group_id: text("leaving"),
            member_id: text("x"),
            ..Default::default()
        });
        case.ask(version, "nobody", |_| LeaveGroupRequest {
            group_id: text("leaving"),
            ..Default::default()
        });
    }
    case.ask(5, "many of them and one that is there", move |known| LeaveGroupRequest {
        group_id: text("leaving"),
        members: (0..50)
            .map(|at| named(&format!("x{at}"), None))
            .chain([named(&known.text("l"), None)])
            .collect(),
        ..Default::default()
    });
    case.ask(4, "beats after it", |known| HeartbeatRequest {
        group_id: text("leaving"),
        generation_id: 1,
        member_id: known.text("l"),
        ..Default::default()
    });
    case
}

fn states() -> Case {
    let mut case = Case::new("groups in every state");
    case.ask(3, "a group that waits for its assignment", |_| join("syncing", String::new()));
    alone(&mut case, "stable-one", "s");
    case.ask(3, "a group that was left", |_| join("left-one", String::new()))
        .learn("gone", "memberId");
    case.ask(0, "leaves", |known| LeaveGroupRequest {
        group_id: text("left-one"),
        member_id: known.text("gone"),
        ..Default::default()
    });
    case.versions("are described", |_, version| DescribeGroupsRequest {
        groups: ["syncing", "stable-one", "left-one", "never-one"].map(text).to_vec(),
        include_authorized_operations: version >= 3,
        ..Default::default()
    });
    for state in
        ["CompletingRebalance", "Empty", "Stable", "PreparingRebalance", "Assigning", "Reconciling"]
    {
        for version in [4, 5] {
            case.ask(version, &format!("those that are {state}"), move |_| ListGroupsRequest {
                states_filter: vec![text(state)],
                ..Default::default()
            });
        }
    }
    case.versions("are deleted", |_, _| DeleteGroupsRequest {
        groups_names: ["syncing", "stable-one", "left-one", "never-one", "left-one"]
            .map(text)
            .to_vec(),
        ..Default::default()
    });
    case
}

/// A consumer's subscription to the topic `sub-a`.
const SUBSCRIBED: &[u8] =
    &[0, 0, 0, 0, 0, 1, 0, 5, b's', b'u', b'b', b'-', b'a', 0xff, 0xff, 0xff, 0xff];

fn commit(group: &str, topics: &[(&str, &[(i32, i64)])]) -> OffsetCommitRequest {
    OffsetCommitRequest {
        group_id: text(group),
        generation_id_or_member_epoch: -1,
        topics: topics
            .iter()
            .map(|(name, partitions)| OffsetCommitRequestTopic {
                name: text(name),
                partitions: partitions
                    .iter()
                    .map(|(partition_index, committed_offset)| OffsetCommitRequestPartition {
                        partition_index: *partition_index,
                        committed_offset: *committed_offset,
                        ..Default::default()
                    })
                    .collect(),
                ..Default::default()
            })
            .collect(),
        ..Default::default()
    }
}

/// Offsets of topics that a group reads can't be deleted.
fn subscribed() -> Case {
    let mut case = Case::new("offsets of a subscription");
    case.topic("sub-a", 3, &[]);
    case.topic("sub-b", 1, &[]);
    case.ask(9, "commits", |_| commit("reading", &[("sub-a", &[(0, 1)]), ("sub-b", &[(0, 1)])]));
    case.ask(3, "joins", |_| JoinGroupRequest {
        protocols: vec![protocol("range", SUBSCRIBED)],
        ..join("reading", String::new())
    })
    .learn("r", "memberId");
    case.ask(SYNC, "syncs", |known| sync("reading", known.text("r"), 1));
    for topics in
        [&["sub-a"] as &'static [&'static str], &["sub-b"], &["sub-a", "sub-b", "no-such-topic"]]
    {
        case.ask(0, &format!("{topics:?} are deleted"), move |_| OffsetDeleteRequest {
            group_id: text("reading"),
            topics: topics
                .iter()
                .map(|name| OffsetDeleteRequestTopic {
                    name: text(name),
                    partitions: vec![OffsetDeleteRequestPartition { partition_index: 0 }],
                })
                .collect(),
        });
    }
    case
}

fn repeated_offsets() -> Case {
    let mut case = Case::new("offsets that are named twice");
    case.versions("a topic twice", |known, version| {
        let topics: &[(&str, &[(i32, i64)])] =
            &[("sub-a", &[(0, 1), (1, 1)]), ("sub-b", &[(0, 5)]), ("sub-a", &[(0, 2), (2, 2)])];
        let mut request = commit("twice", topics);
        if version >= 10 {
            for topic in &mut request.topics {
                topic.topic_id = known.id(&topic.name);
                topic.name = String::new();
            }
        }
        request
    });
    case
}
