//! Every hosted topic, found by its name or its id without a lock.

use std::sync::Arc;

use ottla_wire::Uuid;

use super::HostedTopic;

type Table<Key> = papaya::HashMap<Key, Arc<HostedTopic>, foldhash::fast::RandomState>;

/// Hosted topics. Requests look here while one thread at a time changes them.
#[derive(Debug, Default)]
pub(super) struct Topics {
    by_name: Table<Arc<str>>,
    by_id: Table<Uuid>,
}

impl Topics {
    pub(super) fn by_name(&self, name: &str) -> Option<Arc<HostedTopic>> {
        self.by_name.pin().get(name).cloned()
    }

    pub(super) fn by_id(&self, id: Uuid) -> Option<Arc<HostedTopic>> {
        self.by_id.pin().get(&id).cloned()
    }

    /// What `look` sees of the topic of that name, which is not kept.
    pub(super) fn with<Seen>(
        &self,
        name: &str,
        look: impl FnOnce(&HostedTopic) -> Seen,
    ) -> Option<Seen> {
        self.by_name.pin().get(name).map(|topic| look(topic))
    }

    /// Every topic, those included whose name another one has taken.
    pub(super) fn all(&self) -> Vec<Arc<HostedTopic>> {
        self.by_id.pin().values().cloned().collect()
    }

    pub(super) fn insert(&self, topic: &Arc<HostedTopic>) {
        self.by_id.pin().insert(topic.id, Arc::clone(topic));
        self.by_name.pin().insert(Arc::clone(&topic.name), Arc::clone(topic));
    }

    pub(super) fn remove(&self, id: Uuid) -> Option<Arc<HostedTopic>> {
        let topic = self.by_id.pin().remove(&id).cloned()?;
        // A topic of the same name and another id may be there by now.
        let by_name = self.by_name.pin();
        if by_name.get(&*topic.name).is_some_and(|named| named.id == id) {
            by_name.remove(&*topic.name);
        }
        Some(topic)
    }
}
