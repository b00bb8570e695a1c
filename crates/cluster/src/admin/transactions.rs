//! Transactions: ListTransactions, DescribeTransactions, and ending those that hang.

use std::sync::Arc;

use ottla_wire::messages::write_txn_markers_request::{WritableTxnMarker, WritableTxnMarkerTopic};
use ottla_wire::messages::{
    DescribeTransactionsRequest, InitProducerIdRequest, ListTransactionsRequest,
    WriteTxnMarkersRequest,
};
use ottla_wire::{ErrorCode, Message};

use super::Admin;
use super::routing::is_about_coordinator;
use crate::cluster::{Cluster, Target, Topics};
use crate::error::{ApiError, Error, PerItem};
use crate::topic_partition::{TopicPartition, by_topic};

/// Which transactions to list; what is empty asks for all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TransactionsFilter {
    /// States: `Ongoing`, `PrepareCommit`, …
    pub states: Vec<String>,
    /// Producer ids.
    pub producer_ids: Vec<i64>,
    /// Only those that run for longer, in milliseconds.
    pub running_longer_than_ms: Option<i64>,
    /// A regular expression for transactional ids.
    pub transactional_id_pattern: Option<String>,
}

/// A transactional id and its state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransactionListing {
    /// Its id.
    pub transactional_id: String,
    /// The producer that uses it.
    pub producer_id: i64,
    /// `Ongoing`, `CompleteCommit`, …
    pub state: String,
}

/// All that a coordinator knows of a transactional id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransactionDescription {
    /// The broker that coordinates it.
    pub coordinator_id: i32,
    /// Its state.
    pub state: String,
    /// The producer that uses it.
    pub producer_id: i64,
    /// Its epoch.
    pub producer_epoch: i16,
    /// After how long an open transaction is aborted.
    pub timeout_ms: i32,
    /// When the open transaction began, if one is open.
    pub start_time_ms: Option<i64>,
    /// Partitions in the open transaction.
    pub partitions: Vec<TopicPartition>,
}

/// An open transaction in one partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransactionToAbort {
    /// The partition.
    pub partition: TopicPartition,
    /// The producer.
    pub producer_id: i64,
    /// Its epoch.
    pub producer_epoch: i16,
    /// The epoch of its coordinator.
    pub coordinator_epoch: i32,
}

impl Admin {
    /// Transactions by the broker that coordinates them.
    pub async fn list_transactions(
        &self,
        filter: &TransactionsFilter,
    ) -> Result<Vec<(i32, Vec<TransactionListing>)>, Error> {
        let image = self.cluster().refresh(Topics::None).await?;
        let mut listings = Vec::new();
        for broker in image.nodes.keys() {
            listings
                .push((*broker, transactions_of_broker(self.cluster(), *broker, filter).await?));
        }
        Ok(listings)
    }

    /// Describes transactional ids.
    pub async fn describe_transactions(
        &self,
        transactional_ids: &[String],
    ) -> Result<PerItem<String, TransactionDescription>, Error> {
        let mut results = Vec::new();
        for id in transactional_ids {
            let outcome = match self.describe_transaction(id).await {
                Ok(description) => Ok(description),
                Err(Error::Api(refusal)) => Err(refusal),
                Err(error) => return Err(error),
            };
            results.push((id.clone(), outcome));
        }
        Ok(results)
    }

    async fn describe_transaction(&self, id: &str) -> Result<TransactionDescription, Error> {
        let target = Target::Transaction(id.to_owned());
        let request = DescribeTransactionsRequest {
            transactional_ids: vec![id.to_owned()],
            ..DescribeTransactionsRequest::default()
        };
        let versions = <DescribeTransactionsRequest as Message>::VERSIONS;
        let mut retry = self.cluster().retry("DescribeTransactions");
        loop {
            let attempt =
                self.cluster().attempt(&target, &versions, &|_| request.clone(), None).await;
            let checked = attempt.and_then(|(response, _)| {
                let state = response.transaction_states.into_iter().next();
                let state = state.ok_or(ErrorCode::UnknownServerError)?;
                ApiError::check(state.error_code, None)?;
                Ok(state)
            });
            let error = match checked {
                Ok(state) => {
                    let coordinator = self.cluster().find_coordinator(&target).await?;
                    let mut partitions = Vec::new();
                    for topic in state.topics {
                        let name: Arc<str> = topic.topic.into();
                        let indexes = topic.partitions.into_iter();
                        partitions.extend(
                            indexes.map(|index| TopicPartition::new(Arc::clone(&name), index)),
                        );
                    }
                    return Ok(TransactionDescription {
                        coordinator_id: coordinator.id,
                        state: state.transaction_state,
                        producer_id: state.producer_id,
                        producer_epoch: state.producer_epoch,
                        timeout_ms: state.transaction_timeout_ms,
                        start_time_ms: Some(state.transaction_start_time_ms)
                            .filter(|start| *start >= 0),
                        partitions,
                    });
                }
                Err(error) => error,
            };
            self.retry_coordinator(&target, error, &mut retry).await?;
        }
    }

    /// Writes an abort marker at the leader of a partition, past the coordinator.
    pub async fn abort_transaction(&self, abort: &TransactionToAbort) -> Result<(), Error> {
        let question = (abort.partition.clone(), abort.clone());
        let answers = self.ask_leaders("WriteTxnMarkers", vec![question], abort_at_leader).await?;
        for (_, answer) in answers {
            answer?;
        }
        Ok(())
    }

    /// Ends whatever transaction is open, by taking over its id.
    pub async fn force_terminate_transaction(&self, id: &str) -> Result<(), Error> {
        let target = Target::Transaction(id.to_owned());
        let request = InitProducerIdRequest {
            transactional_id: Some(id.to_owned()),
            transaction_timeout_ms: self.request_timeout_ms(),
            producer_id: -1,
            producer_epoch: -1,
            ..InitProducerIdRequest::default()
        };
        let versions = <InitProducerIdRequest as Message>::VERSIONS;
        let mut retry = self.cluster().retry("InitProducerId");
        loop {
            let attempt =
                self.cluster().attempt(&target, &versions, &|_| request.clone(), None).await;
            let checked =
                attempt.and_then(|(response, _)| Ok(ApiError::check(response.error_code, None)?));
            let Err(error) = checked else { return Ok(()) };
            self.retry_coordinator(&target, error, &mut retry).await?;
        }
    }

    /// Waits for the next attempt, if another one may help.
    async fn retry_coordinator(
        &self,
        target: &Target,
        error: Error,
        retry: &mut crate::cluster::Retry,
    ) -> Result<(), Error> {
        let may_help = match &error {
            Error::Api(refusal) => {
                is_about_coordinator(refusal.code)
                    || refusal.code == ErrorCode::ConcurrentTransactions
            }
            _ => true,
        };
        if !may_help {
            return Err(error);
        }
        self.cluster().suspect(target, &error);
        retry.again(error).await
    }
}

async fn transactions_of_broker(
    cluster: &Cluster,
    broker: i32,
    filter: &TransactionsFilter,
) -> Result<Vec<TransactionListing>, Error> {
    let request = ListTransactionsRequest {
        state_filters: filter.states.clone(),
        producer_id_filters: filter.producer_ids.clone(),
        duration_filter: filter.running_longer_than_ms.unwrap_or(-1),
        transactional_id_pattern: filter.transactional_id_pattern.clone(),
        ..ListTransactionsRequest::default()
    };
    let least = match (request.duration_filter >= 0, &request.transactional_id_pattern) {
        (_, Some(_)) => 2,
        (true, None) => 1,
        (false, None) => 0,
    };
    let versions = least..=*<ListTransactionsRequest as Message>::VERSIONS.end();
    let mut retry = cluster.retry("ListTransactions");
    loop {
        let target = Target::Node(broker);
        let attempt = cluster.attempt(&target, &versions, &|_| request.clone(), None).await;
        let checked = attempt.and_then(|(response, _)| {
            ApiError::check(response.error_code, None)?;
            Ok(response.transaction_states)
        });
        match checked {
            Ok(states) => {
                return Ok(states
                    .into_iter()
                    .map(|state| TransactionListing {
                        transactional_id: state.transactional_id,
                        producer_id: state.producer_id,
                        state: state.transaction_state,
                    })
                    .collect());
            }
            Err(Error::Api(refusal)) if !is_about_coordinator(refusal.code) => {
                return Err(refusal.into());
            }
            Err(error) => retry.again(error).await?,
        }
    }
}

async fn abort_at_leader(
    cluster: Cluster,
    leader: i32,
    share: Vec<(TopicPartition, TransactionToAbort)>,
) -> Result<PerItem<TopicPartition, ()>, Error> {
    let marker = |(key, abort): (TopicPartition, TransactionToAbort)| WritableTxnMarker {
        producer_id: abort.producer_id,
        producer_epoch: abort.producer_epoch,
        coordinator_epoch: abort.coordinator_epoch,
        transaction_result: false,
        topics: by_topic([(key, ())], |partition, ()| partition)
            .into_iter()
            .map(|(name, partition_indexes)| WritableTxnMarkerTopic {
                name,
                partition_indexes,
                ..WritableTxnMarkerTopic::default()
            })
            .collect(),
        ..WritableTxnMarker::default()
    };
    let request = WriteTxnMarkersRequest {
        markers: share.into_iter().map(marker).collect(),
        ..WriteTxnMarkersRequest::default()
    };
    let response = cluster.call(leader, &request).await?;
    let mut answers = Vec::new();
    for topic in response.markers.into_iter().flat_map(|marker| marker.topics) {
        let name: Arc<str> = topic.name.into();
        for partition in topic.partitions {
            let key = TopicPartition::new(Arc::clone(&name), partition.partition_index);
            answers.push((key, ApiError::check(partition.error_code, None)));
        }
    }
    Ok(answers)
}
