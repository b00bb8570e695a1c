//! The requests of groups, as a broker answers them.

use std::collections::BTreeSet;
use std::time::Duration;

use ottla_wire::ErrorCode;
use ottla_wire::messages::consumer_group_heartbeat_response::{Assignment, TopicPartitions};
use ottla_wire::messages::find_coordinator_response::Coordinator;
use ottla_wire::messages::join_group_response::JoinGroupResponseMember;
use ottla_wire::messages::offset_commit_response::{
    OffsetCommitResponsePartition, OffsetCommitResponseTopic,
};
use ottla_wire::messages::offset_fetch_response::{
    OffsetFetchResponseGroup, OffsetFetchResponsePartitions, OffsetFetchResponseTopics,
};
use ottla_wire::messages::*;

use crate::broker::TOPIC_ID;
use crate::group::Phase;
use crate::scene::{Scene, TOPIC, pass};

/// Virtual time between two looks at what is waited for.
const LOOK: Duration = Duration::from_millis(5);
const BEAT_MS: i32 = 200;

pub fn find(scene: &Scene, request: &FindCoordinatorRequest) -> FindCoordinatorResponse {
    let state = scene.state.lock();
    let failed = scene.dice.in_thousand(state.weather.refuse);
    let node = state.coordinator;
    let coordinators = request.coordinator_keys.iter().map(|key| Coordinator {
        key: key.clone(),
        node_id: node,
        host: format!("n{node}"),
        port: 9092,
        error_code: if failed { ErrorCode::CoordinatorNotAvailable.code() } else { 0 },
        ..Coordinator::default()
    });
    FindCoordinatorResponse {
        coordinators: coordinators.collect(),
        ..FindCoordinatorResponse::default()
    }
}

/// Whether this node coordinates and is in the mood.
pub fn refusal(scene: &Scene, node: i32) -> Option<ErrorCode> {
    let state = scene.state.lock();
    if state.coordinator != node {
        return Some(ErrorCode::NotCoordinator);
    }
    let refuses = scene.dice.in_thousand(state.weather.refuse / 2);
    refuses.then_some(ErrorCode::CoordinatorLoadInProgress)
}

pub async fn join(scene: &Scene, node: i32, request: JoinGroupRequest) -> JoinGroupResponse {
    let failed = |code: ErrorCode, member_id: String| JoinGroupResponse {
        error_code: code.code(),
        member_id,
        ..JoinGroupResponse::default()
    };
    if let Some(code) = refusal(scene, node) {
        return failed(code, request.member_id);
    }
    let (id, generation) = {
        let mut state = scene.state.lock();
        if request.member_id.is_empty() {
            let id = state.group.new_id();
            return failed(ErrorCode::MemberIdRequired, id);
        }
        let protocols = request.protocols.into_iter().map(|one| (one.name, one.metadata));
        let session = Duration::from_millis(request.session_timeout_ms as u64);
        let patience = Duration::from_millis(request.rebalance_timeout_ms.min(3000) as u64);
        let generation = state.group.generation;
        let id = request.member_id;
        if let Err(code) = state.group.join(&id, protocols.collect(), session, patience) {
            return failed(code, id);
        }
        (id, generation)
    };
    loop {
        {
            let mut state = scene.state.lock();
            state.group.settle();
            let group = &state.group;
            let Some(own) = group.members.get(&id) else {
                return failed(ErrorCode::UnknownMemberId, id);
            };
            if group.generation != generation && group.phase == Phase::Sharing {
                let is_leader = group.leader == id;
                let members = group.members.iter().map(|(id, one)| JoinGroupResponseMember {
                    member_id: id.clone(),
                    metadata: one.metadata.clone(),
                    ..JoinGroupResponseMember::default()
                });
                return JoinGroupResponse {
                    generation_id: group.generation,
                    protocol_type: Some("consumer".to_owned()),
                    protocol_name: own.protocols.first().cloned(),
                    leader: group.leader.clone(),
                    members: if is_leader { members.collect() } else { Vec::new() },
                    member_id: id,
                    ..JoinGroupResponse::default()
                };
            }
        }
        pass(LOOK).await;
    }
}

pub async fn sync(scene: &Scene, node: i32, request: SyncGroupRequest) -> SyncGroupResponse {
    let failed = |code: ErrorCode| SyncGroupResponse {
        error_code: code.code(),
        ..SyncGroupResponse::default()
    };
    if let Some(code) = refusal(scene, node) {
        return failed(code);
    }
    let mut assignments = Some(request.assignments);
    loop {
        {
            let mut state = scene.state.lock();
            let group = &mut state.group;
            if let Err(code) = group.check(&request.member_id, request.generation_id) {
                return failed(code);
            }
            let is_leader = group.leader == request.member_id;
            if let Some(shares) = assignments.take_if(|_| is_leader)
                && group.phase == Phase::Sharing
            {
                for share in shares {
                    if let Some(member) = group.members.get_mut(&share.member_id) {
                        member.assignment = Some(share.assignment);
                    }
                }
                group.phase = Phase::Stable;
            }
            if group.phase == Phase::Stable {
                let own = group.members[&request.member_id].assignment.clone();
                return SyncGroupResponse {
                    assignment: own.unwrap_or_default(),
                    ..SyncGroupResponse::default()
                };
            }
        }
        pass(LOOK).await;
    }
}

pub fn beat(scene: &Scene, node: i32, request: &HeartbeatRequest) -> HeartbeatResponse {
    let outcome = match refusal(scene, node) {
        Some(code) => Err(code),
        None => {
            let mut state = scene.state.lock();
            state.group.check(&request.member_id, request.generation_id)
        }
    };
    let error_code = outcome.err().map_or(0, ErrorCode::code);
    HeartbeatResponse { error_code, ..HeartbeatResponse::default() }
}

pub fn leave(scene: &Scene, request: &LeaveGroupRequest) -> LeaveGroupResponse {
    let mut state = scene.state.lock();
    for member in &request.members {
        state.group.leave(&member.member_id);
    }
    LeaveGroupResponse::default()
}

pub fn follow(
    scene: &Scene,
    node: i32,
    request: ConsumerGroupHeartbeatRequest,
) -> ConsumerGroupHeartbeatResponse {
    let outcome = match refusal(scene, node) {
        Some(code) => Err(code),
        None => {
            let mut state = scene.state.lock();
            let count = state.partitions.len() as i32;
            let owned = request.topic_partitions.map(|topics| {
                topics.into_iter().flat_map(|topic| topic.partitions).collect::<BTreeSet<_>>()
            });
            state.group.heartbeat(&request.member_id, request.member_epoch, owned, count)
        }
    };
    let (member_epoch, given) = match outcome {
        Ok(told) => told,
        Err(code) => {
            let error_code = code.code();
            return ConsumerGroupHeartbeatResponse {
                error_code,
                ..ConsumerGroupHeartbeatResponse::default()
            };
        }
    };
    let assignment = given.map(|given| {
        let partitions: Vec<i32> = given.into_iter().collect();
        let topic =
            TopicPartitions { topic_id: TOPIC_ID, partitions, ..TopicPartitions::default() };
        Assignment { topic_partitions: vec![topic], ..Assignment::default() }
    });
    ConsumerGroupHeartbeatResponse {
        member_id: Some(request.member_id),
        member_epoch,
        heartbeat_interval_ms: BEAT_MS,
        assignment,
        ..ConsumerGroupHeartbeatResponse::default()
    }
}

pub fn commit(scene: &Scene, node: i32, request: &OffsetCommitRequest) -> OffsetCommitResponse {
    let refused = refusal(scene, node);
    let mut state = scene.state.lock();
    let (id, epoch) = (&request.member_id, request.generation_id_or_member_epoch);
    let allowed = match refused {
        Some(code) => Err(code),
        None if state.follows => state.group.may_commit_at(id, epoch),
        None => state.group.may_commit(id, epoch),
    };
    let mut topics = Vec::new();
    for topic in &request.topics {
        if topic.name != TOPIC && topic.topic_id != TOPIC_ID {
            let told = format!("a commit for {:?} with id {}", topic.name, topic.topic_id);
            state.findings.push(told);
        }
        let mut partitions = Vec::new();
        for one in &topic.partitions {
            if allowed.is_ok() {
                let (index, offset) = (one.partition_index, one.committed_offset);
                state.group.committed.insert(index, offset);
                let finding = state.partitions[index as usize].committed(offset);
                state.findings.extend(finding.map(|told| format!("partition {index}: {told}")));
            }
            partitions.push(OffsetCommitResponsePartition {
                partition_index: one.partition_index,
                error_code: allowed.err().map_or(0, ErrorCode::code),
                ..OffsetCommitResponsePartition::default()
            });
        }
        topics.push(OffsetCommitResponseTopic {
            name: topic.name.clone(),
            partitions,
            ..OffsetCommitResponseTopic::default()
        });
    }
    OffsetCommitResponse { topics, ..OffsetCommitResponse::default() }
}

pub fn committed(scene: &Scene, node: i32, request: &OffsetFetchRequest) -> OffsetFetchResponse {
    let code = refusal(scene, node).map_or(0, ErrorCode::code);
    let state = scene.state.lock();
    let groups = request.groups.iter().map(|asked| {
        let of_topic = asked.topics.iter().flatten().flat_map(|topic| &topic.partition_indexes);
        let partitions = of_topic.map(|index| OffsetFetchResponsePartitions {
            partition_index: *index,
            committed_offset: state.group.committed.get(index).copied().unwrap_or(-1),
            metadata: Some(String::new()),
            ..OffsetFetchResponsePartitions::default()
        });
        let topic = OffsetFetchResponseTopics {
            name: TOPIC.to_owned(),
            partitions: partitions.collect(),
            ..OffsetFetchResponseTopics::default()
        };
        OffsetFetchResponseGroup {
            group_id: asked.group_id.clone(),
            topics: if code == 0 { vec![topic] } else { Vec::new() },
            error_code: code,
            ..OffsetFetchResponseGroup::default()
        }
    });
    OffsetFetchResponse { groups: groups.collect(), ..OffsetFetchResponse::default() }
}
