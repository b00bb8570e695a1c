//! Pure. One fetch request seen through its session.

use std::collections::HashMap;
use std::sync::Arc;

use ottla_wire::ErrorCode;
use parking_lot::Mutex;

use super::cache::FetchSessions;
use super::session::{PartitionKey, Session, Told, TopicKey};
use super::{FINAL_EPOCH, INITIAL_EPOCH, NO_SESSION, next_epoch};
use crate::partition::PartitionRequest;

/// What a fetch request says about sessions and partitions.
#[derive(Debug)]
pub struct SessionRequest {
    pub session_id: i32,
    pub epoch: i32,
    /// Whether topics are named by id (version 13 and later).
    pub uses_topic_ids: bool,
    pub is_from_follower: bool,
    pub partitions: Vec<(PartitionKey, PartitionRequest)>,
    pub forgotten: Vec<PartitionKey>,
}

/// A partition to read, with its topic's name if there is such a topic or was one.
#[derive(Clone, Debug)]
pub struct Asked {
    pub key: PartitionKey,
    pub topic: Option<Arc<str>>,
    pub request: PartitionRequest,
}

#[derive(Debug)]
enum Kind {
    /// No session, and none wanted.
    Sessionless,
    /// A new session, once the response is known.
    Full {
        uses_topic_ids: bool,
        is_from_follower: bool,
    },
    Incremental {
        id: i32,
        expected_epoch: i32,
        session: Arc<Mutex<Session>>,
    },
}

/// An open request: what to read, and later what to leave out of the response.
#[derive(Debug)]
pub struct Opened {
    kind: Kind,
    /// In the order in which they are to be served.
    pub asked: Vec<Asked>,
}

impl Opened {
    /// The partitions to read. A full request still knows them when it is closed.
    #[must_use]
    pub fn take_asked(&mut self) -> Vec<Asked> {
        match self.kind {
            Kind::Full { .. } => self.asked.clone(),
            Kind::Sessionless | Kind::Incremental { .. } => std::mem::take(&mut self.asked),
        }
    }
}

impl FetchSessions {
    /// Finds out what a request asks for.
    ///
    /// # Errors
    /// `FETCH_SESSION_ID_NOT_FOUND`, `INVALID_FETCH_SESSION_EPOCH` or `FETCH_SESSION_TOPIC_ID_ERROR`.
    pub fn open(
        &self,
        request: SessionRequest,
        now_ms: i64,
        resolve: impl Fn(&TopicKey) -> Option<Arc<str>>,
    ) -> Result<Opened, ErrorCode> {
        let SessionRequest { session_id, epoch, uses_topic_ids, is_from_follower, .. } = request;
        if epoch == INITIAL_EPOCH || epoch == FINAL_EPOCH {
            if session_id != NO_SESSION {
                self.slots.lock().remove(session_id);
            }
            let kind = if epoch == FINAL_EPOCH {
                Kind::Sessionless
            } else {
                Kind::Full { uses_topic_ids, is_from_follower }
            };
            return Ok(Opened { kind, asked: listed(request.partitions, resolve) });
        }
        let mut slots = self.slots.lock();
        let session = slots.get(session_id).ok_or(ErrorCode::FetchSessionIdNotFound)?;
        let mut locked = session.lock();
        if locked.epoch != epoch {
            return Err(ErrorCode::InvalidFetchSessionEpoch);
        }
        if locked.uses_topic_ids != uses_topic_ids {
            return Err(ErrorCode::FetchSessionTopicIdError);
        }
        for (key, wanted) in &request.partitions {
            locked.set(key, resolve(&key.topic).as_ref(), wanted.clone());
        }
        for key in &request.forgotten {
            locked.forget(key);
        }
        if locked.is_empty() {
            drop(locked);
            slots.remove(session_id);
            let asked = listed(request.partitions, resolve);
            return Ok(Opened { kind: Kind::Sessionless, asked });
        }
        slots.touch(session_id, locked.len(), now_ms);
        drop(slots);
        let expected_epoch = next_epoch(epoch);
        locked.epoch = expected_epoch;
        let mut asked = Vec::with_capacity(locked.len());
        locked.visit(resolve, |key, topic, request| {
            let (key, topic, request) = (key.clone(), topic.cloned(), request.clone());
            asked.push(Asked { key, topic, request });
        });
        drop(locked);
        Ok(Opened { kind: Kind::Incremental { id: session_id, expected_epoch, session }, asked })
    }

    /// Ends a request: leaves out of `answers` what the fetcher knows already, and gives the session
    /// id to answer with.
    ///
    /// # Errors
    /// `INVALID_FETCH_SESSION_EPOCH` and the session's id, when another request of the session came
    /// in between.
    pub fn close<Answer>(
        &self,
        opened: Opened,
        answers: &mut Vec<(PartitionKey, Answer)>,
        told: impl Fn(&Answer) -> Told,
        now_ms: i64,
        random: impl FnMut() -> u64,
    ) -> Result<i32, (ErrorCode, i32)> {
        match opened.kind {
            Kind::Sessionless => Ok(NO_SESSION),
            Kind::Full { uses_topic_ids, is_from_follower } => {
                let mut session = Session::new(uses_topic_ids);
                let mut asked: HashMap<_, _> =
                    opened.asked.into_iter().map(|asked| (asked.key.clone(), asked)).collect();
                for (key, answer) in answers.iter() {
                    if let Some(Asked { topic, request, .. }) = asked.remove(key) {
                        session.set(key, topic.as_ref(), request);
                        session.remember(key, &told(answer));
                    }
                }
                Ok(self.insert(session, is_from_follower, now_ms, random))
            }
            Kind::Incremental { id, expected_epoch, session } => {
                let mut session = session.lock();
                if session.epoch != expected_epoch {
                    return Err((ErrorCode::InvalidFetchSessionEpoch, id));
                }
                answers.retain(|(key, answer)| session.tell(key, &told(answer)));
                Ok(id)
            }
        }
    }
}

/// The partitions of a request without a session: each once, the last word about it counts.
fn listed(
    partitions: Vec<(PartitionKey, PartitionRequest)>,
    resolve: impl Fn(&TopicKey) -> Option<Arc<str>>,
) -> Vec<Asked> {
    let mut places: HashMap<PartitionKey, usize> = HashMap::with_capacity(partitions.len());
    let mut asked: Vec<Asked> = Vec::with_capacity(partitions.len());
    for (key, request) in partitions {
        match places.get(&key) {
            Some(&place) => asked[place].request = request,
            None => {
                places.insert(key.clone(), asked.len());
                asked.push(Asked { topic: resolve(&key.topic), key, request });
            }
        }
    }
    asked
}
