use ottla_wire::ErrorCode;
use ottla_wire::messages::ConsumerGroupHeartbeatRequest;

use super::{Consumer, trial};
use crate::trial::code;

fn matching(id: &str, regex: &str) -> Consumer {
    Consumer { regex: Some(regex.to_owned()), ..Consumer::new(id, &[]) }
}

#[test]
fn an_expression_is_matched_after_the_answer() {
    let mut trial = trial();
    let mut member = matching("m", "a|c.*");
    let response = trial.beat(member.full());
    assert_eq!(response.member_epoch, 1, "nothing is known yet");
    member.take(&response);
    assert!(member.owned.is_empty());
    trial.settle(&mut [&mut member]);
    assert_eq!((member.epoch, member.owns("a").len(), member.owns("b").len()), (2, 6, 0));
    trial.check_reload();
    // New topics are found, though not at once.
    trial.set_topics(&[("a", 6), ("b", 2), ("cc", 1)]);
    member.take(&trial.beat(member.short()));
    assert!(member.owns("cc").is_empty());
    trial.pass(10_000);
    trial.settle(&mut [&mut member]);
    assert_eq!(member.owns("cc"), [0]);
    // And those that are gone.
    trial.set_topics(&[("b", 2), ("cc", 1)]);
    trial.settle(&mut [&mut member]);
    assert_eq!((member.owns("a").len(), member.owns("cc").len()), (0, 1));
    trial.check_reload();
}

#[test]
fn one_that_is_no_expression_is_refused() {
    let mut trial = trial();
    let response = trial.beat(matching("m", "(a").full());
    assert_eq!(code(response.error_code), ErrorCode::InvalidRegularExpression);
    assert_eq!(
        response.error_message.as_deref(),
        Some("SubscribedTopicRegex `(a` is not a valid regular expression: missing closing ).")
    );
    assert!(trial.log.is_empty());
}

#[test]
fn expressions_go_with_the_last_who_has_them() {
    let mut trial = trial();
    let (mut one, mut two) = (matching("one", "a"), matching("two", "a"));
    trial.join(&mut one);
    trial.join(&mut two);
    trial.settle(&mut [&mut one, &mut two]);
    assert_eq!(one.owns("a").len(), 3);
    one.regex = Some("b".to_owned());
    trial.settle(&mut [&mut one, &mut two]);
    trial.pass(10_000);
    trial.settle(&mut [&mut one, &mut two]);
    assert_eq!((one.owns("b").len(), two.owns("a").len()), (2, 6));
    let leaving = ConsumerGroupHeartbeatRequest { member_epoch: -1, ..two.short() };
    assert_eq!(trial.beat(leaving).error_code, 0);
    one.regex = Some(String::new());
    one.topics = vec!["a".to_owned()];
    trial.settle(&mut [&mut one]);
    assert_eq!((one.owns("a").len(), one.owns("b").len()), (6, 0));
    let group = trial.describe();
    assert_eq!(group.members[0].subscribed_topic_regex.as_deref(), Some(""));
    trial.check_reload();
}
