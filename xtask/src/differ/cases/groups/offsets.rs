//! OffsetCommit, OffsetFetch and OffsetDelete.

use super::membership::alone;
use crate::differ::book::{Case, unknown_id};
use crate::differ::cases::terms::{some, text};
use crate::differ::known::Known;
use ottla_wire::messages::offset_commit_request::{
    OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use ottla_wire::messages::offset_delete_request::{
    OffsetDeleteRequestPartition, OffsetDeleteRequestTopic,
};
use ottla_wire::messages::offset_fetch_request::{
    OffsetFetchRequestGroup, OffsetFetchRequestTopic, OffsetFetchRequestTopics,
};
use ottla_wire::messages::{
    DeleteGroupsRequest, OffsetCommitRequest, OffsetDeleteRequest, OffsetFetchRequest,
};

/// The newest versions with topics by name.
const COMMIT: i16 = 9;
const FETCH: i16 = 9;

pub fn cases() -> Vec<Case> {
    vec![every_version(), by_id(), wrong_commits(), of_members(), fetches(), deletion()]
}

fn partition(partition_index: i32, committed_offset: i64) -> OffsetCommitRequestPartition {
    OffsetCommitRequestPartition {
        partition_index,
        committed_offset,
        committed_metadata: some("note"),
        ..Default::default()
    }
}

fn commit(
    group: &str,
    topic: &str,
    partitions: Vec<OffsetCommitRequestPartition>,
) -> OffsetCommitRequest {
    OffsetCommitRequest {
        group_id: text(group),
        generation_id_or_member_epoch: -1,
        topics: vec![OffsetCommitRequestTopic {
            name: text(topic),
            partitions,
            ..Default::default()
        }],
        ..Default::default()
    }
}

fn by_names(topics: &[(&str, &[i32])]) -> Vec<OffsetFetchRequestTopics> {
    topics
        .iter()
        .map(|(name, partitions)| OffsetFetchRequestTopics {
            name: text(name),
            partition_indexes: partitions.to_vec(),
            ..Default::default()
        })
        .collect()
}

fn fetch(group: &str, topics: Option<Vec<OffsetFetchRequestTopics>>) -> OffsetFetchRequest {
    OffsetFetchRequest {
        groups: vec![OffsetFetchRequestGroup {
            group_id: text(group),
            topics,
            ..Default::default()
        }],
        ..Default::default()
    }
}

/// As versions before 8 ask: one group.
fn old_fetch(group: &str, topics: Option<&[(&str, &[i32])]>) -> OffsetFetchRequest {
    OffsetFetchRequest {
        group_id: text(group),
        topics: topics.map(|topics| {
            topics
                .iter()
                .map(|(name, partitions)| OffsetFetchRequestTopic {
                    name: text(name),
                    partition_indexes: partitions.to_vec(),
                    ..Default::default()
                })
                .collect()
        }),
        ..Default::default()
    }
}

fn every_version() -> Case {
    let mut case = Case::new("offsets in every version");
    case.topic("off-a", 3, &[]);
    case.topic("off-b", 1, &[]);
    case.versions("commits", |known, version| {
        let mut request =
            commit("offsets", "off-a", vec![partition(0, i64::from(version)), partition(2, 7)]);
        if version >= 10 {
            request.topics[0].name = String::new();
            request.topics[0].topic_id = known.id("off-a");
        }
        request
    });
    case.versions("commits with an epoch", |known, version| {
        let epoch = OffsetCommitRequestPartition { committed_leader_epoch: 3, ..partition(1, 5) };
        let mut request = commit("offsets", "off-a", vec![epoch]);
        if version >= 10 {
            request.topics[0].name = String::new();
            request.topics[0].topic_id = known.id("off-a");
        }
        request
    });
    for version in [2, 3, 4] {
        case.ask(version, "a retention time", move |_| OffsetCommitRequest {
            retention_time_ms: 1_000,
            ..commit("offsets", "off-b", vec![partition(0, 1)])
        });
    }
    let asked: &'static [(&str, &[i32])] = &[("off-a", &[2, 0, 1, 9]), ("off-b", &[0])];
    case.versions("fetches", move |known, version| {
        if version < 8 {
            return old_fetch("offsets", Some(asked));
        }
        let mut topics = by_names(asked);
        if version >= 10 {
            for topic in &mut topics {
                topic.topic_id = known.id(&topic.name);
                topic.name = String::new();
            }
        }
        fetch("offsets", Some(topics))
    });
    case.versions("fetches all", |_, version| match version {
        0..8 => old_fetch("offsets", None),
        _ => fetch("offsets", None),
    });
    case.versions("fetches what is stable", move |_, version| OffsetFetchRequest {
        require_stable: true,
        ..match version {
            0..8 => old_fetch("offsets", Some(asked)),
            _ => fetch("offsets", None),
        }
    });
    case
}

fn by_id() -> Case {
    let mut case = Case::new("offsets by topic id");
    case.ask(10, "commits to an unknown id", |known| {
        let mut request = commit("offsets-by-id", "", vec![partition(0, 1)]);
        request.topics[0].topic_id = unknown_id();
        request.topics.push(OffsetCommitRequestTopic {
            topic_id: known.id("off-a"),
            partitions: vec![partition(0, 1), partition(9, 1)],
            ..Default::default()
        });
        request
    });
    case.ask(10, "commits to no id", |_| commit("offsets-by-id", "off-a", vec![partition(0, 1)]));
    case.ask(10, "fetches an unknown id", |known| {
        let mut topics = by_names(&[("", &[0]), ("", &[0, 1])]);
        topics[0].topic_id = unknown_id();
        topics[1].topic_id = known.id("off-a");
        fetch("offsets-by-id", Some(topics))
    });
    case.ask(10, "fetches all", |_| fetch("offsets-by-id", None));
    case
}

fn wrong_commits() -> Case {
    let mut case = Case::new("commits that are refused");
    let one = |group: &str, topic: &str, index| commit(group, topic, vec![partition(index, 1)]);
    for version in [2, 6, COMMIT] {
        let mut ask = |name: &str, request: OffsetCommitRequest| {
            case.ask(version, name, move |_| request.clone());
        };
        ask("an unknown topic", one("wrong", "no-such-topic", 0));
        ask("an invalid topic", one("wrong", "a/b", 0));
        ask("an empty topic", one("wrong", "", 0));
        ask("an unknown partition", one("wrong", "off-a", 3));
        ask("a negative partition", one("wrong", "off-a", -1));
        ask("no group", one("", "off-a", 0));
        ask("a negative offset", commit("wrong", "off-a", vec![partition(0, -1)]));
        ask("an offset far below 0", commit("wrong", "off-a", vec![partition(0, i64::MIN)]));
        ask("a partition twice", commit("wrong", "off-a", vec![partition(0, 1), partition(0, 2)]));
        ask("no partition", commit("wrong", "off-a", Vec::new()));
        ask(
            "good and bad",
            OffsetCommitRequest {
                topics: [one("", "off-a", 0), one("", "no-such-topic", 0)]
                    .into_iter()
                    .flat_map(|request| request.topics)
                    .collect(),
                ..one("wrong", "off-a", 0)
            },
        );
        ask(
            "too much metadata",
            commit(
                "wrong",
                "off-a",
                vec![OffsetCommitRequestPartition {
                    committed_metadata: Some("m".repeat(4_097)),
                    ..partition(0, 1)
                }],
            ),
        );
        ask(
            "no metadata",
            commit(
                "wrong",
                "off-a",
                vec![OffsetCommitRequestPartition { committed_metadata: None, ..partition(1, 1) }],
            ),
        );
        ask(
            "a generation without a group",
            OffsetCommitRequest {
                generation_id_or_member_epoch: 1,
                ..one("nothing-here", "off-a", 0)
            },
        );
        ask(
            "a member without a group",
            OffsetCommitRequest {
                generation_id_or_member_epoch: 1,
                member_id: text("nobody"),
                ..one("nothing-here", "off-a", 0)
            },
        );
    }
    case.ask(FETCH, "what was kept", |_| fetch("wrong", None));
    case
}

fn of_members() -> Case {
    let mut case = Case::new("commits of members");
    const GROUP: &str = "committing";
    alone(&mut case, GROUP, "c");
    let as_member = |known: &Known, generation: i32| OffsetCommitRequest {
        generation_id_or_member_epoch: generation,
        member_id: known.text("c"),
        ..commit(GROUP, "off-a", vec![partition(0, 3)])
    };
    for generation in [1, 0, 2, -1] {
        case.ask(COMMIT, &format!("generation {generation}"), move |known| {
            as_member(known, generation)
        });
    }
    case.ask(COMMIT, "nobody in particular", |_| commit(GROUP, "off-a", vec![partition(0, 3)]));
    case.ask(COMMIT, "a stranger", |_| OffsetCommitRequest {
        generation_id_or_member_epoch: 1,
        member_id: text("nobody"),
        ..commit(GROUP, "off-a", vec![partition(0, 3)])
    });
    case.ask(COMMIT, "a static stranger", move |known| OffsetCommitRequest {
        group_instance_id: some("i"),
        ..as_member(known, 1)
    });
    for (member, epoch) in [(None, -1), (some("nobody"), 1), (some(""), 0)] {
        case.ask(FETCH, &format!("fetches as {member:?} at {epoch}"), move |_| {
            let mut request = fetch(GROUP, None);
            request.groups[0].member_id.clone_from(&member);
            request.groups[0].member_epoch = epoch;
            request
        });
    }
    case.ask(FETCH, "fetches as itself", move |known| {
        let mut request = fetch(GROUP, None);
        request.groups[0].member_id = Some(known.text("c"));
        request.groups[0].member_epoch = 1;
        request
    });
    case
}

fn fetches() -> Case {
    let mut case = Case::new("offset fetches");
    for (name, group) in [("an unknown group", "no-such-group"), ("no group", "")] {
        case.versions(name, move |_, version| match version {
            0..8 => old_fetch(group, Some(&[("off-a", &[0])])),
            10.. => fetch(group, None),
            _ => fetch(group, Some(by_names(&[("off-a", &[0])]))),
        });
    }
    case.ask(FETCH, "several groups", |_| {
        let mut request = fetch("offsets", Some(by_names(&[("off-a", &[0])])));
        request.groups.extend(fetch("no-such-group", None).groups);
        request.groups.extend(fetch("wrong", None).groups);
        request
    });
    case.ask(FETCH, "a group twice", |_| {
        let mut request = fetch("offsets", Some(by_names(&[("off-a", &[0])])));
        request.groups.extend(fetch("offsets", Some(by_names(&[("off-a", &[2])]))).groups);
        request
    });
    case.ask(FETCH, "a topic and a partition twice", |_| {
        fetch("offsets", Some(by_names(&[("off-a", &[0, 0]), ("off-a", &[0])])))
    });
    case.ask(FETCH, "no topic", |_| fetch("offsets", Some(Vec::new())));
    case.ask(FETCH, "strange names", |_| {
        fetch("offsets", Some(by_names(&[("no-such-topic", &[0]), ("a/b", &[0]), ("", &[-1])])))
    });
    case
}

fn deletion() -> Case {
    let mut case = Case::new("deletion of offsets");
    let ask = |group: &str, topics: &[(&str, &[i32])]| OffsetDeleteRequest {
        group_id: text(group),
        topics: topics
            .iter()
            .map(|(name, partitions)| OffsetDeleteRequestTopic {
                name: text(name),
                partitions: partitions
                    .iter()
                    .map(|index| OffsetDeleteRequestPartition { partition_index: *index })
                    .collect(),
            })
            .collect(),
    };
    case.ask(0, "an unknown group", move |_| ask("no-such-group", &[("off-a", &[0])]));
    case.ask(0, "no group", move |_| ask("", &[("off-a", &[0])]));
    case.ask(0, "unknown topics", move |_| {
        ask("offsets", &[("no-such-topic", &[0]), ("a/b", &[0]), ("off-b", &[0])])
    });
    case.ask(0, "unknown partitions", move |_| ask("offsets", &[("off-a", &[9, -1])]));
    case.ask(0, "no topic", move |_| ask("offsets", &[]));
    case.ask(0, "a topic twice", move |_| ask("offsets", &[("off-a", &[0]), ("off-a", &[0])]));
    case.ask(0, "a partition twice", move |_| ask("offsets", &[("off-a", &[2, 2])]));
    case.ask(0, "a group with a member", move |_| ask("committing", &[("off-a", &[0])]));
    case.ask(FETCH, "what is left", |_| fetch("offsets", None));
    case.ask(2, "the group is deleted", |_| DeleteGroupsRequest {
        groups_names: vec![text("offsets"), text("committing"), text("wrong")],
        ..Default::default()
    });
    case.ask(FETCH, "after the group", |_| fetch("offsets", None));
    case
}
