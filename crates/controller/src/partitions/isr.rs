//! AlterPartition: a leader tells which replicas are in sync.
//!
//! v2: topics by id. v3: the epoch of each broker in the new set, so that one that restarted in
//! between does not slip in (KIP-903).

use ottla_metadata::{LeaderRecovery, PartitionImage, TopicImage};
use ottla_wire::ErrorCode;
use ottla_wire::messages::alter_partition_request::{
    BrokerState, PartitionData as Wanted, TopicData as WantedTopic,
};
use ottla_wire::messages::alter_partition_response::{PartitionData, TopicData};
use ottla_wire::messages::{AlterPartitionRequest, AlterPartitionResponse, MetadataRecord};

use super::change::{Election, NO_LEADER_CHANGE};
use crate::controller::{Controller, Outcome};

impl Controller {
    pub(crate) fn alter_partition(&self, request: AlterPartitionRequest, version: i16) -> Outcome {
        if let Err(refusal) = self.check_broker_epoch(request.broker_id, request.broker_epoch) {
            let error_code = refusal.code.code();
            return Outcome::answer(AlterPartitionResponse { error_code, ..Default::default() });
        }
        let mut records = Vec::new();
        let topics = request
            .topics
            .into_iter()
            .map(|topic| self.alter_topic(request.broker_id, topic, version, &mut records))
            .collect();
        Outcome::new(records, AlterPartitionResponse { topics, ..Default::default() })
    }

    fn alter_topic(
        &self,
        broker: i32,
        wanted: WantedTopic,
        version: i16,
        records: &mut Vec<MetadataRecord>,
    ) -> TopicData {
        let topic = self.image.topics.by_id(wanted.topic_id);
        let partitions = wanted.partitions.into_iter().map(|mut wanted| {
            if version < 3 {
                wanted.new_isr_with_epochs = without_epochs(&wanted.new_isr);
            }
            let index = wanted.partition_index;
            let outcome = match topic {
                None => Err(ErrorCode::UnknownTopicId),
                Some(topic) => self.alter_isr(broker, topic, &wanted, records),
            };
            match outcome {
                Ok(partition) => accepted(index, &partition),
                Err(code) => PartitionData {
                    partition_index: index,
                    error_code: code.code(),
                    ..Default::default()
                },
            }
        });
        let partitions = partitions.collect();
        TopicData { topic_id: wanted.topic_id, partitions, ..Default::default() }
    }

    /// The partition as it will be.
    fn alter_isr(
        &self,
        broker: i32,
        topic: &TopicImage,
        wanted: &Wanted,
        records: &mut Vec<MetadataRecord>,
    ) -> Result<PartitionImage, ErrorCode> {
        let index = wanted.partition_index;
        let partition = topic.partition(index).ok_or(ErrorCode::UnknownTopicOrPartition)?;
        let recovery = self.check(broker, partition, wanted)?;
        let mut change = self.change((topic.id, index), partition, |id| self.is_active(id));
        if self.unclean_election_enabled(&topic.name) {
            change.election = Election::Unclean;
        }
        change.isr = broker_ids(wanted);
        change.recovery = recovery;
        let Some(record) = change.build() else { return Ok(partition.clone()) };
        let mut altered = partition.clone();
        altered.merge(&record);
        let leader = record.leader;
        records.push(MetadataRecord::PartitionChange(record));
        if leader != broker && leader != NO_LEADER_CHANGE {
            // The new set completed a reassignment that took the leader away. The record stands;
            // the error tells the broker to look at the metadata first.
            return Err(ErrorCode::NewLeaderElected);
        }
        Ok(altered)
    }

    fn check(
        &self,
        broker: i32,
        partition: &PartitionImage,
        wanted: &Wanted,
    ) -> Result<LeaderRecovery, ErrorCode> {
        // An epoch from the future: this controller is not the newest one.
        if wanted.leader_epoch > partition.leader_epoch
            || wanted.partition_epoch > partition.partition_epoch
        {
            return Err(ErrorCode::NotController);
        }
        if wanted.leader_epoch < partition.leader_epoch {
            return Err(ErrorCode::FencedLeaderEpoch);
        }
        if broker != partition.leader {
            return Err(ErrorCode::InvalidRequest);
        }
        if wanted.partition_epoch < partition.partition_epoch {
            return Err(ErrorCode::InvalidUpdateVersion);
        }
        let isr = broker_ids(wanted);
        let mut sorted = isr.clone();
        sorted.sort_unstable();
        let repeats = sorted.windows(2).any(|pair| pair[0] == pair[1]);
        let strange = isr.iter().any(|id| !partition.replicas.contains(id));
        if isr.is_empty() || repeats || strange || !isr.contains(&partition.leader) {
            return Err(ErrorCode::InvalidRequest);
        }
        let recovery = LeaderRecovery::from_code(wanted.leader_recovery_state)
            .ok_or(ErrorCode::InvalidRequest)?;
        let recovering = recovery == LeaderRecovery::Recovering;
        if recovering && (isr.len() > 1 || partition.leader_recovery == LeaderRecovery::Recovered) {
            return Err(ErrorCode::InvalidRequest);
        }
        if wanted.new_isr_with_epochs.iter().any(|state| !self.is_eligible(state)) {
            return Err(ErrorCode::IneligibleReplica);
        }
        Ok(recovery)
    }

    /// −1 for the epoch: the version of the request knows none.
    fn is_eligible(&self, state: &BrokerState) -> bool {
        self.image.broker(state.broker_id).is_some_and(|broker| {
            broker.is_active() && (state.broker_epoch == -1 || state.broker_epoch == broker.epoch)
        })
    }
}

fn broker_ids(wanted: &Wanted) -> Vec<i32> {
    wanted.new_isr_with_epochs.iter().map(|state| state.broker_id).collect()
}

fn without_epochs(isr: &[i32]) -> Vec<BrokerState> {
    let states = isr.iter().map(|broker_id| BrokerState {
        broker_id: *broker_id,
        broker_epoch: -1,
        ..Default::default()
    });
    states.collect()
}

fn accepted(index: i32, partition: &PartitionImage) -> PartitionData {
    PartitionData {
        partition_index: index,
        error_code: ErrorCode::None.code(),
        leader_id: partition.leader,
        leader_epoch: partition.leader_epoch,
        isr: partition.isr.clone(),
        leader_recovery_state: partition.leader_recovery.code(),
        partition_epoch: partition.partition_epoch,
        ..Default::default()
    }
}
