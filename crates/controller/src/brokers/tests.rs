use ottla_machine::Machine;
use ottla_metadata::NO_LEADER;
use ottla_wire::messages::*;
use ottla_wire::{ErrorCode, Uuid};

use crate::fixture::Lab;

#[test]
fn a_broker_registers_follows_and_is_unfenced() {
    let mut lab = Lab::new();
    assert_eq!(lab.register(1, 1, -1), 0);
    let epoch = lab.epoch(1);
    let behind = BrokerHeartbeatRequest {
        broker_id: 1,
        broker_epoch: epoch,
        current_metadata_offset: lab.offset - 2,
        ..Default::default()
    };
    let ResponseBody::BrokerHeartbeat(answer) = lab.call(behind, 1).1 else { panic!() };
    assert!(answer.is_fenced && !answer.is_caught_up);
    let answer = lab.heartbeat(1, false);
    assert!(!answer.is_fenced && answer.is_caught_up && !answer.should_shut_down);
    assert!(lab.controller.is_active(1));
}

#[test]
fn registrations_that_cannot_be_are_refused() {
    let good = |lab: &mut Lab| {
        assert_eq!(lab.register(1, 1, -1), 0);
        lab.heartbeat(1, false);
    };
    let mut lab = Lab::new();
    good(&mut lab);
    // Another process with the same id, while the first one lives.
    assert_eq!(lab.register(1, 2, -1), ErrorCode::DuplicateBrokerRegistration.code());
    lab.now += 9_000;
    assert_eq!(lab.register(1, 2, -1), 0);

    type Spoil = fn(&mut BrokerRegistrationRequest);
    let cases: [(Spoil, ErrorCode); 6] = [
        (|request| request.cluster_id = "other".to_owned(), ErrorCode::InconsistentClusterId),
        (|request| request.log_dirs = vec![], ErrorCode::InvalidRegistration),
        (
            |request| request.log_dirs = vec![Uuid::from_halves(0, 1)],
            ErrorCode::InvalidRegistration,
        ),
        (
            |request| request.log_dirs = vec![Uuid::from_halves(1_000, 1)],
            ErrorCode::InvalidRegistration,
        ),
        (|request| request.features = vec![], ErrorCode::InvalidRegistration),
        (|request| request.is_migrating_zk_broker = true, ErrorCode::BrokerIdNotRegistered),
    ];
    for (at, (spoil, code)) in cases.into_iter().enumerate() {
        let mut request = BrokerRegistrationRequest {
            broker_id: 2,
            cluster_id: "cluster".to_owned(),
            incarnation_id: Uuid::from_halves(3, 3),
            log_dirs: vec![Uuid::from_halves(9, 9)],
            ..Default::default()
        };
        spoil(&mut request);
        let (records, response) = lab.call(request, 4);
        let ResponseBody::BrokerRegistration(response) = response else { panic!("{response:?}") };
        assert_eq!((at, response.error_code, records.len()), (at, code.code(), 0));
    }
}

#[test]
fn a_silent_broker_is_fenced_and_leads_again_when_it_is_back() {
    let mut lab = Lab::with_brokers(&[1, 2]);
    lab.topic("t", &[&[1, 2]]);
    assert_eq!(lab.partition("t", 0).leader, 1);
    lab.now += 5_000;
    lab.heartbeat(2, false);
    let due = lab.now + 4_000;
    assert!(lab.controller.next_deadline().is_some_and(|at| at <= due));
    lab.now = due - 1;
    while !lab.expire().is_empty() {}
    assert!(lab.controller.is_active(1));
    lab.now = due;
    lab.expire();
    assert!(!lab.controller.is_active(1));
    let partition = lab.partition("t", 0);
    assert_eq!((partition.leader, partition.leader_epoch, partition.isr), (2, 1, vec![2]));
    lab.heartbeat(1, false);
    assert!(lab.controller.is_active(1));
    // Out of sync: it must catch up before it may lead.
    assert_eq!(lab.partition("t", 0).leader, 2);
}

#[test]
fn a_lone_broker_that_was_killed_leads_its_partitions_again() {
    let mut lab = Lab::with_brokers(&[1]);
    lab.topic("t", &[&[1]]);
    lab.now += 60_000;
    assert_eq!(lab.register(1, 2, -1), 0);
    assert_eq!(lab.partition("t", 0).leader, NO_LEADER);
    lab.heartbeat(1, false);
    let partition = lab.partition("t", 0);
    assert_eq!((partition.leader, partition.isr), (1, vec![1]));
}

#[test]
fn a_broker_that_leaves_hands_its_partitions_over_first() {
    let mut lab = Lab::with_brokers(&[1, 2]);
    lab.topic("t", &[&[1, 2]]);
    let answer = lab.heartbeat(1, true);
    assert!(!answer.should_shut_down && !answer.is_fenced);
    assert_eq!(lab.partition("t", 0).leader, 2);
    // Broker 2 has not heard of it yet.
    assert!(!lab.heartbeat(1, true).should_shut_down);
    lab.heartbeat(2, false);
    let answer = lab.heartbeat(1, true);
    assert!(answer.should_shut_down && answer.is_fenced);
    assert!(!lab.controller.is_active(1));
}

#[test]
fn the_last_broker_may_leave_at_once_and_comes_back_in_order() {
    let mut lab = Lab::with_brokers(&[1]);
    lab.topic("t", &[&[1]]);
    lab.heartbeat(1, true);
    let partition = lab.partition("t", 0);
    assert_eq!((partition.leader, partition.elr), (NO_LEADER, vec![1]));
    assert!(lab.heartbeat(1, true).should_shut_down);
    let epoch = lab.epoch(1);
    assert_eq!(lab.register(1, 2, epoch), ErrorCode::DuplicateBrokerRegistration.code());
    lab.now += 9_000;
    assert_eq!(lab.register(1, 2, epoch), 0);
    lab.heartbeat(1, false);
    let partition = lab.partition("t", 0);
    assert_eq!((partition.leader, partition.isr, partition.elr), (1, vec![1], vec![]));
}

#[test]
fn an_earlier_life_is_refused() {
    let mut lab = Lab::with_brokers(&[1]);
    for (broker_id, broker_epoch) in [(1, lab.epoch(1) - 1), (7, 0)] {
        let request = BrokerHeartbeatRequest { broker_id, broker_epoch, ..Default::default() };
        let (records, response) = lab.call(request, 1);
        let ResponseBody::BrokerHeartbeat(response) = response else { panic!("{response:?}") };
        assert_eq!(response.error_code, ErrorCode::StaleBrokerEpoch.code());
        assert_eq!(records, []);
    }
}

#[test]
fn an_unregistered_broker_is_gone() {
    let mut lab = Lab::with_brokers(&[1, 2]);
    lab.topic("t", &[&[1, 2]]);
    let ask = |lab: &mut Lab, broker_id: i32| {
        let request = UnregisterBrokerRequest { broker_id, ..Default::default() };
        match lab.call(request, 0).1 {
            ResponseBody::UnregisterBroker(answer) => (answer.error_code, answer.error_message),
            other => panic!("{other:?}"),
        }
    };
    let missing = "Broker ID 9 is not currently registered".to_owned();
    assert_eq!(ask(&mut lab, 9), (ErrorCode::BrokerIdNotRegistered.code(), Some(missing)));
    // Kafka leaves the words at their default, which is empty.
    assert_eq!(ask(&mut lab, 1), (0, Some(String::new())));
    assert!(lab.controller.image().broker(1).is_none());
    assert_eq!(lab.partition("t", 0).leader, 2);
}

#[test]
fn after_a_crash_the_node_s_own_broker_need_not_wait_for_its_old_session() {
    let mut lab = Lab::with_brokers(&[1, 2]);
    let image = lab.controller.image().clone();
    let settings = lab.controller.settings.clone();
    lab.controller = crate::controller::Controller::from_image(settings, image);
    lab.run(crate::request::Request::activate([0, 0]));
    assert_eq!(lab.register(2, 2, -1), ErrorCode::DuplicateBrokerRegistration.code());
    assert_eq!(lab.register(1, 2, -1), 0);
    assert_eq!(lab.register(1, 3, -1), 0);
    lab.heartbeat(1, false);
    assert_eq!(lab.register(1, 4, -1), ErrorCode::DuplicateBrokerRegistration.code());
}
