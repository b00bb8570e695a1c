//! Kafka's small text files: a version, a count, one entry a line; written all or nothing.
use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::Path;

use ottla_world::Disk;
use ottla_world::disk::{replace_file, replace_file_unsynced};
use ottla_world::lines;

use crate::error::{Error, Result};
use crate::names::TopicPartition;

/// No checkpoint is larger, by orders of magnitude.
const BYTES_MAX: u64 = 256 << 20;

/// Whether a written file has to be on disk before the call returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Durability {
    /// It has.
    Synced,
    /// It can be rebuilt from what is.
    Rebuildable,
}

/// Reads offsets by partition (`recovery-point-offset-checkpoint` and its siblings); empty when
/// there is no file or nothing in it, as Kafka leaves it when it makes one.
pub fn read_offsets(disk: &dyn Disk, path: &Path) -> Result<BTreeMap<TopicPartition, i64>> {
    let entries = read_lines(disk, path, |line| {
        let mut words = line.split_ascii_whitespace();
        let topic = words.next()?;
        let partition = words.next()?.parse().ok()?;
        let offset = words.next()?.parse().ok()?;
        words.next().is_none().then(|| (TopicPartition::new(topic, partition), offset))
    })?;
    Ok(entries.into_iter().collect())
}

/// Writes offsets by partition.
pub fn write_offsets(
    disk: &dyn Disk,
    path: &Path,
    offsets: &BTreeMap<TopicPartition, i64>,
) -> Result<()> {
    let lines =
        offsets.iter().map(|(name, offset)| format!("{} {} {offset}", name.topic, name.partition));
    write_lines(disk, path, lines, Durability::Synced)
}

/// Reads the entries of a checkpoint; empty when there is no file.
pub(crate) fn read_lines<T>(
    disk: &dyn Disk,
    path: &Path,
    parse: impl Fn(&str) -> Option<T>,
) -> Result<Vec<T>> {
    match lines::read(disk, path, BYTES_MAX, parse) {
        Err(error) if error.kind() == ErrorKind::InvalidData => {
            Err(Error::corrupt(path, error.to_string()))
        }
        read => read.map_err(Error::io("read", path)),
    }
}

/// Writes the entries of a checkpoint.
pub(crate) fn write_lines(
    disk: &dyn Disk,
    path: &Path,
    entries: impl ExactSizeIterator<Item = String>,
    durability: Durability,
) -> Result<()> {
    let text = lines::text(entries);
    let written = match durability {
        Durability::Synced => replace_file(disk, path, text.as_bytes()),
        Durability::Rebuildable => replace_file_unsynced(disk, path, text.as_bytes()),
    };
    written.map_err(Error::io("write", path))
}

#[cfg(test)]
mod tests {
    use ottla_world::disk::read_file;
    use ottla_world::memory::MemoryDisk;

    use super::*;

    #[test]
    fn offsets_round_trip_in_kafkas_format() {
        let disk = MemoryDisk::new(1);
        let path = Path::new("/recovery-point-offset-checkpoint");
        assert!(read_offsets(&disk, path).unwrap().is_empty());
        let offsets = BTreeMap::from([
            (TopicPartition::new("a", 10), 7),
            (TopicPartition::new("b-c", 0), i64::MAX),
        ]);
        write_offsets(&disk, path, &offsets).unwrap();
        assert_eq!(
            read_file(&disk, path, 1000).unwrap(),
            b"0\n2\na 10 7\nb-c 0 9223372036854775807\n"
        );
        assert_eq!(read_offsets(&disk, path).unwrap(), offsets);
    }

    #[test]
    fn malformed_files_are_refused() {
        let path = Path::new("/file");
        for (contents, complaint) in [
            ("1\n0\n", "version"),
            ("0\nx\n", "count"),
            ("0\n", "count"),
            ("0\n2\na 1 2\n", "holds 1"),
            ("0\n1\na 1\n", "malformed"),
            ("0\n1\na 1 2 3\n", "malformed"),
            ("0\n1\na x 3\n", "malformed"),
            ("0\n1\na 1 2", "no end"),
        ] {
            let disk = MemoryDisk::new(1);
            replace_file(&disk, path, contents.as_bytes()).unwrap();
            let error = read_offsets(&disk, path).unwrap_err().to_string();
            assert!(error.contains(complaint), "{contents:?}: {error}");
        }
        let disk = MemoryDisk::new(1);
        replace_file(&disk, path, b"").unwrap();
        assert!(read_offsets(&disk, path).unwrap().is_empty());
    }
}
