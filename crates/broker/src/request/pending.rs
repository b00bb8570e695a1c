//! An answer that is not known yet, while its connection goes on.

use std::sync::Arc;

use super::caller::Connection;
use super::reply::{Address, Outcome};
use crate::api::produce_accepted::Accepted;
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
