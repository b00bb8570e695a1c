//! AddPartitionsToTxn, versions 0 to 5.
//!
//! v2: PRODUCER_FENCED.  v4: many transactions, and only verifying (KIP-890), for brokers.  v5: TRANSACTION_ABORTABLE.
//!
//! All partitions of a transaction are added, or none is.

use std::collections::BTreeMap;

use ottla_coordinator::transaction::{Body, EPOCH_PER_TRANSACTION, Partitions, Producer, Response};
use ottla_wire::ErrorCode;
use ottla_wire::messages::add_partitions_to_txn_request::AddPartitionsToTxnTransaction;
use ottla_wire::messages::add_partitions_to_txn_response::{
    AddPartitionsToTxnPartitionResult, AddPartitionsToTxnResult, AddPartitionsToTxnTopicResult,
};
use ottla_wire::messages::{AddPartitionsToTxnRequest, AddPartitionsToTxnResponse};

use super::transaction_call::{ask, partitions, without_fenced};
use crate::broker::Broker;
use crate::caller::Caller;

const FIRST_VERSION_WITH_FENCED: i16 = 2;
const FIRST_VERSION_WITH_TRANSACTIONS: i16 = 4;

/// A code for each partition, by topic.
type Codes = BTreeMap<String, BTreeMap<i32, ErrorCode>>;

pub(crate) async fn add_partitions_to_txn(
    broker: &Broker,
    caller: &Caller,
    request: AddPartitionsToTxnRequest,
) -> AddPartitionsToTxnResponse {
    if caller.version < FIRST_VERSION_WITH_TRANSACTIONS {
        let transaction = AddPartitionsToTxnTransaction {
            transactional_id: request.v3_and_below_transactional_id,
            producer_id: request.v3_and_below_producer_id,
            producer_epoch: request.v3_and_below_producer_epoch,
            verify_only: false,
            topics: request.v3_and_below_topics,
            ..AddPartitionsToTxnTransaction::default()
        };
        let codes = one(broker, &transaction, 0).await;
        let is_old = caller.version < FIRST_VERSION_WITH_FENCED;
        let spoken = |code| if is_old { without_fenced(code) } else { code };
        return AddPartitionsToTxnResponse {
            results_by_topic_v3_and_below: results(codes, spoken),
            ..AddPartitionsToTxnResponse::default()
        };
    }
    let mut results_by_transaction = Vec::with_capacity(request.transactions.len());
    for transaction in &request.transactions {
        let codes = one(broker, transaction, EPOCH_PER_TRANSACTION).await;
        results_by_transaction.push(AddPartitionsToTxnResult {
            transactional_id: transaction.transactional_id.clone(),
            topic_results: results(codes, |code| code),
            ..AddPartitionsToTxnResult::default()
        });
    }
    AddPartitionsToTxnResponse { results_by_transaction, ..AddPartitionsToTxnResponse::default() }
}

async fn one(
    broker: &Broker,
    transaction: &AddPartitionsToTxnTransaction,
    client_version: i16,
) -> Codes {
    let partitions = partitions(&transaction.topics);
    if let Some(refused) = unknown(broker, &partitions) {
        return refused;
    }
    let producer = Producer {
        transactional_id: transaction.transactional_id.clone(),
        producer_id: transaction.producer_id,
        producer_epoch: transaction.producer_epoch,
    };
    let body = if transaction.verify_only {
        Body::VerifyPartitions { producer, partitions: partitions.clone() }
    } else {
        Body::AddPartitions { producer, partitions: partitions.clone(), client_version }
    };
    match ask(broker, &transaction.transactional_id, body).await {
        Ok(Response::Verified(codes)) => codes,
        Ok(Response::Added(code)) | Err(code) => each(&partitions, |_, _| code),
        Ok(other) => unreachable!("a coordinator answers what it was asked, not {other:?}"),
    }
}

/// When there is a partition that does not exist, nothing is tried.
fn unknown(broker: &Broker, partitions: &Partitions) -> Option<Codes> {
    let image = broker.image();
    let exists = |topic: &str, index: i32| {
        image.topics.by_name(topic).is_some_and(|topic| topic.partition(index).is_some())
    };
    let all_exist =
        partitions.iter().all(|(topic, indices)| indices.iter().all(|index| exists(topic, *index)));
    (!all_exist).then(|| {
        each(partitions, |topic, index| match exists(topic, index) {
            true => ErrorCode::OperationNotAttempted,
            false => ErrorCode::UnknownTopicOrPartition,
        })
    })
}

fn each(partitions: &Partitions, code: impl Fn(&str, i32) -> ErrorCode) -> Codes {
    let topics = partitions.iter().map(|(topic, indices)| {
        let codes = indices.iter().map(|index| (*index, code(topic, *index)));
        (topic.clone(), codes.collect())
    });
    topics.collect()
}

fn results(
    codes: Codes,
    spoken: impl Fn(ErrorCode) -> ErrorCode,
) -> Vec<AddPartitionsToTxnTopicResult> {
    let topics = codes.into_iter().map(|(name, codes)| {
        let partitions = codes.into_iter().map(|(index, code)| AddPartitionsToTxnPartitionResult {
            partition_index: index,
            partition_error_code: spoken(code).code(),
            ..AddPartitionsToTxnPartitionResult::default()
        });
        AddPartitionsToTxnTopicResult {
            name,
            results_by_partition: partitions.collect(),
            ..AddPartitionsToTxnTopicResult::default()
        }
    });
    topics.collect()
}
