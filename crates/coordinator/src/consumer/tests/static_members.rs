use ottla_wire::ErrorCode;
use ottla_wire::messages::ConsumerGroupHeartbeatRequest;

use super::{Consumer, trial};
use crate::trial::code;

fn static_consumer(id: &str) -> Consumer {
    Consumer { instance: Some("instance".to_owned()), ..Consumer::new(id, &["a"]) }
}

fn at(consumer: &Consumer, epoch: i32) -> ConsumerGroupHeartbeatRequest {
    ConsumerGroupHeartbeatRequest {
        instance_id: consumer.instance.clone(),
        member_epoch: epoch,
        ..consumer.short()
    }
}

#[test]
fn a_static_member_leaves_for_a_while_and_comes_back_under_another_id() {
    let mut trial = trial();
    let (mut first, mut other) = (static_consumer("first"), Consumer::new("other", &["a"]));
    trial.join(&mut first);
    trial.join(&mut other);
    trial.settle(&mut [&mut first, &mut other]);
    let (owned, epoch) = (first.owns("a"), trial.describe().group_epoch);
    assert_eq!(trial.beat(at(&first, -2)).member_epoch, -2);
    trial.check_reload();
    trial.pass(20_000);
    let mut second = static_consumer("second");
    trial.join(&mut second);
    assert_eq!(second.owns("a"), owned, "it has what its former self had");
    assert_eq!(trial.describe().group_epoch, epoch, "and nobody else has noticed");
    trial.check_reload();
    let response = trial.beat(at(&first, epoch));
    assert_eq!(code(response.error_code), ErrorCode::FencedInstanceId);
    assert_eq!(
        response.error_message.as_deref(),
        Some("Static member first with instance id instance was fenced by member second.")
    );
}

#[test]
fn a_static_member_that_does_not_come_back_is_out() {
    let mut trial = trial();
    let mut first = static_consumer("first");
    trial.join(&mut first);
    trial.beat(at(&first, -2));
    trial.pass(46_000);
    assert_eq!(trial.describe().group_state, "Empty");
    trial.check_reload();
}

#[test]
fn an_instance_that_is_in_use_is_not_given_away() {
    let mut trial = trial();
    let mut first = static_consumer("first");
    trial.join(&mut first);
    let response = trial.beat(static_consumer("second").full());
    assert_eq!(code(response.error_code), ErrorCode::UnreleasedInstanceId);
    assert_eq!(
        response.error_message.as_deref(),
        Some(
            "Static member second with instance id instance cannot join the group because the instance id is owned by \
             first member."
        )
    );
    let unknown = Consumer { instance: Some("nobody".to_owned()), ..first.clone() };
    let response = trial.beat(at(&unknown, 2));
    assert_eq!(code(response.error_code), ErrorCode::UnknownMemberId);
    assert_eq!(response.error_message.as_deref(), Some("Instance id nobody is unknown."));
    assert_eq!(trial.beat(at(&first, -1)).error_code, 0, "it may leave for good");
    assert_eq!(trial.describe().group_state, "Empty");
}
