//! The numbers by which brokers recognise what they have already seen. Pure.
//!
//! Each partition counts its records under an identity (producer id and epoch). When a gap can't be closed, the
//! epoch goes up, and each partition starts again at 0 as soon as nothing that it numbered is unsettled.

use ottla_wire::records::{decrement_sequence, increment_sequence};

use super::config::IDEMPOTENT_IN_FLIGHT_MAX;

/// Sequences that are further ahead than this are behind: they wrap around.
const AHEAD_MAX: i32 = 1 << 30;

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

    /// How many batches may be unanswered. A broker takes any number from a producer that it does not know: were
    /// the first batch refused and the second accepted, the first could never be written.
    pub(super) fn in_flight_max(&self) -> usize {
        match (self.identity, self.acknowledged) {
            (None, _) => usize::MAX,
            (Some(_), None) => 1,
            (Some(_), Some(_)) => IDEMPOTENT_IN_FLIGHT_MAX,
        }
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

    /// Notes that `count` records from `first` on are written. What was sent twice may be heard of late.
    pub(super) fn acknowledge(&mut self, first: i32, count: i32) {
        let last = increment_sequence(first, count - 1);
        let is_ahead = |known: i32| (last.wrapping_sub(known) & i32::MAX) < AHEAD_MAX;
        if self.acknowledged.is_none_or(is_ahead) {
            self.acknowledged = Some(last);
        }
    }

    /// Whether all that was numbered is known to be written.
    pub(super) fn is_complete(&self) -> bool {
        match self.acknowledged {
            None => self.next == 0,
            Some(last) => decrement_sequence(self.next, 1) == last,
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
        assert_eq!(sequences.in_flight_max(), 1);
        sequences.acknowledge(0, 3);
        assert_eq!(sequences.in_flight_max(), IDEMPOTENT_IN_FLIGHT_MAX);
        assert!(!sequences.is_complete());
        sequences.acknowledge(3, 3);
        assert!(sequences.is_complete());
        sequences.next = i32::MAX;
        sequences.acknowledged = Some(i32::MAX - 1);
        assert_eq!((sequences.take(2), sequences.take(1)), (i32::MAX, 1));
        sequences.acknowledge(i32::MAX, 2);
        assert!(!sequences.is_complete());
        sequences.acknowledge(1, 1);
        assert!(sequences.is_complete());
        sequences.acknowledge(i32::MAX - 4, 5);
        assert!(sequences.is_complete(), "an older answer takes nothing back");
        let second = first.next().expect("epochs left");
        assert!(sequences.is_stale(second));
        sequences.restart(second);
        assert_eq!(sequences.take(1), 0);
        assert_eq!(Identity { producer_id: 7, epoch: i16::MAX }.next(), None);
    }
}
