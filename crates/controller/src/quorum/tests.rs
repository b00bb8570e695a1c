use ottla_machine::Machine;
use ottla_wire::ErrorCode;
use ottla_wire::messages::update_features_request::FeatureUpdateKey;
use ottla_wire::messages::*;

use crate::controller::Controller;
use crate::fixture::Lab;
use crate::request::{Request, Settings};

fn feature(name: &str, feature_level: i16) -> MetadataRecord {
    FeatureLevelRecord { name: name.to_owned(), feature_level, ..Default::default() }.into()
}

/// What a log begins with that Kafka 4.3.1 formatted and led.
#[test]
fn an_empty_log_begins_as_kafkas_does() {
    let settings = Settings::new("cluster", 1, Default::default());
    let fresh = Controller::new(settings);
    let decision = fresh.decide(ottla_machine::Token(1), Request::activate([1, 2]), 0);
    let name = Some("Bootstrap records".to_owned());
    let expected: Vec<MetadataRecord> = vec![
        BeginTransactionRecord { name, ..Default::default() }.into(),
        feature("metadata.version", 30),
        feature("eligible.leader.replicas.version", 1),
        feature("group.version", 1),
        feature("share.version", 1),
        feature("streams.version", 1),
        feature("transaction.version", 2),
        ConfigRecord {
            resource_type: 4,
            resource_name: String::new(),
            name: "min.insync.replicas".to_owned(),
            value: Some("1".to_owned()),
            ..Default::default()
        }
        .into(),
        EndTransactionRecord::default().into(),
    ];
    assert_eq!(decision.records, expected);
}

#[test]
fn a_log_that_has_begun_does_not_begin_again() {
    let mut lab = Lab::new();
    assert_eq!(lab.run(Request::activate([0, 0])).0, []);
}

#[test]
fn a_beginning_that_was_cut_short_is_aborted_and_done_again() {
    let mut controller = Controller::new(Settings::new("cluster", 1, Default::default()));
    let decision = controller.decide(ottla_machine::Token(1), Request::activate([1, 2]), 0);
    for (offset, record) in (0..).zip(&decision.records[..3]) {
        controller.apply(offset, record);
    }
    let again = controller.decide(ottla_machine::Token(1), Request::activate([1, 2]), 0);
    assert!(matches!(again.records[0], MetadataRecord::AbortTransaction(_)));
    assert_eq!(again.records[1..], decision.records);
    for (offset, record) in (3..).zip(&again.records) {
        controller.apply(offset, record);
    }
    assert_eq!(controller.image().features.len(), 6);
    assert_eq!(controller.fault(), None);
}

#[test]
fn blocks_of_producer_ids_never_overlap() {
    let mut lab = Lab::with_brokers(&[1]);
    let ask = |lab: &mut Lab, broker_epoch: i64| {
        let request =
            AllocateProducerIdsRequest { broker_id: 1, broker_epoch, ..Default::default() };
        match lab.call(request, 0).1 {
            ResponseBody::AllocateProducerIds(answer) => {
                (answer.error_code, answer.producer_id_start, answer.producer_id_len)
            }
            other => panic!("{other:?}"),
        }
    };
    let epoch = lab.epoch(1);
    assert_eq!(ask(&mut lab, epoch), (0, 0, 1000));
    assert_eq!(ask(&mut lab, epoch), (0, 1000, 1000));
    assert_eq!(ask(&mut lab, epoch + 1).0, ErrorCode::StaleBrokerEpoch.code());
    assert_eq!(ask(&mut lab, epoch), (0, 2000, 1000));
}

#[test]
fn features_move_as_far_as_everybody_can_follow() {
    const ALL: &str =
        "The update failed for all features since the following feature had an error: ";
    let cases = [
        ("group.version", 1, 1, ""),
        (
            "group.version",
            0,
            1,
            "Invalid update version 0 for feature group.version. Can't downgrade the version of this feature without setting the upgrade type to either safe or unsafe downgrade.",
        ),
        ("group.version", 0, 2, ""),
        (
            "group.version",
            2,
            1,
            "Invalid update version 2 for feature group.version. Local controller 1 only supports versions 0-1",
        ),
        (
            "nope",
            1,
            1,
            "Invalid update version 1 for feature nope. Local controller 1 does not support this feature.",
        ),
        ("nope", 0, 1, "Invalid update version 0 for feature nope. Feature nope not found."),
        ("nope", 0, 2, "Invalid update version 0 for feature nope. Feature nope not found."),
        (
            "metadata.version",
            0,
            1,
            "Invalid update version 0 for feature metadata.version. Local controller 1 only supports versions 7-30",
        ),
        (
            "metadata.version",
            29,
            1,
            "Invalid update version 29 for feature metadata.version. Can't downgrade the version of this feature without setting the upgrade type to either safe or unsafe downgrade.",
        ),
        (
            "metadata.version",
            29,
            2,
            "Unsupported metadata.version downgrade from 30 to 29. Refusing to perform the requested downgrade because it might delete metadata information.",
        ),
        (
            "group.version",
            -1,
            2,
            "Invalid update version -1 for feature group.version. A feature version cannot be less than 0.",
        ),
        (
            "group.version",
            1,
            9,
            "Invalid update version 1 for feature group.version. The controller does not support the given upgrade type.",
        ),
    ];
    for (feature, max_version_level, upgrade_type, reason) in cases {
        let mut lab = Lab::with_brokers(&[1]);
        let update = FeatureUpdateKey {
            feature: feature.to_owned(),
            max_version_level,
            upgrade_type,
            ..Default::default()
        };
        let request = UpdateFeaturesRequest { feature_updates: vec![update], ..Default::default() };
        let (records, response) = lab.call(request, 2);
        let ResponseBody::UpdateFeatures(response) = response else { panic!("{response:?}") };
        let expected = (!reason.is_empty()).then(|| format!("{ALL}{reason}"));
        assert_eq!(response.error_message, expected);
        assert_eq!(records.is_empty(), !reason.is_empty(), "{feature} {max_version_level}");
    }
}

#[test]
fn a_controller_that_replays_a_log_becomes_the_same_controller() {
    let mut lab = Lab::with_brokers(&[1, 2]);
    lab.topic("a", &[&[1, 2], &[2, 1]]);
    let mut replayed = Controller::new(Settings::new("cluster", 1, Default::default()));
    for (offset, record) in (0..).zip(&lab.controller.image().to_records()) {
        replayed.apply(offset, record);
    }
    assert_eq!(replayed.image(), lab.controller.image());
    assert_eq!(replayed.index, lab.controller.index);
}
