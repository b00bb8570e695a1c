//! Producer ids, handed out of blocks that the controller allocates to this broker (KIP-730).

use std::ops::Range;

use ottla_wire::ErrorCode;
use ottla_wire::messages::{AllocateProducerIdsRequest, RequestBody, ResponseBody};
use tokio::sync::Mutex;

use crate::broker::Broker;

/// The version of AllocateProducerIds that is asked.
const VERSION: i16 = 0;

/// What is left of the current block.
#[derive(Debug, Default)]
pub(crate) struct ProducerIds {
    /// Held while a block is fetched, so that many producers cause one request.
    block: Mutex<Range<i64>>,
}

impl ProducerIds {
    /// The next id.
    ///
    /// # Errors
    /// `COORDINATOR_LOAD_IN_PROGRESS` when the controller gives no block: producers try again.
    pub(crate) async fn next(&self, broker: &Broker) -> Result<i64, ErrorCode> {
        let mut block = self.block.lock().await;
        if block.is_empty() {
            *block = allocate(broker).await.map_err(|code| {
                tracing::warn!(code = code.name(), "the controller gives no producer ids");
                ErrorCode::CoordinatorLoadInProgress
            })?;
        }
        block.next().ok_or(ErrorCode::CoordinatorLoadInProgress)
    }
}

async fn allocate(broker: &Broker) -> Result<Range<i64>, ErrorCode> {
    let broker_epoch = broker.image().broker(broker.node_id).map_or(-1, |broker| broker.epoch);
    let request = AllocateProducerIdsRequest {
        broker_id: broker.node_id,
        broker_epoch,
        ..AllocateProducerIdsRequest::default()
    };
    let request = RequestBody::AllocateProducerIds(Box::new(request));
    let answer = broker.controller.ask(request, VERSION, "User:ANONYMOUS").await?;
    let ResponseBody::AllocateProducerIds(answer) = answer else {
        return Err(ErrorCode::UnknownServerError);
    };
    match ErrorCode::try_from_code(answer.error_code) {
        Some(ErrorCode::None) => {
            let start = answer.producer_id_start;
            Ok(start..start.saturating_add(i64::from(answer.producer_id_len)))
        }
        Some(code) => Err(code),
        None => Err(ErrorCode::UnknownServerError),
    }
}
