use ottla_wire::messages::create_partitions_request::{
    CreatePartitionsAssignment, CreatePartitionsTopic,
};
use ottla_wire::messages::create_topics_request::{
    CreatableReplicaAssignment, CreatableTopic, CreatableTopicConfig,
};
use ottla_wire::messages::delete_topics_request::DeleteTopicState;
use ottla_wire::messages::*;
use ottla_wire::{ErrorCode, Uuid};

use crate::fixture::Lab;

fn topic(name: &str, num_partitions: i32, replication_factor: i16) -> CreatableTopic {
    CreatableTopic {
        name: name.to_owned(),
        num_partitions,
        replication_factor,
        ..Default::default()
    }
}

fn configured(name: &str, key: &str, value: Option<&str>) -> CreatableTopic {
    let config = CreatableTopicConfig {
        name: key.to_owned(),
        value: value.map(str::to_owned),
        ..Default::default()
    };
    CreatableTopic { configs: vec![config], ..topic(name, 1, 1) }
}

fn assigned(name: &str, partitions: &[(i32, &[i32])]) -> CreatableTopic {
    let assignments =
        partitions.iter().map(|(partition_index, brokers)| CreatableReplicaAssignment {
            partition_index: *partition_index,
            broker_ids: brokers.to_vec(),
            ..Default::default()
        });
    CreatableTopic { assignments: assignments.collect(), ..topic(name, -1, -1) }
}

fn create(
    lab: &mut Lab,
    topics: Vec<CreatableTopic>,
) -> (Vec<MetadataRecord>, CreateTopicsResponse) {
    let (records, response) = lab.call(CreateTopicsRequest { topics, ..Default::default() }, 7);
    let ResponseBody::CreateTopics(response) = response else { panic!("{response:?}") };
    (records, *response)
}

/// Codes and words as Kafka 4.3.1 gave them to the same requests.
#[test]
fn topics_are_refused_in_kafkas_words() {
    use ErrorCode as E;
    let cases: Vec<(CreatableTopic, ErrorCode, &str)> = vec![
        (topic("ok.1", 1, 1), E::TopicAlreadyExists, "Topic 'ok.1' already exists."),
        (
            topic("ok_1", 1, 1),
            E::InvalidTopicException,
            "Topic 'ok_1' collides with existing topic: ok.1",
        ),
        (
            topic("bad name", 1, 1),
            E::InvalidTopicException,
            "Topic name is invalid: 'bad name' contains one or more characters other than ASCII alphanumerics, '.', '_' and '-'",
        ),
        (topic(".", 1, 1), E::InvalidTopicException, "Topic name is invalid: '.' is not allowed"),
        (
            topic("", 1, 1),
            E::InvalidTopicException,
            "Topic name is invalid: the empty string is not allowed",
        ),
        (
            topic("rf0", 1, 0),
            E::InvalidReplicationFactor,
            "Replication factor must be larger than 0, or -1 to use the default value.",
        ),
        (
            topic("rf2", 1, 2),
            E::InvalidReplicationFactor,
            "Unable to replicate the partition 2 time(s): The target replication factor of 2 cannot be reached because only 1 broker(s) are registered or some brokers have all their log directories cordoned.",
        ),
        (
            topic("p0", 0, 1),
            E::InvalidPartitions,
            "Number of partitions was set to an invalid non-positive value.",
        ),
        (
            topic("p-2", -2, 1),
            E::InvalidPartitions,
            "Number of partitions was set to an invalid non-positive value.",
        ),
        (
            topic("__cluster_metadata", 1, 1),
            E::InvalidRequest,
            "Creation of internal topic __cluster_metadata is prohibited.",
        ),
        (
            topic("big", 10_001, 1),
            E::PolicyViolation,
            "Excessively large number of partitions per request.",
        ),
        (
            // The topic's own record is one too many.
            topic("big", 10_000, 1),
            E::PolicyViolation,
            "Unable to perform excessively large batch operation.",
        ),
        (configured("c", "nope", Some("1")), E::InvalidConfig, "Unknown topic config name: nope"),
        (
            configured("c", "retention.ms", Some("x")),
            E::InvalidConfig,
            "Invalid value x for configuration retention.ms: Not a number of type LONG",
        ),
        (
            configured("c", "retention.ms", None),
            E::InvalidConfig,
            "Null value not supported for topic configs: retention.ms",
        ),
        (
            configured("c", "cleanup.policy", Some("bad")),
            E::InvalidConfig,
            "Invalid value bad for configuration cleanup.policy: String must be one of: compact, delete",
        ),
        (
            configured("c", "min.insync.replicas", Some("0")),
            E::InvalidConfig,
            "Invalid value 0 for configuration min.insync.replicas: Value must be at least 1",
        ),
        (
            configured("c", "remote.storage.enable", Some("true")),
            E::InvalidConfig,
            "Tiered Storage functionality is disabled in the broker. Topic cannot be configured with remote log storage.",
        ),
        (
            assigned("m", &[(0, &[1, 1])]),
            E::InvalidReplicaAssignment,
            "The manual partition assignment includes the broker 1 more than once.",
        ),
        (
            assigned("m", &[(0, &[1, 7])]),
            E::InvalidReplicaAssignment,
            "The manual partition assignment includes broker 7, but no such broker is registered.",
        ),
        (
            assigned("m", &[(1, &[1])]),
            E::InvalidReplicaAssignment,
            "partitions should be a consecutive 0-based integer sequence",
        ),
        (
            assigned("m", &[(0, &[])]),
            E::InvalidReplicaAssignment,
            "The manual partition assignment includes an empty replica list.",
        ),
        (
            assigned("m", &[(0, &[1]), (0, &[1])]),
            E::InvalidReplicaAssignment,
            "Found multiple manual partition assignments for partition 0",
        ),
        (
            CreatableTopic { num_partitions: 1, ..assigned("m", &[(0, &[1])]) },
            E::InvalidRequest,
            "A manual partition assignment was specified, but numPartitions was not set to -1.",
        ),
        (
            CreatableTopic { replication_factor: 1, ..assigned("m", &[(0, &[1])]) },
            E::InvalidRequest,
            "A manual partition assignment was specified, but replication factor was not set to -1.",
        ),
    ];
    let mut lab = Lab::with_brokers(&[1]);
    lab.topic("ok.1", &[&[1]]);
    for (topic, code, message) in cases {
        let (records, response) = create(&mut lab, vec![topic]);
        let result = &response.topics[0];
        assert_eq!(
            (result.error_code, result.error_message.as_deref()),
            (code.code(), Some(message))
        );
        assert_eq!(records, [], "{message}");
    }
}

#[test]
fn a_topic_comes_with_its_configuration_and_its_partitions() {
    let mut lab = Lab::with_brokers(&[1]);
    let wanted =
        CreatableTopic { num_partitions: 3, ..configured("t", "retention.ms", Some("77")) };
    let (records, response) = create(&mut lab, vec![wanted]);
    let kinds: Vec<&str> = records
        .iter()
        .map(|record| match record {
            MetadataRecord::Topic(_) => "topic",
            MetadataRecord::Config(_) => "config",
            MetadataRecord::Partition(_) => "partition",
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(kinds, ["topic", "config", "partition", "partition", "partition"]);
    let result = &response.topics[0];
    assert_eq!((result.num_partitions, result.replication_factor), (3, 1));
    assert!(!result.topic_id.is_zero());
    let configs = result.configs.as_ref().expect("told to everybody who may create");
    let told = |name: &str| {
        let config = configs.iter().find(|config| config.name == name).expect("every key is told");
        (config.value.as_deref(), config.config_source)
    };
    assert_eq!(told("retention.ms"), (Some("77"), 1));
    assert_eq!(told("cleanup.policy"), (Some("delete"), 5));
    // The cluster's own minimum, written with the first records of the log.
    assert_eq!(told("min.insync.replicas"), (Some("1"), 3));
    assert!(configs.windows(2).all(|pair| pair[0].name < pair[1].name));
    let partition = lab.partition("t", 2);
    assert_eq!((partition.leader, partition.isr, partition.leader_epoch), (1, vec![1], 0));
}

#[test]
fn one_bad_topic_does_not_hold_back_the_others_and_duplicates_do_nothing() {
    let mut lab = Lab::with_brokers(&[1]);
    let topics = vec![
        topic("a", 1, 1),
        topic("twice", 1, 1),
        topic("!", 1, 1),
        topic("twice", 2, 1),
        topic("b", -1, -1),
    ];
    let (_, response) = create(&mut lab, topics);
    let told: Vec<(&str, i16)> =
        response.topics.iter().map(|result| (result.name.as_str(), result.error_code)).collect();
    let invalid = ErrorCode::InvalidTopicException.code();
    assert_eq!(
        told,
        [("a", 0), ("!", invalid), ("b", 0), ("twice", ErrorCode::InvalidRequest.code())]
    );
    assert_eq!(response.topics[3].error_message.as_deref(), Some("Duplicate topic name."));
    let names: Vec<String> =
        lab.controller.image().topics.iter().map(|topic| topic.name.to_string()).collect();
    assert_eq!(names, ["a", "b"]);
}

#[test]
fn validating_only_changes_nothing() {
    let mut lab = Lab::with_brokers(&[1]);
    let request = CreateTopicsRequest {
        topics: vec![topic("a", 2, 1)],
        validate_only: true,
        ..Default::default()
    };
    let (records, response) = lab.call(request, 7);
    let ResponseBody::CreateTopics(response) = response else { panic!("{response:?}") };
    assert_eq!((records.len(), response.topics[0].error_code), (0, 0));
}

#[test]
fn topics_are_deleted_by_name_or_id_once() {
    let mut lab = Lab::with_brokers(&[1]);
    let ids: Vec<Uuid> = ["a", "b", "c", "d"].iter().map(|name| lab.topic(name, &[&[1]])).collect();
    lab.set_topic_config("a", "retention.ms", "5");
    let unknown = Uuid::from_halves(4, 4);
    let state = |name: Option<&str>, topic_id: Uuid| DeleteTopicState {
        name: name.map(str::to_owned),
        topic_id,
        ..Default::default()
    };
    let topics = vec![
        state(Some("a"), Uuid::ZERO),
        state(None, ids[1]),
        state(None, unknown),
        state(Some("nope"), Uuid::ZERO),
        state(None, Uuid::ZERO),
        state(Some("d"), ids[3]),
        state(None, ids[2]),
        state(Some("c"), Uuid::ZERO),
        state(Some("d"), Uuid::ZERO),
        state(Some("d"), Uuid::ZERO),
    ];
    let (_, response) = lab.call(DeleteTopicsRequest { topics, ..Default::default() }, 6);
    let ResponseBody::DeleteTopics(response) = response else { panic!("{response:?}") };
    let mut told: Vec<(i16, Option<&str>, Option<&str>)> = response
        .responses
        .iter()
        .map(|result| (result.error_code, result.name.as_deref(), result.error_message.as_deref()))
        .collect();
    told.sort_unstable();
    let invalid = ErrorCode::InvalidRequest.code();
    let mut expected = vec![
        (0, Some("a"), None),
        (0, Some("b"), None),
        (3, Some("nope"), Some("This server does not host this topic-partition.")),
        (invalid, None, Some("Neither topic name nor id were specified.")),
        (
            invalid,
            Some("c"),
            Some("The provided topic name maps to an ID that was already supplied."),
        ),
        (invalid, Some("d"), Some("Duplicate topic name.")),
        (invalid, Some("d"), Some("You may not specify both topic name and topic id.")),
        (100, None, Some("This server does not host this topic ID.")),
    ];
    expected.sort_unstable();
    assert_eq!(told, expected);
    let names: Vec<String> =
        lab.controller.image().topics.iter().map(|topic| topic.name.to_string()).collect();
    assert_eq!(names, ["c", "d"]);
    assert!(lab.controller.image().configs.topic("a").is_none());
}

#[test]
fn partitions_are_added_and_never_taken_away() {
    let mut lab = Lab::with_brokers(&[1]);
    lab.topic("ok.1", &[&[1], &[1], &[1]]);
    let cases: Vec<(&str, i32, Option<Vec<Vec<i32>>>, i16, Option<&str>)> = vec![
        ("nope", 3, None, 3, None),
        ("ok.1", 3, None, 37, Some("Topic already has 3 partition(s).")),
        (
            "ok.1",
            2,
            None,
            37,
            Some("The topic ok.1 currently has 3 partition(s); 2 would not be an increase."),
        ),
        (
            "ok.1",
            5,
            Some(vec![vec![1]]),
            39,
            Some(
                "Attempted to add 2 additional partition(s), but only 1 assignment(s) were specified.",
            ),
        ),
        (
            "ok.1",
            4,
            Some(vec![vec![9]]),
            39,
            Some(
                "The manual partition assignment includes broker 9, but no such broker is registered.",
            ),
        ),
        (
            "ok.1",
            4,
            Some(vec![vec![]]),
            39,
            Some("The manual partition assignment includes an empty replica list."),
        ),
        ("ok.1", 20_000, None, -1, None),
        ("ok.1", i32::MAX, None, -1, None),
        ("ok.1", 5, None, 0, None),
    ];
    for (name, count, assignments, code, message) in cases {
        let assignments = assignments.map(|all| {
            let all = all.into_iter();
            all.map(|broker_ids| CreatePartitionsAssignment { broker_ids, ..Default::default() })
                .collect()
        });
        let topic = CreatePartitionsTopic {
            name: name.to_owned(),
            count,
            assignments,
            ..Default::default()
        };
        let request = CreatePartitionsRequest { topics: vec![topic], ..Default::default() };
        let (_, response) = lab.call(request, 3);
        let ResponseBody::CreatePartitions(response) = response else { panic!("{response:?}") };
        let result = &response.results[0];
        assert_eq!((result.error_code, result.error_message.as_deref()), (code, message));
    }
    assert_eq!(lab.partition("ok.1", 4).leader, 1);
}

#[test]
fn one_request_deletes_ten_thousand_topics_at_most() {
    let mut lab = Lab::with_brokers(&[1]);
    for part in 0..3 {
        let named = |index: i32| topic(&format!("t{}", part * 3_334 + index), 1, 1);
        let topics = (0..3_334).map(named).collect();
        lab.call(CreateTopicsRequest { topics, ..Default::default() }, 7);
    }
    assert_eq!(lab.controller.image().topics.iter().count(), 10_002);
    let topic_names = (0..10_002).map(|index| format!("t{index}")).collect();
    let request = DeleteTopicsRequest { topic_names, ..Default::default() };
    let (records, response) = lab.call(request, 5);
    let ResponseBody::DeleteTopics(response) = response else { panic!("{response:?}") };
    let refused = response.responses.iter().filter(|topic| topic.error_code == -1).count();
    assert_eq!((records.len(), refused), (10_000, 2));
}
