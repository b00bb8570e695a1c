//! Fetch sessions (KIP-227): after a full request, only what changed is told. Pure.

use std::collections::BTreeMap;

use ottla_cluster::TopicPartition;
use ottla_wire::{ErrorCode, Uuid};

/// What is asked of one partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ask {
    pub(super) topic_id: Uuid,
    pub(super) offset: i64,
    pub(super) bytes_max: i32,
    pub(super) leader_epoch: i32,
    pub(super) last_fetched_epoch: i32,
}

/// A session with one broker.
#[derive(Debug, Default)]
pub(super) struct Session {
    id: i32,
    epoch: i32,
    told: BTreeMap<TopicPartition, Ask>,
}

/// What one request says.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Telling {
    pub(super) session_id: i32,
    pub(super) session_epoch: i32,
    pub(super) asks: Vec<(TopicPartition, Ask)>,
    pub(super) forgotten: Vec<(TopicPartition, Uuid)>,
}

impl Session {
    /// The request that makes the broker serve exactly `wanted`.
    pub(super) fn tell(&mut self, wanted: BTreeMap<TopicPartition, Ask>) -> Telling {
        if self.epoch == 0 {
            let asks = wanted.iter().map(|(key, ask)| (key.clone(), *ask)).collect();
            self.told = wanted;
            let (session_id, session_epoch) = (self.id, 0);
            return Telling { session_id, session_epoch, asks, forgotten: Vec::new() };
        }
        let told = std::mem::replace(&mut self.told, wanted);
        let changed = self.told.iter().filter(|(key, ask)| told.get(key) != Some(ask));
        let asks = changed.map(|(key, ask)| (key.clone(), *ask)).collect();
        // A topic that was created anew is another topic of the same name.
        let gone = told
            .iter()
            .filter(|(key, old)| self.told.get(key).is_none_or(|new| new.topic_id != old.topic_id));
        let forgotten = gone.map(|(key, old)| (key.clone(), old.topic_id)).collect();
        Telling { session_id: self.id, session_epoch: self.epoch, asks, forgotten }
    }

    /// The request that ends the session, if the broker holds one.
    pub(super) fn end(&self) -> Option<Telling> {
        let (asks, forgotten) = (Vec::new(), Vec::new());
        let is_held = self.id != 0;
        is_held.then_some(Telling { session_id: self.id, session_epoch: -1, asks, forgotten })
    }

    /// Takes the broker's answer.
    pub(super) fn answered(&mut self, code: ErrorCode, session_id: i32) {
        match code {
            ErrorCode::None if session_id == 0 => *self = Self::default(),
            ErrorCode::None if self.epoch == 0 => {
                self.id = session_id;
                self.epoch = 1;
            }
            ErrorCode::None => self.epoch = if self.epoch == i32::MAX { 1 } else { self.epoch + 1 },
            ErrorCode::FetchSessionIdNotFound => *self = Self::default(),
            _ => self.failed(),
        }
    }

    /// The request was lost: the next one replaces the session, which the broker may still hold.
    pub(super) fn failed(&mut self) {
        self.epoch = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(offsets: &[(i32, i64)]) -> BTreeMap<TopicPartition, Ask> {
        let ask = |offset| Ask {
            topic_id: Uuid::ZERO,
            offset,
            bytes_max: 1,
            leader_epoch: 0,
            last_fetched_epoch: -1,
        };
        let entries = offsets.iter();
        entries.map(|(index, offset)| (TopicPartition::new("t", *index), ask(*offset))).collect()
    }

    fn told(session: &mut Session, offsets: &[(i32, i64)]) -> (i32, i32, Vec<i32>, Vec<i32>) {
        let telling = session.tell(wanted(offsets));
        (
            telling.session_id,
            telling.session_epoch,
            telling.asks.iter().map(|(key, _)| key.partition).collect(),
            telling.forgotten.iter().map(|(key, _)| key.partition).collect(),
        )
    }

    #[test]
    fn only_changes_are_told_until_the_broker_forgets() {
        let mut session = Session::default();
        assert_eq!(told(&mut session, &[(0, 0), (1, 0)]), (0, 0, vec![0, 1], vec![]));
        session.answered(ErrorCode::None, 7);
        assert_eq!(told(&mut session, &[(0, 5), (1, 0)]), (7, 1, vec![0], vec![]));
        session.answered(ErrorCode::None, 7);
        assert_eq!(told(&mut session, &[(0, 5), (2, 0)]), (7, 2, vec![2], vec![1]));
        session.failed();
        assert_eq!(told(&mut session, &[(0, 5)]), (7, 0, vec![0], vec![]));
        session.answered(ErrorCode::FetchSessionIdNotFound, 0);
        assert_eq!(told(&mut session, &[(0, 5)]), (0, 0, vec![0], vec![]));
        session.answered(ErrorCode::None, 0);
        assert_eq!(
            told(&mut session, &[(0, 5)]),
            (0, 0, vec![0], vec![]),
            "the broker has no room"
        );
    }
}
