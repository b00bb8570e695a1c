//! AllocateProducerIds: blocks of a thousand ids that no other broker gets.

use ottla_wire::ErrorCode;
use ottla_wire::messages::{
    AllocateProducerIdsRequest, AllocateProducerIdsResponse, MetadataRecord, ProducerIdsRecord,
};

use crate::controller::{Controller, Outcome};

/// How many ids a block has.
const BLOCK_SIZE: i32 = 1_000;

impl Controller {
    pub(crate) fn allocate_producer_ids(&self, request: AllocateProducerIdsRequest) -> Outcome {
        let refuse = |code: ErrorCode| {
            let error_code = code.code();
            Outcome::answer(AllocateProducerIdsResponse { error_code, ..Default::default() })
        };
        if let Err(refusal) = self.check_broker_epoch(request.broker_id, request.broker_epoch) {
            return refuse(refusal.code);
        }
        let first = self.image.next_producer_id;
        let Some(next) = first.checked_add(i64::from(BLOCK_SIZE)) else {
            return refuse(ErrorCode::UnknownServerError);
        };
        let record = MetadataRecord::ProducerIds(ProducerIdsRecord {
            broker_id: request.broker_id,
            broker_epoch: request.broker_epoch,
            next_producer_id: next,
            ..Default::default()
        });
        let response = AllocateProducerIdsResponse {
            producer_id_start: first,
            producer_id_len: BLOCK_SIZE,
            ..Default::default()
        };
        Outcome::new(vec![record], response)
    }
}
