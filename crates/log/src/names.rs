//! Names of partitions and of the directories and files that hold them.
use std::fmt;
use std::path::{Path, PathBuf};

/// A topic's name and the number of one of its partitions.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TopicPartition {
    /// Name of the topic.
    pub topic: String,
    /// Number of the partition, from 0.
    pub partition: i32,
}

impl TopicPartition {
    /// The partition `partition` of `topic`.
    pub fn new(topic: impl Into<String>, partition: i32) -> TopicPartition {
        TopicPartition { topic: topic.into(), partition }
    }

    /// Reads the name of a partition's directory, `<topic>-<partition>`, or that of the copy in a folder
    /// that it moves to, `<topic>-<partition>.<unique>-future`.
    pub fn from_directory_name(name: &str) -> Option<TopicPartition> {
        let name = match name.strip_suffix(FUTURE_SUFFIX) {
            Some(copy) => copy.rsplit_once('.')?.0,
            None => name,
        };
        let (topic, partition) = name.rsplit_once('-')?;
        if topic.is_empty()
            || partition.is_empty()
            || !partition.bytes().all(|b| b.is_ascii_digit())
        {
            return None;
        }
        Some(TopicPartition::new(topic, partition.parse().ok()?))
    }
}

/// The name of the partition's directory, which is also how Kafka's messages name it.
impl fmt::Display for TopicPartition {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}-{}", self.topic, self.partition)
    }
}

/// What a file in a partition's directory is, by its suffix.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum FileKind {
    Records,
    OffsetIndex,
    TimeIndex,
    TransactionIndex,
    ProducerSnapshot,
}

impl FileKind {
    pub(crate) const SEGMENT: [FileKind; 4] =
        [FileKind::Records, FileKind::OffsetIndex, FileKind::TimeIndex, FileKind::TransactionIndex];

    pub(crate) fn suffix(self) -> &'static str {
        match self {
            FileKind::Records => ".log",
            FileKind::OffsetIndex => ".index",
            FileKind::TimeIndex => ".timeindex",
            FileKind::TransactionIndex => ".txnindex",
            FileKind::ProducerSnapshot => ".snapshot",
        }
    }

    /// Path of this kind of file for the segment (or snapshot) at `offset`.
    pub(crate) fn path(self, directory: &Path, offset: i64) -> PathBuf {
        directory.join(format!("{offset:020}{}", self.suffix()))
    }

    /// The offset and kind that a file name says.
    pub(crate) fn parse(name: &str) -> Option<(i64, FileKind)> {
        let kinds = FileKind::SEGMENT.into_iter().chain([FileKind::ProducerSnapshot]);
        for kind in kinds {
            if let Some(digits) = name.strip_suffix(kind.suffix()) {
                let all_digits = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
                return if all_digits { Some((digits.parse().ok()?, kind)) } else { None };
            }
        }
        None
    }
}

/// The suffix of the directory that a log is copied to.
pub(crate) const FUTURE_SUFFIX: &str = "-future";
/// Appended to the name of a file that will be removed soon.
pub(crate) const DELETED_SUFFIX: &str = ".deleted";
/// Appended to the name of a segment that compaction is writing.
pub(crate) const CLEANED_SUFFIX: &str = ".cleaned";
/// Appended to the name of a compacted segment that is about to take its place.
pub(crate) const SWAP_SUFFIX: &str = ".swap";

/// `path` with something appended to its last name.
pub(crate) fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    name.push(suffix);
    path.with_file_name(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directory_names() {
        for (name, expected) in [
            ("topic-0", Some(("topic", 0))),
            ("my-topic-12", Some(("my-topic", 12))),
            ("__consumer_offsets-49", Some(("__consumer_offsets", 49))),
            ("topic", None),
            ("-0", None),
            ("topic-", None),
            ("topic-x", None),
            ("topic--1", Some(("topic-", 1))),
            ("topic-99999999999", None),
            ("a.b-7.0123456789abcdef0123456789abcdef-future", Some(("a.b", 7))),
            ("topic-future", None),
            ("topic-0-future", None),
        ] {
            let expected = expected.map(|(topic, partition)| TopicPartition::new(topic, partition));
            assert_eq!(TopicPartition::from_directory_name(name), expected, "{name}");
        }
    }

    #[test]
    fn file_names() {
        let path = FileKind::TimeIndex.path(Path::new("/d"), 42);
        assert_eq!(path, Path::new("/d/00000000000000000042.timeindex"));
        assert_eq!(
            FileKind::parse("00000000000000000042.timeindex"),
            Some((42, FileKind::TimeIndex))
        );
        assert_eq!(FileKind::parse("leader-epoch-checkpoint"), None);
        assert_eq!(FileKind::parse("x.log"), None);
        assert_eq!(
            with_suffix(&path, ".deleted"),
            Path::new("/d/00000000000000000042.timeindex.deleted")
        );
    }
}
