use ottla_metadata::{LeaderRecovery, NO_LEADER};
use ottla_wire::ErrorCode;
use ottla_wire::messages::alter_partition_reassignments_request::{
    ReassignablePartition, ReassignableTopic,
};
use ottla_wire::messages::alter_partition_request::{BrokerState, PartitionData, TopicData};
use ottla_wire::messages::elect_leaders_request::TopicPartitions;
use ottla_wire::messages::*;

use crate::fixture::Lab;

fn state(lab: &Lab, broker_id: i32) -> BrokerState {
    BrokerState { broker_id, broker_epoch: lab.epoch(broker_id), ..Default::default() }
}

/// The leader of `t-0` asks for an in-sync set.
fn wanted(lab: &Lab, isr: &[i32]) -> PartitionData {
    let partition = lab.partition("t", 0);
    PartitionData {
        partition_index: 0,
        leader_epoch: partition.leader_epoch,
        partition_epoch: partition.partition_epoch,
        new_isr_with_epochs: isr.iter().map(|id| state(lab, *id)).collect(),
        leader_recovery_state: 0,
        ..Default::default()
    }
}

fn alter(lab: &mut Lab, broker_id: i32, partition: PartitionData) -> (i16, Vec<i32>) {
    let topic_id = lab.controller.image().topics.id_of("t").expect("the topic exists");
    let topic = TopicData { topic_id, partitions: vec![partition], ..Default::default() };
    let request = AlterPartitionRequest {
        broker_id,
        broker_epoch: lab.epoch(broker_id),
        topics: vec![topic],
        ..Default::default()
    };
    let ResponseBody::AlterPartition(answer) = lab.call(request, 3).1 else { panic!() };
    let partition = &answer.topics[0].partitions[0];
    (partition.error_code, partition.isr.clone())
}

fn reassign(lab: &mut Lab, replicas: Option<&[i32]>) -> (i16, Option<String>) {
    let partition = ReassignablePartition {
        partition_index: 0,
        replicas: replicas.map(<[i32]>::to_vec),
        ..Default::default()
    };
    let topic = ReassignableTopic {
        name: "t".to_owned(),
        partitions: vec![partition],
        ..Default::default()
    };
    let request = AlterPartitionReassignmentsRequest { topics: vec![topic], ..Default::default() };
    let ResponseBody::AlterPartitionReassignments(answer) = lab.call(request, 1).1 else {
        panic!()
    };
    let partition = &answer.responses[0].partitions[0];
    (partition.error_code, partition.error_message.clone())
}

fn elect(lab: &mut Lab, election_type: i8, topic: &str) -> (i16, Option<String>) {
    let topics =
        TopicPartitions { topic: topic.to_owned(), partitions: vec![0], ..Default::default() };
    let request = ElectLeadersRequest {
        election_type,
        topic_partitions: Some(vec![topics]),
        ..Default::default()
    };
    let ResponseBody::ElectLeaders(answer) = lab.call(request, 2).1 else { panic!() };
    let partition = &answer.replica_election_results[0].partition_result[0];
    (partition.error_code, partition.error_message.clone())
}

/// Lets a broker fall silent while the others live.
fn silence(lab: &mut Lab, broker: i32, others: &[i32]) {
    lab.now += 9_000;
    for other in others {
        lab.heartbeat(*other, false);
    }
    while lab.controller.is_active(broker) {
        lab.expire();
    }
}

#[test]
fn a_leader_may_shrink_and_grow_its_in_sync_set() {
    let mut lab = Lab::with_brokers(&[1, 2, 3]);
    lab.topic("t", &[&[1, 2, 3]]);
    for isr in [&[1, 2][..], &[1], &[1, 2, 3]] {
        let request = wanted(&lab, isr);
        assert_eq!(alter(&mut lab, 1, request), (0, isr.to_vec()));
        assert_eq!(lab.partition("t", 0).isr, isr);
        assert_eq!(lab.partition("t", 0).leader_epoch, 0);
    }
}

#[test]
fn what_a_leader_may_not_ask_for() {
    use ErrorCode as E;
    type Spoil = fn(&mut PartitionData);
    let cases: [(i32, Spoil, ErrorCode); 9] = [
        (1, |wanted| wanted.partition_index = 9, E::UnknownTopicOrPartition),
        (1, |wanted| wanted.leader_epoch += 1, E::NotController),
        (1, |wanted| wanted.partition_epoch += 1, E::NotController),
        (1, |wanted| wanted.leader_epoch -= 1, E::FencedLeaderEpoch),
        (2, |_| (), E::InvalidRequest),
        (1, |wanted| wanted.partition_epoch -= 1, E::InvalidUpdateVersion),
        (1, |wanted| wanted.new_isr_with_epochs.remove(0).broker_id = 0, E::InvalidRequest),
        (1, |wanted| wanted.leader_recovery_state = 1, E::InvalidRequest),
        (1, |wanted| wanted.new_isr_with_epochs[1].broker_epoch += 1, E::IneligibleReplica),
    ];
    let mut lab = Lab::with_brokers(&[1, 2, 3]);
    lab.topic("t", &[&[1, 2]]);
    for (broker, spoil, code) in cases {
        let mut request = wanted(&lab, &[1, 2]);
        spoil(&mut request);
        assert_eq!(alter(&mut lab, broker, request).0, code.code(), "{code}");
    }
    assert_eq!(lab.partition("t", 0).partition_epoch, 0);
}

#[test]
fn a_replica_moves_once_the_new_one_is_in_sync() {
    let mut lab = Lab::with_brokers(&[1, 2, 3]);
    lab.topic("t", &[&[1, 2]]);
    assert_eq!(reassign(&mut lab, Some(&[3, 2])), (0, None));
    let open = lab.partition("t", 0);
    assert_eq!((open.replicas, open.adding, open.removing), (vec![3, 2, 1], vec![3], vec![1]));
    let request = ListPartitionReassignmentsRequest::default();
    let request = ListPartitionReassignmentsRequest { topics: None, ..request };
    let ResponseBody::ListPartitionReassignments(list) = lab.call(request, 0).1 else { panic!() };
    assert_eq!(list.topics[0].partitions[0].adding_replicas, [3]);
    // The leader leaves with the last step, and is told so.
    let request = wanted(&lab, &[1, 2, 3]);
    assert_eq!(alter(&mut lab, 1, request).0, ErrorCode::NewLeaderElected.code());
    let done = lab.partition("t", 0);
    assert_eq!((done.replicas.as_slice(), done.leader), (&[3, 2][..], 3));
    assert!(!done.is_reassigning());
}

#[test]
fn a_reassignment_can_be_taken_back() {
    let mut lab = Lab::with_brokers(&[1, 2, 3]);
    lab.topic("t", &[&[1, 2]]);
    assert_eq!(reassign(&mut lab, None), (85, None), "Kafka has no words for it");
    reassign(&mut lab, Some(&[3, 2]));
    assert_eq!(reassign(&mut lab, None), (0, None));
    let partition = lab.partition("t", 0);
    assert_eq!((partition.replicas.as_slice(), partition.leader), (&[2, 1][..], 1));
    assert!(!partition.is_reassigning());
    assert_eq!(partition.directories.len(), 2);
}

#[test]
fn leaders_go_back_to_where_they_belong() {
    let mut lab = Lab::with_brokers(&[1, 2]);
    lab.topic("t", &[&[1, 2]]);
    let settled = (84, Some(ErrorCode::ElectionNotNeeded.message().to_owned()));
    assert_eq!(elect(&mut lab, 0, "t"), settled);
    assert_eq!(elect(&mut lab, 0, "nn"), (3, Some("No such topic as nn".to_owned())));
    silence(&mut lab, 1, &[2]);
    assert_eq!(lab.partition("t", 0).leader, 2);
    assert_eq!(elect(&mut lab, 0, "t").0, ErrorCode::PreferredLeaderNotAvailable.code());
    lab.heartbeat(1, false);
    let request = wanted(&lab, &[2, 1]);
    assert_eq!(alter(&mut lab, 2, request).0, 0);
    // Nobody asks: the controller looks every five minutes.
    lab.now += 300_000;
    for _ in 0..20 {
        lab.heartbeat(1, false);
        lab.heartbeat(2, false);
        lab.expire();
    }
    assert_eq!(lab.partition("t", 0).leader, 1);
}

#[test]
fn an_unknown_election_of_nothing_is_no_error() {
    let mut lab = Lab::with_brokers(&[1]);
    lab.topic("t", &[&[1]]);
    for (topic_partitions, expected) in
        [(Some(Vec::new()), ErrorCode::None), (None, ErrorCode::InvalidRequest)]
    {
        let request = ElectLeadersRequest {
            election_type: 7,
            topic_partitions,
            ..ElectLeadersRequest::default()
        };
        let ResponseBody::ElectLeaders(response) = lab.call(request, 2).1 else { panic!() };
        assert_eq!(response.error_code, expected.code());
    }
}

#[test]
fn an_unclean_election_is_for_topics_that_want_it() {
    for (enabled, leader) in [("false", NO_LEADER), ("true", 2)] {
        let mut lab = Lab::with_brokers(&[1, 2]);
        lab.topic("t", &[&[1, 2]]);
        lab.set_topic_config("t", "unclean.leader.election.enable", enabled);
        let request = wanted(&lab, &[1]);
        alter(&mut lab, 1, request);
        silence(&mut lab, 1, &[2]);
        let partition = lab.partition("t", 0);
        assert_eq!(partition.leader, leader, "{enabled}");
        if leader == 2 {
            assert_eq!(partition.isr, [2]);
            assert_eq!(partition.leader_recovery, LeaderRecovery::Recovering);
        }
    }
}

#[test]
fn whoever_was_in_sync_below_the_minimum_stays_eligible() {
    let mut lab = Lab::with_brokers(&[1, 2]);
    lab.topic("t", &[&[1, 2]]);
    lab.set_topic_config("t", "min.insync.replicas", "2");
    silence(&mut lab, 2, &[1]);
    let partition = lab.partition("t", 0);
    assert_eq!((partition.isr.as_slice(), partition.elr.as_slice()), (&[1][..], &[2][..]));
    silence(&mut lab, 1, &[]);
    let partition = lab.partition("t", 0);
    assert_eq!((partition.leader, partition.elr), (NO_LEADER, vec![1, 2]));
    // The eligible one comes back first, and leads without losing anything.
    lab.heartbeat(2, false);
    let partition = lab.partition("t", 0);
    assert_eq!((partition.leader, partition.isr.as_slice()), (2, &[2][..]));
    assert_eq!(partition.leader_recovery, LeaderRecovery::Recovered);
    assert_eq!(partition.elr, [1]);
}

#[test]
fn one_request_reassigns_ten_thousand_partitions_at_most() {
    let mut lab = Lab::with_brokers(&[1, 2]);
    for name in ["a", "b"] {
        lab.topic(name, &[&[1][..]; 5_001]);
    }
    let partition = |partition_index| ReassignablePartition {
        partition_index,
        replicas: Some(vec![2]),
        ..Default::default()
    };
    let topic = |name: &str| ReassignableTopic {
        name: name.to_owned(),
        partitions: (0..5_001).map(partition).collect(),
        ..Default::default()
    };
    let topics = vec![topic("a"), topic("b")];
    let request = AlterPartitionReassignmentsRequest { topics, ..Default::default() };
    let (records, response) = lab.call(request, 1);
    let ResponseBody::AlterPartitionReassignments(response) = response else { panic!() };
    let answers = response.responses.iter().flat_map(|topic| &topic.partitions);
    let refused = answers.filter(|partition| partition.error_code == -1).count();
    assert_eq!((records.len(), refused), (10_000, 2));
}
