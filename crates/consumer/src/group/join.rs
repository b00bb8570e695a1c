//! Joining: JoinGroup, the leader's assignment, SyncGroup.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use ottla_cluster::cluster::Topics;
use ottla_cluster::members::{self, Subscription};
use ottla_cluster::{ApiError, Cluster, Error, TopicPartition};
use ottla_wire::messages::join_group_request::JoinGroupRequestProtocol;
use ottla_wire::messages::join_group_response::JoinGroupResponseMember;
use ottla_wire::messages::sync_group_request::SyncGroupRequestAssignment;
use ottla_wire::messages::{
    JoinGroupRequest, JoinGroupResponse, SyncGroupRequest, SyncGroupResponse,
};
use ottla_wire::{ErrorCode, Message};

use super::Membership;
use super::heartbeat::doubt_of;
use crate::assignors::{Assignor, Member};
use crate::commits::Commit;
use crate::config::ConsumerConfig;

/// How long a broker may take beyond the rebalance timeout to answer a JoinGroup.
const JOIN_LAPSE: Duration = Duration::from_secs(5);

/// What the member brings.
pub(crate) struct Joining {
    pub(crate) cluster: Cluster,
    pub(crate) config: ConsumerConfig,
    pub(crate) membership: Arc<Membership>,
    pub(crate) topics: Vec<String>,
    /// Partitions it keeps through the rebalance.
    pub(crate) owned: Vec<TopicPartition>,
    /// Partitions it had last, for eager sticky groups.
    pub(crate) previous: Vec<TopicPartition>,
    /// Generation in which it got what it owns.
    pub(crate) generation: i32,
    /// Offsets that are being committed while still a member.
    pub(crate) commit: Option<Commit>,
}

/// What the member got.
#[derive(Debug)]
pub(crate) struct Joined {
    pub(crate) member_id: String,
    pub(crate) generation: i32,
    pub(crate) assigned: Vec<TopicPartition>,
    /// As leader: the partitions it shared out, to notice when there are more.
    pub(crate) shared_out: Option<BTreeMap<String, i32>>,
}

/// Joins, as often as it takes; answers an error only when trying again can't help.
pub(crate) async fn join(mut joining: Joining) -> Result<Joined, Error> {
    if let Some(commit) = joining.commit.take()
        && let Err(error) = commit.await
    {
        tracing::warn!(%error, "offsets could not be committed before the rebalance");
    }
    let mut retry = joining.cluster.retry_within("JoinGroup", Duration::MAX);
    loop {
        let error = match joining.attempt().await {
            Ok(joined) => return Ok(joined),
            Err(error) => error,
        };
        match error.code() {
            // The id that came with it is remembered: ask again at once (KIP-394).
            Some(ErrorCode::MemberIdRequired | ErrorCode::RebalanceInProgress) => continue,
            Some(ErrorCode::UnknownMemberId | ErrorCode::IllegalGeneration) => {
                joining.membership.joined(String::new(), -1);
                continue;
            }
            _ => {}
        }
        joining.cluster.suspect(&joining.membership.target(), &error);
        match error {
            Error::Timeout { last: Some(last), .. } => retry.again(*last).await?,
            error => retry.again(error).await?,
        }
    }
}

impl Joining {
    async fn attempt(&self) -> Result<Joined, Error> {
        let response = self.join_group().await?;
        let name = response.protocol_name.clone().unwrap_or_default();
        let (member_id, generation) = (response.member_id.clone(), response.generation_id);
        self.membership.joined(member_id.clone(), generation);
        let is_leader = response.leader == member_id;
        let (assignments, shared_out) = if is_leader && !response.skip_assignment {
            let (assignments, counts) = self.share_out(&name, response.members).await?;
            (assignments, Some(counts))
        } else {
            (Vec::new(), None)
        };
        let synced = self.sync_group(&name, assignments).await?;
        let assigned = members::assignment(&synced.assignment).ok_or_else(|| Error::Misuse {
            detail: format!(
                "the leader of the group sent an assignment that protocol {name} has not"
            ),
        })?;
        Ok(Joined { member_id, generation, assigned, shared_out })
    }

    async fn join_group(&self) -> Result<JoinGroupResponse, Error> {
        let metadata = self.membership.metadata();
        let rebalance_timeout = self.config.poll_interval_max;
        let protocols: Vec<JoinGroupRequestProtocol> =
            self.config.assignors.iter().map(|assignor| self.protocol(*assignor)).collect();
        let build = |version| JoinGroupRequest {
            group_id: metadata.group_id.clone(),
            session_timeout_ms: millis(self.config.session_timeout),
            rebalance_timeout_ms: millis(rebalance_timeout),
            member_id: metadata.member_id.clone(),
            group_instance_id: metadata.instance_id.clone().filter(|_| version >= 5),
            protocol_type: "consumer".to_owned(),
            protocols: protocols.clone(),
            ..JoinGroupRequest::default()
        };
        let timeout = self.config.client.request_timeout.max(rebalance_timeout + JOIN_LAPSE);
        let versions = <JoinGroupRequest as Message>::VERSIONS;
        let target = self.membership.target();
        let attempt = self.cluster.attempt(&target, &versions, &build, Some(timeout));
        let (response, _) = attempt.await?;
        if ErrorCode::from_code(response.error_code) == ErrorCode::MemberIdRequired {
            self.membership.joined(response.member_id.clone(), -1);
        }
        ApiError::check(response.error_code, None)?;
        Ok(response)
    }

    fn protocol(&self, assignor: Assignor) -> JoinGroupRequestProtocol {
        let known = if self.owned.is_empty() { &self.previous } else { &self.owned };
        let subscription = Subscription {
            topics: self.topics.clone(),
            user_data: assignor.user_data(known, self.generation),
            owned: self.owned.clone(),
            generation: Some(self.generation).filter(|generation| *generation >= 0),
            rack_id: Some(self.config.client.rack.clone()).filter(|rack| !rack.is_empty()),
        };
        JoinGroupRequestProtocol {
            name: assignor.name().to_owned(),
            metadata: members::encode_subscription(&subscription),
            ..JoinGroupRequestProtocol::default()
        }
    }

    async fn share_out(
        &self,
        protocol_name: &str,
        members: Vec<JoinGroupResponseMember>,
    ) -> Result<(Vec<SyncGroupRequestAssignment>, BTreeMap<String, i32>), Error> {
        let assignor = Assignor::ALL.into_iter().find(|known| known.name() == protocol_name);
        let assignor = assignor.ok_or(ErrorCode::InconsistentGroupProtocol)?;
        let members: Vec<Member> = members
            .into_iter()
            .map(|member| Member {
                id: member.member_id,
                instance_id: member.group_instance_id,
                subscription: members::subscription(&member.metadata).unwrap_or_default(),
            })
            .collect();
        let mut topics: Vec<&str> = members
            .iter()
            .flat_map(|member| member.subscription.topics.iter().map(String::as_str))
            .collect();
        topics.sort_unstable();
        topics.dedup();
        let named = Topics::Named { names: &topics, create: self.config.create_topics };
        let image = self.cluster.refresh(named).await?;
        let count = |topic: &&str| {
            let partitions = image.topic(topic).map_or(0, |known| known.partitions.len());
            ((*topic).to_owned(), i32::try_from(partitions).unwrap_or(i32::MAX))
        };
        let counts: BTreeMap<String, i32> = topics.iter().map(count).collect();
        let assignment = assignor.assign(&members, &counts);
        let assignments = assignment.into_iter().map(|(member_id, partitions)| {
            let assignment = members::encode_assignment(&partitions);
            SyncGroupRequestAssignment {
                member_id,
                assignment,
                ..SyncGroupRequestAssignment::default()
            }
        });
        Ok((assignments.collect(), counts))
    }

    async fn sync_group(
        &self,
        protocol_name: &str,
        assignments: Vec<SyncGroupRequestAssignment>,
    ) -> Result<SyncGroupResponse, Error> {
        let metadata = self.membership.metadata();
        let build = |version| SyncGroupRequest {
            group_id: metadata.group_id.clone(),
            generation_id: metadata.generation,
            member_id: metadata.member_id.clone(),
            group_instance_id: metadata.instance_id.clone().filter(|_| version >= 3),
            protocol_type: Some("consumer".to_owned()),
            protocol_name: Some(protocol_name.to_owned()),
            assignments: assignments.clone(),
            ..SyncGroupRequest::default()
        };
        let timeout =
            self.config.client.request_timeout.max(self.config.poll_interval_max + JOIN_LAPSE);
        let target = self.membership.target();
        let versions = <SyncGroupRequest as Message>::VERSIONS;
        let attempt = self.cluster.attempt(&target, &versions, &build, Some(timeout));
        let (response, _) = attempt.await?;
        let checked = ApiError::check(response.error_code, None).map_err(Error::from);
        if let Err(error) = &checked
            && doubt_of(error).is_none()
        {
            tracing::debug!(%error, "the assignment could not be fetched");
        }
        checked.map(|()| response)
    }
}

fn millis(duration: Duration) -> i32 {
    i32::try_from(duration.as_millis()).unwrap_or(i32::MAX)
}
