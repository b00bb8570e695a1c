//! What members of both protocols commit, in time and too late.

use std::collections::BTreeMap;

use ottla_wire::ErrorCode;
use ottla_wire::messages::OffsetCommitRequest;
use ottla_wire::messages::offset_commit_request::{
    OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};

use super::mixed::Mixed;
use super::speaker::{Protocol, TOPIC};
use crate::group::Group;
use crate::trial::{GROUP, code, fetch_request, offsets_of};
use crate::{Body, Record, Response};

/// A commit that is on its way for long.
pub(super) struct Late {
    /// Who has sent it, and how often that had given up everything by then.
    index: usize,
    falls: usize,
    request: OffsetCommitRequest,
}

impl Mixed {
    /// Moves every position forward and commits it, as a member believes that it may.
    pub(super) fn commit(&mut self, index: usize, faults: bool) {
        let step = 1 + self.dice.below(3) as i64;
        let committed = match self.call(7, Body::OffsetFetch(fetch_request())) {
            Some(Response::OffsetFetch(response)) => offsets_of(&response),
            Some(other) => panic!("not a fetch answer: {other:?}"),
            None => return,
        };
        for (partition, offset) in &committed {
            let known = self.acknowledged.entry(*partition).or_insert(0);
            assert!(offset >= known, "{offset} of {partition} is read, {known} was committed");
            *known = *offset;
        }
        let client = &mut self.clients[index];
        if client.owned.is_empty() {
            return;
        }
        for partition in client.owned.clone() {
            let known = || committed.get(&partition).copied().unwrap_or(0);
            *client.positions.entry(partition).or_insert_with(known) += step;
        }
        let partition = |(partition, position): (&i32, &i64)| OffsetCommitRequestPartition {
            partition_index: *partition,
            committed_offset: *position,
            ..OffsetCommitRequestPartition::default()
        };
        let request = OffsetCommitRequest {
            group_id: GROUP.to_owned(),
            generation_id_or_member_epoch: client.epoch,
            member_id: client.id.clone(),
            group_instance_id: client.instance.clone(),
            topics: vec![OffsetCommitRequestTopic {
                name: TOPIC.to_owned(),
                partitions: client.positions.iter().map(partition).collect(),
                ..OffsetCommitRequestTopic::default()
            }],
            ..OffsetCommitRequest::default()
        };
        if faults && self.dice.one_in(8) {
            let falls = client.falls;
            return self.late.push(Late { index, falls, request });
        }
        let positions = client.positions.clone();
        let Some(response) = self.call(9, Body::OffsetCommit(request)) else { return };
        let Response::OffsetCommit(response) = response else { panic!("{response:?}") };
        match code(response.topics[0].partitions[0].error_code) {
            ErrorCode::None => {
                self.commits += 1;
                for (partition, position) in positions {
                    let known = self.acknowledged.entry(partition).or_insert(0);
                    *known = (*known).max(position);
                }
            }
            // It hears more with its next beat.
            ErrorCode::StaleMemberEpoch | ErrorCode::RebalanceInProgress => {}
            ErrorCode::UnknownMemberId
            | ErrorCode::IllegalGeneration
            | ErrorCode::FencedInstanceId
            | ErrorCode::GroupIdNotFound => {
                let client = &mut self.clients[index];
                client.abandon();
                if matches!(client.protocol, Protocol::Classic(_)) {
                    client.id.clear();
                }
            }
            other => panic!("no client would expect {other:?}"),
        }
    }

    /// A commit arrives when its sender is no member any more, has lost one of its partitions, or has got it again
    /// since: nobody may lose what others have committed meanwhile.
    pub(super) fn deliver_late(&mut self) {
        let Some(Group::Consumer(group)) = self.trial.runner.machine().group(GROUP) else { return };
        let owners = group.owners();
        let is_over = |late: &Late| {
            let member_id = late.request.member_id.as_str();
            let Some(owned) = owners.get(member_id) else { return true };
            // Whoever gives partitions up step by step keeps its epoch, and may commit in it what it has given up.
            let epoch = late.request.generation_id_or_member_epoch;
            if group.member_epoch(member_id) == Some(epoch) {
                return false;
            }
            let client = &self.clients[late.index];
            let is_consumer = matches!(client.protocol, Protocol::Consumer { .. });
            let is_lost = |partition: &OffsetCommitRequestPartition| {
                let partition = &partition.partition_index;
                let since = client.since.get(partition).filter(|_| is_consumer);
                !owned.contains(partition) || since.is_some_and(|since| *since > epoch)
            };
            client.falls == late.falls && late.request.topics[0].partitions.iter().any(is_lost)
        };
        let Some(at) = self.late.iter().position(is_over) else { return };
        let Late { request, .. } = self.late.swap_remove(at);
        let Some(response) = self.call(9, Body::OffsetCommit(request)) else { return };
        let Response::OffsetCommit(response) = response else { panic!("{response:?}") };
        let told = code(response.topics[0].partitions[0].error_code);
        assert_ne!(told, ErrorCode::None, "a commit comes too late, and is taken");
        self.refused += 1;
    }

    /// Committed offsets only grow, and none that was acknowledged is lost.
    pub(super) fn check_offsets(&self) {
        let mut highest: BTreeMap<i32, i64> = BTreeMap::new();
        for record in &self.trial.log {
            let Record::OffsetCommit { key, value: Some(value) } = record else { continue };
            let before = highest.insert(key.partition, value.offset);
            assert!(before.is_none_or(|before| before <= value.offset), "{key:?} went back");
        }
        for (partition, acknowledged) in &self.acknowledged {
            let kept = highest.get(partition).copied();
            assert!(kept >= Some(*acknowledged), "partition {partition} lost {acknowledged}");
        }
    }
}
