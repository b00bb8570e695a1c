//! How many files are open at once: those that were used least recently are closed for others.
//!
//! Shared by the logs of a broker. A file that is closed here is opened again when it is needed next;
//! one that somebody reads, sends or syncs at the moment stays open until they are done with it.
use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;

use crate::File;

/// `EMFILE` and `ENFILE`: this process, or the whole system, has no descriptor left.
const SHORT_OF_DESCRIPTORS: [i32; 2] = [24, 23];
/// When the system has none left before the bound is reached: this share of the files is closed.
const GIVEN_BACK_SHARE: usize = 4;

/// When a file was used last, and its own number: the order in which files are closed.
type Turn = (u64, u64);

/// The open files of a broker's logs.
#[derive(Debug)]
pub struct Descriptors {
    most: usize,
    /// Counts openings. Uses between two openings are of the same age.
    openings: AtomicU64,
    /// By the use that was known when the file was placed here, which may not be its last.
    open: Mutex<BTreeMap<Turn, Arc<OpenFile>>>,
}

/// A file that has a descriptor.
#[derive(Debug)]
pub struct OpenFile {
    file: Arc<dyn File>,
    number: u64,
    used: AtomicU64,
    /// The first half of its key in the table; changed under the table's lock alone.
    placed: AtomicU64,
}

impl OpenFile {
    /// The file itself.
    pub fn file(&self) -> &Arc<dyn File> {
        &self.file
    }
}

/// As many as are asked for.
impl Default for Descriptors {
    fn default() -> Descriptors {
        Descriptors::new(usize::MAX)
    }
}

impl Descriptors {
    /// At most `most` files at once, and at least one.
    pub fn new(most: usize) -> Descriptors {
        Descriptors {
            most: most.max(1),
            openings: AtomicU64::new(0),
            open: Mutex::new(BTreeMap::new()),
        }
    }

    /// How many files are open, those aside that are closed and still being read.
    pub fn open_files(&self) -> usize {
        self.open.lock().len()
    }

    /// Opens a file, closing others when there are too many.
    ///
    /// # Errors
    /// Those of `open`.
    pub fn open(&self, open: impl Fn() -> io::Result<Arc<dyn File>>) -> io::Result<Arc<OpenFile>> {
        loop {
            match open() {
                Ok(file) => return Ok(self.admit(file)),
                Err(error) if is_short(&error) && self.give_back() > 0 => {}
                Err(error) => return Err(error),
            }
        }
    }

    fn admit(&self, file: Arc<dyn File>) -> Arc<OpenFile> {
        let number = self.openings.fetch_add(1, Ordering::Relaxed);
        let (used, placed) = (AtomicU64::new(number), AtomicU64::new(number));
        let admitted = Arc::new(OpenFile { file, number, used, placed });
        let mut open = self.open.lock();
        open.insert((number, number), Arc::clone(&admitted));
        let excess = open.len().saturating_sub(self.most);
        let closed = take_oldest(&mut open, excess);
        drop(open);
        // Closing may wait for the disk: not under the lock.
        drop(closed);
        admitted
    }

    /// The file is used now.
    pub fn used(&self, file: &OpenFile) {
        file.used.store(self.openings.load(Ordering::Relaxed), Ordering::Relaxed);
    }

    /// Nobody will ask for the file again.
    pub fn close(&self, file: &OpenFile) {
        let mut open = self.open.lock();
        let closed = open.remove(&(file.placed.load(Ordering::Relaxed), file.number));
        drop(open);
        drop(closed);
    }

    /// Closes some, since others need descriptors; returns how many.
    fn give_back(&self) -> usize {
        let mut open = self.open.lock();
        let count = open.len().div_ceil(GIVEN_BACK_SHARE);
        let closed = take_oldest(&mut open, count);
        drop(open);
        closed.len()
    }
}

/// Takes out the files that were used least recently.
fn take_oldest(open: &mut BTreeMap<Turn, Arc<OpenFile>>, count: usize) -> Vec<Arc<OpenFile>> {
    let mut taken = Vec::with_capacity(count);
    while taken.len() < count
        && let Some(((placed, number), file)) = open.pop_first()
    {
        let used = file.used.load(Ordering::Relaxed);
        if used > placed {
            file.placed.store(used, Ordering::Relaxed);
            open.insert((used, number), file);
        } else {
            taken.push(file);
        }
    }
    taken
}

fn is_short(error: &io::Error) -> bool {
    error.raw_os_error().is_some_and(|code| SHORT_OF_DESCRIPTORS.contains(&code))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::memory::MemoryDisk;
    use crate::{Disk, OpenMode};

    fn opener(disk: &MemoryDisk, name: &str) -> impl Fn() -> io::Result<Arc<dyn File>> {
        let (disk, path) = (disk.clone(), Path::new("/").join(name));
        move || disk.open(&path, OpenMode::Create)
    }

    #[test]
    fn the_least_recently_used_are_closed() {
        let disk = MemoryDisk::new(1);
        let descriptors = Descriptors::new(3);
        let open = |name: &str| Arc::downgrade(&descriptors.open(opener(&disk, name)).unwrap());
        let [a, b, c] = ["a", "b", "c"].map(open);
        descriptors.used(&a.upgrade().unwrap());
        let d = open("d");
        let is_open = |file: &std::sync::Weak<OpenFile>| file.upgrade().is_some();
        assert_eq!([&a, &b, &c, &d].map(is_open), [true, false, true, true]);
        descriptors.used(&c.upgrade().unwrap());
        let e = open("e");
        assert_eq!([&a, &c, &d, &e].map(is_open), [false, true, true, true]);
        descriptors.close(&c.upgrade().unwrap());
        descriptors.close(&d.upgrade().unwrap());
        assert_eq!(
            ([&c, &d, &e].map(is_open), descriptors.open_files()),
            ([false, false, true], 1)
        );
    }

    #[test]
    fn a_file_in_use_outlives_its_place() {
        let disk = MemoryDisk::new(1);
        let descriptors = Descriptors::new(1);
        let file = Arc::clone(descriptors.open(opener(&disk, "a")).unwrap().file());
        descriptors.open(opener(&disk, "b")).unwrap();
        assert_eq!(descriptors.open_files(), 1);
        file.set_len(7).unwrap();
        assert_eq!(file.len().unwrap(), 7);
    }

    #[test]
    fn when_the_system_has_none_left_some_are_given_back() {
        let disk = MemoryDisk::new(1);
        let descriptors = Descriptors::default();
        let system_has = 5;
        let limited = |name: &'static str| {
            let open = opener(&disk, name);
            let count = || descriptors.open_files();
            descriptors.open(move || match count() {
                open_files if open_files >= system_has => Err(io::Error::from_raw_os_error(24)),
                _ => open(),
            })
        };
        for name in ["a", "b", "c", "d", "e", "f", "g"] {
            limited(name).unwrap();
            assert!(descriptors.open_files() <= system_has, "{name}");
        }
        let none = || Err(io::Error::from_raw_os_error(24));
        assert_eq!(descriptors.open(none).unwrap_err().raw_os_error(), Some(24));
        assert_eq!(descriptors.open_files(), 0, "every file was given back first");
    }
}
