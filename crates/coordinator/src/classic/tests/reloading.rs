use ottla_wire::ErrorCode;

use crate::Config;
use crate::trial::{SESSION_MS, Trial, code, hard_state};

#[test]
fn a_reload_brings_back_what_was_recorded() {
    let (mut trial, members) = Trial::stable(3);
    trial.commit(&members[0], 1, 5);
    trial.commit(&members[1], 1, 6);
    let before = hard_state(trial.runner.machine());
    assert_eq!(hard_state(trial.loaded().machine()), before, "stable");

    trial.pass(SESSION_MS);
    let before = hard_state(trial.runner.machine());
    assert_eq!(hard_state(trial.loaded().machine()), before, "empty");
}

#[test]
fn after_a_reload_every_member_has_a_fresh_session() {
    let (mut trial, members) = Trial::stable(2);
    trial.pass(SESSION_MS - 1);
    trial.reload();
    trial.pass(SESSION_MS - 1);
    assert_eq!(trial.state(), "Stable");
    assert_eq!(trial.heartbeat(&members[0], 1), ErrorCode::None);
    trial.pass(1);
    assert_eq!(trial.heartbeat(&members[1], 1), ErrorCode::UnknownMemberId);
}

#[test]
fn a_generation_that_was_never_assigned_is_forgotten() {
    let (mut trial, members) = Trial::stable(2);
    for member_id in &members {
        trial.rejoin(member_id);
    }
    trial.reload();
    assert_eq!(trial.heartbeat(&members[0], 2), ErrorCode::IllegalGeneration);
    assert_eq!(trial.heartbeat(&members[0], 1), ErrorCode::None);
}

#[test]
fn unloading_answers_everyone_who_waits() {
    let (mut trial, members) = Trial::stable(2);
    let join = trial.rejoin(&members[0]);
    let refused = trial.runner.machine().unload();
    assert_eq!(refused.iter().map(|answer| answer.token).collect::<Vec<_>>(), [join]);
    let crate::Response::JoinGroup(response) = &refused[0].response else {
        panic!("not a join answer")
    };
    assert_eq!(code(response.error_code), ErrorCode::NotCoordinator);
    assert_eq!(response.member_id, members[0]);

    let mut trial = Trial::new(Config::default());
    let (_, first) = trial.join_new();
    let (_, second) = trial.join_new();
    trial.await_answer(first);
    let leader = trial.joined(first).leader;
    let follower = trial.joined(second).member_id;
    assert_ne!(leader, follower);
    let sync = trial.sync(&follower, 1, &[]);
    let refused = trial.runner.machine().unload();
    assert_eq!(refused.iter().map(|answer| answer.token).collect::<Vec<_>>(), [sync]);
}
