//! Groups of the consumer protocol (KIP-848): beats, descriptions, and members of both protocols in one group.

use crate::differ::book::{Case, Step, unknown_id};
use crate::differ::cases::terms::{some, text};
use crate::differ::known::Known;
use bytes::Bytes;
use ottla_wire::messages::consumer_group_heartbeat_request::TopicPartitions;
use ottla_wire::messages::join_group_request::JoinGroupRequestProtocol;
use ottla_wire::messages::leave_group_request::MemberIdentity;
use ottla_wire::messages::offset_commit_request::{
    OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use ottla_wire::messages::offset_delete_request::{
    OffsetDeleteRequestPartition, OffsetDeleteRequestTopic,
};
use ottla_wire::messages::offset_fetch_request::OffsetFetchRequestGroup;
use ottla_wire::messages::{
    ConsumerGroupDescribeRequest, ConsumerGroupHeartbeatRequest, DeleteGroupsRequest,
    DescribeGroupsRequest, HeartbeatRequest, JoinGroupRequest, LeaveGroupRequest,
    ListGroupsRequest, OffsetCommitRequest, OffsetDeleteRequest, OffsetFetchRequest,
    SyncGroupRequest,
};

use super::membership::{alone, join};

const BEAT: i16 = 1;

pub fn cases() -> Vec<Case> {
    vec![wrong_beats(), life(), static_member(), expressions(), mixed(), descriptions()]
}

fn first(group: &str, member: &str) -> ConsumerGroupHeartbeatRequest {
    ConsumerGroupHeartbeatRequest {
        group_id: text(group),
        member_id: text(member),
        rebalance_timeout_ms: 60_000,
        subscribed_topic_names: Some(vec![text("consumed")]),
        topic_partitions: Some(Vec::new()),
        ..Default::default()
    }
}

fn later(group: &str, member: &str, member_epoch: i32) -> ConsumerGroupHeartbeatRequest {
    ConsumerGroupHeartbeatRequest {
        group_id: text(group),
        member_id: text(member),
        member_epoch,
        ..Default::default()
    }
}

fn beat<'a>(
    case: &'a mut Case,
    name: &str,
    request: ConsumerGroupHeartbeatRequest,
) -> &'a mut Step {
    case.ask(BEAT, name, move |_| request.clone())
}

fn wrong_beats() -> Case {
    let mut case = Case::new("beats of the consumer protocol that are refused");
    let good = || first("wrong", "m");
    type Request = ConsumerGroupHeartbeatRequest;
    let requests = [
        ("no member id", Request { member_id: String::new(), member_epoch: 1, ..good() }),
        ("no member id to leave", Request { member_id: String::new(), member_epoch: -1, ..good() }),
        ("a blank member id", Request { member_id: text(" "), member_epoch: 1, ..good() }),
        ("no group id", Request { group_id: String::new(), ..good() }),
        ("a blank group id", Request { group_id: text("  "), ..good() }),
        ("an empty instance id", Request { instance_id: some(""), ..good() }),
        ("an empty rack", Request { rack_id: some(""), ..good() }),
        ("no rebalance time-out", Request { rebalance_timeout_ms: -1, ..good() }),
        ("no partitions", Request { topic_partitions: None, ..good() }),
        (
            "partitions in a join",
            Request {
                topic_partitions: Some(vec![TopicPartitions {
                    topic_id: unknown_id(),
                    partitions: vec![0],
                    ..Default::default()
                }]),
                ..good()
            },
        ),
        ("no subscription", Request { subscribed_topic_names: None, ..good() }),
        ("epoch -2 without an instance", Request { member_epoch: -2, ..good() }),
        ("epoch -3", Request { member_epoch: -3, ..good() }),
        ("an unknown assignor", Request { server_assignor: some("mine"), ..good() }),
        ("an empty assignor", Request { server_assignor: some(""), ..good() }),
        ("a group that is not there", Request { member_epoch: 1, ..good() }),
        ("leaves a group that is not there", Request { member_epoch: -1, ..good() }),
        (
            "leaves a group that is not there for a while",
            Request { member_epoch: -2, instance_id: some("i"), ..good() },
        ),
    ];
    for (name, request) in requests {
        for version in [0, BEAT] {
            let request = request.clone();
            case.ask(version, name, move |_| request.clone()).patient();
        }
    }
    case.ask(0, "a member id of the coordinator's", |_| first("made", ""))
        .patient()
        .learn("made", "memberId");
    case.ask(0, "beats with it", |known| later("made", &known.text("made"), 1));
    case
}

fn life() -> Case {
    const GROUP: &str = "consumer-life";
    let mut case = Case::new("the life of a member of the consumer protocol");
    case.topic("consumed", 3, &[]);
    beat(&mut case, "joins", first(GROUP, "m")).patient();
    beat(&mut case, "beats", later(GROUP, "m", 2));
    beat(&mut case, "joins again", first(GROUP, "m"));
    for epoch in [1, 3] {
        beat(&mut case, &format!("beats with epoch {epoch}"), later(GROUP, "m", epoch));
    }
    beat(&mut case, "a stranger beats", later(GROUP, "nobody", 2));
    beat(&mut case, "a stranger leaves", later(GROUP, "nobody", -1));
    let told = move |member_epoch| {
        move |known: &Known| ConsumerGroupHeartbeatRequest {
            member_epoch,
            topic_partitions: Some(vec![TopicPartitions {
                topic_id: known.id("consumed"),
                partitions: vec![0, 1, 2],
                ..Default::default()
            }]),
            ..first(GROUP, "m")
        }
    };
    case.ask(BEAT, "tells everything", told(2));
    case.ask(BEAT, "tells everything with an old epoch", told(1));
    commits(&mut case, GROUP);
    tools(&mut case, GROUP);
    beat(&mut case, "leaves", later(GROUP, "m", -1));
    beat(&mut case, "beats after it left", later(GROUP, "m", 2));
    describe(&mut case, "an empty group", &[GROUP]);
    case.ask(2, "an empty group is deleted", |_| DeleteGroupsRequest {
        groups_names: vec![text(GROUP)],
        ..Default::default()
    });
    describe(&mut case, "a deleted group", &[GROUP]);
    case
}

fn commits(case: &mut Case, group: &'static str) {
    for (version, member, epoch) in
        [(9, "m", 2), (9, "m", 1), (9, "m", 3), (8, "m", 2), (9, "nobody", 2), (9, "", -1)]
    {
        let name = format!("{member:?} commits with epoch {epoch} v{version}");
        case.ask(version, &name, move |_| OffsetCommitRequest {
            group_id: text(group),
            member_id: text(member),
            generation_id_or_member_epoch: epoch,
            topics: vec![OffsetCommitRequestTopic {
                name: text("consumed"),
                partitions: vec![OffsetCommitRequestPartition {
                    committed_offset: 5,
                    ..Default::default()
                }],
                ..Default::default()
            }],
            ..Default::default()
        });
    }
    for (member, epoch) in
        [(Some("m"), 2), (Some("m"), 1), (Some("nobody"), 2), (None, -1), (None, 2), (Some(""), -1)]
    {
        let name = format!("{member:?} fetches with epoch {epoch}");
        case.ask(9, &name, move |_| OffsetFetchRequest {
            groups: vec![OffsetFetchRequestGroup {
                group_id: text(group),
                member_id: member.map(text),
                member_epoch: epoch,
                topics: None,
                ..Default::default()
            }],
            ..Default::default()
        });
    }
    case.ask(0, "offsets in use are not deleted", move |_| OffsetDeleteRequest {
        group_id: text(group),
        topics: vec![OffsetDeleteRequestTopic {
            name: text("consumed"),
            partitions: vec![OffsetDeleteRequestPartition { partition_index: 0 }],
        }],
    });
}

fn tools(case: &mut Case, group: &'static str) {
    for version in [5, 6] {
        case.ask(version, "is no classic group", move |_| DescribeGroupsRequest {
            groups: vec![text(group)],
            ..Default::default()
        });
    }
    for (states, types) in [("Stable", "consumer"), ("stable", "Consumer"), ("Empty", "consumer")] {
        case.ask(5, &format!("groups in state {states} of type {types}"), move |_| {
            ListGroupsRequest {
                states_filter: vec![text(states)],
                types_filter: vec![text(types)],
                ..Default::default()
            }
        });
    }
    case.versions("is described", move |_, _| ConsumerGroupDescribeRequest {
        group_ids: vec![text(group)],
        include_authorized_operations: true,
        ..Default::default()
    });
    case.ask(2, "can't be deleted", move |_| DeleteGroupsRequest {
        groups_names: vec![text(group)],
        ..Default::default()
    });
    case.ask(4, "beats as a classic member", move |_| HeartbeatRequest {
        group_id: text(group),
        member_id: text("m"),
        generation_id: 2,
        ..Default::default()
    });
    case.ask(5, "syncs as a classic member", move |_| SyncGroupRequest {
        group_id: text(group),
        member_id: text("m"),
        generation_id: 2,
        protocol_type: some("consumer"),
        protocol_name: some("range"),
        ..Default::default()
    });
}

fn describe<'a>(case: &'a mut Case, name: &str, groups: &'static [&str]) -> &'a mut Step {
    case.ask(1, name, move |_| ConsumerGroupDescribeRequest {
        group_ids: groups.iter().map(|group| text(group)).collect(),
        ..Default::default()
    })
}

fn static_member() -> Case {
    const GROUP: &str = "consumer-static";
    let mut case = Case::new("a static member of the consumer protocol");
    let owned = |request: ConsumerGroupHeartbeatRequest| ConsumerGroupHeartbeatRequest {
        instance_id: some("i"),
        ..request
    };
    beat(&mut case, "joins", owned(first(GROUP, "one"))).patient();
    beat(&mut case, "another one takes its place too early", owned(first(GROUP, "two")));
    beat(&mut case, "another one beats", owned(later(GROUP, "two", 2)));
    beat(&mut case, "another one leaves", owned(later(GROUP, "two", -1)));
    let nobody = ConsumerGroupHeartbeatRequest { instance_id: some("j"), ..later(GROUP, "one", 2) };
    beat(&mut case, "beats as an unknown instance", nobody);
    beat(&mut case, "leaves for a while", owned(later(GROUP, "one", -2)));
    describe(&mut case, "it is away", &[GROUP]);
    beat(&mut case, "beats while it is away", owned(later(GROUP, "one", 2)));
    beat(&mut case, "another one takes its place", owned(first(GROUP, "two")));
    describe(&mut case, "another one is there", &[GROUP]);
    beat(&mut case, "the first one beats", owned(later(GROUP, "one", 2)));
    case.ask(5, "is removed by its instance id", |_| LeaveGroupRequest {
        group_id: text(GROUP),
        members: vec![MemberIdentity { group_instance_id: some("i"), ..Default::default() }],
        ..Default::default()
    });
    describe(&mut case, "nobody is there", &[GROUP]);
    case
}

fn expressions() -> Case {
    const GROUP: &str = "consumer-regex";
    let mut case = Case::new("subscriptions by regular expression");
    let with = |regex: &str| ConsumerGroupHeartbeatRequest {
        subscribed_topic_names: None,
        subscribed_topic_regex: some(regex),
        ..first(GROUP, "m")
    };
    for wrong in ["(", "[a", "*", "a**", "a{2,1}", "\\k", "(?=a)", "a{1001}"] {
        beat(&mut case, &format!("joins with {wrong:?}"), with(wrong)).patient();
    }
    beat(&mut case, "joins", with("consum.d"));
    describe(&mut case, "the topics are found", &[GROUP])
        .until("groups[0].groupState", "Assigning");
    beat(&mut case, "beats", later(GROUP, "m", 1)).until("memberEpoch", "2");
    describe(&mut case, "is described", &[GROUP]);
    beat(&mut case, "leaves", later(GROUP, "m", -1));
    case
}

/// A subscription to one topic, version 1, nothing owned.
fn subscription() -> Bytes {
    let mut bytes = vec![0, 1, 0, 0, 0, 1, 0, 8];
    bytes.extend_from_slice(b"consumed");
    bytes.extend_from_slice(&[0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0]);
    bytes.into()
}

fn mixed() -> Case {
    const GROUP: &str = "consumer-mixed";
    let mut case = Case::new("members of both protocols in one group");
    let classic = |member: String| JoinGroupRequest {
        protocols: vec![JoinGroupRequestProtocol {
            name: text("range"),
            metadata: subscription(),
            ..Default::default()
        }],
        ..join(GROUP, member)
    };
    beat(&mut case, "a consumer joins", first(GROUP, "m")).patient();
    case.ask(9, "a classic member asks for an id", move |_| classic(String::new()))
        .learn("classic", "memberId");
    case.ask(9, "a classic member of another type joins", move |_| JoinGroupRequest {
        protocol_type: text("connect"),
        ..classic(text("x"))
    });
    case.ask(9, "a classic member without protocols joins", move |_| JoinGroupRequest {
        protocols: Vec::new(),
        ..classic(text("x"))
    });
    case.ask(9, "a classic member that can't be read joins", move |_| JoinGroupRequest {
        protocols: vec![JoinGroupRequestProtocol { name: text("range"), ..Default::default() }],
        ..classic(text("x"))
    });
    case.ask(9, "a static member that nobody knows joins", move |_| JoinGroupRequest {
        group_instance_id: some("i"),
        ..classic(text("x"))
    });
    case.ask(9, "a classic member joins", move |known| classic(known.text("classic")))
        .learn("generation", "generationId");
    for more in [0, 1] {
        case.ask(4, &format!("it beats, {more} ahead"), move |known| HeartbeatRequest {
            group_id: text(GROUP),
            member_id: known.text("classic"),
            generation_id: known.number::<i32>("generation") + more,
            ..Default::default()
        });
    }
    case.ask(5, "a stranger syncs", |_| SyncGroupRequest {
        group_id: text(GROUP),
        member_id: text("nobody"),
        protocol_type: some("consumer"),
        protocol_name: some("range"),
        ..Default::default()
    });
    case.ask(5, "it syncs another protocol", |known| SyncGroupRequest {
        group_id: text(GROUP),
        member_id: known.text("classic"),
        generation_id: known.number("generation"),
        protocol_type: some("consumer"),
        protocol_name: some("roundrobin"),
        ..Default::default()
    });
    beat(&mut case, "the consumer leaves", later(GROUP, "m", -1));
    case.ask(6, "the group is a classic one", |_| DescribeGroupsRequest {
        groups: vec![text(GROUP)],
        ..Default::default()
    });
    case.ask(5, "the classic member leaves", |known| LeaveGroupRequest {
        group_id: text(GROUP),
        members: vec![MemberIdentity { member_id: known.text("classic"), ..Default::default() }],
        ..Default::default()
    });
    beat(&mut case, "a consumer joins the empty group", first(GROUP, "m"));
    case
}

fn descriptions() -> Case {
    let mut case = Case::new("descriptions of consumer groups");
    alone(&mut case, "described-classic", "c");
    for group in ["not-there", "", "described-classic"] {
        case.versions(&format!("group {group:?}"), move |_, _| ConsumerGroupDescribeRequest {
            group_ids: vec![text(group)],
            include_authorized_operations: true,
            ..Default::default()
        });
    }
    describe(&mut case, "no group", &[]);
    beat(&mut case, "a beat to a classic group", later("described-classic", "m", 1));
    beat(&mut case, "a leave from a classic group", later("described-classic", "m", -1));
    case
}
