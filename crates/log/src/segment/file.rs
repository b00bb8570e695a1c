//! A file that is opened when it is first needed: a log of many segments holds few descriptors.
use std::io::IoSlice;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ottla_world::disk::{read_exact_at, read_up_to, write_all_at};
use ottla_world::{Disk, File, OpenMode};
use parking_lot::Mutex;

use crate::error::{Error, Result};

/// A file by its path, open or not.
#[derive(Debug)]
pub(crate) struct LazyFile {
    disk: Arc<dyn Disk>,
    path: Arc<Path>,
    open: Mutex<Option<Arc<dyn File>>>,
}

impl LazyFile {
    pub(crate) fn new(disk: Arc<dyn Disk>, path: PathBuf) -> LazyFile {
        LazyFile { disk, path: path.into(), open: Mutex::new(None) }
    }

    /// The same file, for who reads it while its owner changes what is known of it.
    pub(crate) fn duplicate(&self) -> LazyFile {
        let open = Mutex::new(self.open.lock().clone());
        LazyFile { disk: Arc::clone(&self.disk), path: Arc::clone(&self.path), open }
    }

    pub(crate) fn path(&self) -> &Arc<Path> {
        &self.path
    }

    /// The open file; created when there is none.
    pub(crate) fn handle(&self) -> Result<Arc<dyn File>> {
        let mut open = self.open.lock();
        if let Some(file) = &*open {
            return Ok(Arc::clone(file));
        }
        let file =
            self.disk.open(&self.path, OpenMode::Create).map_err(Error::io("open", &self.path))?;
        *open = Some(Arc::clone(&file));
        Ok(file)
    }

    /// Gives the descriptor back; the next use opens the file again.
    pub(crate) fn release(&self) {
        *self.open.lock() = None;
    }

    pub(crate) fn read_exact(&self, buffer: &mut [u8], position: u64) -> Result<()> {
        let file = self.handle()?;
        read_exact_at(file.as_ref(), buffer, position).map_err(Error::io("read", &self.path))
    }

    /// Reads until the buffer is full or the file ends.
    pub(crate) fn read_up_to(&self, buffer: &mut [u8], position: u64) -> Result<usize> {
        let file = self.handle()?;
        read_up_to(file.as_ref(), buffer, position).map_err(Error::io("read", &self.path))
    }

    pub(crate) fn write(&self, slices: &mut [IoSlice<'_>], position: u64) -> Result<()> {
        let file = self.handle()?;
        write_all_at(file.as_ref(), slices, position).map_err(Error::io("write", &self.path))
    }

    pub(crate) fn set_len(&self, len: u64) -> Result<()> {
        self.handle()?.set_len(len).map_err(Error::io("resize", &self.path))
    }

    pub(crate) fn allocate(&self, len: u64) -> Result<()> {
        self.handle()?.allocate(len).map_err(Error::io("preallocate", &self.path))
    }

    /// Size on disk; 0 when there is no file.
    pub(crate) fn len(&self) -> Result<u64> {
        match self.disk.metadata(&self.path) {
            Ok(metadata) => Ok(metadata.len),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(0),
            Err(error) => Err(Error::io("look at", &self.path)(error)),
        }
    }

    pub(crate) fn exists(&self) -> Result<bool> {
        self.disk.exists(&self.path).map_err(Error::io("look at", &self.path))
    }

    pub(crate) fn modified_ms(&self) -> Result<i64> {
        let metadata = self.disk.metadata(&self.path).map_err(Error::io("look at", &self.path))?;
        Ok(metadata.modified_ms)
    }
}
