//! Pure. The partitions of one session, in the order in which they are served.
//!
//! A partition that was served data goes to the end of the line, so that a response limit does not
//! starve those behind it.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use ottla_wire::Uuid;

use super::{INITIAL_EPOCH, next_epoch};
use crate::partition::PartitionRequest;

/// A topic as the request names it: by id from version 13, by name before.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum TopicKey {
    Id(Uuid),
    Name(Arc<str>),
}

/// A partition as the request names it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PartitionKey {
    pub topic: TopicKey,
    pub partition: i32,
}

/// What a response says of one partition, as far as sessions care.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Told {
    pub high_watermark: i64,
    pub log_start_offset: i64,
    pub has_records: bool,
    pub has_error: bool,
    /// A diverging epoch or a preferred read replica: never left out.
    pub is_urgent: bool,
}

#[derive(Clone, Debug)]
struct Cached {
    key: PartitionKey,
    /// The topic's name once it is known; it stays when the topic goes.
    name: Option<Arc<str>>,
    request: PartitionRequest,
    high_watermark: i64,
    log_start_offset: i64,
}

/// The partitions of one session.
#[derive(Debug, Default)]
pub struct Session {
    pub(super) epoch: i32,
    pub(super) uses_topic_ids: bool,
    places: HashMap<PartitionKey, u64>,
    line: BTreeMap<u64, Cached>,
    next_place: u64,
}

impl Session {
    /// A session that expects the request after the one that created it.
    #[must_use]
    pub fn new(uses_topic_ids: bool) -> Self {
        Self { epoch: next_epoch(INITIAL_EPOCH), uses_topic_ids, ..Self::default() }
    }

    /// How many partitions it holds.
    #[must_use]
    pub fn len(&self) -> usize {
        self.line.len()
    }

    /// Whether it holds none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.line.is_empty()
    }

    /// Adds a partition, or changes what is asked of it.
    pub fn set(&mut self, key: &PartitionKey, name: Option<&Arc<str>>, request: PartitionRequest) {
        if let Some(cached) = self.places.get(key).and_then(|place| self.line.get_mut(place)) {
            cached.request = request;
            return;
        }
        let place = self.next_place;
        self.next_place += 1;
        self.places.insert(key.clone(), place);
        let name = name.cloned();
        let cached =
            Cached { key: key.clone(), name, request, high_watermark: -1, log_start_offset: -1 };
        self.line.insert(place, cached);
    }

    /// Forgets a partition.
    pub fn forget(&mut self, key: &PartitionKey) {
        if let Some(place) = self.places.remove(key) {
            self.line.remove(&place);
        }
    }

    /// Visits every partition in the order of service. `resolve` names a topic whose name is not
    /// known yet.
    pub fn visit(
        &mut self,
        resolve: impl Fn(&TopicKey) -> Option<Arc<str>>,
        mut visit: impl FnMut(&PartitionKey, Option<&Arc<str>>, &PartitionRequest),
    ) {
        for cached in self.line.values_mut() {
            if cached.name.is_none() {
                cached.name = resolve(&cached.key.topic);
            }
            visit(&cached.key, cached.name.as_ref(), &cached.request);
        }
    }

    /// Remembers what the fetcher is told of a partition in a full response.
    pub fn remember(&mut self, key: &PartitionKey, told: &Told) {
        if let Some(cached) = self.places.get(key).and_then(|place| self.line.get_mut(place)) {
            cached.high_watermark = told.high_watermark;
            cached.log_start_offset = told.log_start_offset;
        }
    }

    /// Whether an incremental response must mention the partition, remembering what it is told.
    pub fn tell(&mut self, key: &PartitionKey, told: &Told) -> bool {
        let Some(place) = self.places.get_mut(key) else { return false };
        let Some(cached) = self.line.get_mut(place) else { return false };
        let mut must_tell = told.has_records || told.is_urgent || told.has_error;
        must_tell |= cached.high_watermark != told.high_watermark;
        must_tell |= cached.log_start_offset != told.log_start_offset;
        // After an error the partition is told again as soon as the error is gone.
        cached.high_watermark = if told.has_error { -1 } else { told.high_watermark };
        cached.log_start_offset = told.log_start_offset;
        if told.has_records
            && let Some(cached) = self.line.remove(place)
        {
            *place = self.next_place;
            self.next_place += 1;
            self.line.insert(*place, cached);
        }
        must_tell
    }
}
