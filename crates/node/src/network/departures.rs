//! When answers were ready, so that their last phases are known once they have left.

use std::sync::Arc;
use std::time::Duration;

use ottla_broker::Broker;
use ottla_broker::metrics::requests::Phase;

/// Answers that have not left, by the numbers of their APIs.
pub(super) struct Departures {
    broker: Arc<Broker>,
    waiting: Vec<(i16, Duration)>,
}

impl std::fmt::Debug for Departures {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Departures").field("waiting", &self.waiting).finish()
    }
}

impl Departures {
    pub(super) fn new(broker: Arc<Broker>) -> Self {
        Self { broker, waiting: Vec::new() }
    }

    /// An answer is ready.
    pub(super) fn ready(&mut self, api: i16) {
        self.waiting.push((api, self.broker.monotonic()));
    }

    /// When the answers that are ready begin to leave; `None` when there are none.
    pub(super) fn begin(&self) -> Option<Duration> {
        (!self.waiting.is_empty()).then(|| self.broker.monotonic())
    }

    /// Everything that was ready has left.
    pub(super) fn done(&mut self, begun: Option<Duration>) {
        let Some(begun) = begun else { return };
        let took = self.broker.monotonic().saturating_sub(begun);
        for (api, ready) in self.waiting.drain(..) {
            self.broker.requests.add(api, Phase::ResponseQueue, begun.saturating_sub(ready));
            self.broker.requests.add(api, Phase::Send, took);
        }
    }
}
