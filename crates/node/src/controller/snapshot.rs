//! One snapshot of the metadata log as a file: `<offset>-<epoch>.checkpoint`, in KRaft's format.
//!
//! A header batch with control records, batches of metadata records from offset 0 on, a footer batch.
//! The file gets its name when it is complete and on disk.

use std::io::{self, ErrorKind, IoSlice};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use ottla_metadata::{MetadataImage, MetadataVersion, Provenance};
use ottla_wire::codec::Message;
use ottla_wire::messages::{
    KRaftVersionRecord, MetadataRecord, SnapshotFooterRecord, SnapshotHeaderRecord, VotersRecord,
};
use ottla_wire::records::{
    Batch, BatchBuilder, BatchOptions, Batches, ControlType, Record, control_batch,
};
use ottla_world::disk::{read_file, read_up_to, write_all_at};
use ottla_world::{Disk, OpenMode};

use super::metadata_log::{BATCH_BYTES_MAX, LogError, decode};

/// A batch of a snapshot is closed at this size.
const BATCH_BYTES: usize = 1024 * 1024;

/// No snapshot is larger.
const FILE_BYTES_MAX: u64 = 4 << 30;

/// More than any header batch has.
const HEADER_BYTES: usize = 64 * 1024;

const SUFFIX: &str = ".checkpoint";
const PART_SUFFIX: &str = ".checkpoint.part";
const DELETED_SUFFIX: &str = ".checkpoint.deleted";

/// Which snapshot: everything before `offset`, of which the last record was appended in `epoch`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SnapshotId {
    pub offset: i64,
    pub epoch: i32,
}

impl std::fmt::Display for SnapshotId {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{:020}-{:010}", self.offset, self.epoch)
    }
}

impl SnapshotId {
    /// The snapshot that holds what an image holds.
    #[must_use]
    pub fn of(provenance: Provenance) -> Self {
        Self { offset: provenance.offset + 1, epoch: provenance.epoch.max(0) }
    }

    fn parse(name: &str) -> Option<Self> {
        let (offset, epoch) = name.strip_suffix(SUFFIX)?.split_once('-')?;
        if offset.len() != 20 || epoch.len() != 10 {
            return None;
        }
        Some(Self { offset: offset.parse().ok()?, epoch: epoch.parse().ok()? })
    }

    fn path(self, directory: &Path, suffix: &str) -> PathBuf {
        directory.join(format!("{self}{suffix}"))
    }
}

/// Records about the quorum that a snapshot's header carries along: the newest of each type.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct QuorumRecords {
    version: Option<Bytes>,
    voters: Option<Bytes>,
}

impl QuorumRecords {
    /// Notes a control record, if it is one of those.
    pub(super) fn note(&mut self, record: &Record) {
        match ControlType::from_key(record.key.as_deref()) {
            Ok(Some(ControlType::KRaftVersion)) => self.version.clone_from(&record.value),
            Ok(Some(ControlType::KRaftVoters)) => self.voters.clone_from(&record.value),
            _ => {}
        }
    }

    /// kraft.version; zero where no record tells it: the configuration names the voters then.
    pub(super) fn kraft_version(&self) -> i16 {
        let record = self.version.as_ref().map(|value| KRaftVersionRecord::decode_exact(value, 0));
        record.and_then(Result::ok).map_or(0, |record| record.k_raft_version)
    }

    /// Who votes; `None` where the configuration says it.
    pub(super) fn voters(&self) -> Option<VotersRecord> {
        let record = self.voters.as_ref().map(|value| VotersRecord::decode_exact(value, 0));
        record.and_then(Result::ok)
    }

    fn iter(&self) -> impl Iterator<Item = (ControlType, &[u8])> {
        let version = self.version.iter().map(|value| (ControlType::KRaftVersion, &**value));
        version.chain(self.voters.iter().map(|value| (ControlType::KRaftVoters, &**value)))
    }
}

/// What a snapshot's file holds.
#[derive(Debug)]
pub(super) struct Snapshot {
    pub(super) records: Vec<MetadataRecord>,
    pub(super) quorum: QuorumRecords,
    /// When its last record was appended.
    pub(super) timestamp_ms: i64,
}

/// The snapshots of a directory, the oldest first. What was never finished, or was deleted, is removed.
pub(super) fn list(disk: &dyn Disk, directory: &Path) -> io::Result<Vec<SnapshotId>> {
    let mut found = Vec::new();
    for entry in disk.read_dir(directory)? {
        if entry.name.ends_with(PART_SUFFIX) || entry.name.ends_with(DELETED_SUFFIX) {
            disk.remove_file(&directory.join(&entry.name))?;
        } else {
            found.extend(SnapshotId::parse(&entry.name));
        }
    }
    found.sort_unstable();
    Ok(found)
}

/// Writes an image as a snapshot, and returns its size.
pub(super) fn write(
    disk: &dyn Disk,
    directory: &Path,
    image: &MetadataImage,
    quorum: &QuorumRecords,
) -> Result<u64, LogError> {
    let id = SnapshotId::of(image.provenance);
    let failed = |error: &dyn std::fmt::Display| LogError::Write(format!("snapshot {id}: {error}"));
    let part = id.path(directory, PART_SUFFIX);
    let file = disk.open(&part, OpenMode::Truncate).map_err(|error| failed(&error))?;
    let mut bytes = 0;
    for_each_batch(image, quorum, |batch| {
        write_all_at(file.as_ref(), &mut [IoSlice::new(&batch)], bytes)
            .map_err(|error| failed(&error))?;
        bytes += batch.len() as u64;
        Ok(())
    })?;
    let finish = || {
        file.sync_all()?;
        disk.rename(&part, &id.path(directory, SUFFIX))?;
        disk.sync_dir(directory)
    };
    finish().map_err(|error| failed(&error))?;
    Ok(bytes)
}

/// The batches of a snapshot, in order.
fn for_each_batch(
    image: &MetadataImage,
    quorum: &QuorumRecords,
    mut take: impl FnMut(Bytes) -> Result<(), LogError>,
) -> Result<(), LogError> {
    let Provenance { timestamp_ms, .. } = image.provenance;
    let epoch = SnapshotId::of(image.provenance).epoch;
    let level = image.metadata_version().unwrap_or(MetadataVersion::LATEST);
    let options = |base_offset: i64| BatchOptions {
        base_offset,
        partition_leader_epoch: epoch,
        ..BatchOptions::default()
    };
    let failed = |error: &dyn std::fmt::Display| LogError::Write(error.to_string());
    let header =
        SnapshotHeaderRecord { last_contained_log_timestamp: timestamp_ms, ..Default::default() };
    let header = header.encode_to_bytes(0).map_err(|error| failed(&error))?;
    let mut control = vec![(ControlType::SnapshotHeader, &*header)];
    control.extend(quorum.iter());
    let batch =
        control_batch(options(0), timestamp_ms, &control).map_err(|error| failed(&error))?;
    take(batch.freeze())?;
    let mut next = control.len() as i64;
    let mut builder = BatchBuilder::new(options(next));
    for record in image.to_records() {
        let value = record.encode(level.record_version(&record)).map_err(|error| failed(&error))?;
        builder.append(timestamp_ms, None, Some(&value), &[]).map_err(|error| failed(&error))?;
        next += 1;
        if builder.uncompressed_bytes() >= BATCH_BYTES {
            let full = std::mem::replace(&mut builder, BatchBuilder::new(options(next)));
            take(full.build().map_err(|error| failed(&error))?.freeze())?;
        }
    }
    if !builder.is_empty() {
        take(builder.build().map_err(|error| failed(&error))?.freeze())?;
    }
    let footer = SnapshotFooterRecord::default();
    let footer = footer.encode_to_bytes(0).map_err(|error| failed(&error))?;
    let control = [(ControlType::SnapshotFooter, &*footer)];
    let batch =
        control_batch(options(next), timestamp_ms, &control).map_err(|error| failed(&error))?;
    take(batch.freeze())
}

/// Reads only how large a snapshot is and when its last record was appended.
pub(super) fn summary(
    disk: &dyn Disk,
    directory: &Path,
    id: SnapshotId,
) -> Result<(u64, i64), LogError> {
    let failed = |detail: &dyn std::fmt::Display| LogError::Read {
        offset: id.offset,
        detail: format!("snapshot {id}: {detail}"),
    };
    let file = disk.open(&id.path(directory, SUFFIX), OpenMode::Read);
    let file = file.map_err(|error| failed(&error))?;
    let mut start = vec![0; HEADER_BYTES];
    let filled = read_up_to(file.as_ref(), &mut start, 0).map_err(|error| failed(&error))?;
    start.truncate(filled);
    let bytes = file.len().map_err(|error| failed(&error))?;
    let batch = Batch::first(&start.into()).map_err(|error| failed(&error))?;
    let records = batch.records(BATCH_BYTES_MAX).map_err(|error| failed(&error))?;
    let first = records.iter().next().ok_or_else(|| failed(&"its header is empty"))?;
    let value = first.map_err(|error| failed(&error))?.value.unwrap_or_default();
    let header = SnapshotHeaderRecord::decode_exact(&value, 0).map_err(|error| failed(&error))?;
    Ok((bytes, header.last_contained_log_timestamp))
}

/// Reads a snapshot and checks that it is whole.
pub(super) fn read(
    disk: &dyn Disk,
    directory: &Path,
    id: SnapshotId,
) -> Result<Snapshot, LogError> {
    let failed = |detail: String| LogError::Read {
        offset: id.offset,
        detail: format!("snapshot {id}: {detail}"),
    };
    let file = read_file(disk, &id.path(directory, SUFFIX), FILE_BYTES_MAX)
        .map_err(|error| failed(error.to_string()))?;
    let mut snapshot =
        Snapshot { records: Vec::new(), quorum: QuorumRecords::default(), timestamp_ms: -1 };
    let (mut has_header, mut has_footer) = (false, false);
    for batch in Batches::new(file.into()) {
        let batch = batch.map_err(|error| failed(error.to_string()))?;
        batch.check_crc().map_err(|error| failed(error.to_string()))?;
        if !batch.view().header().attributes.is_control() {
            let records = decode(&batch).map_err(failed)?;
            snapshot.records.extend(records.into_iter().map(|(_, record)| record));
            continue;
        }
        let records = batch.records(BATCH_BYTES_MAX).map_err(|error| failed(error.to_string()))?;
        for record in records.iter() {
            let record = record.map_err(|error| failed(error.to_string()))?;
            match ControlType::from_key(record.key.as_deref()) {
                Ok(Some(ControlType::SnapshotHeader)) => {
                    has_header = true;
                    let value = record.value.unwrap_or_default();
                    let header = SnapshotHeaderRecord::decode_exact(&value, 0)
                        .map_err(|error| failed(error.to_string()))?;
                    snapshot.timestamp_ms = header.last_contained_log_timestamp;
                }
                Ok(Some(ControlType::SnapshotFooter)) => has_footer = true,
                _ => snapshot.quorum.note(&record),
            }
        }
    }
    if has_header && has_footer {
        return Ok(snapshot);
    }
    Err(failed("its header or footer is missing".to_owned()))
}

/// Takes a snapshot out of the directory: its file is renamed now and removed by [`remove_retired`].
pub(super) fn retire(disk: &dyn Disk, directory: &Path, id: SnapshotId) -> io::Result<()> {
    disk.rename(&id.path(directory, SUFFIX), &id.path(directory, DELETED_SUFFIX))
}

/// Removes the file of a snapshot that was retired.
pub(super) fn remove_retired(disk: &dyn Disk, directory: &Path, id: SnapshotId) -> io::Result<()> {
    match disk.remove_file(&id.path(directory, DELETED_SUFFIX)) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
