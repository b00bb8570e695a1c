//! The metadata quorum: DescribeQuorum, AddRaftVoter, RemoveRaftVoter.

use ottla_wire::Uuid;
use ottla_wire::messages::describe_quorum_request::{PartitionData, TopicData};
use ottla_wire::messages::describe_quorum_response::ReplicaState as Described;
use ottla_wire::messages::{
    AddRaftVoterRequest, AddRaftVoterResponse, DescribeQuorumRequest, DescribeQuorumResponse,
    RemoveRaftVoterRequest, RemoveRaftVoterResponse, add_raft_voter_request,
};

use super::Admin;
use crate::cluster::Target;
use crate::error::{ApiError, Error};

/// The topic of the metadata log; it has one partition.
const METADATA_TOPIC: &str = "__cluster_metadata";

/// The quorum as its leader sees it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct QuorumInfo {
    /// The active controller.
    pub leader_id: i32,
    /// Its epoch.
    pub leader_epoch: i32,
    /// Where the committed part of the log ends.
    pub high_watermark: i64,
    /// Who votes, the leader included.
    pub voters: Vec<QuorumReplica>,
    /// Who only follows.
    pub observers: Vec<QuorumReplica>,
    /// Where voters are reached, by id.
    pub nodes: Vec<(i32, Vec<QuorumEndpoint>)>,
}

/// A replica of the metadata log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct QuorumReplica {
    /// Its node.
    pub id: i32,
    /// Its directory; zero where that is not told.
    pub directory_id: Uuid,
    /// Where its log ends.
    pub log_end_offset: i64,
    /// When it last fetched, in milliseconds since the epoch.
    pub last_fetch_ms: Option<i64>,
    /// When it last had all there was.
    pub last_caught_up_ms: Option<i64>,
}

/// A listener of a voter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct QuorumEndpoint {
    /// Name of the listener.
    pub listener: String,
    /// Host.
    pub host: String,
    /// Port.
    pub port: u16,
}

impl Admin {
    /// The metadata quorum, its voters and those that follow it.
    pub async fn describe_metadata_quorum(&self) -> Result<QuorumInfo, Error> {
        let partition = PartitionData { partition_index: 0, ..PartitionData::default() };
        let topic = TopicData {
            topic_name: METADATA_TOPIC.to_owned(),
            partitions: vec![partition],
            ..TopicData::default()
        };
        let request =
            DescribeQuorumRequest { topics: vec![topic], ..DescribeQuorumRequest::default() };
        let mut retry = self.cluster().retry("DescribeQuorum");
        loop {
            // Any broker asks the controllers.
            let response = self.cluster().send(&Target::Any, &request).await?;
            match quorum(response) {
                Ok(info) => return Ok(info),
                Err(error) => retry.again(error).await?,
            }
        }
    }

    /// Takes a controller into the quorum.
    pub async fn add_raft_voter(
        &self,
        id: i32,
        directory_id: Uuid,
        endpoints: &[QuorumEndpoint],
    ) -> Result<(), Error> {
        let listener = |endpoint: &QuorumEndpoint| add_raft_voter_request::Listener {
            name: endpoint.listener.clone(),
            host: endpoint.host.clone(),
            port: endpoint.port,
            ..add_raft_voter_request::Listener::default()
        };
        let request = AddRaftVoterRequest {
            timeout_ms: self.request_timeout_ms(),
            voter_id: id,
            voter_directory_id: directory_id,
            listeners: endpoints.iter().map(listener).collect(),
            ..AddRaftVoterRequest::default()
        };
        let codes = |response: &AddRaftVoterResponse| vec![response.error_code];
        let response = self.ask_controller(0, &request, codes).await?;
        Ok(ApiError::check(response.error_code, response.error_message)?)
    }

    /// Takes a controller out of the quorum.
    pub async fn remove_raft_voter(&self, id: i32, directory_id: Uuid) -> Result<(), Error> {
        let request = RemoveRaftVoterRequest {
            voter_id: id,
            voter_directory_id: directory_id,
            ..RemoveRaftVoterRequest::default()
        };
        let codes = |response: &RemoveRaftVoterResponse| vec![response.error_code];
        let response = self.ask_controller(0, &request, codes).await?;
        Ok(ApiError::check(response.error_code, response.error_message)?)
    }
}

fn quorum(response: DescribeQuorumResponse) -> Result<QuorumInfo, Error> {
    ApiError::check(response.error_code, response.error_message)?;
    let topic = response.topics.into_iter().find(|topic| topic.topic_name == METADATA_TOPIC);
    let partition = topic.and_then(|topic| topic.partitions.into_iter().next());
    let partition = partition.ok_or_else(|| Error::Misuse {
        detail: "the cluster did not describe its metadata partition".to_owned(),
    })?;
    ApiError::check(partition.error_code, partition.error_message)?;
    let nodes = response.nodes.into_iter().map(|node| {
        let endpoints = node.listeners.into_iter().map(|listener| QuorumEndpoint {
            listener: listener.name,
            host: listener.host,
            port: listener.port,
        });
        (node.node_id, endpoints.collect())
    });
    Ok(QuorumInfo {
        leader_id: partition.leader_id,
        leader_epoch: partition.leader_epoch,
        high_watermark: partition.high_watermark,
        voters: partition.current_voters.into_iter().map(replica).collect(),
        observers: partition.observers.into_iter().map(replica).collect(),
        nodes: nodes.collect(),
    })
}

fn replica(described: Described) -> QuorumReplica {
    let time = |milliseconds: i64| Some(milliseconds).filter(|time| *time >= 0);
    QuorumReplica {
        id: described.replica_id,
        directory_id: described.replica_directory_id,
        log_end_offset: described.log_end_offset,
        last_fetch_ms: time(described.last_fetch_timestamp),
        last_caught_up_ms: time(described.last_caught_up_timestamp),
    }
}
