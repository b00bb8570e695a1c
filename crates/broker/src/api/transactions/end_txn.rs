//! EndTxn, versions 0 to 5.
//!
//! v2: PRODUCER_FENCED.  v4: TRANSACTION_ABORTABLE.  v5: the end of a transaction raises its producer's epoch, and the
//! answer tells it (KIP-890).

use ottla_coordinator::transaction::{
    Body, EPOCH_PER_TRANSACTION, Producer, ProducerEpoch, Response,
};
use ottla_wire::ErrorCode;
use ottla_wire::messages::{EndTxnRequest, EndTxnResponse};

use super::transaction_call::{ask, without_fenced};
use crate::broker::Broker;
use crate::request::Caller;

const FIRST_VERSION_WITH_FENCED: i16 = 2;
const FIRST_VERSION_WITH_EPOCHS: i16 = 5;

pub(crate) async fn end_txn(
    broker: &Broker,
    caller: &Caller,
    request: EndTxnRequest,
) -> EndTxnResponse {
    let has_epochs = caller.version >= FIRST_VERSION_WITH_EPOCHS;
    let body = Body::End {
        producer: Producer {
            transactional_id: request.transactional_id.clone(),
            producer_id: request.producer_id,
            producer_epoch: request.producer_epoch,
        },
        is_commit: request.committed,
        client_version: if has_epochs { EPOCH_PER_TRANSACTION } else { 0 },
    };
    let ended = match ask(broker, &request.transactional_id, body).await {
        Ok(Response::Producer(ended)) => ended,
        Err(code) => Err(code),
        Ok(other) => unreachable!("a coordinator answers what it was asked, not {other:?}"),
    };
    let (code, producer) = match ended {
        Ok(producer) => (ErrorCode::None, producer),
        Err(code) => (code, ProducerEpoch::NONE),
    };
    let is_old = caller.version < FIRST_VERSION_WITH_FENCED;
    let code = if is_old { without_fenced(code) } else { code };
    EndTxnResponse {
        error_code: code.code(),
        producer_id: producer.producer_id,
        producer_epoch: producer.producer_epoch,
        ..EndTxnResponse::default()
    }
}
