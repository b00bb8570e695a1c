//! A hosted topic: where its partitions are found.

use std::sync::Arc;

use arc_swap::ArcSwap;
use ottla_wire::Uuid;

use crate::partition::Partition;

/// One place of a hosted topic.
#[derive(Clone, Debug, Default)]
pub(crate) enum Hosted {
    /// Another broker's, or nobody's.
    #[default]
    Absent,
    /// Ours, and its log is created when somebody comes for it, or soon.
    Planned,
    /// Ours, and its log is about to be opened.
    Loading,
    /// Ours, but its log could not be opened.
    Offline,
    Online(Arc<Partition>),
}

/// A topic of which this broker hosts partitions.
#[derive(Debug)]
pub struct HostedTopic {
    pub name: Arc<str>,
    pub id: Uuid,
    /// By partition index. One place changes without the others; the list itself is replaced to grow.
    places: ArcSwap<Vec<Arc<ArcSwap<Hosted>>>>,
}

impl HostedTopic {
    pub(super) fn new(name: Arc<str>, id: Uuid) -> Self {
        Self { name, id, places: ArcSwap::default() }
    }

    pub(super) fn place(&self, index: i32) -> Hosted {
        let places = self.places.load();
        let place = usize::try_from(index).ok().and_then(|index| places.get(index));
        place.map(|place| Hosted::clone(&place.load())).unwrap_or_default()
    }

    /// Calls come from one thread at a time.
    pub(super) fn set(&self, index: i32, place: Hosted) {
        let Ok(at) = usize::try_from(index) else { return };
        self.grow(at);
        if let Some(cell) = self.places.load().get(at) {
            cell.store(Arc::new(place));
        }
    }

    /// Makes room for places up to this one; calls come from one thread at a time.
    pub(super) fn grow(&self, last: usize) {
        let places = self.places.load();
        if last < places.len() {
            return;
        }
        let mut grown = Vec::with_capacity(last + 1);
        grown.extend(places.iter().cloned());
        grown.resize_with(last + 1, Arc::default);
        self.places.store(Arc::new(grown));
    }

    /// The partitions whose log is about to be opened.
    pub(super) fn loading(&self) -> Vec<i32> {
        let places = self.places.load();
        let is_loading = |place: &ArcSwap<Hosted>| matches!(**place.load(), Hosted::Loading);
        let loading = (0i32..).zip(places.iter()).filter(|(_, place)| is_loading(place));
        loading.map(|(index, _)| index).collect()
    }

    /// How many places are as `is_counted` says.
    pub(super) fn count(&self, is_counted: impl Fn(&Hosted) -> bool) -> usize {
        self.places.load().iter().filter(|place| is_counted(&place.load())).count()
    }

    /// The partitions that are online, by index.
    pub(crate) fn online(&self) -> Vec<Arc<Partition>> {
        let online = |place: &Arc<ArcSwap<Hosted>>| match &**place.load() {
            Hosted::Online(partition) => Some(Arc::clone(partition)),
            Hosted::Absent | Hosted::Planned | Hosted::Loading | Hosted::Offline => None,
        };
        self.places.load().iter().filter_map(online).collect()
    }
}
