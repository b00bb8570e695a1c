//! What the members of a consumer group subscribe to, read from the consumer protocol's own metadata.
//!
//! Only the part that every version begins with is read, so newer clients need no newer coordinator: the version,
//! then an array of topic names. The bytes come from clients: anything else means "unknown", never an error.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::ClassicGroup;

impl ClassicGroup {
    /// The topics that the members subscribe to; `None` when the group has another protocol or the coordinator can't
    /// tell.
    pub(super) fn read_subscriptions(&self) -> Option<Arc<BTreeSet<String>>> {
        if !self.uses_consumer_protocol() {
            return None;
        }
        let mut topics = BTreeSet::new();
        for member in self.members.values() {
            let metadata = member.metadata(Some(self.protocol.as_deref()?));
            topics.extend(subscribed_topics(&metadata)?);
        }
        Some(Arc::new(topics))
    }

    /// Whether the offsets of `topic` are in use by members. When the coordinator can't tell, a consumer group is
    /// taken to use every topic.
    pub(crate) fn is_subscribed_to(&self, topic: &str) -> bool {
        match &self.subscribed {
            Some(topics) => topics.contains(topic),
            None => self.uses_consumer_protocol(),
        }
    }
}

fn subscribed_topics(metadata: &[u8]) -> Option<Vec<String>> {
    let (_version, rest) = metadata.split_first_chunk::<2>()?;
    let (count, mut rest) = rest.split_first_chunk::<4>()?;
    let count = usize::try_from(i32::from_be_bytes(*count)).ok()?;
    // A name takes at least its length: a count that lies can't make this allocate.
    let mut topics = Vec::with_capacity(count.min(rest.len() / 2));
    for _ in 0..count {
        let (length, tail) = rest.split_first_chunk::<2>()?;
        let length = usize::try_from(i16::from_be_bytes(*length)).ok()?;
        let (name, tail) = tail.split_at_checked(length)?;
        topics.push(std::str::from_utf8(name).ok()?.to_owned());
        rest = tail;
    }
    Some(topics)
}

#[cfg(test)]
mod tests {
    use super::subscribed_topics;

    #[test]
    fn metadata_is_read_or_unknown() {
        let topics = |names: &[&str]| Some(names.iter().map(|name| (*name).to_owned()).collect());
        for (bytes, expected) in [
            (
                &b"\0\x01\0\0\0\x02\0\x01a\0\x02bc and what newer versions add"[..],
                topics(&["a", "bc"]),
            ),
            (b"\0\0\0\0\0\0", topics(&[])),
            (b"", None),
            (b"\0\0", None),
            (b"\0\0\x7f\xff\xff\xff", None),
            (b"\0\0\xff\xff\xff\xff", None),
            (b"\0\0\0\0\0\x01\0\x05ab", None),
            (b"\0\0\0\0\0\x01\xff\xff", None),
            (b"\0\0\0\0\0\x01\0\x01\xff", None),
        ] {
            assert_eq!(subscribed_topics(bytes), expected, "{bytes:?}");
        }
    }
}
