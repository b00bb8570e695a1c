//! AddOffsetsToTxn, versions 0 to 4.
//!
//! A transaction is about to commit offsets of a group: the group's partition of `__consumer_offsets` joins it.
//! v2: PRODUCER_FENCED.  v4: TRANSACTION_ABORTABLE.

use std::collections::BTreeSet;

use ottla_coordinator::partition_for;
use ottla_coordinator::transaction::{Body, Partitions, Producer, Response};
use ottla_wire::ErrorCode;
use ottla_wire::messages::{AddOffsetsToTxnRequest, AddOffsetsToTxnResponse};

use super::transaction_call::{ask, without_fenced};
use crate::broker::Broker;
use crate::internal_topics::OFFSETS_TOPIC;
use crate::request::Caller;

const FIRST_VERSION_WITH_FENCED: i16 = 2;

pub(crate) async fn add_offsets_to_txn(
    broker: &Broker,
    caller: &Caller,
    request: AddOffsetsToTxnRequest,
) -> AddOffsetsToTxnResponse {
    // Before there are groups it is known already where they will be.
    let index = broker.groups.partition_of(&request.group_id).unwrap_or_else(|| {
        partition_for(&request.group_id, broker.settings().offsets_partitions.max(1))
    });
    let code = add(broker, request, index).await;
    let is_old = caller.version < FIRST_VERSION_WITH_FENCED;
    let code = if is_old { without_fenced(code) } else { code };
    AddOffsetsToTxnResponse { error_code: code.code(), ..AddOffsetsToTxnResponse::default() }
}

async fn add(broker: &Broker, request: AddOffsetsToTxnRequest, index: i32) -> ErrorCode {
    let transactional_id = request.transactional_id;
    let producer = Producer {
        transactional_id: transactional_id.clone(),
        producer_id: request.producer_id,
        producer_epoch: request.producer_epoch,
    };
    let partitions = Partitions::from([(OFFSETS_TOPIC.to_owned(), BTreeSet::from([index]))]);
    // Clients of transaction.version 2 do not ask for this: the commit itself adds the partition.
    let body = Body::AddPartitions { producer, partitions, client_version: 0 };
    match ask(broker, &transactional_id, body).await {
        Ok(Response::Added(code)) | Err(code) => code,
        Ok(other) => unreachable!("a coordinator answers what it was asked, not {other:?}"),
    }
}
