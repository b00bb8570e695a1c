//! What was written becomes durable by way of the journal.
use crate::simulation::{Partition, Simulation, Stop};

/// A full journal goes on once every log that holds it up is flushed: commits and flushes that it takes.
const TRIES_MAX: usize = 8;

impl Simulation {
    /// Commits all that has gathered, if there is a journal.
    pub(super) fn commit(&mut self) -> Result<(), Stop> {
        for _ in 0..TRIES_MAX {
            if self.commit_once()? {
                return Ok(());
            }
        }
        Err(Stop::Wrong("the journal stays full though every log is flushed".to_owned()))
    }

    /// Commits what there is room for and tells the logs, as the broker's thread does; those that keep a
    /// full journal from going on are flushed. Whether nothing is left.
    fn commit_once(&mut self) -> Result<bool, Stop> {
        let Some(directory) = &self.directory else { return Err(Stop::Fault) };
        let Some(journal) = directory.journal() else { return Ok(true) };
        let commit = journal.commit().map_err(|error| self.fault("committing", &error))?;
        self.report.commits += 1;
        let mut pressed = Vec::new();
        for (index, Partition { log, history, .. }) in self.partitions.iter_mut().enumerate() {
            let Some(log) = log else { continue };
            let Some(key) = log.journal_key() else { continue };
            if let Some(committed) = commit.logs.get(&key) {
                log.journaled(*committed);
                history.became_durable(log);
            }
            let is_refused = commit.refused.contains(&key);
            if is_refused {
                log.not_journaled();
            }
            if is_refused || commit.pressed.contains(&key) {
                pressed.push(index);
            }
        }
        let is_full = commit.entries == 0 && !commit.pressed.is_empty();
        for index in pressed {
            if is_full || !self.dice.one_in(4) {
                self.flush_alone(index)?;
            }
        }
        Ok(commit.entries == 0 && !is_full)
    }
}
