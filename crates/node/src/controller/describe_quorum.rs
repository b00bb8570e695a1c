//! DescribeQuorum: who votes on the metadata log, and how far each replica of it is. Pure.
//!
//! A quorum of one: its leader is its only voter, and there are no observers, for the broker beside it reads
//! what the leader has. v1: times. v2: directories, endpoints, messages.

use ottla_wire::messages::describe_quorum_response::{
    Listener, Node, PartitionData, ReplicaState, TopicData,
};
use ottla_wire::messages::voters_record::{Endpoint, Voter};
use ottla_wire::messages::{DescribeQuorumRequest, DescribeQuorumResponse, VotersRecord};
use ottla_wire::{ErrorCode, Uuid};

use super::checkpoint;

/// The topic of the metadata log; it has one partition.
const METADATA_TOPIC: &str = "__cluster_metadata";
const TIMES_FROM: i16 = 1;
const NODES_FROM: i16 = 2;

/// The leader, and how far its log is.
pub(super) struct Standing {
    pub(super) leader_id: i32,
    pub(super) epoch: i32,
    /// Where the log ends, all of it committed.
    pub(super) end: i64,
    pub(super) now_ms: i64,
    /// Who votes, as the log says; or as the configuration does, without directories.
    pub(super) voters: Vec<Voter>,
}

/// The voters of a log that tells of them, or else this one alone.
pub(super) fn voters(
    record: Option<VotersRecord>,
    own: &checkpoint::Voter,
    listener: &str,
) -> Vec<Voter> {
    record.map(|record| record.voters).unwrap_or_else(|| {
        let endpoint = Endpoint {
            name: listener.to_owned(),
            host: own.host.clone(),
            port: own.port,
            ..Endpoint::default()
        };
        vec![Voter {
            voter_id: own.id,
            voter_directory_id: Uuid::ZERO,
            endpoints: vec![endpoint],
            ..Voter::default()
        }]
    })
}

/// Answers for the metadata log; of any other partition the controllers know nothing.
pub(super) fn describe_quorum(
    request: &DescribeQuorumRequest,
    version: i16,
    standing: &Standing,
) -> DescribeQuorumResponse {
    let is_ours = match request.topics.as_slice() {
        [topic] => {
            topic.topic_name == METADATA_TOPIC
                && matches!(topic.partitions.as_slice(), [only] if only.partition_index == 0)
        }
        _ => false,
    };
    if !is_ours {
        return refused(request, version, ErrorCode::UnknownTopicOrPartition);
    }
    let partition = PartitionData {
        partition_index: 0,
        leader_id: standing.leader_id,
        leader_epoch: standing.epoch,
        high_watermark: standing.end,
        current_voters: standing
            .voters
            .iter()
            .map(|voter| state(voter, version, standing))
            .collect(),
        ..PartitionData::default()
    };
    let topic = TopicData {
        topic_name: METADATA_TOPIC.to_owned(),
        partitions: vec![partition],
        ..TopicData::default()
    };
    let nodes = standing.voters.iter().filter(|_| version >= NODES_FROM).map(node);
    DescribeQuorumResponse {
        topics: vec![topic],
        nodes: nodes.collect(),
        ..DescribeQuorumResponse::default()
    }
}

fn state(voter: &Voter, version: i16, standing: &Standing) -> ReplicaState {
    let told = |since: i16, value: i64| if version >= since { value } else { -1 };
    let directory = voter.voter_directory_id;
    ReplicaState {
        replica_id: voter.voter_id,
        replica_directory_id: if version >= NODES_FROM { directory } else { Uuid::ZERO },
        log_end_offset: standing.end,
        last_fetch_timestamp: told(TIMES_FROM, standing.now_ms),
        last_caught_up_timestamp: told(TIMES_FROM, standing.now_ms),
        ..ReplicaState::default()
    }
}

fn node(voter: &Voter) -> Node {
    // A node without a listener for controllers is its own quorum, and nobody comes to it.
    let reachable = voter.endpoints.iter().filter(|endpoint| endpoint.port != 0);
    let listeners = reachable.map(|endpoint| Listener {
        name: endpoint.name.clone(),
        host: endpoint.host.clone(),
        port: endpoint.port,
        ..Listener::default()
    });
    Node { node_id: voter.voter_id, listeners: listeners.collect(), ..Node::default() }
}

fn refused(
    request: &DescribeQuorumRequest,
    version: i16,
    code: ErrorCode,
) -> DescribeQuorumResponse {
    let message = (version >= NODES_FROM).then(|| code.message().to_owned());
    let topics = request.topics.iter().map(|topic| TopicData {
        topic_name: topic.topic_name.clone(),
        partitions: topic
            .partitions
            .iter()
            .map(|partition| PartitionData {
                partition_index: partition.partition_index,
                error_code: code.code(),
                error_message: message.clone(),
                ..PartitionData::default()
            })
            .collect(),
        ..TopicData::default()
    });
    DescribeQuorumResponse { topics: topics.collect(), ..DescribeQuorumResponse::default() }
}

#[cfg(test)]
mod tests {
    use ottla_wire::codec::Message as _;
    use ottla_wire::messages::describe_quorum_request;

    use super::*;

    fn ask(topics: &[(&str, &[i32])]) -> DescribeQuorumRequest {
        let partition = |index: &i32| describe_quorum_request::PartitionData {
            partition_index: *index,
            ..describe_quorum_request::PartitionData::default()
        };
        let topics = topics.iter().map(|(name, partitions)| describe_quorum_request::TopicData {
            topic_name: (*name).to_owned(),
            partitions: partitions.iter().map(partition).collect(),
            ..describe_quorum_request::TopicData::default()
        });
        DescribeQuorumRequest { topics: topics.collect(), ..DescribeQuorumRequest::default() }
    }

    fn standing() -> Standing {
        let own = checkpoint::Voter {
            id: 3,
            directory: Uuid::from_bytes([1; 16]),
            host: "h".to_owned(),
            port: 9093,
        };
        let voters = voters(None, &own, "CONTROLLER");
        Standing { leader_id: 3, epoch: 7, end: 42, now_ms: 1000, voters }
    }

    #[test]
    fn every_version_can_be_sent_and_tells_what_it_may() {
        for version in DescribeQuorumResponse::VERSIONS {
            let request = ask(&[(METADATA_TOPIC, &[0])]);
            let response = describe_quorum(&request, version, &standing());
            response.encode_to_bytes(version).expect("it fits its version");
            let partition = &response.topics[0].partitions[0];
            assert_eq!((partition.leader_id, partition.leader_epoch), (3, 7));
            assert_eq!((partition.high_watermark, partition.error_code), (42, 0));
            let voter = &partition.current_voters[0];
            assert_eq!((voter.replica_id, voter.log_end_offset), (3, 42));
            assert_eq!(voter.last_fetch_timestamp, if version >= 1 { 1000 } else { -1 });
            assert_eq!(response.nodes.len(), usize::from(version >= 2));
            assert!(partition.observers.is_empty());
        }
    }

    #[test]
    fn other_partitions_are_unknown() {
        let unknown = ErrorCode::UnknownTopicOrPartition.code();
        let cases: [&[(&str, &[i32])]; 4] = [
            &[(METADATA_TOPIC, &[1])],
            &[(METADATA_TOPIC, &[0, 1])],
            &[("other", &[0])],
            &[(METADATA_TOPIC, &[0]), ("other", &[0])],
        ];
        for topics in cases {
            let response = describe_quorum(&ask(topics), 2, &standing());
            let partitions = response.topics.iter().flat_map(|topic| &topic.partitions);
            assert!(partitions.clone().count() > 0);
            assert!(partitions.into_iter().all(|partition| partition.error_code == unknown));
            assert!(response.nodes.is_empty());
        }
    }
}
