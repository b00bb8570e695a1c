//! Who was heard from, and when. Soft state: a new leader gives everyone a fresh session.

use std::collections::BTreeMap;

use ottla_machine::{Millis, Offset};

/// A change of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionTouch {
    /// A new incarnation: nothing is known of it yet.
    Registered { broker: i32 },
    /// Nobody has heard from the broker yet; it is given the time to speak up.
    Assumed { broker: i32, epoch: i64, at: Millis },
    /// The broker was heard from.
    Heard { broker: i32, epoch: i64, at: Millis },
    /// How far the broker has followed the metadata log.
    Followed { broker: i32, offset: Offset },
    /// The broker asked to leave when the log stood at `offset`.
    Leaving { broker: i32, offset: Offset },
    /// The session is over.
    Ended { broker: i32 },
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Session {
    /// Epoch and time of the last contact.
    pub heard: Option<(i64, Millis)>,
    /// The contact is a beginning leader's benefit of the doubt.
    pub assumed: bool,
    /// −1: not known.
    pub followed: Offset,
    /// Where the log stood when the broker began to leave.
    pub leaving_at: Option<Offset>,
}

impl Session {
    const UNKNOWN: Self = Self { heard: None, assumed: false, followed: -1, leaving_at: None };
}

/// Sessions by broker.
#[derive(Debug, Default)]
pub(crate) struct Sessions {
    by_broker: BTreeMap<i32, Session>,
}

impl Sessions {
    pub fn get(&self, broker: i32) -> Option<&Session> {
        self.by_broker.get(&broker)
    }

    pub fn forget(&mut self, broker: i32) {
        self.by_broker.remove(&broker);
    }

    pub fn touch(&mut self, touch: SessionTouch) {
        let (SessionTouch::Registered { broker }
        | SessionTouch::Assumed { broker, .. }
        | SessionTouch::Heard { broker, .. }
        | SessionTouch::Followed { broker, .. }
        | SessionTouch::Leaving { broker, .. }
        | SessionTouch::Ended { broker }) = touch;
        let session = self.by_broker.entry(broker).or_insert(Session::UNKNOWN);
        match touch {
            SessionTouch::Registered { .. } => {
                *session = Session::UNKNOWN;
            }
            SessionTouch::Assumed { epoch, at, .. } => {
                session.heard = Some((epoch, at));
                session.assumed = true;
            }
            SessionTouch::Heard { epoch, at, .. } => {
                session.heard = Some((epoch, at));
                session.assumed = false;
            }
            SessionTouch::Followed { offset, .. } => session.followed = offset,
            SessionTouch::Leaving { offset, .. } => {
                session.leaving_at.get_or_insert(offset);
            }
            SessionTouch::Ended { .. } => session.heard = None,
        }
    }
}
