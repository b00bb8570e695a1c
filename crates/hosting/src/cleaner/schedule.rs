//! Which log is next, how far each one is cleaned, which ones can't be.
//!
//! How far is kept in `cleaner-offset-checkpoint`, one file a log directory. An entry belongs to a topic
//! id as soon as its log was seen: a topic that comes back under its name begins anew.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ottla_log::{Compaction, CompactionNeed, TopicPartition};
use ottla_wire::Uuid;
use parking_lot::Mutex;

use crate::partition::CleaningTurn;
use crate::partition::Partition;
use crate::partitions::Partitions;

/// What is known of every log that is or was compacted.
#[derive(Debug)]
pub(super) struct Schedule {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    entries: BTreeMap<TopicPartition, Entry>,
    uncleanable: BTreeSet<TopicPartition>,
    outlook: Outlook,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    /// `None`: read from a file, and its log was not seen since.
    topic_id: Option<Uuid>,
    directory: usize,
    cleaned_to: i64,
}

/// What the last look at all logs showed.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Outlook {
    /// When that was.
    pub at_ms: Option<i64>,
    /// The largest share of a log that is not cleaned.
    pub dirty_ratio_max: f64,
    /// The longest time by which `max.compaction.lag.ms` is missed.
    pub delay_ms_max: i64,
}

/// Logs that can't be cleaned, of one directory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Uncleanable {
    pub partitions: usize,
    pub bytes: u64,
}

fn name(partition: &Partition) -> TopicPartition {
    TopicPartition::new(&**partition.topic(), partition.index())
}

impl Schedule {
    /// Reads what earlier runs wrote down.
    pub(super) fn load(partitions: &Partitions) -> Self {
        let mut entries = BTreeMap::new();
        for (directory, hosted) in partitions.directories.iter().enumerate() {
            match hosted.log_directory.cleaned_offsets() {
                Ok(offsets) => entries.extend(offsets.into_iter().map(|(name, cleaned_to)| {
                    (name, Entry { topic_id: None, directory, cleaned_to })
                })),
                Err(error) => tracing::warn!(%error, "logs of this directory are cleaned anew"),
            }
        }
        Self { state: Mutex::new(State { entries, ..State::default() }) }
    }

    /// The dirtiest log that asks to be cleaned, and that nobody cleans.
    pub(super) fn next(&self, partitions: &Partitions, now_ms: i64) -> Option<Arc<Partition>> {
        self.forget_strangers(partitions);
        let mut outlook = Outlook { at_ms: Some(now_ms), ..Outlook::default() };
        let mut waiting: Vec<(f64, Arc<Partition>)> = Vec::new();
        for partition in partitions.all() {
            let Some(need) = self.need(&partition, now_ms) else { continue };
            outlook.dirty_ratio_max = outlook.dirty_ratio_max.max(need.ratio());
            outlook.delay_ms_max = outlook.delay_ms_max.max(need.delay_ms);
            if need.is_enough() && !partition.is_being_cleaned() {
                waiting.push((need.ratio(), partition));
            }
        }
        self.state.lock().outlook = outlook;
        let dirtiest = waiting.into_iter().max_by(|left, right| left.0.total_cmp(&right.0));
        dirtiest.map(|(_, partition)| partition)
    }

    fn need(&self, partition: &Partition, now_ms: i64) -> Option<CompactionNeed> {
        let name = name(partition);
        let cleaned_to = {
            let state = self.state.lock();
            if state.uncleanable.contains(&name) {
                return None;
            }
            state.entries.get(&name).map(|entry| entry.cleaned_to)
        };
        match partition.with_log(|log| log.compaction_need(cleaned_to, now_ms))? {
            Ok(need) => need,
            Err(error) => {
                self.give_up(partition, &error);
                None
            }
        }
    }

    /// What to do for a log whose turn it is.
    pub(super) fn plan(
        &self,
        partition: &Partition,
        _turn: &CleaningTurn<'_>,
        now_ms: i64,
    ) -> Option<Compaction> {
        let cleaned_to = self.cleaned_to(partition);
        match partition.with_log(|log| log.plan_compaction(cleaned_to, now_ms))? {
            Ok(plan) => plan,
            Err(error) => {
                self.give_up(partition, &error);
                None
            }
        }
    }

    /// Up to where a log is cleaned.
    pub(super) fn cleaned_to(&self, partition: &Partition) -> Option<i64> {
        self.state.lock().entries.get(&name(partition)).map(|entry| entry.cleaned_to)
    }

    /// A log is cleaned up to an offset.
    pub(super) fn cleaned(&self, partitions: &Partitions, partition: &Partition, to: i64) {
        let directory = partition.directory();
        let topic_id = Some(partition.topic_id());
        let entry = Entry { topic_id, directory, cleaned_to: to };
        self.state.lock().entries.insert(name(partition), entry);
        self.write(partitions, directory);
    }

    /// A log can't be cleaned: it is left alone until the settings change or the node starts again.
    pub(super) fn give_up(&self, partition: &Partition, error: &(dyn std::error::Error + 'static)) {
        let (topic, index) = (partition.topic(), partition.index());
        tracing::warn!(%topic, partition = index, error, "a log can't be cleaned and is left alone");
        self.state.lock().uncleanable.insert(name(partition));
    }

    /// Every log has a new chance.
    pub(super) fn forgive(&self) {
        self.state.lock().uncleanable.clear();
    }

    /// Drops what is known of topics that are gone, and of older ones with the names of others.
    fn forget_strangers(&self, partitions: &Partitions) {
        if !partitions.is_loaded() {
            return;
        }
        let mut changed = BTreeSet::new();
        let mut state = self.state.lock();
        let State { entries, uncleanable, .. } = &mut *state;
        let hosted = |name: &TopicPartition| partitions.get(&name.topic, name.partition);
        entries.retain(|name, entry| {
            let partition = hosted(name).filter(|partition| {
                let id = partition.topic_id();
                *entry.topic_id.get_or_insert(id) == id
            });
            let Some(partition) = partition else {
                changed.insert(entry.directory);
                return false;
            };
            // Its log may have moved, and was not compacted on the way.
            let directory = partition.directory();
            if entry.directory != directory {
                changed.extend([std::mem::replace(&mut entry.directory, directory), directory]);
            }
            true
        });
        uncleanable.retain(|name| hosted(name).is_some());
        drop(state);
        for directory in changed {
            self.write(partitions, directory);
        }
    }

    fn write(&self, partitions: &Partitions, directory: usize) {
        if partitions.is_offline(directory) {
            return;
        }
        // Held while the file is written, so that an older state never replaces a newer one.
        let state = self.state.lock();
        let own = state.entries.iter().filter(|(_, entry)| entry.directory == directory);
        let offsets = own.map(|(name, entry)| (name.clone(), entry.cleaned_to)).collect();
        let log_directory = &partitions.directories[directory].log_directory;
        if let Err(error) = log_directory.checkpoint_cleaned_offsets(&offsets) {
            tracing::error!(%error, "how far logs are cleaned can't be written down");
            partitions.states.report(directory, &error);
        }
    }

    /// What the last look at all logs showed.
    pub(super) fn outlook(&self) -> Outlook {
        self.state.lock().outlook
    }

    /// Logs that can't be cleaned, by directory.
    pub(super) fn uncleanable(&self, partitions: &Partitions) -> Vec<Uncleanable> {
        let names = self.state.lock().uncleanable.clone();
        let mut by_directory = vec![Uncleanable::default(); partitions.directories.len()];
        for name in names {
            let Some(partition) = partitions.get(&name.topic, name.partition) else { continue };
            let bytes = partition.usage().map_or(0, |usage| usage.bytes);
            let counts = &mut by_directory[partition.directory()];
            counts.partitions += 1;
            counts.bytes += bytes;
        }
        by_directory
    }
}
