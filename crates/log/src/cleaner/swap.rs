//! How a compacted segment takes the place of what it was made from.
//!
//! It is written as `.cleaned`, synced, and renamed to `.swap`, the records last: from then on it is
//! complete, and whoever finds it after a crash finishes what follows. What it was made from goes,
//! and `.swap` is dropped from its name.
use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;

use ottla_world::Disk;

use crate::error::{Error, Result};
use crate::names::{CLEANED_SUFFIX, FileKind, SWAP_SUFFIX, with_suffix};
use crate::segment::{Home, LazyFile, Scan};

/// Renames a segment's files from one suffix to another, the records last; those that are not there
/// are passed over. Makes the names durable before and after the records' turn.
pub(crate) fn rename_all(
    disk: &dyn Disk,
    directory: &Path,
    base_offset: i64,
    [from, to]: [&str; 2],
) -> Result<()> {
    let others = [FileKind::OffsetIndex, FileKind::TimeIndex, FileKind::TransactionIndex];
    for kind in others.into_iter().chain([FileKind::Records]) {
        if kind == FileKind::Records {
            disk.sync_dir(directory).map_err(Error::io("sync", directory))?;
        }
        let path = kind.path(directory, base_offset);
        let old = with_suffix(&path, from);
        match disk.rename(&old, &with_suffix(&path, to)) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                return Err(Error::io("rename", &old)(error));
            }
            _ => {}
        }
    }
    disk.sync_dir(directory).map_err(Error::io("sync", directory))
}

/// Removes a segment that is not to take anybody's place, the records first: without them a crash
/// leaves nothing that looks complete.
pub(crate) fn discard(
    disk: &dyn Disk,
    directory: &Path,
    base_offset: i64,
    suffix: &str,
) -> Result<()> {
    let others = [FileKind::OffsetIndex, FileKind::TimeIndex, FileKind::TransactionIndex];
    for kind in [FileKind::Records].into_iter().chain(others) {
        remove(disk, &with_suffix(&kind.path(directory, base_offset), suffix))?;
    }
    Ok(())
}

/// Finishes what a crash interrupted. Records that are named `.swap` are complete and take the place
/// of the segments they cover; other files of that name are what a completed swap, or one that
/// never began, left: the former get their names, the latter go.
pub(crate) fn complete_swap(home: &Home, names: &[String]) -> Result<()> {
    let Home { disk, directory, .. } = home;
    let swapping = Arc::new(Home {
        disk: Arc::clone(disk),
        descriptors: Arc::clone(&home.descriptors),
        directory: directory.clone(),
        suffix: SWAP_SUFFIX,
    });
    let parsed = |suffix: &str| -> Vec<(i64, FileKind)> {
        names.iter().filter_map(|name| FileKind::parse(name.strip_suffix(suffix)?)).collect()
    };
    let segments: Vec<i64> =
        parsed("").into_iter().filter(is_records).map(|(base, _)| base).collect();
    // Of several new segments, Kafka renames the last one first: none counts before all are renamed.
    let first_unready = parsed(CLEANED_SUFFIX).into_iter().map(|(base, _)| base).min();
    let is_void = |(base, _): &(i64, FileKind)| first_unready.is_some_and(|first| *base >= first);
    let (void, swapped): (Vec<_>, Vec<_>) = parsed(SWAP_SUFFIX).into_iter().partition(is_void);
    for (base_offset, kind) in void {
        remove(disk.as_ref(), &with_suffix(&kind.path(directory, base_offset), SWAP_SUFFIX))?;
    }
    for (base_offset, _) in swapped.iter().copied().filter(is_records) {
        let end = end_of(LazyFile::new(&swapping, base_offset, FileKind::Records), base_offset)?;
        tracing::info!(directory = %directory.display(), base_offset, end, "finishing a compaction");
        for replaced in segments.iter().filter(|base| (base_offset..end).contains(*base)) {
            for kind in FileKind::SEGMENT {
                remove(disk.as_ref(), &kind.path(directory, *replaced))?;
            }
        }
        rename_all(disk.as_ref(), directory, base_offset, [SWAP_SUFFIX, ""])?;
    }
    for (base_offset, kind) in swapped.into_iter().filter(|swapped| !is_records(swapped)) {
        let path = kind.path(directory, base_offset);
        let left = with_suffix(&path, SWAP_SUFFIX);
        let exists = |path: &Path| disk.exists(path).map_err(Error::io("look at", path));
        if !exists(&left)? {
            continue;
        }
        // Kafka renames the records first, and may have come no further.
        if segments.contains(&base_offset) && !exists(&path)? {
            disk.rename(&left, &path).map_err(Error::io("rename", &left))?;
        } else {
            remove(disk.as_ref(), &left)?;
        }
    }
    Ok(())
}

fn is_records((_, kind): &(i64, FileKind)) -> bool {
    *kind == FileKind::Records
}

/// The offset after the last record of complete records.
fn end_of(records: LazyFile, base_offset: i64) -> Result<i64> {
    let mut end = base_offset + 1;
    let mut scan = Scan::headers(&records, 0, records.len()?);
    while let Some(located) = scan.next()? {
        end = located.header.next_offset();
    }
    Ok(end)
}

fn remove(disk: &dyn Disk, path: &Path) -> Result<()> {
    match disk.remove_file(path) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(Error::io("remove", path)(error)),
    }
}
