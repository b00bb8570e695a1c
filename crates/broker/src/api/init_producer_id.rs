//! InitProducerId, versions 0 to 6.
//!
//! Gives an idempotent producer its id. Transactional producers need the transaction coordinator.
//! v3: producer id and epoch, to go on with an id (KIP-360).  v4: PRODUCER_FENCED.  v6: two-phase commit.

use ottla_wire::ErrorCode;
use ottla_wire::messages::{InitProducerIdRequest, InitProducerIdResponse};

use crate::broker::Broker;
use crate::caller::Caller;

/// Answers with a producer id that nobody has had.
pub(crate) async fn init_producer_id(
    broker: &Broker,
    _caller: &Caller,
    request: InitProducerIdRequest,
) -> InitProducerIdResponse {
    match producer_id(broker, &request).await {
        Ok(producer_id) => InitProducerIdResponse {
            producer_id,
            producer_epoch: 0,
            ..InitProducerIdResponse::default()
        },
        Err(code) => InitProducerIdResponse {
            error_code: code.code(),
            producer_id: -1,
            producer_epoch: -1,
            ..InitProducerIdResponse::default()
        },
    }
}

async fn producer_id(broker: &Broker, request: &InitProducerIdRequest) -> Result<i64, ErrorCode> {
    if (request.producer_id == -1) != (request.producer_epoch == -1) {
        return Err(ErrorCode::InvalidRequest);
    }
    match request.transactional_id.as_deref() {
        None => broker.producer_ids.next(broker).await,
        Some("") => Err(ErrorCode::InvalidRequest),
        // No broker of this cluster coordinates transactions; clients look for the coordinator again.
        Some(_) => Err(ErrorCode::CoordinatorNotAvailable),
    }
}
