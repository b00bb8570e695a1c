//! Groups with members that go over to the other protocol, under each `group.consumer.migration.policy`.

use super::membership::{join, sync};
use crate::differ::book::{Case, Step};
use crate::differ::cases::terms::{some, text};
use bytes::{BufMut, Bytes, BytesMut};
use ottla_wire::messages::join_group_request::JoinGroupRequestProtocol;
use ottla_wire::messages::leave_group_request::MemberIdentity;
use ottla_wire::messages::{
    ConsumerGroupDescribeRequest, ConsumerGroupHeartbeatRequest, DeleteGroupsRequest,
    DescribeGroupsRequest, HeartbeatRequest, JoinGroupRequest, LeaveGroupRequest,
    ListGroupsRequest, SyncGroupRequest,
};

const TOPIC: &str = "migrated";
const JOIN: i16 = 9;
const SYNC: i16 = 5;
const BEAT: i16 = 1;

/// What a policy does, on servers that have it.
pub fn cases(settings: &'static str, policy: &str) -> Vec<Case> {
    let policy = Policy { settings, name: policy };
    vec![policy.up(), policy.down(), policy.by_static_members(), policy.without_members()]
}

struct Policy<'a> {
    settings: &'static str,
    name: &'a str,
}

impl Policy<'_> {
    fn case(&self, what: &str) -> Case {
        Case::under(self.settings, &format!("{what}, migration {}", self.name))
    }

    /// A consumer comes to a classic member and goes again.
    fn up(&self) -> Case {
        const GROUP: &str = "up";
        let mut case = self.case("a consumer among classic members");
        case.topic(TOPIC, 3, &[]);
        classic_joins(&mut case, GROUP, "old");
        assigned(&mut case, GROUP, "old");
        seen(&mut case, GROUP, "before");
        beats(&mut case, "a consumer joins", first(GROUP, "new"));
        seen(&mut case, GROUP, "with a consumer");
        classic_beats(&mut case, GROUP, "old");
        classic_joins_again(&mut case, GROUP, "old");
        syncs(&mut case, GROUP, "old");
        beats(&mut case, "a consumer beats", later(GROUP, "new", 2));
        beats(&mut case, "another consumer joins", first(GROUP, "newer"));
        classic_beats(&mut case, GROUP, "old");
        beats(&mut case, "a consumer leaves", later(GROUP, "new", -1));
        beats(&mut case, "the other consumer leaves", later(GROUP, "newer", -1));
        seen(&mut case, GROUP, "without consumers");
        classic_beats(&mut case, GROUP, "old");
        classic_joins_again(&mut case, GROUP, "old");
        assigned(&mut case, GROUP, "old");
        leaves(&mut case, GROUP, "old");
        seen(&mut case, GROUP, "at last");
        case
    }

    /// A classic member comes to a consumer, which goes.
    fn down(&self) -> Case {
        const GROUP: &str = "down";
        let mut case = self.case("a classic member among consumers");
        beats(&mut case, "a consumer joins", first(GROUP, "new")).patient();
        beats(&mut case, "a consumer beats", later(GROUP, "new", 1));
        seen(&mut case, GROUP, "before");
        case.ask(JOIN, "a classic member asks for an id", |_| classic(GROUP, String::new()))
            .learn("classic", "memberId");
        classic_joins_again(&mut case, GROUP, "classic");
        syncs(&mut case, GROUP, "classic");
        seen(&mut case, GROUP, "with a classic member");
        beats(&mut case, "the consumer leaves", later(GROUP, "new", -1));
        seen(&mut case, GROUP, "without the consumer");
        classic_beats(&mut case, GROUP, "classic");
        classic_joins_again(&mut case, GROUP, "classic");
        syncs(&mut case, GROUP, "classic");
        classic_beats(&mut case, GROUP, "classic");
        beats(&mut case, "a consumer comes back", first(GROUP, "newer"));
        seen(&mut case, GROUP, "with a consumer again");
        leaves(&mut case, GROUP, "classic");
        beats(&mut case, "a consumer goes", later(GROUP, "newer", -1));
        seen(&mut case, GROUP, "at last");
        case.ask(2, "is deleted", |_| DeleteGroupsRequest {
            groups_names: vec![text(GROUP)],
            ..Default::default()
        });
        case
    }

    /// An instance is a classic member first, and a consumer then.
    fn by_static_members(&self) -> Case {
        const GROUP: &str = "instances";
        let mut case = self.case("an instance of both protocols");
        case.ask(JOIN, "a classic instance joins", |_| JoinGroupRequest {
            group_instance_id: some("i"),
            ..classic(GROUP, String::new())
        })
        .learn("static", "memberId")
        .learn("static.generation", "generationId");
        assigned(&mut case, GROUP, "static");
        let instance = |request: ConsumerGroupHeartbeatRequest| ConsumerGroupHeartbeatRequest {
            instance_id: some("i"),
            ..request
        };
        beats(&mut case, "the instance is a consumer", instance(first(GROUP, "new")));
        seen(&mut case, GROUP, "with the consumer");
        case.ask(4, "the classic instance beats", |known| HeartbeatRequest {
            group_id: text(GROUP),
            member_id: known.text("static"),
            generation_id: known.number("static.generation"),
            group_instance_id: some("i"),
            ..Default::default()
        });
        beats(&mut case, "the consumer beats", instance(later(GROUP, "new", 2)));
        beats(&mut case, "the consumer is away", instance(later(GROUP, "new", -2)));
        case.ask(JOIN, "the instance is a classic member", |_| JoinGroupRequest {
            group_instance_id: some("i"),
            ..classic(GROUP, String::new())
        });
        seen(&mut case, GROUP, "at last");
        case.ask(5, "the instance is removed", |_| LeaveGroupRequest {
            group_id: text(GROUP),
            members: vec![MemberIdentity { group_instance_id: some("i"), ..Default::default() }],
            ..Default::default()
        });
        seen(&mut case, GROUP, "without it");
        case
    }

    /// A group without members goes over whatever the policy.
    fn without_members(&self) -> Case {
        const GROUP: &str = "emptied";
        let mut case = self.case("a group without members");
        classic_joins(&mut case, GROUP, "old");
        assigned(&mut case, GROUP, "old");
        leaves(&mut case, GROUP, "old");
        beats(&mut case, "a consumer joins", first(GROUP, "new"));
        seen(&mut case, GROUP, "of consumers");
        beats(&mut case, "a consumer leaves", later(GROUP, "new", -1));
        classic_joins(&mut case, GROUP, "again");
        seen(&mut case, GROUP, "of classic members");
        leaves(&mut case, GROUP, "again");
        case
    }
}

fn name_of_topic(bytes: &mut BytesMut) {
    bytes.put_i16(i16::try_from(TOPIC.len()).unwrap_or(i16::MAX));
    bytes.put_slice(TOPIC.as_bytes());
}

/// A subscription to the topic, version 1, nothing owned.
fn subscription() -> Bytes {
    let mut bytes = BytesMut::new();
    bytes.put_slice(&[0, 1, 0, 0, 0, 1]);
    name_of_topic(&mut bytes);
    bytes.put_slice(&[0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0]);
    bytes.freeze()
}

/// All three partitions, version 0.
fn assignment() -> Bytes {
    let mut bytes = BytesMut::new();
    bytes.put_slice(&[0, 0, 0, 0, 0, 1]);
    name_of_topic(&mut bytes);
    bytes.put_slice(&[0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 2, 0xff, 0xff, 0xff, 0xff]);
    bytes.freeze()
}

fn classic(group: &str, member: String) -> JoinGroupRequest {
    JoinGroupRequest {
        protocols: vec![JoinGroupRequestProtocol {
            name: text("range"),
            metadata: subscription(),
            ..Default::default()
        }],
        ..join(group, member)
    }
}

/// Joins in the version that needs no member id first.
fn classic_joins(case: &mut Case, group: &'static str, member: &'static str) {
    case.ask(3, &format!("{member} joins {group}"), move |_| classic(group, String::new()))
        .patient()
        .learn(member, "memberId")
        .learn(&format!("{member}.generation"), "generationId");
}

fn classic_joins_again(case: &mut Case, group: &'static str, member: &'static str) {
    case.ask(JOIN, &format!("{member} joins {group} with its id"), move |known| {
        classic(group, known.text(member))
    })
    .learn(&format!("{member}.generation"), "generationId");
}

/// Syncs as a leader that takes everything.
fn assigned(case: &mut Case, group: &'static str, member: &'static str) {
    case.ask(SYNC, &format!("{member} assigns"), move |known| {
        let generation = known.number(&format!("{member}.generation"));
        let mut request = sync(group, known.text(member), generation);
        request.assignments[0].assignment = assignment();
        request
    });
}

fn syncs(case: &mut Case, group: &'static str, member: &'static str) {
    case.ask(SYNC, &format!("{member} syncs"), move |known| SyncGroupRequest {
        assignments: Vec::new(),
        ..sync(group, known.text(member), known.number(&format!("{member}.generation")))
    });
}

fn classic_beats(case: &mut Case, group: &'static str, member: &'static str) {
    case.ask(4, &format!("{member} beats"), move |known| HeartbeatRequest {
        group_id: text(group),
        member_id: known.text(member),
        generation_id: known.number(&format!("{member}.generation")),
        ..Default::default()
    });
}

fn leaves(case: &mut Case, group: &'static str, member: &'static str) {
    case.ask(5, &format!("{member} leaves"), move |known| LeaveGroupRequest {
        group_id: text(group),
        members: vec![MemberIdentity { member_id: known.text(member), ..Default::default() }],
        ..Default::default()
    });
}

fn first(group: &str, member: &str) -> ConsumerGroupHeartbeatRequest {
    ConsumerGroupHeartbeatRequest {
        group_id: text(group),
        member_id: text(member),
        rebalance_timeout_ms: 60_000,
        subscribed_topic_names: Some(vec![text(TOPIC)]),
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

fn beats<'a>(
    case: &'a mut Case,
    name: &str,
    request: ConsumerGroupHeartbeatRequest,
) -> &'a mut Step {
    case.ask(BEAT, name, move |_| request.clone())
}

/// What everybody sees of the group.
fn seen(case: &mut Case, group: &'static str, when: &str) {
    case.ask(6, &format!("is described {when}"), move |_| DescribeGroupsRequest {
        groups: vec![text(group)],
        ..Default::default()
    });
    case.ask(1, &format!("is described {when}, its consumers"), move |_| {
        ConsumerGroupDescribeRequest { group_ids: vec![text(group)], ..Default::default() }
    });
    case.ask(5, &format!("is listed {when}"), |_| ListGroupsRequest {
        types_filter: vec![text("consumer")],
        ..Default::default()
    });
}
