//! Batches noted at the end; the end closed, cut off, or written again.
use std::io::IoSlice;
use std::path::PathBuf;
use std::sync::OnceLock;

use ottla_world::room::{Room, ZEROS};

use super::file::LazyFile;
use super::state::{AppendedBatch, Segment, index_bytes};
use super::time_index::TimestampAt;
use super::transaction_index::AbortedRange;
use crate::config::LogConfig;
use crate::error::Result;

impl Segment {
    /// Writes batches at the end and notes them in the indexes. `pieces` together are the batches'
    /// bytes.
    pub(crate) fn append(
        &mut self,
        pieces: [&[u8]; 2],
        batches: &[AppendedBatch],
        index_interval_bytes: u64,
        now_ms: i64,
    ) -> Result<()> {
        if batches.is_empty() {
            return Ok(());
        }
        let bytes: usize = pieces.iter().map(|piece| piece.len()).sum();
        let end = self.bytes + bytes as u64;
        let zeros = &ZEROS[..self.room.ahead(end, now_ms)];
        let mut slices = [pieces[0], pieces[1], zeros].map(IoSlice::new);
        let written = self.records.write_needed(&mut slices, bytes, self.bytes)?;
        self.room.written(self.bytes, end, (written - bytes) as u64, now_ms);
        if self.bytes == 0 {
            self.first_timestamp = Some(batches[0].max_timestamp);
        }
        for batch in batches {
            self.note(batch, index_interval_bytes)?;
        }
        Ok(())
    }

    /// Whether zeros lie behind the records.
    pub(crate) fn has_room(&self) -> bool {
        self.room.is_ahead_of(self.bytes)
    }

    /// Whether nothing but zeros written ahead can lie behind what is noted: a process died, and the
    /// disk lost nothing.
    pub(crate) fn ends_in_room(&self) -> Result<bool> {
        let behind = self.records.len()?.saturating_sub(self.bytes);
        if behind > ZEROS.len() as u64 {
            return Ok(false);
        }
        let mut bytes = vec![0; ZEROS.len()];
        let count = self.records.read_up_to(&mut bytes, self.bytes)?;
        Ok(bytes[..count].iter().all(|byte| *byte == 0))
    }

    /// Cuts off the zeros behind the records, unless the segment is being written. False when there
    /// are none any more.
    pub(crate) fn trim_room(&mut self, now_ms: i64) -> Result<bool> {
        match self.room.is_left_over(self.bytes, now_ms) {
            None => return Ok(true),
            Some(false) => {}
            Some(true) => self.cut_to_noted()?,
        }
        Ok(false)
    }

    /// Notes a batch that lies at the end of what is noted: size, timestamps, indexes.
    pub(crate) fn note(&mut self, batch: &AppendedBatch, index_interval_bytes: u64) -> Result<()> {
        let mut largest = self.largest()?;
        if batch.max_timestamp > largest.timestamp {
            largest = TimestampAt { timestamp: batch.max_timestamp, offset: batch.last_offset };
            self.largest = OnceLock::from(largest);
        }
        if self.bytes_since_index_entry > index_interval_bytes {
            self.offset_index.append(batch.last_offset, self.bytes)?;
            self.time_index.append_if_later(largest, false)?;
            self.bytes_since_index_entry = 0;
        }
        self.bytes += batch.bytes;
        self.bytes_since_index_entry += batch.bytes;
        Ok(())
    }

    pub(crate) fn append_aborted(&mut self, aborted: AbortedRange) -> Result<()> {
        self.transaction_index.append(aborted)
    }

    /// No more records will come: the time index gets its last entry, the indexes are cut to size.
    pub(crate) fn seal(&mut self) -> Result<()> {
        let largest = self.largest()?;
        self.time_index.append_if_later(largest, true)?;
        self.time_index.entries().trim()?;
        self.offset_index.entries().trim()?;
        if self.records.len()? > self.bytes { self.cut_to_noted() } else { Ok(()) }
    }

    /// Becomes the active segment again: its indexes get room.
    pub(crate) fn unseal(&mut self, config: &LogConfig) -> Result<()> {
        let bytes_max = index_bytes(config);
        self.offset_index.entries().set_room(bytes_max)?;
        self.time_index.entries().set_room(bytes_max)
    }

    /// Forgets the indexes and what is known of the records, before they are scanned again.
    pub(crate) fn reset(&mut self) -> Result<()> {
        self.offset_index.entries().clear()?;
        self.time_index.clear()?;
        self.transaction_index.clear()?;
        self.largest = OnceLock::from(TimestampAt { timestamp: -1, offset: self.base_offset });
        self.bytes = 0;
        self.bytes_since_index_entry = 0;
        self.first_timestamp = None;
        Ok(())
    }

    /// Cuts the file to what has been noted.
    pub(crate) fn cut_to_noted(&mut self) -> Result<()> {
        self.room = Room::default();
        self.records.set_len(self.bytes)
    }

    /// Drops batches from the one that holds `offset` on.
    pub(crate) fn truncate_to(&mut self, offset: i64, now_ms: i64) -> Result<()> {
        let Some(place) = self.find_offset(offset)? else { return Ok(()) };
        self.offset_index.truncate_to(offset)?;
        self.time_index.truncate_to(offset)?;
        self.transaction_index.truncate_to(offset)?;
        self.bytes = place.position;
        self.cut_to_noted()?;
        self.bytes_since_index_entry = 0;
        self.largest = OnceLock::from(self.largest_left()?);
        if self.bytes == 0 {
            self.created_ms = now_ms;
            self.first_timestamp = None;
        }
        Ok(())
    }

    /// The largest timestamp of the batches that are left: the index knows it only as of its last entry.
    fn largest_left(&self) -> Result<TimestampAt> {
        let mut largest = self.time_index.last()?;
        let mut scan = self.scan_from(largest.offset)?;
        while let Some(located) = scan.next()? {
            let timestamp = located.header.max_timestamp;
            if timestamp > largest.timestamp {
                largest = TimestampAt { timestamp, offset: located.header.last_offset() };
            }
        }
        Ok(largest)
    }

    /// True when the index files can be what they should be.
    pub(crate) fn indexes_are_plausible(&self) -> Result<bool> {
        Ok(self.offset_index.is_plausible(self.bytes)? && self.time_index.is_plausible()?)
    }

    /// Writes what waits in memory, and lists the files whose bytes must reach the disk. `indexes`
    /// too, once the segment is closed: recovery will not look at it again.
    pub(crate) fn files_to_sync(&mut self, indexes: bool) -> Result<Vec<&LazyFile>> {
        if !indexes {
            return Ok(vec![&self.records]);
        }
        self.offset_index.entries().write_tail()?;
        self.time_index.entries().write_tail()?;
        let mut files = vec![&self.records, self.offset_index.file(), self.time_index.file()];
        if self.transaction_index.has_to_be_synced()? {
            files.push(self.transaction_index.file());
        }
        Ok(files)
    }

    /// Writes the records again as they are, so that the next sync has them to write. The other indexes
    /// were just built anew.
    pub(crate) fn write_again(&mut self) -> Result<()> {
        self.records.write_again(self.bytes)?;
        self.transaction_index.cut_again()
    }

    /// Paths of the files, existing or not.
    pub(crate) fn paths(&self) -> [PathBuf; 4] {
        let files = [&self.records, self.offset_index.file(), self.time_index.file()];
        let [records, offsets, times] = files.map(LazyFile::path);
        [records, offsets, times, self.transaction_index.file().path()]
    }

    /// Gives descriptors back.
    pub(crate) fn release(&self) {
        self.records.release();
        self.offset_index.file().release();
        self.time_index.file().release();
        self.transaction_index.file().release();
    }
}
