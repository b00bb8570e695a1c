//! An answer that is not known yet, while its connection goes on.

use std::sync::Arc;

use super::caller::Connection;
use super::reply::{Address, Outcome};
use crate::api::records::produce_accepted::Accepted;
use crate::broker::Broker;
use crate::metrics::requests::{AtWork, Spent};

/// The answer to a produce request that was accepted and is not durable yet.
#[derive(Debug)]
pub struct PendingAnswer {
    address: Address,
    connection: Arc<Connection>,
    accepted: Accepted,
    spent: Spent,
    at_work: Option<AtWork>,
}

impl PendingAnswer {
    pub(super) fn new(
        address: Address,
        connection: Arc<Connection>,
        accepted: Accepted,
    ) -> PendingAnswer {
        PendingAnswer { address, connection, accepted, spent: Spent::default(), at_work: None }
    }

    /// Takes over how long the request has taken so far. It counts as being answered until it is.
    pub(crate) fn goes_on(&mut self, spent: Spent, at_work: AtWork) {
        self.spent = spent;
        self.at_work = Some(at_work);
    }

    /// Whether the connection's next request may be accepted before this one is answered. Where the
    /// disk is behind, each connection adds one request to what waits for it, and no more.
    #[must_use]
    pub fn may_be_followed(&self) -> bool {
        !self.accepted.is_behind()
    }

    /// The answer, if it is known by now. It is given once.
    pub fn try_answer(&mut self, broker: &Broker) -> Option<Outcome> {
        self.accepted.settle().then(|| self.outcome(broker))
    }

    /// Waits for the answer. May be given up and called again; the answer is given once.
    pub async fn answer(&mut self, broker: &Broker) -> Outcome {
        self.accepted.settled().await;
        self.outcome(broker)
    }

    fn outcome(&mut self, broker: &Broker) -> Outcome {
        let answer = self.accepted.answer(broker, &self.connection.listener);
        let outcome = self.address.produced(answer);
        broker.requests.answered(self.address.api, self.spent, broker.monotonic(), &outcome);
        self.at_work = None;
        outcome
    }
}

#[cfg(test)]
mod tests {
    use bytes::{BufMut, Bytes, BytesMut};
    use ottla_wire::api::Request;
    use ottla_wire::messages::ProduceRequest;
    use ottla_wire::messages::produce_request::{PartitionProduceData, TopicProduceData};
    use ottla_wire::{Message, Records};

    use crate::fixture::{BROKER, Fixture, batch, caller, follow};
    use crate::request::{Answer, Outcome, Piece};

    fn frame(correlation_id: i32, value: &str) -> Bytes {
        let partition = PartitionProduceData {
            records: Some(Records::Bytes(batch(&[value]))),
            ..PartitionProduceData::default()
        };
        let topic = TopicProduceData {
            name: "a".to_owned(),
            partition_data: vec![partition],
            ..TopicProduceData::default()
        };
        let request = ProduceRequest {
            acks: -1,
            timeout_ms: 1_000,
            topic_data: vec![topic],
            ..ProduceRequest::default()
        };
        let mut frame = BytesMut::new();
        frame.put_i16(<ProduceRequest as Request>::API_KEY.number());
        frame.put_i16(8);
        frame.put_i32(correlation_id);
        frame.put_i16(-1);
        frame.extend_from_slice(&request.encode_to_bytes(8).expect("a small request"));
        frame.freeze()
    }

    fn follower_has(fixture: &Fixture, log_end_offset: i64) {
        follow(&fixture.partition("a", 0), 2, 0, log_end_offset);
    }

    fn answers(outcome: Option<Outcome>) -> Option<i32> {
        let Outcome::Reply { pieces, .. } = outcome? else { panic!("acks=all is answered") };
        let Some(Piece::Bytes(bytes)) = pieces.first() else { panic!("no records in it") };
        bytes.first_chunk().map(|id| i32::from_be_bytes(*id))
    }

    #[tokio::test(start_paused = true)]
    async fn the_next_request_is_accepted_before_one_is_answered() {
        let mut fixture = Fixture::new();
        fixture.create_replicated("a", 1, &[], &[BROKER, 2], &[BROKER, 2]);
        let connection = caller(8).connection;
        let mut pending = Vec::new();
        for (correlation_id, value) in [(7, "x"), (8, "y"), (9, "z")] {
            let answer = fixture.broker.handle(&connection, frame(correlation_id, value)).await;
            let Answer::Later(waiting) = answer else { panic!("a replica lacks it: {answer:?}") };
            assert!(waiting.may_be_followed());
            pending.push(waiting);
        }
        let broker = &fixture.broker;
        assert_eq!(answers(pending[0].try_answer(broker)), None);
        follower_has(&fixture, 2);
        assert_eq!(answers(pending[2].try_answer(broker)), None);
        assert_eq!(answers(pending[1].try_answer(broker)), Some(8), "whoever looks first");
        // Given up and asked again.
        let first = &mut pending[0];
        assert_eq!(answers(Some(first.answer(broker).await)), Some(7));
        let last = &mut pending[2];
        let waiting =
            tokio::time::timeout(std::time::Duration::from_millis(10), last.answer(broker));
        assert!(waiting.await.is_err());
        follower_has(&fixture, 3);
        assert_eq!(answers(Some(last.answer(broker).await)), Some(9));
    }
}
