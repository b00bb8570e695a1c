//! Offsets that go by themselves, and writes of the coordinator that linger.

use super::membership::alone;
use crate::differ::book::Case;
use crate::differ::cases::terms::{Coordinated, coordinated, some, text};
use crate::differ::cases::transactions::terms::{add_offsets_request, end, init, own};
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
    DescribeGroupsRequest, OffsetCommitRequest, OffsetFetchRequest, TxnOffsetCommitRequest,
};

const TOPIC: &str = "fading";
/// The newest version in which a commit says how long it is kept.
const COMMIT: i16 = 4;

/// On servers that look for old offsets all the time, and whose coordinators collect what they write.
pub fn cases(settings: &'static str) -> Vec<Case> {
    vec![of_groups(settings), of_members(settings), of_transactions(settings)]
}

fn commit(group: &str, index: i32, retention_time_ms: i64) -> OffsetCommitRequest {
    OffsetCommitRequest {
        group_id: text(group),
        generation_id_or_member_epoch: -1,
        retention_time_ms,
        topics: vec![OffsetCommitRequestTopic {
            name: text(TOPIC),
            partitions: vec![OffsetCommitRequestPartition {
                partition_index: index,
                committed_offset: 7,
                committed_metadata: some("note"),
                ..Default::default()
            }],
            ..Default::default()
        }],
        ..Default::default()
    }
}

fn fetch(group: &str) -> OffsetFetchRequest {
    OffsetFetchRequest {
        groups: vec![OffsetFetchRequestGroup {
            group_id: text(group),
            topics: Some(vec![OffsetFetchRequestTopics {
                name: text(TOPIC),
                partition_indexes: vec![0, 1],
                ..Default::default()
            }]),
            ..Default::default()
        }],
        ..Default::default()
    }
}

/// The offset of partition 0, and of partition 1, which has none that goes.
const FADING: &str = "groups[0].topics[0].partitions[0].committedOffset";

fn of_groups(settings: &'static str) -> Case {
    const GROUP: &str = "fading";
    let mut case = Case::under(settings, "offsets that expire");
    coordinated(&mut case, Coordinated::Group, GROUP);
    case.topic(TOPIC, 2, &[]);
    case.ask(COMMIT, "one that is kept", |_| commit(GROUP, 1, -1)).patient();
    case.ask(COMMIT, "one that is kept for long", |_| commit(GROUP, 0, 3_600_000));
    case.ask(8, "both are there", |_| fetch(GROUP));
    case.ask(COMMIT, "one that goes", |_| commit(GROUP, 0, 1));
    case.ask(8, "it is gone", |_| fetch(GROUP)).until(FADING, "-1");
    case.ask(COMMIT, "one that was never there", |_| commit("faded", 0, 0));
    case.ask(8, "it is gone at once", |_| fetch("faded")).until(FADING, "-1");
    case.ask(6, "the group goes with its last offset", |_| DescribeGroupsRequest {
        groups: vec![text("faded"), text(GROUP)],
        ..Default::default()
    })
    .until("groups[0].errorCode", "69");
    case
}

/// A group that reads the topic, or does not.
fn of_members(settings: &'static str) -> Case {
    const GROUP: &str = "fading-live";
    let mut case = Case::under(settings, "offsets that expire under a living group");
    coordinated(&mut case, Coordinated::Group, GROUP);
    alone(&mut case, GROUP, "f");
    let mine = |index, retention_time_ms| {
        move |known: &crate::differ::known::Known| OffsetCommitRequest {
            generation_id_or_member_epoch: 1,
            member_id: known.text("f"),
            ..commit(GROUP, index, retention_time_ms)
        }
    };
    case.ask(COMMIT, "one that goes", mine(0, 1));
    case.ask(COMMIT, "one that stays", mine(1, -1));
    case.ask(8, "it is gone", |_| fetch(GROUP)).until(FADING, "-1");
    case
}

fn of_transactions(settings: &'static str) -> Case {
    const GROUP: &str = "lingering";
    let mut case = Case::under(settings, "offsets of a transaction that linger");
    coordinated(&mut case, Coordinated::Group, GROUP);
    coordinated(&mut case, Coordinated::Transaction, GROUP);
    init(&mut case, GROUP);
    case.ask(4, "the group is added", |known| add_offsets_request(GROUP, own(known, GROUP), GROUP))
        .patient();
    case.ask(3, "commits", |known| {
        let (producer_id, producer_epoch) = own(known, GROUP);
        TxnOffsetCommitRequest {
            transactional_id: text(GROUP),
            group_id: text(GROUP),
            producer_id,
            producer_epoch,
            generation_id_or_member_epoch: -1,
            topics: vec![TxnOffsetCommitRequestTopic {
                name: text(TOPIC),
                partitions: vec![TxnOffsetCommitRequestPartition {
                    partition_index: 0,
                    committed_offset: 9,
                    ..Default::default()
                }],
                ..Default::default()
            }],
            ..Default::default()
        }
    });
    case.ask(8, "nothing is there yet", |_| fetch(GROUP));
    end(&mut case, GROUP, true);
    case.ask(8, "the offset is there", |_| fetch(GROUP)).until(FADING, "9");
    case
}
