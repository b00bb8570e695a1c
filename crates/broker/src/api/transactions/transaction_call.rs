//! What every transaction API does: ask the coordinator, and give it a producer id when it needs one.

use ottla_coordinator::transaction::{Body, Partitions, Request, Response};
use ottla_wire::ErrorCode;
use ottla_wire::messages::add_partitions_to_txn_request::AddPartitionsToTxnTopic;

use crate::broker::Broker;

/// Asks the coordinator of `transactional_id`.
pub(super) async fn ask(
    broker: &Broker,
    transactional_id: &str,
    body: Body,
) -> Result<Response, ErrorCode> {
    let mut fresh_producer_id = None;
    loop {
        let request = Request { body: body.clone(), fresh_producer_id };
        match broker.transactions.ask(transactional_id, request).await? {
            Response::NeedsProducerId => {
                fresh_producer_id = Some(broker.producer_ids.next(broker).await?);
            }
            response => return Ok(response),
        }
    }
}

/// What clients that know nothing of PRODUCER_FENCED are told instead of it.
pub(super) fn without_fenced(code: ErrorCode) -> ErrorCode {
    match code {
        ErrorCode::ProducerFenced => ErrorCode::InvalidProducerEpoch,
        code => code,
    }
}

/// The partitions of a request. A topic without any is none of them.
pub(super) fn partitions(topics: &[AddPartitionsToTxnTopic]) -> Partitions {
    let mut partitions = Partitions::new();
    for topic in topics.iter().filter(|topic| !topic.partitions.is_empty()) {
        let known = partitions.entry(topic.name.clone()).or_default();
        known.extend(topic.partitions.iter().copied());
    }
    partitions
}
