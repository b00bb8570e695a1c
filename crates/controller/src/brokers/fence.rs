//! Fencing: a broker that is not heard from leads nothing and is in sync nowhere.

use ottla_machine::{Decision, Millis};
use ottla_metadata::BrokerImage;
use ottla_wire::messages::{BrokerRegistrationChangeRecord, MetadataRecord};

use super::sessions::SessionTouch;
use crate::controller::{Controller, Touch};
use crate::partitions::leaders::Standing;

impl Controller {
    /// Whether this life of the broker was heard from lately.
    ///
    /// The broker of this very node shares the controller's process: as long as it has not spoken
    /// since the controller began, what the log tells of it is a life that has ended.
    pub(crate) fn has_valid_session(&self, broker: &BrokerImage, now: Millis) -> bool {
        let session = self.sessions.get(broker.id);
        if broker.id == self.settings.node_id && session.is_some_and(|session| session.assumed) {
            return false;
        }
        let heard = session.and_then(|session| session.heard);
        heard.is_some_and(|(epoch, at)| {
            epoch == broker.epoch && now < at + self.session_timeout_ms()
        })
    }

    /// The unfenced broker whose session ends first, and when.
    pub(crate) fn next_stale_broker(&self) -> Option<(Millis, i32)> {
        let unfenced = self.image.brokers.values().filter(|broker| !broker.fenced);
        let ends = unfenced.filter_map(|broker| {
            let (_, at) = self.sessions.get(broker.id)?.heard?;
            Some((at + self.session_timeout_ms(), broker.id))
        });
        ends.min()
    }

    /// Fences one broker whose session has ended. One at a time, so that each election knows what
    /// the one before has done.
    pub(crate) fn fence_one_stale_broker(&self, now: Millis) -> Option<Decision<Self>> {
        let (at, broker) = self.next_stale_broker()?;
        if at > now {
            return None;
        }
        let records =
            self.image.broker(broker).map(|broker| self.fence(broker)).unwrap_or_default();
        let touches = vec![Touch::Session(SessionTouch::Ended { broker })];
        Some(Decision { records, touches, ..Decision::nothing() })
    }

    /// The records that fence a broker.
    pub(crate) fn fence(&self, broker: &BrokerImage) -> Vec<MetadataRecord> {
        let mut records = self.follow(Standing::leaving(broker.id), self.index.in_sync(broker.id));
        records.push(fencing(broker, 1));
        records
    }

    /// The records that let a broker lead.
    pub(crate) fn unfence(&self, broker: &BrokerImage) -> Vec<MetadataRecord> {
        let mut records = vec![fencing(broker, -1)];
        let standing = Standing { coming: broker.id, ..Standing::NOBODY };
        let leaderless = self.index.led_by(ottla_metadata::NO_LEADER);
        records.extend(self.follow(standing, leaderless));
        records
    }

    pub(crate) fn session_timeout_ms(&self) -> Millis {
        self.settings.server.whole("broker.session.timeout.ms")
    }
}

/// 1 fences, −1 unfences.
fn fencing(broker: &BrokerImage, fenced: i8) -> MetadataRecord {
    MetadataRecord::BrokerRegistrationChange(BrokerRegistrationChangeRecord {
        broker_id: broker.id,
        broker_epoch: broker.epoch,
        fenced,
        ..Default::default()
    })
}
