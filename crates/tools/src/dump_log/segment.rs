//! Segment files and snapshots: batches, their records, their control records.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use bytes::Bytes;
use ottla_terminal::message_json::json;
use ottla_wire::Message;
use ottla_wire::Reader;
use ottla_wire::messages::{
    KRaftVersionRecord, LeaderChangeMessage, SnapshotFooterRecord, SnapshotHeaderRecord,
    VotersRecord,
};
use ottla_wire::records::{Batch, BatchHeader, ControlType, EndTransactionMarker, Record};

use super::batches::{Batches, records};
use super::decode::Decoder;
use super::{Findings, Settings, absolute, base_offset, file_name};

/// Prints a segment file, or a snapshot of the metadata log.
pub(super) fn dump(
    out: &mut dyn Write,
    path: &Path,
    settings: &Settings,
    findings: &mut Findings,
) -> Result<()> {
    let name = file_name(path);
    if name.ends_with(".log") {
        writeln!(out, "Log starting offset: {}", base_offset(path)?)?;
    } else if name == "bootstrap.checkpoint" {
        writeln!(out, "KRaft bootstrap snapshot")?;
    } else {
        let (offset, epoch) = snapshot_id(&name)?;
        writeln!(out, "Snapshot end offset: {offset}, epoch: {epoch}")?;
    }
    let mut batches = Batches::open(path, 0, u64::from(settings.bytes_max))?;
    let mut previous = -1;
    loop {
        let position = batches.position();
        let Some(batch) = batches.next()? else { break };
        print_batch(out, &batch, position)?;
        if settings.is_deep() {
            let mut gaps = Gaps { previous: &mut previous, path, findings };
            print_records(out, &batch, settings, &mut gaps)?;
        }
    }
    let trailing = batches.end() - batches.position();
    if trailing > 0 && settings.bytes_max == i32::MAX as u32 {
        writeln!(out, "Found {trailing} invalid bytes at the end of {name}")?;
    }
    Ok(())
}

/// Offset and epoch in the name of a snapshot: `00000000000000000010-0000000003.checkpoint`.
fn snapshot_id(name: &str) -> Result<(i64, i32)> {
    let stem = name.split('.').next().unwrap_or_default();
    let (offset, epoch) =
        stem.split_once('-').with_context(|| format!("{name} is no name of a snapshot"))?;
    Ok((offset.parse()?, epoch.parse()?))
}

fn print_batch(out: &mut dyn Write, batch: &Batch, position: u64) -> Result<()> {
    let header: &BatchHeader = batch;
    let horizon = header.delete_horizon_ms();
    write!(
        out,
        "baseOffset: {} lastOffset: {} count: {} baseSequence: {} lastSequence: {} producerId: {} \
         producerEpoch: {} partitionLeaderEpoch: {} isTransactional: {} isControl: {} deleteHorizonMs: {}",
        header.base_offset,
        header.last_offset(),
        header.count,
        header.base_sequence,
        header.last_sequence(),
        header.producer_id,
        header.producer_epoch,
        header.partition_leader_epoch,
        header.is_transactional(),
        header.is_control(),
        super::optional_long(horizon),
    )?;
    writeln!(
        out,
        " position: {position} {}: {} size: {} magic: 2 compresscodec: {} crc: {} isvalid: {}",
        header.timestamp_type().name(),
        header.max_timestamp,
        batch.bytes().len(),
        header.attributes.compression()?.name(),
        header.crc,
        batch.check_crc().is_ok(),
    )?;
    Ok(())
}

/// Follows the offsets of a file, and notes where they jump.
struct Gaps<'a> {
    previous: &'a mut i64,
    path: &'a Path,
    findings: &'a mut Findings,
}

impl Gaps<'_> {
    fn see(&mut self, offset: i64) {
        if offset != self.previous.wrapping_add(1) {
            let gaps: &mut BTreeMap<i64, i64> =
                self.findings.gaps.entry(absolute(self.path)).or_default();
            gaps.insert(*self.previous, offset);
        }
        *self.previous = offset;
    }
}

fn print_records(
    out: &mut dyn Write,
    batch: &Batch,
    settings: &Settings,
    gaps: &mut Gaps<'_>,
) -> Result<()> {
    for record in records(batch)? {
        gaps.see(record.offset);
        if !settings.skips_record_metadata {
            print_metadata(out, batch, &record)?;
        }
        if settings.prints_contents && !batch.is_control() {
            let prefix = if settings.skips_record_metadata { "| " } else { " " };
            print_contents(out, settings.decoder, &record, prefix)?;
        }
        writeln!(out)?;
    }
    Ok(())
}

fn print_metadata(out: &mut dyn Write, batch: &Batch, record: &Record) -> Result<()> {
    let size = |bytes: Option<&Bytes>| {
        bytes.map_or_else(|| "-1".to_owned(), |bytes| bytes.len().to_string())
    };
    let keys: Vec<_> = record.headers.iter().map(|header| header.key_text()).collect();
    // Offsets within a batch fit the delta they were read from.
    let delta = i32::try_from(record.offset - batch.base_offset).unwrap_or_default();
    write!(
        out,
        "| offset: {} {}: {} keySize: {} valueSize: {} sequence: {} headerKeys: [{}]",
        record.offset,
        batch.timestamp_type().name(),
        record.timestamp,
        size(record.key.as_ref()),
        size(record.value.as_ref()),
        batch.view().sequence_of(delta),
        keys.join(","),
    )?;
    if batch.is_control() {
        print_control(out, record)?;
    }
    Ok(())
}

fn print_contents(
    out: &mut dyn Write,
    decoder: Decoder,
    record: &Record,
    mut prefix: &str,
) -> Result<()> {
    let (key, value) = decoder.decode(record)?;
    if let Some(key) = key {
        write!(out, "{prefix}key: {key}")?;
        prefix = " ";
    }
    if let Some(value) = value {
        write!(out, "{prefix}payload: {value}")?;
    }
    Ok(())
}

fn print_control(out: &mut dyn Write, record: &Record) -> Result<()> {
    let (key, value) = (record.key.as_deref(), record.value.as_deref());
    let bytes = record.value.clone().unwrap_or_default();
    match ControlType::from_key(key)? {
        Some(kind @ (ControlType::Abort | ControlType::Commit)) => {
            let marker = EndTransactionMarker::read(key, value)?;
            let name = if kind == ControlType::Commit { "COMMIT" } else { "ABORT" };
            write!(out, " endTxnMarker: {name} coordinatorEpoch: {}", marker.coordinator_epoch)?;
        }
        Some(ControlType::LeaderChange) => {
            write!(out, " LeaderChange: {}", message::<LeaderChangeMessage>(&bytes)?)?;
        }
        Some(ControlType::SnapshotHeader) => {
            write!(out, " SnapshotHeader {}", message::<SnapshotHeaderRecord>(&bytes)?)?;
        }
        Some(ControlType::SnapshotFooter) => {
            write!(out, " SnapshotFooter {}", message::<SnapshotFooterRecord>(&bytes)?)?;
        }
        Some(ControlType::KRaftVersion) => {
            write!(out, " KRaftVersion {}", message::<KRaftVersionRecord>(&bytes)?)?;
        }
        Some(ControlType::KRaftVoters) => {
            write!(out, " KRaftVoters {}", message::<VotersRecord>(&bytes)?)?;
        }
        None => {
            let Some(&[_, _, high, low]) = key.and_then(|key| key.first_chunk()) else {
                bail!("a control record without a type at offset {}", record.offset);
            };
            write!(out, " controlType: UNKNOWN({})", i16::from_be_bytes([high, low]))?;
        }
    }
    Ok(())
}

/// The value of a control record as JSON. Its first field is the version it is written in.
fn message<M: Message>(bytes: &Bytes) -> Result<String> {
    let version = Reader::new(bytes).i16()?;
    let version = version.clamp(*M::VERSIONS.start(), *M::VERSIONS.end());
    Ok(json(&M::decode(&mut Reader::new(bytes), version)?.tree(version)))
}
