//! AddPartitionsToTxn, versions 0 to 5.
//!
//! v2: PRODUCER_FENCED.  v4: many transactions, and only verifying (KIP-890), for brokers.  v5: TRANSACTION_ABORTABLE.
//!
//! All partitions of a transaction are added, or none is. Before v4 a client asks, to whom the internal
//! topics are closed.

use std::collections::BTreeMap;

use ottla_coordinator::transaction::{Body, EPOCH_PER_TRANSACTION, Partitions, Producer, Response};
use ottla_wire::ErrorCode;
use ottla_wire::messages::add_partitions_to_txn_request::{
    AddPartitionsToTxnTopic, AddPartitionsToTxnTransaction,
};
use ottla_wire::messages::add_partitions_to_txn_response::{
    AddPartitionsToTxnPartitionResult, AddPartitionsToTxnResult, AddPartitionsToTxnTopicResult,
};
use ottla_wire::messages::{AddPartitionsToTxnRequest, AddPartitionsToTxnResponse};

use super::transaction_call::{ask, partitions, without_fenced};
use crate::broker::Broker;
use crate::internal_topics::is_internal;
use crate::request::Caller;

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
        let answer = one(broker, &transaction, Asker::Client).await;
        let is_old = caller.version < FIRST_VERSION_WITH_FENCED;
        let spoken = |code| if is_old { without_fenced(code) } else { code };
        return AddPartitionsToTxnResponse {
            results_by_topic_v3_and_below: results(answer, &transaction.topics, spoken),
            ..AddPartitionsToTxnResponse::default()
        };
    }
    let mut results_by_transaction = Vec::with_capacity(request.transactions.len());
    for transaction in &request.transactions {
        let answer = one(broker, transaction, Asker::Broker).await;
        results_by_transaction.push(AddPartitionsToTxnResult {
            transactional_id: transaction.transactional_id.clone(),
            topic_results: results(answer, &transaction.topics, |code| code),
            ..AddPartitionsToTxnResult::default()
        });
    }
    AddPartitionsToTxnResponse { results_by_transaction, ..AddPartitionsToTxnResponse::default() }
}

/// Whether a client asks for itself, or a broker for the clients that produce to it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Asker {
    Client,
    Broker,
}

/// What a transaction is answered.
enum Answer {
    /// The same for every partition.
    All(ErrorCode),
    /// What each of them is.
    Each(Codes),
}

async fn one(broker: &Broker, transaction: &AddPartitionsToTxnTransaction, asker: Asker) -> Answer {
    let partitions = partitions(&transaction.topics);
    if let Some(refused) = refused(broker, &partitions, asker) {
        return Answer::Each(refused);
    }
    let producer = Producer {
        transactional_id: transaction.transactional_id.clone(),
        producer_id: transaction.producer_id,
        producer_epoch: transaction.producer_epoch,
    };
    let client_version = match asker {
        Asker::Client => 0,
        Asker::Broker => EPOCH_PER_TRANSACTION,
    };
    let body = if transaction.verify_only {
        Body::VerifyPartitions { producer, partitions }
    } else {
        Body::AddPartitions { producer, partitions, client_version }
    };
    match ask(broker, &transaction.transactional_id, body).await {
        Ok(Response::Verified(codes)) => Answer::Each(codes),
        Ok(Response::Added(code)) | Err(code) => Answer::All(code),
        Ok(other) => unreachable!("a coordinator answers what it was asked, not {other:?}"),
    }
}

/// When there is a partition that can't be added, nothing is tried.
fn refused(broker: &Broker, partitions: &Partitions, asker: Asker) -> Option<Codes> {
    let image = broker.image();
    let refusal = |topic: &str, index: i32| {
        if asker == Asker::Client && is_internal(topic) {
            return ErrorCode::TopicAuthorizationFailed;
        }
        match image.topics.by_name(topic).and_then(|topic| topic.partition(index)) {
            Some(_) => ErrorCode::OperationNotAttempted,
            None => ErrorCode::UnknownTopicOrPartition,
        }
    };
    let topics = partitions.iter().map(|(topic, indices)| {
        let codes = indices.iter().map(|index| (*index, refusal(topic, *index)));
        (topic.clone(), codes.collect())
    });
    let codes: Codes = topics.collect();
    let is_refusal = |code: &ErrorCode| *code != ErrorCode::OperationNotAttempted;
    codes.values().flat_map(BTreeMap::values).any(is_refusal).then_some(codes)
}

/// A code for all partitions is told in the words of the request.
fn results(
    answer: Answer,
    asked: &[AddPartitionsToTxnTopic],
    spoken: impl Fn(ErrorCode) -> ErrorCode,
) -> Vec<AddPartitionsToTxnTopicResult> {
    match answer {
        Answer::All(code) => asked
            .iter()
            .map(|topic| {
                let codes = topic.partitions.iter().map(|index| (*index, spoken(code)));
                result(topic.name.clone(), codes)
            })
            .collect(),
        Answer::Each(codes) => codes
            .into_iter()
            .map(|(name, codes)| {
                result(name, codes.into_iter().map(|(index, code)| (index, spoken(code))))
            })
            .collect(),
    }
}

fn result(
    name: String,
    codes: impl Iterator<Item = (i32, ErrorCode)>,
) -> AddPartitionsToTxnTopicResult {
    let partitions = codes.map(|(partition_index, code)| AddPartitionsToTxnPartitionResult {
        partition_index,
        partition_error_code: code.code(),
        ..AddPartitionsToTxnPartitionResult::default()
    });
    AddPartitionsToTxnTopicResult {
        name,
        results_by_partition: partitions.collect(),
        ..AddPartitionsToTxnTopicResult::default()
    }
}
