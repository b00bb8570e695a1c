//! A file that is opened when it is first needed, and again when it was closed for others: a log of
//! many segments holds few descriptors.
use std::io::{ErrorKind, IoSlice};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};

use ottla_world::descriptors::{Descriptors, OpenFile};
use ottla_world::disk::{
    Metadata, read_exact_at, read_up_to, write_again, write_all_at, write_needed_at,
};
use ottla_world::{Disk, File, OpenMode};
use parking_lot::Mutex;

use crate::error::{Error, Result};
use crate::names::{DELETED_SUFFIX, FileKind, with_suffix};

/// Where the files of a log are.
#[derive(Debug)]
pub(crate) struct Home {
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) descriptors: Arc<Descriptors>,
    pub(crate) directory: PathBuf,
    /// After the files' names, while compaction writes them; else nothing.
    pub(crate) suffix: &'static str,
}

/// Names one file of a segment. Small: there is one for each file of each segment.
#[derive(Clone, Debug)]
pub(crate) struct FileName {
    home: Arc<Home>,
    base_offset: i64,
    kind: FileKind,
}

impl FileName {
    pub(crate) fn path(&self) -> PathBuf {
        let path = self.kind.path(&self.home.directory, self.base_offset);
        if self.home.suffix.is_empty() { path } else { with_suffix(&path, self.home.suffix) }
    }

    /// For `map_err`: the error with this file's path, which is only put together for it.
    pub(crate) fn fault(&self, operation: &'static str) -> impl FnOnce(std::io::Error) -> Error {
        move |source| Error::io(operation, &self.path())(source)
    }
}

/// A file by its name, open or not.
#[derive(Debug)]
pub(crate) struct LazyFile {
    name: FileName,
    open: Mutex<Weak<OpenFile>>,
    /// Somebody has changed it through this.
    is_written: AtomicBool,
}

impl LazyFile {
    pub(crate) fn new(home: &Arc<Home>, base_offset: i64, kind: FileKind) -> LazyFile {
        let name = FileName { home: Arc::clone(home), base_offset, kind };
        LazyFile { name, open: Mutex::default(), is_written: AtomicBool::new(false) }
    }

    /// The same file, for who reads it while its owner changes what is known of it.
    pub(crate) fn duplicate(&self) -> LazyFile {
        let (open, is_written) = (Mutex::default(), AtomicBool::new(false));
        LazyFile { name: self.name.clone(), open, is_written }
    }

    pub(crate) fn name(&self) -> &FileName {
        &self.name
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.name.path()
    }

    /// The open file. It stays open as long as it is held.
    pub(crate) fn handle(&self) -> Result<Arc<dyn File>> {
        self.open_as(OpenMode::Write)
    }

    /// Whether its bytes or its size were changed through this; a file that was made and is empty has
    /// nothing but its name to be synced.
    pub(crate) fn is_written(&self) -> bool {
        self.is_written.load(Ordering::Relaxed)
    }

    fn open_to_write(&self) -> Result<Arc<dyn File>> {
        self.is_written.store(true, Ordering::Relaxed);
        self.open_as(OpenMode::Create)
    }

    /// Empties the file, creating it when there is none.
    pub(crate) fn create(&self) -> Result<()> {
        let open = self.open.lock().upgrade();
        if let Some(open) = open {
            self.is_written.store(true, Ordering::Relaxed);
            return open.file().set_len(0).map_err(self.name.fault("empty"));
        }
        match self.open_as(OpenMode::CreateNew) {
            Err(Error::Io { source, .. }) if source.kind() == ErrorKind::AlreadyExists => {
                self.is_written.store(true, Ordering::Relaxed);
                self.open_as(OpenMode::Truncate).map(drop)
            }
            created => created.map(drop),
        }
    }

    fn open_as(&self, mode: OpenMode) -> Result<Arc<dyn File>> {
        let descriptors = &self.name.home.descriptors;
        let mut known = self.open.lock();
        if let Some(open) = known.upgrade() {
            descriptors.used(&open);
            return Ok(Arc::clone(open.file()));
        }
        let path = self.path();
        let disk = &self.name.home.disk;
        let open = descriptors.open(|| match disk.open(&path, mode) {
            // Retention may have renamed what somebody still reads.
            Err(error) if error.kind() == ErrorKind::NotFound && mode == OpenMode::Write => {
                disk.open(&with_suffix(&path, DELETED_SUFFIX), mode).map_err(|_| error)
            }
            opened => opened,
        });
        let open = open.map_err(Error::io("open", &path))?;
        *known = Arc::downgrade(&open);
        Ok(Arc::clone(open.file()))
    }

    /// Gives the descriptor back; the next use opens the file again.
    pub(crate) fn release(&self) {
        let open = std::mem::take(&mut *self.open.lock());
        if let Some(open) = open.upgrade() {
            self.name.home.descriptors.close(&open);
        }
    }

    pub(crate) fn read_exact(&self, buffer: &mut [u8], position: u64) -> Result<()> {
        let file = self.handle()?;
        read_exact_at(file.as_ref(), buffer, position).map_err(self.name.fault("read"))
    }

    /// Reads until the buffer is full or the file ends.
    pub(crate) fn read_up_to(&self, buffer: &mut [u8], position: u64) -> Result<usize> {
        let file = self.handle()?;
        read_up_to(file.as_ref(), buffer, position).map_err(self.name.fault("read"))
    }

    /// Writes; creates the file when there is none.
    pub(crate) fn write(&self, slices: &mut [IoSlice<'_>], position: u64) -> Result<()> {
        let file = self.open_to_write()?;
        write_all_at(file.as_ref(), slices, position).map_err(self.name.fault("write"))
    }

    /// Writes at least the first `needed` bytes and returns how many it wrote; creates the file when
    /// there is none.
    pub(crate) fn write_needed(
        &self,
        slices: &mut [IoSlice<'_>],
        needed: usize,
        position: u64,
    ) -> Result<usize> {
        let file = self.open_to_write()?;
        write_needed_at(file.as_ref(), slices, needed, position).map_err(self.name.fault("write"))
    }

    /// Has the next sync write the first `len` bytes again.
    pub(crate) fn write_again(&self, len: u64) -> Result<()> {
        write_again(self.open_to_write()?.as_ref(), len).map_err(self.name.fault("write"))
    }

    pub(crate) fn set_len(&self, len: u64) -> Result<()> {
        self.open_to_write()?.set_len(len).map_err(self.name.fault("resize"))
    }

    pub(crate) fn allocate(&self, len: u64) -> Result<()> {
        self.open_to_write()?.allocate(len).map_err(self.name.fault("preallocate"))
    }

    /// Size on disk; 0 when there is no file.
    pub(crate) fn len(&self) -> Result<u64> {
        Ok(self.metadata(&self.path())?.map_or(0, |metadata| metadata.len))
    }

    /// Whether there is one.
    pub(crate) fn exists(&self) -> Result<bool> {
        Ok(self.metadata(&self.path())?.is_some())
    }

    /// When it was changed last.
    pub(crate) fn modified_ms(&self) -> Result<i64> {
        let path = self.path();
        let found = match self.metadata(&path)? {
            None => self.metadata(&with_suffix(&path, DELETED_SUFFIX))?,
            found => found,
        };
        let modified_ms = found.map(|metadata| metadata.modified_ms);
        modified_ms.ok_or_else(|| self.name.fault("look at")(ErrorKind::NotFound.into()))
    }

    fn metadata(&self, path: &Path) -> Result<Option<Metadata>> {
        match self.name.home.disk.metadata(path) {
            Ok(metadata) => Ok(Some(metadata)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Error::io("look at", path)(error)),
        }
    }
}

/// A file that nobody knows any more needs no descriptor.
impl Drop for LazyFile {
    fn drop(&mut self) {
        self.release();
    }
}
