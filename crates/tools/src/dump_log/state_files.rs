//! Producer snapshots and transaction indexes.

use std::io::Write;
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use bytes::Bytes;
use ottla_wire::messages::{AbortedTxn, ProducerSnapshot};
use ottla_wire::records::{crc32c, decrement_sequence};
use ottla_wire::{Message, Reader};

use super::optional_long;

const SNAPSHOT_VERSION: i16 = 1;
/// What the checksum of a snapshot covers starts behind the version and the checksum itself.
const CHECKED_FROM: usize = 6;
const ABORTED_BYTES: usize = 34;

fn read(path: &Path) -> Result<Bytes> {
    let bytes = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    Ok(bytes.into())
}

/// Prints a producer snapshot. What is wrong with it is told in `complaints`, and the tool goes on.
pub(super) fn dump_producers(
    out: &mut dyn Write,
    complaints: &mut dyn Write,
    path: &Path,
) -> Result<()> {
    let snapshot = match producers(&read(path)?) {
        Ok(snapshot) => snapshot,
        Err(error) => {
            writeln!(complaints, "{error}")?;
            return Ok(());
        }
    };
    for entry in snapshot.producer_entries {
        let transaction =
            Some(entry.current_txn_first_offset).filter(|first_offset| *first_offset >= 0);
        write!(
            out,
            "producerId: {} producerEpoch: {} coordinatorEpoch: {} currentTxnFirstOffset: {} lastTimestamp: {}",
            entry.producer_id,
            entry.epoch,
            entry.coordinator_epoch,
            optional_long(transaction),
            entry.timestamp,
        )?;
        if entry.last_offset >= 0 {
            write!(
                out,
                " firstSequence: {} lastSequence: {} lastOffset: {} offsetDelta: {} timestamp: {}",
                decrement_sequence(entry.last_sequence, entry.offset_delta),
                entry.last_sequence,
                entry.last_offset,
                entry.offset_delta,
                entry.timestamp,
            )?;
        }
        writeln!(out)?;
    }
    Ok(())
}

fn producers(bytes: &Bytes) -> Result<ProducerSnapshot> {
    let mut reader = Reader::new(bytes);
    let invalid = "Snapshot failed schema validation: ";
    let version = reader.i16().with_context(|| format!("{invalid}no version"))?;
    if version != SNAPSHOT_VERSION {
        bail!("{invalid}Snapshot contained an unknown file version {version}");
    }
    let snapshot = match ProducerSnapshot::decode(&mut reader, version) {
        Ok(snapshot) => snapshot,
        Err(error) => bail!("{invalid}{error}"),
    };
    let computed = crc32c(&bytes[CHECKED_FROM..]);
    if snapshot.crc != computed {
        bail!(
            "Snapshot is corrupt (CRC is no longer valid). Stored crc: {}. Computed crc: {computed}",
            snapshot.crc
        );
    }
    Ok(snapshot)
}

/// Prints a transaction index.
pub(super) fn dump_aborted(out: &mut dyn Write, path: &Path) -> Result<()> {
    let bytes = read(path)?;
    let whole = bytes.len() / ABORTED_BYTES;
    for index in 0..whole {
        let entry = bytes.slice(index * ABORTED_BYTES..(index + 1) * ABORTED_BYTES);
        let mut reader = Reader::new(&entry);
        let version = reader.i16()?;
        if !AbortedTxn::VERSIONS.contains(&version) {
            bail!(
                "Unexpected aborted transaction version {version} in transaction index {}, current version is {}",
                super::absolute(path),
                AbortedTxn::VERSIONS.end()
            );
        }
        let aborted = AbortedTxn::decode(&mut reader, version)?;
        writeln!(
            out,
            "version: {version} producerId: {} firstOffset: {} lastOffset: {} lastStableOffset: {}",
            aborted.producer_id,
            aborted.first_offset,
            aborted.last_offset,
            aborted.last_stable_offset,
        )?;
    }
    Ok(())
}
