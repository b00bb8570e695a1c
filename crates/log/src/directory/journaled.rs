//! The journal of a folder, and what its logs still take from it.
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use ottla_journal::{Journal, JournalSize, Replay};
use ottla_wire::Uuid;

use super::LogDirectory;
use crate::error::{Error, Result};
use crate::log::Log;

/// The journal of a folder.
#[derive(Debug)]
pub(super) struct FolderJournal {
    journal: Arc<Journal>,
    /// What the logs may lack.
    replay: Replay,
    /// Logs that have not been opened since the start.
    unopened: AtomicUsize,
}

impl LogDirectory {
    /// Opens the folder's journal; before the logs, which take from it what they lack. `directory_id`
    /// is that of `meta.properties`. Files are made once a log needs them.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn open_journal(&mut self, directory_id: Uuid, size: JournalSize) -> Result<Arc<Journal>> {
        let is_settled = self.clean_shutdown.is_some();
        let replay = Replay::read(self.disk.as_ref(), &self.path, directory_id, is_settled)?;
        let disk = Arc::clone(&self.disk);
        let journal = Arc::new(Journal::new(disk, &self.path, directory_id, size, &replay));
        if replay.is_empty() {
            journal.begin(&replay)?;
        }
        let unopened = AtomicUsize::new(0);
        self.journal = Some(FolderJournal { journal: Arc::clone(&journal), replay, unopened });
        Ok(journal)
    }

    /// The folder's journal, if it was opened.
    pub fn journal(&self) -> Option<&Arc<Journal>> {
        self.journal.as_ref().map(|folder| &folder.journal)
    }

    /// So many logs are going to be opened; the journal waits for all of them.
    pub(super) fn expect_logs(&self, count: usize) -> Result<()> {
        let Some(folder) = self.journal.as_ref() else { return Ok(()) };
        folder.unopened.store(count, Ordering::Release);
        if count == 0 { folder.begin() } else { Ok(()) }
    }

    /// Gives an opened log what it lacks, and takes it into the journal.
    pub(super) fn restore(&self, opened: Result<Log>, synced_to: i64, now_ms: i64) -> Result<Log> {
        let Some(folder) = self.journal.as_ref() else { return opened };
        let restored = opened.and_then(|mut log| {
            log.replay(&folder.replay, synced_to, now_ms)?;
            log.attach_journal(Arc::clone(&folder.journal));
            Ok(log)
        });
        match &restored {
            Ok(_) => folder.one_is_open()?,
            Err(Error::Stopped { .. }) => {}
            Err(_) => self.one_failed(),
        }
        restored
    }

    /// A log can't be opened. What it should have got is in the journal alone, which must not be
    /// written over.
    pub(super) fn one_failed(&self) {
        let Some(folder) = self.journal.as_ref().filter(|folder| !folder.replay.is_empty()) else {
            return;
        };
        tracing::error!(
            directory = %self.path.display(),
            "a log can't be opened that the journal may hold records of: nothing is written with \
             ottla.durability=fsync until the node starts with that log repaired or removed"
        );
        folder.journal.fail();
    }

    /// A listed log is not going to be opened.
    pub(super) fn one_less(&self) -> Result<()> {
        self.journal.as_ref().map_or(Ok(()), FolderJournal::one_is_open)
    }

    /// Takes a new log into the journal.
    pub(super) fn attach(&self, log: &mut Log) {
        if let Some(folder) = &self.journal {
            log.attach_journal(Arc::clone(&folder.journal));
        }
    }
}

impl FolderJournal {
    fn one_is_open(&self) -> Result<()> {
        let before = self.unopened.fetch_sub(1, Ordering::AcqRel);
        if before == 1 { self.begin() } else { Ok(()) }
    }

    fn begin(&self) -> Result<()> {
        // One that had nothing to give has begun already.
        if self.replay.is_empty() || self.journal.has_failed() {
            return Ok(());
        }
        Ok(self.journal.begin(&self.replay)?)
    }
}
