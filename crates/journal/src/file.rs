//! One file of a journal while it is written.
use std::io::IoSlice;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ottla_world::disk::{fill_with_zeros, write_all_at};
use ottla_world::{Disk, File, OpenMode};

use crate::error::{Error, Result};

/// Names of journal files, before their number.
const PREFIX: &str = "ottla-journal-";

/// The path of a journal's file.
pub(crate) fn path(directory: &Path, slot: usize) -> PathBuf {
    directory.join(format!("{PREFIX}{slot}"))
}

/// Which file of a journal a name says.
pub(crate) fn slot_of(name: &str) -> Option<usize> {
    let digits = name.strip_prefix(PREFIX)?;
    let slot = digits.parse().ok()?;
    // One name for each number: no leading zeros, no sign.
    (format!("{slot}") == digits).then_some(slot)
}

/// An open journal file.
#[derive(Debug)]
pub(crate) struct JournalFile {
    file: Arc<dyn File>,
    path: PathBuf,
}

impl JournalFile {
    /// Opens or makes the file, with room for `bytes` and its name on disk. One that is new and gets no
    /// room leaves nothing behind.
    pub(crate) fn open(disk: &dyn Disk, directory: &Path, slot: usize, bytes: u64) -> Result<Self> {
        let path = path(directory, slot);
        let is_new = !disk.exists(&path).map_err(Error::io("look at", &path))?;
        let file = disk.open(&path, OpenMode::Create).map_err(Error::io("open", &path))?;
        if file.len().map_err(Error::io("look at", &path))? > bytes {
            file.set_len(bytes).map_err(Error::io("resize", &path))?;
        }
        let reserved = file.allocate(bytes).map_err(Error::io("preallocate", &path));
        if is_new && reserved.is_err() {
            disk.remove_file(&path).map_err(Error::io("remove", &path))?;
        }
        reserved?;
        if is_new {
            file.sync_all().map_err(Error::io("sync", &path))?;
            disk.sync_dir(directory).map_err(Error::io("sync", directory))?;
        }
        Ok(Self { file, path })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn write(&self, slices: &mut [IoSlice<'_>], position: u64) -> Result<()> {
        write_all_at(self.file.as_ref(), slices, position).map_err(Error::io("write", &self.path))
    }

    pub(crate) fn fill_with_zeros(&self, range: Range<u64>) -> Result<()> {
        fill_with_zeros(self.file.as_ref(), range).map_err(Error::io("write", &self.path))
    }

    /// Returns once the disk has what was written.
    pub(crate) fn sync(&self) -> Result<()> {
        self.file.sync_data().map_err(Error::io("sync", &self.path))
    }
}
