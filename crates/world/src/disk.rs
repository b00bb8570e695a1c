//! The disk: files read and written by position, directories, locks.
//!
//! A write is in the page cache until [`File::sync_data`] or [`File::sync_all`] returns; a created,
//! renamed or removed name is durable once [`Disk::sync_dir`] of its parent returns.
use std::fmt::Debug;
use std::io::{self, ErrorKind, IoSlice};
use std::ops::Range;
use std::os::fd::BorrowedFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::room::ZEROS;

/// How [`Disk::open`] opens a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OpenMode {
    /// Existing, for reading.
    Read,
    /// Existing, for reading and writing.
    Write,
    /// For reading and writing; created when absent.
    Create,
    /// For reading and writing; refused when present.
    CreateNew,
    /// For reading and writing; created when absent, emptied when present.
    Truncate,
}

/// What a directory holds.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Entry {
    /// Name without its directory. Names that are not UTF-8 are not listed.
    pub name: String,
    /// A directory, and not a file.
    pub is_dir: bool,
}

/// What is known of a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Metadata {
    /// Bytes.
    pub len: u64,
    /// A directory, and not a file.
    pub is_dir: bool,
    /// Last modification, milliseconds since the Unix epoch.
    pub modified_ms: i64,
}

/// An open file. Clones of the handle share the file; every call names its position.
pub trait File: Debug + Send + Sync {
    /// Reads at `offset`; may return less than asked. Zero means the end of the file.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize>;

    /// Writes the slices one after the other at `offset`; may write less than given.
    fn write_at(&self, slices: &[IoSlice<'_>], offset: u64) -> io::Result<usize>;

    /// Current size in bytes.
    fn len(&self) -> io::Result<u64>;

    /// True when the file has no bytes.
    fn is_empty(&self) -> io::Result<bool> {
        Ok(self.len()? == 0)
    }

    /// Cuts the file, or extends it with zeros that take no room.
    fn set_len(&self, len: u64) -> io::Result<()>;

    /// Reserves room for `len` bytes and sets the size to at least that.
    fn allocate(&self, len: u64) -> io::Result<()>;

    /// Makes the written bytes and the size durable.
    fn sync_data(&self) -> io::Result<()>;

    /// Makes bytes and all metadata durable.
    fn sync_all(&self) -> io::Result<()>;

    /// The descriptor, where there is one, for `sendfile`.
    fn as_fd(&self) -> Option<BorrowedFd<'_>>;
}

/// Held as long as it lives: nobody else has the lock.
pub trait Lock: Debug + Send + Sync {}

/// Everything else one does with a file system.
pub trait Disk: Debug + Send + Sync {
    /// Opens a file.
    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Arc<dyn File>>;

    /// What is at `path`; `NotFound` when nothing is.
    fn metadata(&self, path: &Path) -> io::Result<Metadata>;

    /// Sets the modification time (milliseconds since the Unix epoch).
    fn set_modified(&self, path: &Path, modified_ms: i64) -> io::Result<()>;

    /// Creates a directory and its parents; fine when it exists.
    fn create_dir_all(&self, path: &Path) -> io::Result<()>;

    /// The entries of a directory, in name order.
    fn read_dir(&self, path: &Path) -> io::Result<Vec<Entry>>;

    /// Moves a file or directory; replaces a file that is in the way.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Removes a file.
    fn remove_file(&self, path: &Path) -> io::Result<()>;

    /// Removes a directory and what it holds.
    fn remove_dir_all(&self, path: &Path) -> io::Result<()>;

    /// Makes the names in a directory durable.
    fn sync_dir(&self, path: &Path) -> io::Result<()>;

    /// Total and free bytes of the file system that holds `path`.
    fn space(&self, path: &Path) -> io::Result<Space>;

    /// Takes the exclusive lock on `path` (created when absent); `WouldBlock` when somebody else holds it.
    fn lock(&self, path: &Path) -> io::Result<Box<dyn Lock>>;

    /// True when something is at `path`.
    fn exists(&self, path: &Path) -> io::Result<bool> {
        match self.metadata(path) {
            Ok(_) => Ok(true),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }
}

/// Whether a file has no room to grow: the disk is full, or the process may not write files that large.
pub fn is_without_room(error: &io::Error) -> bool {
    use ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
    matches!(error.kind(), StorageFull | QuotaExceeded | FileTooLarge)
}

/// Room in a file system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Space {
    /// All bytes it can hold.
    pub total_bytes: u64,
    /// Bytes that this process may still use.
    pub free_bytes: u64,
}

/// Fills `buffer` from `offset`; `UnexpectedEof` when the file is shorter.
pub fn read_exact_at(file: &dyn File, buffer: &mut [u8], offset: u64) -> io::Result<()> {
    let filled = read_up_to(file, buffer, offset)?;
    if filled < buffer.len() {
        return Err(io::Error::from(ErrorKind::UnexpectedEof));
    }
    Ok(())
}

/// Reads until `buffer` is full or the file ends; returns how much was read.
pub fn read_up_to(file: &dyn File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match file.read_at(&mut buffer[filled..], offset + filled as u64) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

/// Writes all the slices at `offset`.
pub fn write_all_at(
    file: &dyn File,
    mut slices: &mut [IoSlice<'_>],
    mut offset: u64,
) -> io::Result<()> {
    IoSlice::advance_slices(&mut slices, 0);
    while !slices.is_empty() {
        match file.write_at(slices, offset) {
            Ok(0) => return Err(io::Error::from(ErrorKind::WriteZero)),
            Ok(count) => {
                offset += count as u64;
                IoSlice::advance_slices(&mut slices, count);
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Writes at least the first `needed` bytes of `slices`; returns how many were written. What comes
/// after them is welcome where the disk has room for it.
pub fn write_needed_at(
    file: &dyn File,
    mut slices: &mut [IoSlice<'_>],
    needed: usize,
    offset: u64,
) -> io::Result<usize> {
    let mut written = 0;
    IoSlice::advance_slices(&mut slices, 0);
    while written < needed {
        match file.write_at(slices, offset + written as u64) {
            Ok(0) => return Err(io::Error::from(ErrorKind::WriteZero)),
            Ok(count) => {
                written += count;
                IoSlice::advance_slices(&mut slices, count);
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(written)
}

/// Writes the first `len` bytes again as they are, so that the next sync has them to write.
pub fn write_again(file: &dyn File, len: u64) -> io::Result<()> {
    const PIECE_BYTES: u64 = 1 << 20;
    let mut piece = vec![0; len.min(PIECE_BYTES) as usize];
    let mut position = 0;
    while position < len {
        let bytes = &mut piece[..(len - position).min(PIECE_BYTES) as usize];
        read_exact_at(file, bytes, position)?;
        write_all_at(file, &mut [IoSlice::new(bytes)], position)?;
        position += bytes.len() as u64;
    }
    Ok(())
}

/// Writes zeros.
pub fn fill_with_zeros(file: &dyn File, range: Range<u64>) -> io::Result<()> {
    let mut position = range.start;
    while position < range.end {
        let len = ZEROS.len().min((range.end - position) as usize);
        write_all_at(file, &mut [IoSlice::new(&ZEROS[..len])], position)?;
        position += len as u64;
    }
    Ok(())
}

/// Everything a file holds, refused above `len_max` bytes.
pub fn read_file(disk: &dyn Disk, path: &Path, len_max: u64) -> io::Result<Vec<u8>> {
    let file = disk.open(path, OpenMode::Read)?;
    let len = file.len()?;
    if len > len_max {
        return Err(io::Error::new(
            ErrorKind::FileTooLarge,
            format!("{} bytes where at most {len_max} make sense", len),
        ));
    }
    let mut contents = vec![0; len as usize];
    let filled = read_up_to(file.as_ref(), &mut contents, 0)?;
    contents.truncate(filled);
    Ok(contents)
}

/// Replaces `path` by `contents` so that a crash leaves the old file or the new one, never a mixture:
/// write beside it, sync, rename, sync the directory.
pub fn replace_file(disk: &dyn Disk, path: &Path, contents: &[u8]) -> io::Result<()> {
    write_and_rename(disk, path, contents, true)?;
    match path.parent() {
        Some(parent) => disk.sync_dir(parent),
        None => Ok(()),
    }
}

/// Like [`replace_file`] without waiting for the disk: readers see the old file or the new one, a
/// crash may leave either or an empty file. For what can be rebuilt.
pub fn replace_file_unsynced(disk: &dyn Disk, path: &Path, contents: &[u8]) -> io::Result<()> {
    write_and_rename(disk, path, contents, false)
}

fn write_and_rename(disk: &dyn Disk, path: &Path, contents: &[u8], sync: bool) -> io::Result<()> {
    let temporary = temporary_path(path);
    let file = disk.open(&temporary, OpenMode::Truncate)?;
    write_all_at(file.as_ref(), &mut [IoSlice::new(contents)], 0)?;
    if sync {
        file.sync_all()?;
    }
    disk.rename(&temporary, path)
}

/// The name Kafka writes a file under before it takes its place.
fn temporary_path(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    name.push(".tmp");
    path.with_file_name(name)
}
