//! TxnOffsetCommit, and what a group sees before and after the end of the transaction.

use super::terms::*;
use crate::differ::book::{Case, unknown_id};
use crate::differ::cases::groups::alone;
use crate::differ::cases::terms::{some, text};
use crate::differ::known::Known;
use ottla_wire::messages::delete_topics_request::DeleteTopicState;
use ottla_wire::messages::offset_delete_request::{
    OffsetDeleteRequestPartition, OffsetDeleteRequestTopic,
};
use ottla_wire::messages::offset_fetch_request::{
    OffsetFetchRequestGroup, OffsetFetchRequestTopics,
};
use ottla_wire::messages::txn_offset_commit_request::{
    TxnOffsetCommitRequestPartition, TxnOffsetCommitRequestTopic,
};
use ottla_wire::messages::{
    DeleteGroupsRequest, DeleteTopicsRequest, DescribeGroupsRequest, OffsetDeleteRequest,
    OffsetFetchRequest, TxnOffsetCommitRequest,
};

/// The newest version of transactions of version 1, and the first of version 2.
const COMMIT_V1: i16 = 4;
const COMMIT_V2: i16 = 5;
const TOPIC: &str = "txn-offsets";

pub fn cases() -> Vec<Case> {
    vec![
        every_version(),
        pending(),
        deleted(),
        of_a_deleted_topic(),
        refused(),
        of_members(),
        implicit(),
        by_id(),
    ]
}

fn partition(partition_index: i32, committed_offset: i64) -> TxnOffsetCommitRequestPartition {
    TxnOffsetCommitRequestPartition {
        partition_index,
        committed_offset,
        committed_metadata: some("note"),
        ..Default::default()
    }
}

fn commit(
    (transactional_id, group_id): (&str, &str),
    (producer_id, producer_epoch): (i64, i16),
    topic: &str,
    partitions: Vec<TxnOffsetCommitRequestPartition>,
) -> TxnOffsetCommitRequest {
    TxnOffsetCommitRequest {
        transactional_id: text(transactional_id),
        group_id: text(group_id),
        producer_id,
        producer_epoch,
        generation_id_or_member_epoch: -1,
        topics: vec![TxnOffsetCommitRequestTopic {
            name: text(topic),
            partitions,
            ..Default::default()
        }],
        ..Default::default()
    }
}

/// What a group has committed, with and without what is pending.
fn committed(case: &mut Case, group: &'static str, when: &str) {
    for require_stable in [false, true] {
        case.ask(9, &format!("{when}, only stable: {require_stable}"), move |_| {
            OffsetFetchRequest {
                groups: vec![OffsetFetchRequestGroup {
                    group_id: text(group),
                    topics: None,
                    ..Default::default()
                }],
                require_stable,
                ..Default::default()
            }
        });
    }
}

fn every_version() -> Case {
    let mut case = Case::new("transactional offsets in every version");
    case.topic(TOPIC, 3, &[]);
    init(&mut case, "offsets");
    for version in 0..=COMMIT_V1 {
        case.ask(version.min(4), "the group is added", |known| {
            add_offsets_request("offsets", own(known, "offsets"), "txn-group")
        })
        .patient();
        case.ask(version, "commits", move |known| {
            let offset = i64::from(version) + 10;
            let partitions = vec![partition(0, offset), partition(2, offset)];
            commit(("offsets", "txn-group"), own(known, "offsets"), TOPIC, partitions)
        })
        .patient();
        committed(&mut case, "txn-group", &format!("before the end, version {version}"));
        end(&mut case, "offsets", version % 2 == 0);
        committed(&mut case, "txn-group", &format!("after the end, version {version}"));
    }
    case
}

/// Offsets that wait for their transaction.
fn pending() -> Case {
    let mut case = Case::new("pending offsets");
    init(&mut case, "pending");
    case.ask(4, "the group is added", |known| {
        add_offsets_request("pending", own(known, "pending"), "pending-group")
    })
    .patient();
    case.ask(COMMIT_V1, "commits", |known| {
        let partitions = vec![partition(0, 5), partition(1, 6)];
        commit(("pending", "pending-group"), own(known, "pending"), TOPIC, partitions)
    });
    committed(&mut case, "pending-group", "while it is open");
    for version in [6, 7, 8] {
        case.ask(version, "some partitions", move |_| {
            use ottla_wire::messages::offset_fetch_request::{
                OffsetFetchRequestTopic, OffsetFetchRequestTopics,
            };
            let partitions = vec![0, 1, 2];
            let mut request =
                OffsetFetchRequest { require_stable: version >= 7, ..Default::default() };
            if version < 8 {
                request.group_id = text("pending-group");
                request.topics = Some(vec![OffsetFetchRequestTopic {
                    name: text(TOPIC),
                    partition_indexes: partitions,
                    ..Default::default()
                }]);
            } else {
                request.groups.push(OffsetFetchRequestGroup {
                    group_id: text("pending-group"),
                    topics: Some(vec![OffsetFetchRequestTopics {
                        name: text(TOPIC),
                        partition_indexes: partitions,
                        ..Default::default()
                    }]),
                    ..Default::default()
                });
            }
            request
        });
    }
    case.ask(0, "can't be deleted", |_| OffsetDeleteRequest {
        group_id: text("pending-group"),
        topics: vec![OffsetDeleteRequestTopic {
            name: text(TOPIC),
            partitions: [0, 2]
                .map(|partition_index| OffsetDeleteRequestPartition { partition_index })
                .to_vec(),
        }],
    });
    case.ask(6, "the group", |_| DescribeGroupsRequest {
        groups: vec![text("pending-group")],
        ..Default::default()
    });
    committed(&mut case, "pending-group", "after the deletion");
    end(&mut case, "pending", true);
    committed(&mut case, "pending-group", "at last");
    case
}

/// A group is deleted while offsets of it are pending.
fn deleted() -> Case {
    let mut case = Case::new("pending offsets of a deleted group");
    init(&mut case, "pending");
    case.ask(4, "another group is added", |known| {
        add_offsets_request("pending", own(known, "pending"), "pending-too")
    })
    .patient();
    case.ask(COMMIT_V1, "commits again", |known| {
        let partitions = vec![partition(0, 5)];
        commit(("pending", "pending-too"), own(known, "pending"), TOPIC, partitions)
    });
    case.ask(2, "the group is deleted", |_| DeleteGroupsRequest {
        groups_names: vec![text("pending-too")],
        ..Default::default()
    });
    committed(&mut case, "pending-too", "of the deleted group");
    end(&mut case, "pending", true);
    committed(&mut case, "pending-too", "of the deleted group, after the end");
    case
}

/// A topic is deleted while a transaction is about to commit offsets for it.
fn of_a_deleted_topic() -> Case {
    const GONE: &str = "txn-offsets-gone";
    let mut case = Case::new("pending offsets of a deleted topic");
    case.topic(GONE, 2, &[]);
    init(&mut case, "topic-gone");
    case.ask(4, "the group is added", |known| {
        add_offsets_request("topic-gone", own(known, "topic-gone"), "topic-gone")
    })
    .patient();
    case.ask(COMMIT_V1, "commits", |known| {
        let partitions = vec![partition(0, 5), partition(1, 6)];
        commit(("topic-gone", "topic-gone"), own(known, "topic-gone"), GONE, partitions)
    });
    committed(&mut case, "topic-gone", "while the topic is there");
    case.ask(6, "the topic is deleted", |_| DeleteTopicsRequest {
        topics: vec![DeleteTopicState { name: some(GONE), ..Default::default() }],
        timeout_ms: 10_000,
        ..Default::default()
    });
    case.ask(9, "nothing is pending any longer", |_| OffsetFetchRequest {
        groups: vec![OffsetFetchRequestGroup {
            group_id: text("topic-gone"),
            topics: Some(vec![OffsetFetchRequestTopics {
                name: text(GONE),
                partition_indexes: vec![0],
                ..Default::default()
            }]),
            ..Default::default()
        }],
        require_stable: true,
        ..Default::default()
    })
    .until("groups[0].topics[0].partitions[0].errorCode", "0");
    committed(&mut case, "topic-gone", "when the topic is gone");
    end(&mut case, "topic-gone", true);
    committed(&mut case, "topic-gone", "after the end");
    case
}

fn refused() -> Case {
    let mut case = Case::new("transactional offsets that are refused");
    init(&mut case, "refused");
    let open = |case: &mut Case| {
        case.ask(4, "the group is added", |known| {
            add_offsets_request("refused", own(known, "refused"), "refused-group")
        })
        .patient();
    };
    let good = |known: &Known| {
        let partitions = vec![partition(0, 1)];
        commit(("refused", "refused-group"), own(known, "refused"), TOPIC, partitions)
    };
    case.ask(3, "no transaction is open", good);
    open(&mut case);
    type Change = fn(&mut TxnOffsetCommitRequest);
    let changes: [(&str, Change); 17] = [
        ("no group", |request| request.group_id.clear()),
        ("another group", |request| request.group_id = text("not-added")),
        ("no transactional id", |request| request.transactional_id.clear()),
        ("an unknown transactional id", |request| request.transactional_id = text("unknown")),
        ("another producer id", |request| request.producer_id += 1_000),
        ("producer id -1", |request| request.producer_id = -1),
        ("an epoch too new", |request| request.producer_epoch += 1),
        ("epoch -1", |request| request.producer_epoch = -1),
        ("an unknown topic", |request| request.topics[0].name = text("no-such-topic")),
        ("an invalid topic", |request| request.topics[0].name = text("a/b")),
        ("an empty topic", |request| request.topics[0].name.clear()),
        ("an unknown partition", |request| request.topics[0].partitions[0].partition_index = 9),
        ("a negative partition", |request| request.topics[0].partitions[0].partition_index = -1),
        ("a negative offset", |request| request.topics[0].partitions[0].committed_offset = -1),
        ("too much metadata", |request| {
            request.topics[0].partitions[0].committed_metadata = Some("m".repeat(4_097));
        }),
        ("no partition", |request| request.topics[0].partitions.clear()),
        ("no topic", |request| request.topics.clear()),
    ];
    for (name, change) in changes {
        for version in [0, 2, COMMIT_V1, COMMIT_V2] {
            case.ask(version, name, move |known| {
                let mut request = good(known);
                change(&mut request);
                request
            });
        }
    }
    case.ask(COMMIT_V1, "a partition twice", move |known| {
        let mut request = good(known);
        request.topics[0].partitions.push(partition(0, 2));
        request
    });
    case.ask(COMMIT_V1, "good and bad ones", move |known| {
        let mut request = good(known);
        request.topics[0].partitions.push(partition(9, 2));
        request.topics.push(TxnOffsetCommitRequestTopic {
            name: text("no-such-topic"),
            partitions: vec![partition(0, 1)],
            ..Default::default()
        });
        request
    });
    committed(&mut case, "refused-group", "while it is open");
    end(&mut case, "refused", true);
    committed(&mut case, "refused-group", "at last");
    case.ask(COMMIT_V1, "after the end", good);
    committed(&mut case, "refused-group", "after the end");
    case
}

/// A member of a group commits in a transaction, or somebody who says so.
fn of_members() -> Case {
    let mut case = Case::new("transactional offsets of members");
    const GROUP: &str = "txn-members";
    alone(&mut case, GROUP, "m");
    init(&mut case, "member");
    case.ask(4, "the group is added", |known| {
        add_offsets_request("member", own(known, "member"), GROUP)
    })
    .patient();
    let as_member = |known: &Known, generation: i32| TxnOffsetCommitRequest {
        generation_id_or_member_epoch: generation,
        member_id: known.text("m"),
        ..commit(("member", GROUP), own(known, "member"), TOPIC, vec![partition(0, 3)])
    };
    for generation in [0, 2, -1, 1] {
        for version in [3, COMMIT_V1, COMMIT_V2] {
            case.ask(version, &format!("generation {generation}"), move |known| {
                as_member(known, generation)
            });
        }
    }
    case.ask(COMMIT_V1, "a stranger", move |known| TxnOffsetCommitRequest {
        member_id: text("nobody"),
        ..as_member(known, 1)
    });
    case.ask(COMMIT_V1, "a static stranger", move |known| TxnOffsetCommitRequest {
        group_instance_id: some("i"),
        ..as_member(known, 1)
    });
    case.ask(COMMIT_V1, "nobody in particular", move |known| TxnOffsetCommitRequest {
        member_id: String::new(),
        ..as_member(known, -1)
    });
    for version in [COMMIT_V1, COMMIT_V2] {
        case.ask(version, "a generation without a group", move |known| TxnOffsetCommitRequest {
            group_id: text("nothing-here"),
            ..as_member(known, 1)
        });
    }
    end(&mut case, "member", true);
    committed(&mut case, GROUP, "at last");
    case
}

/// KIP-890: the commit adds the group.
fn implicit() -> Case {
    let mut case = Case::new("transactional offsets that add their group");
    init(&mut case, "adding");
    let good = |known: &Known, epoch: i16| {
        let (id, own_epoch) = own(known, "adding");
        let places = ("adding", "adding-group");
        commit(places, (id, own_epoch + epoch), TOPIC, vec![partition(0, 8)])
    };
    case.ask(COMMIT_V2, "with an epoch too new", move |known| good(known, 1));
    describe(&mut case, "adding");
    case.ask(COMMIT_V2, "commits", move |known| good(known, 0)).patient();
    describe(&mut case, "adding");
    committed(&mut case, "adding-group", "while it is open");
    end_and_bump(&mut case, "adding", true);
    committed(&mut case, "adding-group", "at last");
    case.ask(COMMIT_V2, "with the epoch before", move |known| good(known, -1));
    case.ask(COMMIT_V2, "again", move |known| good(known, 0)).patient();
    end_and_bump(&mut case, "adding", false);
    committed(&mut case, "adding-group", "after an abort");
    case
}

fn by_id() -> Case {
    let mut case = Case::new("transactional offsets by topic id");
    init(&mut case, "by-id");
    case.ask(6, "commits", |known| {
        let ids = ("by-id", "by-id-group");
        let mut request = commit(ids, own(known, "by-id"), "", vec![partition(0, 8)]);
        request.topics[0].topic_id = known.id(TOPIC);
        request
    });
    case.ask(6, "commits to an unknown id", |known| {
        let ids = ("by-id", "by-id-group");
        let mut request = commit(ids, own(known, "by-id"), "", vec![partition(0, 8)]);
        request.topics[0].topic_id = unknown_id();
        request
    });
    case
}
