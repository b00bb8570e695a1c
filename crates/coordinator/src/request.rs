//! What the coordinator is asked, and what it answers.
//!
//! Requests and responses are the messages of the protocol in their newest shape, plus what the connection knows
//! about the caller. The broker authorizes, resolves topic ids to names, and splits what concerns several partitions
//! of `__consumer_offsets` (`ListGroups`, `DescribeGroups`, `DeleteGroups`, `OffsetFetch` from version 8).

use ottla_wire::messages::{
    ConsumerGroupDescribeRequest, ConsumerGroupDescribeResponse, ConsumerGroupHeartbeatRequest,
    ConsumerGroupHeartbeatResponse, DeleteGroupsRequest, DeleteGroupsResponse,
    DescribeGroupsRequest, DescribeGroupsResponse, HeartbeatRequest, HeartbeatResponse,
    JoinGroupRequest, JoinGroupResponse, LeaveGroupRequest, LeaveGroupResponse, ListGroupsResponse,
    OffsetCommitRequest, OffsetCommitResponse, OffsetDeleteRequest, OffsetDeleteResponse,
    OffsetFetchRequest, OffsetFetchResponse, SyncGroupRequest, SyncGroupResponse,
    TxnOffsetCommitRequest, TxnOffsetCommitResponse,
};
use ottla_wire::{GroupExplanation, Uuid};

use crate::group::{GroupFilter, Metadata};
use crate::transaction::ProducerEpoch;

/// One request and who sent it.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    pub caller: Caller,
    pub body: Body,
}

/// What the connection knows about the sender.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Caller {
    /// The version of the request: it decides about a few answers.
    pub api_version: i16,
    /// The client id of the request header; empty when there is none.
    pub client_id: String,
    /// The address as Kafka shows it: `/127.0.0.1`.
    pub client_host: String,
    /// Fresh randomness: the member id that this request may create is made from it.
    pub random: u128,
}

/// What is asked.
#[derive(Clone, Debug, PartialEq)]
pub enum Body {
    JoinGroup(JoinGroupRequest),
    SyncGroup(SyncGroupRequest),
    Heartbeat(HeartbeatRequest),
    LeaveGroup(LeaveGroupRequest),
    OffsetCommit(OffsetCommitRequest),
    OffsetFetch(OffsetFetchRequest),
    OffsetDelete(OffsetDeleteRequest),
    TxnOffsetCommit(TxnOffsetCommitRequest),
    /// A marker has come: offsets that a transaction has committed count from now on, or never.
    EndTransaction(EndedTransaction),
    ListGroups(GroupFilter),
    DescribeGroups(DescribeGroupsRequest),
    DeleteGroups(DeleteGroupsRequest),
    ConsumerGroupHeartbeat(ConsumerGroupHeartbeatRequest),
    ConsumerGroupDescribe(ConsumerGroupDescribeRequest),
    /// What is known of a group beyond the protocol.
    ExplainGroup(String),
    /// The cluster's metadata has changed. Told to every coordinator; what is older than what it knows changes nothing.
    MetadataChanged(Metadata),
    /// These topics are gone: so are their offsets. Asked of every coordinator when topics are deleted.
    TopicsDeleted(Vec<DeletedTopic>),
    /// Offsets of topics that the metadata does not know go. Asked of a coordinator once it is loaded: a topic may
    /// have been deleted while nobody could take its offsets away.
    ForgetMissingTopics,
}

/// The end of a producer's transaction, as its marker tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EndedTransaction {
    pub producer: ProducerEpoch,
    pub is_commit: bool,
    /// Of the transaction coordinator.
    pub coordinator_epoch: i32,
    /// `transaction.version` by which the transaction has ended; the log judges the epoch by it.
    pub transaction_version: i16,
}

/// A topic that was deleted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeletedTopic {
    pub name: String,
    pub id: Uuid,
}

/// The answer to the body of the same name.
#[derive(Clone, Debug, PartialEq)]
pub enum Response {
    JoinGroup(JoinGroupResponse),
    SyncGroup(SyncGroupResponse),
    Heartbeat(HeartbeatResponse),
    LeaveGroup(LeaveGroupResponse),
    OffsetCommit(OffsetCommitResponse),
    OffsetFetch(OffsetFetchResponse),
    OffsetDelete(OffsetDeleteResponse),
    TxnOffsetCommit(TxnOffsetCommitResponse),
    TransactionEnded,
    ListGroups(ListGroupsResponse),
    DescribeGroups(DescribeGroupsResponse),
    DeleteGroups(DeleteGroupsResponse),
    ConsumerGroupHeartbeat(ConsumerGroupHeartbeatResponse),
    ConsumerGroupDescribe(ConsumerGroupDescribeResponse),
    /// Nothing: there is no such group.
    GroupExplained(Option<Box<GroupExplanation>>),
    MetadataTaken,
    TopicsDeleted,
}
