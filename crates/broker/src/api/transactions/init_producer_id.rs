//! InitProducerId, versions 0 to 6.
//!
//! Gives an idempotent producer an id of its own, a transactional one what its coordinator says.
//! v3: producer id and epoch, to go on with an id (KIP-360).  v4: PRODUCER_FENCED.  v6: two-phase commit (KIP-939).

use ottla_coordinator::transaction::request::InitProducerId;
use ottla_coordinator::transaction::{Body, ProducerEpoch, Response};
use ottla_wire::ErrorCode;
use ottla_wire::messages::{InitProducerIdRequest, InitProducerIdResponse};

use super::transaction_call::{ask, without_fenced};
use crate::broker::Broker;
use crate::request::Caller;

const FIRST_VERSION_WITH_FENCED: i16 = 4;

/// Answers with the producer id and epoch to use from now on.
pub(crate) async fn init_producer_id(
    broker: &Broker,
    caller: &Caller,
    request: InitProducerIdRequest,
) -> InitProducerIdResponse {
    match producer(broker, request).await {
        Ok(Initialized { producer, ongoing }) => InitProducerIdResponse {
            producer_id: producer.producer_id,
            producer_epoch: producer.producer_epoch,
            ongoing_txn_producer_id: ongoing.producer_id,
            ongoing_txn_producer_epoch: ongoing.producer_epoch,
            ..InitProducerIdResponse::default()
        },
        Err(code) => {
            let is_old = caller.version < FIRST_VERSION_WITH_FENCED;
            let code = if is_old { without_fenced(code) } else { code };
            InitProducerIdResponse {
                error_code: code.code(),
                producer_id: -1,
                producer_epoch: -1,
                ..InitProducerIdResponse::default()
            }
        }
    }
}

/// What the producer has from now on, and what the transaction has that was kept for it.
struct Initialized {
    producer: ProducerEpoch,
    ongoing: ProducerEpoch,
}

impl From<ProducerEpoch> for Initialized {
    fn from(producer: ProducerEpoch) -> Self {
        Self { producer, ongoing: ProducerEpoch::NONE }
    }
}

async fn producer(
    broker: &Broker,
    request: InitProducerIdRequest,
) -> Result<Initialized, ErrorCode> {
    let (producer_id, producer_epoch) = (request.producer_id, request.producer_epoch);
    let expected = match (producer_id, producer_epoch) {
        (-1, -1) => None,
        (-1, _) | (_, -1) => return Err(ErrorCode::InvalidRequest),
        _ => Some(ProducerEpoch { producer_id, producer_epoch }),
    };
    let Some(transactional_id) = request.transactional_id else {
        let producer_id = broker.producer_ids.next(broker).await?;
        return Ok(ProducerEpoch { producer_id, producer_epoch: 0 }.into());
    };
    if transactional_id.is_empty() {
        return Err(ErrorCode::InvalidRequest);
    }
    let body = Body::InitProducerId(InitProducerId {
        transactional_id: transactional_id.clone(),
        timeout_ms: request.transaction_timeout_ms,
        expected,
        enable_two_phase_commit: request.enable2_pc,
        keep_prepared: request.keep_prepared_txn,
    });
    match ask(broker, &transactional_id, body).await? {
        Response::Producer(answer) => answer.map(Initialized::from),
        Response::Kept { producer, ongoing } => Ok(Initialized { producer, ongoing }),
        other => unreachable!("a coordinator answers what it was asked, not {other:?}"),
    }
}
