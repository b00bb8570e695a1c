//! Membership of classic groups: join, sync, heartbeat, leave, and all that goes wrong.

use crate::differ::book::{Case, Step};
use crate::differ::cases::terms::{some, text};
use crate::differ::known::Known;
use bytes::Bytes;
use ottla_wire::ApiKey;
use ottla_wire::messages::join_group_request::JoinGroupRequestProtocol;
use ottla_wire::messages::leave_group_request::MemberIdentity;
use ottla_wire::messages::sync_group_request::SyncGroupRequestAssignment;
use ottla_wire::messages::{
    DeleteGroupsRequest, DescribeGroupsRequest, FindCoordinatorRequest, HeartbeatRequest,
    JoinGroupRequest, LeaveGroupRequest, ListGroupsRequest, SyncGroupRequest,
};

const JOIN: i16 = 9;
const SYNC: i16 = 5;

pub fn cases() -> Vec<Case> {
    vec![
        coordinators(),
        every_version(),
        wrong_joins(),
        life(),
        two_members(),
        static_members(),
        unknown_groups(),
        lists(),
    ]
}

/// A subscription to no topic, as the consumer's protocol writes it.
const SUBSCRIPTION: &[u8] = &[0, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff];

pub fn join(group: &str, member: String) -> JoinGroupRequest {
    JoinGroupRequest {
        group_id: text(group),
        session_timeout_ms: 30_000,
        rebalance_timeout_ms: 30_000,
        member_id: member,
        protocol_type: text("consumer"),
        protocols: vec![JoinGroupRequestProtocol {
            name: text("range"),
            metadata: Bytes::from_static(SUBSCRIPTION),
            ..Default::default()
        }],
        ..Default::default()
    }
}

pub fn sync(group: &str, member: String, generation_id: i32) -> SyncGroupRequest {
    SyncGroupRequest {
        group_id: text(group),
        generation_id,
        assignments: vec![SyncGroupRequestAssignment {
            member_id: member.clone(),
            assignment: Bytes::from_static(b"assigned"),
            ..Default::default()
        }],
        member_id: member,
        protocol_type: some("consumer"),
        protocol_name: some("range"),
        ..Default::default()
    }
}

fn beat(group: &str, member: String, generation_id: i32) -> HeartbeatRequest {
    HeartbeatRequest {
        group_id: text(group),
        generation_id,
        member_id: member,
        ..Default::default()
    }
}

/// A member that has joined alone and has its assignment.
pub fn alone(case: &mut Case, group: &'static str, member: &'static str) {
    ask_join(case, group, "asks for a member id", "").patient().learn(member, "memberId");
    ask_join(case, group, "joins", member);
    case.ask(SYNC, "gets its assignment", move |known| sync(group, known.text(member), 1));
}

/// Joins as a member that is known by a name; an empty name is a new member.
fn ask_join<'a>(
    case: &'a mut Case,
    group: &'static str,
    name: &str,
    member: &'static str,
) -> &'a mut Step {
    case.ask(JOIN, name, move |known| join(group, known_member(known, member)))
}

fn known_member(known: &Known, member: &str) -> String {
    if member.is_empty() { String::new() } else { known.text(member) }
}

fn coordinators() -> Case {
    let mut case = Case::new("coordinators");
    case.versions("of a group", |_, version| match version {
        0..=3 => FindCoordinatorRequest { key: text("a-group"), ..Default::default() },
        _ => FindCoordinatorRequest {
            coordinator_keys: vec![text("a-group"), text("another")],
            ..Default::default()
        },
    });
    for key_type in [2_i8, 3, -1] {
        case.versions(&format!("keys of type {key_type}"), move |_, version| match version {
            0..=3 => FindCoordinatorRequest { key: text("k"), key_type, ..Default::default() },
            _ => FindCoordinatorRequest {
                coordinator_keys: vec![text("k")],
                key_type,
                ..Default::default()
            },
        });
    }
    for key_type in [1_i8, 2] {
        for key in ["", "t", "g:AAAAAAAAAAAAAAAAAAAAAQ:0", "g:x:0", "g:AAAAAAAAAAAAAAAAAAAAAQ"] {
            case.ask(6, &format!("key {key:?} of type {key_type}"), move |_| {
                FindCoordinatorRequest {
                    coordinator_keys: vec![text(key)],
                    key_type,
                    ..Default::default()
                }
            });
        }
    }
    case.ask(6, "an empty key", |_| FindCoordinatorRequest {
        coordinator_keys: vec![String::new()],
        ..Default::default()
    });
    case.ask(6, "a key twice", |_| FindCoordinatorRequest {
        coordinator_keys: vec![text("a"), text("a")],
        ..Default::default()
    });
    case
}

fn every_version() -> Case {
    let mut case = Case::new("groups in every version");
    for version in 0..=9 {
        let group = format!("g-v{version}");
        let asked = group.clone();
        case.ask(version, "joins", move |_| JoinGroupRequest {
            rebalance_timeout_ms: if version == 0 { -1 } else { 30_000 },
            ..join(&asked, String::new())
        })
        .learn(&format!("member-v{version}"), "memberId");
        if version >= 4 {
            let asked = group.clone();
            case.ask(version, "joins again", move |known| {
                join(&asked, known.text(&format!("member-v{version}")))
            });
        }
        for sync_version in if version == 9 { 5..=5 } else { version.min(5)..=version.min(5) } {
            let asked = group.clone();
            case.ask(sync_version, "gets its assignment", move |known| {
                let member = known.text(&format!("member-v{version}"));
                let mut request = sync(&asked, member, 1);
                if sync_version < 5 {
                    request.protocol_type = None;
                    request.protocol_name = None;
                }
                request
            });
        }
        let asked = group.clone();
        case.ask(version.min(4), "beats", move |known| {
            beat(&asked, known.text(&format!("member-v{version}")), 1)
        });
        let asked = group.clone();
        case.ask(version.min(6), "is described", move |_| DescribeGroupsRequest {
            groups: vec![asked.clone()],
            include_authorized_operations: version >= 3,
            ..Default::default()
        });
        case.ask(version.min(5), "leaves", move |known| {
            let member = known.text(&format!("member-v{version}"));
            let mut request = LeaveGroupRequest { group_id: group.clone(), ..Default::default() };
            if version < 3 {
                request.member_id = member;
            } else {
                request.members.push(MemberIdentity { member_id: member, ..Default::default() });
            }
            request
        });
    }
    case
}

fn wrong_joins() -> Case {
    let mut case = Case::new("joins that are refused");
    let good = || join("refused", String::new());
    let requests = [
        ("no group id", JoinGroupRequest { group_id: String::new(), ..good() }),
        ("a session too short", JoinGroupRequest { session_timeout_ms: 5_999, ..good() }),
        ("a session too long", JoinGroupRequest { session_timeout_ms: 1_800_001, ..good() }),
        ("a negative session", JoinGroupRequest { session_timeout_ms: -1, ..good() }),
        ("an unknown member", JoinGroupRequest { member_id: text("nobody"), ..good() }),
        ("no protocol", JoinGroupRequest { protocols: Vec::new(), ..good() }),
        ("no protocol type", JoinGroupRequest { protocol_type: String::new(), ..good() }),
        (
            "neither protocol nor type",
            JoinGroupRequest { protocols: Vec::new(), protocol_type: String::new(), ..good() },
        ),
        (
            "an unknown static member",
            JoinGroupRequest {
                member_id: text("nobody"),
                group_instance_id: some("instance"),
                ..good()
            },
        ),
        ("an empty instance id", JoinGroupRequest { group_instance_id: some(""), ..good() }),
        (
            "an instance id with a space",
            JoinGroupRequest { group_instance_id: some("a b"), ..good() },
        ),
        ("an instance id of a dot", JoinGroupRequest { group_instance_id: some("."), ..good() }),
    ];
    for (name, request) in requests {
        for version in [5, JOIN] {
            let mut request = request.clone();
            if request.group_instance_id.is_some() {
                request.group_id = format!("{name} v{version}");
            }
            case.ask(version, name, move |_| request.clone());
        }
    }
    case
}

fn life() -> Case {
    let mut case = Case::new("the life of a member");
    alone(&mut case, GROUP, "m");
    case.ask(4, "beats", |known| beat(GROUP, known.text("m"), 1));
    case.ask(4, "beats with an old generation", |known| beat(GROUP, known.text("m"), 0));
    case.ask(4, "beats with a new generation", |known| beat(GROUP, known.text("m"), 2));
    case.ask(4, "beats with generation -1", |known| beat(GROUP, known.text("m"), -1));
    case.ask(4, "a stranger beats", |_| beat(GROUP, text("nobody"), 1));
    case.ask(4, "nobody beats", |_| beat(GROUP, String::new(), 1));
    case.ask(4, "beats as a static member", |known| HeartbeatRequest {
        group_instance_id: some("i"),
        ..beat(GROUP, known.text("m"), 1)
    });
    case.ask(SYNC, "syncs again", |known| sync(GROUP, known.text("m"), 1));
    case.ask(SYNC, "syncs an old generation", |known| sync(GROUP, known.text("m"), 0));
    case.ask(SYNC, "syncs a new generation", |known| sync(GROUP, known.text("m"), 2));
    case.ask(SYNC, "a stranger syncs", |_| sync(GROUP, text("nobody"), 1));
    case.ask(SYNC, "syncs another protocol", |known| SyncGroupRequest {
        protocol_name: some("roundrobin"),
        ..sync(GROUP, known.text("m"), 1)
    });
    case.ask(SYNC, "syncs another type", |known| SyncGroupRequest {
        protocol_type: some("connect"),
        ..sync(GROUP, known.text("m"), 1)
    });
    case.ask(SYNC, "syncs without a protocol", |known| SyncGroupRequest {
        protocol_type: None,
        protocol_name: None,
        ..sync(GROUP, known.text("m"), 1)
    });
    case.ask(JOIN, "another type joins", |_| JoinGroupRequest {
        protocol_type: text("connect"),
        ..join(GROUP, String::new())
    });
    case.ask(JOIN, "another protocol joins", |_| JoinGroupRequest {
        protocols: vec![JoinGroupRequestProtocol { name: text("sticky"), ..Default::default() }],
        ..join(GROUP, String::new())
    });
    end_of_life(&mut case);
    case
}

const GROUP: &str = "life";

fn end_of_life(case: &mut Case) {
    case.ask(6, "is described", |_| DescribeGroupsRequest {
        groups: vec![text(GROUP)],
        include_authorized_operations: true,
        ..Default::default()
    });
    case.ask(2, "can't be deleted", |_| DeleteGroupsRequest {
        groups_names: vec![text(GROUP)],
        ..Default::default()
    });
    ask_join(case, GROUP, "joins unchanged", "m");
    case.ask(4, "beats while it has to sync", |known| beat(GROUP, known.text("m"), 2));
    case.ask(SYNC, "gets nothing", |known| SyncGroupRequest {
        assignments: Vec::new(),
        ..sync(GROUP, known.text("m"), 2)
    });
    let leave = |members: Vec<MemberIdentity>| LeaveGroupRequest {
        group_id: text(GROUP),
        members,
        ..Default::default()
    };
    case.ask(5, "strangers leave", move |_| {
        leave(vec![
            MemberIdentity { member_id: text("nobody"), ..Default::default() },
            MemberIdentity { group_instance_id: some("i"), ..Default::default() },
            MemberIdentity::default(),
        ])
    });
    case.ask(5, "leaves as a static member", move |known| {
        leave(vec![MemberIdentity {
            member_id: known.text("m"),
            group_instance_id: some("i"),
            ..Default::default()
        }])
    });
    case.ask(5, "leaves twice", move |known| {
        let member = MemberIdentity { member_id: known.text("m"), ..Default::default() };
        leave(vec![member.clone(), member])
    });
    case.ask(5, "nobody leaves", move |_| leave(Vec::new()));
    case.ask(4, "beats after it left", |known| beat(GROUP, known.text("m"), 2));
    ask_join(case, GROUP, "joins after it left", "m");
    case.ask(SYNC, "syncs after it left", |known| sync(GROUP, known.text("m"), 2));
    case.ask(6, "an empty group is described", |_| DescribeGroupsRequest {
        groups: vec![text(GROUP)],
        ..Default::default()
    });
    case.ask(2, "an empty group is deleted", |_| DeleteGroupsRequest {
        groups_names: vec![text(GROUP)],
        ..Default::default()
    });
    case.ask(6, "a deleted group is described", |_| DescribeGroupsRequest {
        groups: vec![text(GROUP)],
        ..Default::default()
    });
}

fn two_members() -> Case {
    let mut case = Case::new("two members");
    const GROUP: &str = "pair";
    alone(&mut case, GROUP, "first");
    ask_join(&mut case, GROUP, "the second asks for an id", "").on("b").learn("second", "memberId");
    ask_join(&mut case, GROUP, "the second joins", "second").on("b").begin();
    case.ask(4, "the first beats and hears of it", |known| beat(GROUP, known.text("first"), 1));
    ask_join(&mut case, GROUP, "the first joins again", "first").begin();
    case.finish(ApiKey::JoinGroup, JOIN, "main");
    case.finish(ApiKey::JoinGroup, JOIN, "b");
    case.ask(SYNC, "the second waits", |known| SyncGroupRequest {
        assignments: Vec::new(),
        ..sync(GROUP, known.text("second"), 2)
    })
    .on("b")
    .begin();
    case.ask(SYNC, "the leader assigns", |known| {
        let mut request = sync(GROUP, known.text("first"), 2);
        request.assignments.push(SyncGroupRequestAssignment {
            member_id: known.text("second"),
            assignment: Bytes::from_static(b"the rest"),
            ..Default::default()
        });
        request.assignments.push(SyncGroupRequestAssignment {
            member_id: text("nobody"),
            assignment: Bytes::from_static(b"nothing"),
            ..Default::default()
        });
        request
    });
    case.finish(ApiKey::SyncGroup, SYNC, "b");
    ask_join(&mut case, GROUP, "a follower joins unchanged", "second").on("b");
    case.ask(4, "the second beats", |known| beat(GROUP, known.text("second"), 2)).on("b");
    case.ask(5, "the leader leaves", |known| LeaveGroupRequest {
        group_id: text(GROUP),
        members: vec![MemberIdentity {
            member_id: known.text("first"),
            reason: some("enough"),
            ..Default::default()
        }],
        ..Default::default()
    });
    case.ask(4, "the second hears of it", |known| beat(GROUP, known.text("second"), 2)).on("b");
    case.ask(SYNC, "the second is too early", |known| sync(GROUP, known.text("second"), 2)).on("b");
    ask_join(&mut case, GROUP, "the second leads", "second").on("b");
    case.ask(SYNC, "the second assigns", |known| sync(GROUP, known.text("second"), 3)).on("b");
    case.ask(6, "is described", |_| DescribeGroupsRequest {
        groups: vec![text(GROUP)],
        ..Default::default()
    });
    case
}

fn static_join(group: &str, instance: &str, member: String) -> JoinGroupRequest {
    JoinGroupRequest { group_instance_id: some(instance), ..join(group, member) }
}

fn static_members() -> Case {
    let mut case = Case::new("static members");
    const GROUP: &str = "static";
    case.ask(JOIN, "joins", |_| static_join(GROUP, "one", String::new())).learn("s1", "memberId");
    case.ask(SYNC, "gets its assignment", |known| SyncGroupRequest {
        group_instance_id: some("one"),
        ..sync(GROUP, known.text("s1"), 1)
    });
    case.ask(4, "beats", |known| HeartbeatRequest {
        group_instance_id: some("one"),
        ..beat(GROUP, known.text("s1"), 1)
    });
    case.ask(4, "another instance beats", |known| HeartbeatRequest {
        group_instance_id: some("two"),
        ..beat(GROUP, known.text("s1"), 1)
    });
    case.ask(4, "an impostor beats", |_| HeartbeatRequest {
        group_instance_id: some("one"),
        ..beat(GROUP, text("nobody"), 1)
    });
    case.ask(JOIN, "comes back", |_| static_join(GROUP, "one", String::new()))
        .learn("s2", "memberId");
    case.ask(4, "the displaced one beats", |known| HeartbeatRequest {
        group_instance_id: some("one"),
        ..beat(GROUP, known.text("s1"), 1)
    });
    case.ask(SYNC, "the displaced one syncs", |known| SyncGroupRequest {
        group_instance_id: some("one"),
        ..sync(GROUP, known.text("s1"), 1)
    });
    case.ask(JOIN, "the displaced one joins", |known| static_join(GROUP, "one", known.text("s1")));
    case.ask(SYNC, "gets its assignment again", |known| SyncGroupRequest {
        group_instance_id: some("one"),
        ..sync(GROUP, known.text("s2"), 1)
    });
    case.ask(6, "is described", |_| DescribeGroupsRequest {
        groups: vec![text(GROUP)],
        ..Default::default()
    });
    case.ask(5, "an impostor leaves", |_| LeaveGroupRequest {
        group_id: text(GROUP),
        members: vec![MemberIdentity {
            member_id: text("nobody"),
            group_instance_id: some("one"),
            ..Default::default()
        }],
        ..Default::default()
    });
    case.ask(5, "is removed by its instance", |_| LeaveGroupRequest {
        group_id: text(GROUP),
        members: vec![MemberIdentity { group_instance_id: some("one"), ..Default::default() }],
        ..Default::default()
    });
    for version in 5..=9 {
        case.ask(version, "joins in an old version", move |_| {
            static_join(&format!("static-v{version}"), "one", String::new())
        })
        .learn("again", "memberId");
        case.ask(version.min(5), "syncs in an old version", move |known| {
            let mut request = sync(&format!("static-v{version}"), known.text("again"), 1);
            request.group_instance_id = some("one");
            request
        });
        case.ask(version, "comes back in an old version", move |_| {
            static_join(&format!("static-v{version}"), "one", String::new())
        });
    }
    case
}

fn unknown_groups() -> Case {
    let mut case = Case::new("groups that are not there");
    for group in ["no-such-group", ""] {
        case.versions(&format!("heartbeat of {group:?}"), move |_, _| {
            beat(group, text("nobody"), 1)
        });
        case.versions(&format!("sync of {group:?}"), move |_, version| {
            let mut request = sync(group, text("nobody"), 1);
            if version < 5 {
                request.protocol_type = None;
                request.protocol_name = None;
            }
            request
        });
        case.versions(&format!("leave of {group:?}"), move |_, version| {
            let mut request = LeaveGroupRequest { group_id: text(group), ..Default::default() };
            if version < 3 {
                request.member_id = text("nobody");
            } else {
                request
                    .members
                    .push(MemberIdentity { member_id: text("nobody"), ..Default::default() });
            }
            request
        });
        case.versions(&format!("description of {group:?}"), move |_, _| DescribeGroupsRequest {
            groups: vec![text(group)],
            ..Default::default()
        });
        case.versions(&format!("deletion of {group:?}"), move |_, _| DeleteGroupsRequest {
            groups_names: vec![text(group)],
            ..Default::default()
        });
    }
    case.ask(6, "a group described twice", |_| DescribeGroupsRequest {
        groups: vec![text("pair"), text("pair"), text("no-such-group")],
        ..Default::default()
    });
    case.ask(2, "a group deleted twice", |_| DeleteGroupsRequest {
        groups_names: vec![text("no-such-group"), text("no-such-group"), String::new()],
        ..Default::default()
    });
    case.ask(SYNC, "sync without a protocol", |_| SyncGroupRequest {
        protocol_type: None,
        protocol_name: None,
        ..sync("no-such-group", text("nobody"), 1)
    });
    case
}

fn lists() -> Case {
    let mut case = Case::new("lists of groups");
    case.versions("all", |_, _| ListGroupsRequest::default());
    let filters: &[(&[&str], &[&str])] = &[
        (&["Stable"], &[]),
        (&["stable"], &[]),
        (&["Empty", "Stable"], &[]),
        (&["Dead"], &[]),
        (&["nonsense"], &[]),
        (&[""], &[]),
        (&[], &["classic"]),
        (&[], &["Classic", "consumer"]),
        (&[], &["share"]),
        (&[], &["streams"]),
        (&[], &["nonsense"]),
        (&[], &["unknown"]),
        (&["Stable"], &["classic"]),
    ];
    for (states, types) in filters {
        let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        case.ask(5, &format!("states {states:?}, types {types:?}"), move |_| ListGroupsRequest {
            states_filter: owned(states),
            types_filter: owned(types),
            ..Default::default()
        });
    }
    case
}
