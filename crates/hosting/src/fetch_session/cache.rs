//! Pure. All fetch sessions of a broker.
//!
//! When the cache is full a new session takes the place of one that nobody used for two minutes, or
//! of one that is two minutes old and smaller, or (for a follower) of a consumer's; otherwise the
//! request goes without a session. The partitions of all sessions together are bounded as well: a
//! session that does not fit any more is not begun, one that grows beyond is forgotten.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use parking_lot::Mutex;

use super::session::Session;
use super::{NO_SESSION, TopicKey};

/// How long a session must be unused, or old, before another may take its place.
pub const EVICTION_MS: i64 = 120_000;

/// The partitions that all sessions together may remember: a thousand each of a thousand fetchers.
pub(super) const PARTITIONS_MAX: usize = 1_000_000;

/// How useful a session is: followers before consumers, larger before smaller.
type Worth = (bool, usize, i32);

#[derive(Debug)]
struct Slot {
    session: Arc<Mutex<Session>>,
    privileged: bool,
    created_ms: i64,
    used_ms: i64,
    size: usize,
}

impl Slot {
    fn worth(&self, id: i32) -> Worth {
        (self.privileged, self.size, id)
    }
}

#[derive(Debug, Default)]
pub(super) struct Slots {
    sessions: HashMap<i32, Slot>,
    by_use: BTreeSet<(i64, i32)>,
    evictable_by_all: BTreeSet<Worth>,
    evictable_by_followers: BTreeSet<Worth>,
    partitions: usize,
    evictions: u64,
}

/// The sessions, and counters of them.
#[derive(Debug)]
pub struct FetchSessions {
    slots_max: usize,
    pub(super) slots: Mutex<Slots>,
}

/// Counts for metrics, with the meanings of Kafka's `FetchSessionCache`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionCounts {
    pub sessions: usize,
    pub partitions: usize,
    pub evictions: u64,
}

impl FetchSessions {
    /// A cache of at most `slots_max` sessions (`max.incremental.fetch.session.cache.slots`).
    #[must_use]
    pub fn new(slots_max: usize) -> Self {
        Self { slots_max, slots: Mutex::default() }
    }

    /// How many sessions and partitions there are, and how many sessions had to go.
    #[must_use]
    pub fn counts(&self) -> SessionCounts {
        let slots = self.slots.lock();
        SessionCounts {
            sessions: slots.sessions.len(),
            partitions: slots.partitions,
            evictions: slots.evictions,
        }
    }

    /// Puts a session into the cache; [`NO_SESSION`] when it has no room for it.
    pub(super) fn insert(
        &self,
        session: Session,
        privileged: bool,
        now_ms: i64,
        mut random: impl FnMut() -> u64,
    ) -> i32 {
        let mut slots = self.slots.lock();
        let size = session.len();
        while slots.sessions.len() >= self.slots_max || slots.partitions + size > PARTITIONS_MAX {
            if size > PARTITIONS_MAX || !slots.evict(privileged, size, now_ms) {
                return NO_SESSION;
            }
        }
        let id = loop {
            // Thirty-one random bits: ids are positive.
            let id = (random() >> 33) as i32;
            if id != NO_SESSION && !slots.sessions.contains_key(&id) {
                break id;
            }
        };
        let session = Arc::new(Mutex::new(session));
        let slot = Slot { session, privileged, created_ms: now_ms, used_ms: now_ms, size };
        slots.by_use.insert((now_ms, id));
        if !privileged {
            slots.evictable_by_followers.insert(slot.worth(id));
        }
        slots.partitions += size;
        slots.sessions.insert(id, slot);
        id
    }
}

impl Slots {
    pub(super) fn get(&self, id: i32) -> Option<Arc<Mutex<Session>>> {
        self.sessions.get(&id).map(|slot| Arc::clone(&slot.session))
    }

    pub(super) fn remove(&mut self, id: i32) -> bool {
        let Some(slot) = self.sessions.remove(&id) else { return false };
        self.by_use.remove(&(slot.used_ms, id));
        self.evictable_by_all.remove(&slot.worth(id));
        self.evictable_by_followers.remove(&slot.worth(id));
        self.partitions -= slot.size;
        true
    }

    /// Notes that a session was used and how large it is now. One that has grown too large is forgotten:
    /// its fetcher begins a new one.
    pub(super) fn touch(&mut self, id: i32, size: usize, now_ms: i64) {
        let Some(slot) = self.sessions.get_mut(&id) else { return };
        self.by_use.remove(&(slot.used_ms, id));
        self.evictable_by_all.remove(&slot.worth(id));
        self.evictable_by_followers.remove(&slot.worth(id));
        self.partitions = self.partitions - slot.size + size;
        let has_grown_too_large = size > slot.size && self.partitions > PARTITIONS_MAX;
        slot.used_ms = now_ms;
        slot.size = size;
        self.by_use.insert((now_ms, id));
        let is_old = now_ms - slot.created_ms > EVICTION_MS;
        if is_old {
            self.evictable_by_all.insert(slot.worth(id));
        }
        if is_old || !slot.privileged {
            self.evictable_by_followers.insert(slot.worth(id));
        }
        if has_grown_too_large {
            self.remove(id);
            self.evictions += 1;
        }
    }

    fn evict(&mut self, privileged: bool, size: usize, now_ms: i64) -> bool {
        let Some(&(used_ms, idle)) = self.by_use.first() else { return false };
        let victim = if now_ms - used_ms > EVICTION_MS {
            Some(idle)
        } else {
            let evictable =
                if privileged { &self.evictable_by_followers } else { &self.evictable_by_all };
            evictable.first().filter(|least| (privileged, size, 0) >= **least).map(|&(_, _, id)| id)
        };
        let Some(victim) = victim else { return false };
        self.remove(victim);
        self.evictions += 1;
        true
    }
}

impl TopicKey {
    /// Whether the key is a topic id.
    #[must_use]
    pub fn is_id(&self) -> bool {
        matches!(self, Self::Id(_))
    }
}
