//! BrokerHeartbeat: a broker says that it lives, how far it follows the metadata, and what it wants.
//!
//! Fenced until it has followed the log up to its own registration; in controlled shutdown until its
//! partitions are led by others and every other broker has heard of that.
//! v1: directories that failed. v2: directories that take no new replicas.

use ottla_machine::{Millis, Offset};
use ottla_metadata::BrokerImage;
use ottla_wire::messages::{
    BrokerHeartbeatRequest, BrokerHeartbeatResponse, BrokerRegistrationChangeRecord, MetadataRecord,
};

use super::sessions::SessionTouch;
use crate::controller::{Controller, Outcome};
use crate::partitions::leaders::Standing;

/// Where a broker stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Fenced,
    Unfenced,
    Leaving,
    /// It may stop at once.
    Gone,
}

impl Controller {
    pub(crate) fn broker_heartbeat(&self, request: BrokerHeartbeatRequest, now: Millis) -> Outcome {
        let (id, epoch) = (request.broker_id, request.broker_epoch);
        let known = self.check_broker_epoch(id, epoch).map(|()| self.image.broker(id));
        let broker = match known {
            Ok(Some(broker)) => broker,
            Ok(None) => unreachable!("the epoch of a broker that is not registered is never right"),
            Err(refusal) => {
                return Outcome::answer(BrokerHeartbeatResponse {
                    error_code: refusal.code.code(),
                    is_fenced: true,
                    ..Default::default()
                });
            }
        };
        let current = self.state_of(broker);
        let next = self.next_state(broker, current, &request);
        let mut records = if current == next { Vec::new() } else { self.enter(broker, next) };
        records.extend(self.directories_of(broker, &request));
        let offset = request.current_metadata_offset;
        let mut touches = vec![
            SessionTouch::Heard { broker: id, epoch, at: now },
            SessionTouch::Followed { broker: id, offset },
        ];
        if next == State::Leaving {
            let end = self.next_offset + records.len() as Offset;
            touches.push(SessionTouch::Leaving { broker: id, offset: end - 1 });
        }
        let response = BrokerHeartbeatResponse {
            is_caught_up: offset >= self.registration_offset(id),
            is_fenced: matches!(next, State::Fenced | State::Gone),
            should_shut_down: next == State::Gone,
            ..Default::default()
        };
        Outcome::new(records, response).touching(touches)
    }

    fn state_of(&self, broker: &BrokerImage) -> State {
        match (broker.fenced, broker.in_controlled_shutdown) {
            (true, _) => State::Fenced,
            (false, true) => State::Leaving,
            (false, false) => State::Unfenced,
        }
    }

    fn next_state(
        &self,
        broker: &BrokerImage,
        current: State,
        request: &BrokerHeartbeatRequest,
    ) -> State {
        let leads = || self.index.led_by(broker.id).next().is_some();
        match current {
            State::Fenced if request.want_shut_down => State::Gone,
            State::Fenced if request.want_fence => State::Fenced,
            State::Fenced
                if request.current_metadata_offset >= self.registration_offset(broker.id) =>
            {
                State::Unfenced
            }
            State::Fenced => State::Fenced,
            State::Unfenced if request.want_fence && request.want_shut_down => State::Gone,
            State::Unfenced if request.want_fence => State::Fenced,
            State::Unfenced if !request.want_shut_down => State::Unfenced,
            State::Unfenced if leads() => State::Leaving,
            State::Unfenced => State::Gone,
            State::Leaving if leads() || !self.all_followed_past(broker.id) => State::Leaving,
            State::Leaving | State::Gone => State::Gone,
        }
    }

    fn enter(&self, broker: &BrokerImage, next: State) -> Vec<MetadataRecord> {
        match next {
            State::Fenced => self.fence(broker),
            // A fenced broker that leaves is fenced already.
            State::Gone if broker.fenced => Vec::new(),
            State::Gone => self.fence(broker),
            State::Unfenced => self.unfence(broker),
            State::Leaving => self.begin_to_leave(broker),
        }
    }

    fn begin_to_leave(&self, broker: &BrokerImage) -> Vec<MetadataRecord> {
        let mut records =
            vec![MetadataRecord::BrokerRegistrationChange(BrokerRegistrationChangeRecord {
                broker_id: broker.id,
                broker_epoch: broker.epoch,
                in_controlled_shutdown: 1,
                ..Default::default()
            })];
        let partitions = self.index.in_sync(broker.id);
        records.extend(self.follow(Standing::leaving(broker.id), partitions));
        records
    }

    /// Whether every active broker has followed the log past the point where this one began to leave.
    fn all_followed_past(&self, leaving: i32) -> bool {
        let Some(begun) = self.sessions.get(leaving).and_then(|session| session.leaving_at) else {
            return false;
        };
        let active = self.image.brokers.values().filter(|broker| broker.is_active());
        let mut followed = active
            .map(|broker| self.sessions.get(broker.id).map_or(-1, |session| session.followed));
        followed.all(|offset| offset >= begun)
    }

    fn directories_of(
        &self,
        broker: &BrokerImage,
        request: &BrokerHeartbeatRequest,
    ) -> Vec<MetadataRecord> {
        let version = self.metadata_version();
        let mut records = Vec::new();
        if version.tells_directories() {
            records.extend(self.directories_offline(broker, &request.offline_log_dirs));
        }
        if let Some(cordoned) =
            request.cordoned_log_dirs.as_ref().filter(|_| version.cordons_directories())
        {
            let mut sorted = cordoned.clone();
            sorted.sort_unstable();
            if broker.cordoned_directories.as_ref() != Some(&sorted) {
                records.push(MetadataRecord::BrokerRegistrationChange(
                    BrokerRegistrationChangeRecord {
                        broker_id: broker.id,
                        broker_epoch: broker.epoch,
                        cordoned_log_dirs: Some(cordoned.clone()),
                        ..Default::default()
                    },
                ));
            }
        }
        records
    }

    fn registration_offset(&self, broker: i32) -> Offset {
        self.registered_at.get(&broker).copied().unwrap_or(Offset::MAX)
    }
}
