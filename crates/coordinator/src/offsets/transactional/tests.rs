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
    DeleteGroupsRequest, OffsetDeleteRequest, OffsetFetchRequest, TxnOffsetCommitRequest,
};
use ottla_wire::{ErrorCode, Uuid};

use crate::request::{DeletedTopic, EndedTransaction};
use crate::transaction::ProducerEpoch;
use crate::trial::{Trial, code, commit_request, hard_state};
use crate::{Body, Config, Response};

const GROUP: &str = "simple";

fn request(producer_id: i64, offset: i64) -> TxnOffsetCommitRequest {
    TxnOffsetCommitRequest {
        transactional_id: "id".to_owned(),
        group_id: GROUP.to_owned(),
        producer_id,
        generation_id_or_member_epoch: -1,
        topics: vec![TxnOffsetCommitRequestTopic {
            name: "topic".to_owned(),
            partitions: vec![TxnOffsetCommitRequestPartition {
                committed_offset: offset,
                ..TxnOffsetCommitRequestPartition::default()
            }],
            ..TxnOffsetCommitRequestTopic::default()
        }],
        ..TxnOffsetCommitRequest::default()
    }
}

fn commit(trial: &mut Trial, request: TxnOffsetCommitRequest) -> ErrorCode {
    match trial.call(5, Body::TxnOffsetCommit(request)) {
        Response::TxnOffsetCommit(response) => code(response.topics[0].partitions[0].error_code),
        other => panic!("not a commit answer: {other:?}"),
    }
}

fn end(trial: &mut Trial, producer_id: i64, is_commit: bool) {
    let producer = ProducerEpoch { producer_id, producer_epoch: 0 };
    let ended =
        EndedTransaction { producer, is_commit, coordinator_epoch: 0, transaction_version: 0 };
    assert_eq!(trial.call(1, Body::EndTransaction(ended)), Response::TransactionEnded);
    let before = hard_state(trial.runner.machine());
    assert_eq!(hard_state(trial.loaded().machine()), before, "a reload changes nothing");
}

fn fetch(trial: &mut Trial, require_stable: bool) -> Result<i64, ErrorCode> {
    let topic = OffsetFetchRequestTopics {
        name: "topic".to_owned(),
        partition_indexes: vec![0],
        ..OffsetFetchRequestTopics::default()
    };
    let group = OffsetFetchRequestGroup {
        group_id: GROUP.to_owned(),
        topics: Some(vec![topic]),
        ..OffsetFetchRequestGroup::default()
    };
    let request =
        OffsetFetchRequest { groups: vec![group], require_stable, ..OffsetFetchRequest::default() };
    let Response::OffsetFetch(response) = trial.call(8, Body::OffsetFetch(request)) else {
        panic!("not a fetch answer")
    };
    let partition = &response.groups[0].topics[0].partitions[0];
    match code(partition.error_code) {
        ErrorCode::None => Ok(partition.committed_offset),
        error => Err(error),
    }
}

#[test]
fn offsets_count_from_the_marker_on() {
    let unstable = Err(ErrorCode::UnstableOffsetCommit);
    for (is_commit, expected) in [(true, 5), (false, -1)] {
        let mut trial = Trial::new(Config::default());
        assert_eq!(commit(&mut trial, request(1, 5)), ErrorCode::None);
        assert_eq!((fetch(&mut trial, false), fetch(&mut trial, true)), (Ok(-1), unstable));
        trial.reload();
        assert_eq!((fetch(&mut trial, false), fetch(&mut trial, true)), (Ok(-1), unstable));
        end(&mut trial, 2, !is_commit);
        assert_eq!(fetch(&mut trial, true), unstable, "somebody else's marker");
        end(&mut trial, 1, is_commit);
        assert_eq!(
            (fetch(&mut trial, false), fetch(&mut trial, true)),
            (Ok(expected), Ok(expected))
        );
        end(&mut trial, 1, !is_commit);
        assert_eq!(fetch(&mut trial, true), Ok(expected), "a marker for nothing");
    }
}

#[test]
fn of_two_offsets_the_later_one_in_the_log_counts() {
    let mut trial = Trial::new(Config::default());
    assert_eq!(commit(&mut trial, request(1, 5)), ErrorCode::None);
    assert_eq!(commit(&mut trial, request(2, 7)), ErrorCode::None);
    end(&mut trial, 2, true);
    assert_eq!(fetch(&mut trial, false), Ok(7));
    end(&mut trial, 1, true);
    assert_eq!(fetch(&mut trial, true), Ok(7), "the first one was overtaken");
    let mut plain = commit_request("", -1, "topic", 9);
    plain.group_id = GROUP.to_owned();
    assert_eq!(commit(&mut trial, request(1, 8)), ErrorCode::None);
    trial.call(9, Body::OffsetCommit(plain));
    end(&mut trial, 1, true);
    assert_eq!(fetch(&mut trial, true), Ok(9), "a plain commit overtakes too");
}

#[test]
fn what_is_deleted_stays_deleted() {
    let delete_group = Body::DeleteGroups(DeleteGroupsRequest {
        groups_names: vec![GROUP.to_owned()],
        ..DeleteGroupsRequest::default()
    });
    let delete_offset = Body::OffsetDelete(OffsetDeleteRequest {
        group_id: GROUP.to_owned(),
        topics: vec![OffsetDeleteRequestTopic {
            name: "topic".to_owned(),
            partitions: vec![OffsetDeleteRequestPartition::default()],
        }],
    });
    for deletion in [delete_group, delete_offset] {
        let mut trial = Trial::new(Config::default());
        assert_eq!(commit(&mut trial, request(1, 5)), ErrorCode::None);
        trial.call(0, deletion.clone());
        end(&mut trial, 1, true);
        assert_eq!(fetch(&mut trial, true), Ok(-1), "{deletion:?}");
    }
}

#[test]
fn what_is_pending_does_not_expire() {
    let mut trial = Trial::new(Config { offsets_retention_minutes: 1, ..Config::default() });
    assert_eq!(commit(&mut trial, request(1, 5)), ErrorCode::None);
    trial.pass(3_600_000);
    assert_eq!(fetch(&mut trial, true), Err(ErrorCode::UnstableOffsetCommit));
    end(&mut trial, 1, true);
    assert_eq!(fetch(&mut trial, true), Ok(5));
    trial.pass(3_600_000);
    assert_eq!(fetch(&mut trial, true), Ok(-1));
}

#[test]
fn members_are_checked_when_they_are_named() {
    let (mut trial, members) = Trial::stable(1);
    let of = |member_id: &str, generation: i32| TxnOffsetCommitRequest {
        group_id: crate::trial::GROUP.to_owned(),
        member_id: member_id.to_owned(),
        generation_id_or_member_epoch: generation,
        ..request(1, 5)
    };
    for (request, expected) in [
        (of(&members[0], 1), ErrorCode::None),
        (of("", -1), ErrorCode::None),
        (of(&members[0], 0), ErrorCode::IllegalGeneration),
        (of("nobody", 1), ErrorCode::UnknownMemberId),
        (
            TxnOffsetCommitRequest { group_id: "new".to_owned(), ..of("", 3) },
            ErrorCode::IllegalGeneration,
        ),
        (
            TxnOffsetCommitRequest {
                group_instance_id: Some("i".to_owned()),
                ..of(&members[0], 1)
            },
            ErrorCode::UnknownMemberId,
        ),
    ] {
        assert_eq!(commit(&mut trial, request.clone()), expected, "{request:?}");
    }
    let mut large = request(1, 5);
    large.topics[0].partitions[0].committed_metadata = Some("x".repeat(4_097));
    assert_eq!(commit(&mut trial, large), ErrorCode::OffsetMetadataTooLarge);
}

#[test]
fn a_deleted_topic_takes_along_what_is_pending() {
    for (committed_before, id, expected) in
        [(None, Uuid::ONE, -1), (Some(3), Uuid::ONE, -1), (Some(3), Uuid::ZERO, 7)]
    {
        let mut trial = Trial::new(Config::default());
        let mut pending = request(1, 7);
        pending.topics[0].topic_id = Uuid::ONE;
        if let Some(offset) = committed_before {
            let mut plain = commit_request("", -1, "topic", offset);
            plain.group_id = GROUP.to_owned();
            plain.topics[0].topic_id = Uuid::ONE;
            trial.call(10, Body::OffsetCommit(plain));
        }
        assert_eq!(commit(&mut trial, pending), ErrorCode::None);
        // Of another topic of that name nothing is lost.
        let deleted = DeletedTopic { name: "topic".to_owned(), id };
        trial.call(0, Body::TopicsDeleted(vec![deleted]));
        let is_kept = id == Uuid::ZERO;
        assert_eq!(fetch(&mut trial, true).is_err(), is_kept, "{committed_before:?}");
        end(&mut trial, 1, true);
        assert_eq!(fetch(&mut trial, true), Ok(expected), "{committed_before:?} {id}");
    }
}

#[test]
fn what_is_pending_goes_with_a_topic_that_went_unnoticed() {
    let mut trial = Trial::new(Config::default());
    assert_eq!(commit(&mut trial, request(1, 7)), ErrorCode::None);
    trial.set_topics(&[("__consumer_offsets", 1), ("topic", 1)]);
    trial.reload();
    trial.call(0, Body::ForgetMissingTopics);
    assert!(fetch(&mut trial, true).is_err(), "the topic is there");
    trial.set_topics(&[("__consumer_offsets", 1)]);
    trial.reload();
    trial.call(0, Body::ForgetMissingTopics);
    end(&mut trial, 1, true);
    assert_eq!(fetch(&mut trial, true), Ok(-1));
}
