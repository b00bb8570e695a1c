//! The numbers by which brokers recognise what they have already seen. Pure.
//!
//! Each partition counts its records under an identity (producer id and epoch). When a gap can't be closed, the
//! epoch goes up, and each partition starts again at 0 as soon as nothing of it is under way.

use ottla_wire::records::{decrement_sequence, increment_sequence};

/// Who a producer is to the brokers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Identity {
    pub(super) producer_id: i64,
    pub(super) epoch: i16,
}

impl Identity {
    /// The same producer, one epoch later; `None` when epochs have run out.
    pub(super) fn next(self) -> Option<Identity> {
        let epoch = self.epoch.checked_add(1)?;
        Some(Identity { epoch, ..self })
    }
}

/// One partition's count.
#[derive(Debug, Default)]
pub(super) struct Sequences {
    identity: Option<Identity>,
    next: i32,
    /// The last sequence that is known to be written.
    acknowledged: Option<i32>,
}

impl Sequences {
    /// Whether the count belongs to another identity.
    pub(super) fn is_stale(&self, identity: Identity) -> bool {
        self.identity != Some(identity)
    }

    /// Whether records are numbered at all.
    pub(super) fn is_counting(&self) -> bool {
        self.identity.is_some()
    }

    /// Starts at 0 under `identity`.
    pub(super) fn restart(&mut self, identity: Identity) {
        *self = Self { identity: Some(identity), next: 0, acknowledged: None };
    }

    /// Numbers the next `count` records; answers the first number.
    pub(super) fn take(&mut self, count: i32) -> i32 {
        let first = self.next;
        self.next = increment_sequence(first, count);
        first
    }

    /// Notes that `count` records from `first` on are written.
    pub(super) fn acknowledge(&mut self, first: i32, count: i32) {
        self.acknowledged = Some(increment_sequence(first, count - 1));
    }

    /// Whether everything before `first` is known to be written.
    pub(super) fn is_next(&self, first: i32) -> bool {
        match self.acknowledged {
            None => first == 0,
            Some(last) => decrement_sequence(first, 1) == last,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counting_wraps_and_restarts() {
        let first = Identity { producer_id: 7, epoch: 0 };
        let mut sequences = Sequences::default();
        assert!(sequences.is_stale(first));
        sequences.restart(first);
        assert_eq!((sequences.take(3), sequences.take(2), sequences.take(1)), (0, 3, 5));
        assert!(sequences.is_next(0) && !sequences.is_next(3));
        sequences.acknowledge(0, 3);
        assert!(sequences.is_next(3) && !sequences.is_next(5));
        sequences.next = i32::MAX;
        assert_eq!((sequences.take(2), sequences.take(1)), (i32::MAX, 1));
        let second = first.next().expect("epochs left");
        assert!(sequences.is_stale(second));
        sequences.restart(second);
        assert_eq!(sequences.take(1), 0);
        assert_eq!(Identity { producer_id: 7, epoch: i16::MAX }.next(), None);
    }
}
