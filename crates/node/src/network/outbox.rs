//! Answers on their way out: encoded bytes gathered into one write, file slices by `sendfile`.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::time::Duration;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use ottla_broker::Piece;
use ottla_log::FileSlice;
use tokio::io::Interest;
use tokio::net::TcpStream;

use super::departures::Departures;
use tokio::time::timeout;

/// Slices smaller than this are read into the write buffer: a second system call costs more.
const SENDFILE_BYTES_MIN: usize = 16 * 1024;

/// Chunks up to this size are copied together rather than kept apart.
const COPY_BYTES_MAX: usize = 4 * 1024;

/// An idle connection keeps so much room for its next answer at most.
const ROOM_BYTES_MAX: usize = 512;

/// How many buffers one vectored write takes.
const SLICES_MAX: usize = 32;

/// What waits to be written, in order.
#[derive(Debug)]
pub(super) struct Outbox {
    queue: VecDeque<Waiting>,
    /// Small pieces gathered since the last queued one.
    tail: BytesMut,
    len: usize,
    /// How long the peer may take nothing.
    patience: Duration,
    departures: Departures,
}

#[derive(Debug)]
enum Waiting {
    Bytes(Bytes),
    File(FileSlice),
}

impl Outbox {
    /// Empty. A peer that takes nothing for as long as `patience` is given up.
    pub(super) fn new(patience: Duration, departures: Departures) -> Self {
        Self { queue: VecDeque::new(), tail: BytesMut::new(), len: 0, patience, departures }
    }

    /// Bytes that wait.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Adds one answer to a request of an API, its length prefix first.
    pub(super) fn push(&mut self, api: i16, size: u32, pieces: Vec<Piece>) {
        self.departures.ready(api);
        self.tail.reserve(4 + (size as usize).min(COPY_BYTES_MAX));
        self.tail.put_u32(size);
        self.len += 4 + size as usize;
        for piece in pieces {
            match piece {
                Piece::Bytes(bytes) if bytes.len() <= COPY_BYTES_MAX => self.tail.put(bytes),
                Piece::Bytes(bytes) => {
                    self.end_tail();
                    self.queue.push_back(Waiting::Bytes(bytes));
                }
                Piece::File(slice) => {
                    self.end_tail();
                    self.queue.push_back(Waiting::File(slice));
                }
            }
        }
    }

    /// Writes everything.
    ///
    /// # Errors
    /// The connection has ended, or the peer takes nothing (`TimedOut`).
    pub(super) async fn write(&mut self, stream: &TcpStream) -> io::Result<()> {
        let begun = self.departures.begin();
        self.write_tail(stream)?;
        self.end_tail();
        while let Some(waiting) = self.queue.front() {
            match waiting {
                Waiting::Bytes(_) => self.write_bytes(stream).await?,
                Waiting::File(_) => {
                    if let Some(Waiting::File(slice)) = self.queue.pop_front() {
                        self.send_file(stream, slice).await?;
                    }
                }
            }
        }
        self.len = 0;
        self.departures.done(begun);
        Ok(())
    }

    /// Writes small answers without a detour, where nothing is before them. They keep their room for
    /// the next ones.
    fn write_tail(&mut self, stream: &TcpStream) -> io::Result<()> {
        if self.tail.is_empty() || !self.queue.is_empty() {
            return Ok(());
        }
        match stream.try_write(&self.tail) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) if written < self.tail.len() => self.tail.advance(written),
            Ok(_) if self.tail.capacity() <= ROOM_BYTES_MAX => self.tail.clear(),
            Ok(_) => self.tail = BytesMut::new(),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }

    fn end_tail(&mut self) {
        if !self.tail.is_empty() {
            self.queue.push_back(Waiting::Bytes(std::mem::take(&mut self.tail).freeze()));
        }
    }

    async fn write_bytes(&mut self, stream: &TcpStream) -> io::Result<()> {
        let mut slices = [IoSlice::new(&[]); SLICES_MAX];
        let mut count = 0;
        for waiting in self.queue.iter().take(SLICES_MAX) {
            let Waiting::Bytes(bytes) = waiting else { break };
            slices[count] = IoSlice::new(bytes);
            count += 1;
        }
        let mut written = loop {
            // The plain call is the cheaper one.
            let tried = match &slices[..count] {
                [slice] => stream.try_write(slice),
                slices => stream.try_write_vectored(slices),
            };
            match tried {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => break written,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    timeout(self.patience, stream.writable()).await??;
                }
                Err(error) => return Err(error),
            }
        };
        while written > 0 {
            let Some(Waiting::Bytes(bytes)) = self.queue.front_mut() else { break };
            let step = written.min(bytes.len());
            bytes.advance(step);
            written -= step;
            if bytes.is_empty() {
                self.queue.pop_front();
            }
        }
        Ok(())
    }

    async fn send_file(&mut self, stream: &TcpStream, slice: FileSlice) -> io::Result<()> {
        let file = match slice.file() {
            Some(file) if slice.len() >= SENDFILE_BYTES_MIN && file.as_fd().is_some() => file,
            _ => {
                let bytes = slice.read().map_err(io::Error::other)?;
                self.queue.push_front(Waiting::Bytes(bytes));
                return Ok(());
            }
        };
        let mut position = slice.position();
        let end = position + slice.len() as u64;
        while position < end {
            let left = usize::try_from(end - position).unwrap_or(usize::MAX);
            let sending = stream.async_io(Interest::WRITABLE, || {
                let from = file.as_fd().ok_or(io::ErrorKind::Unsupported)?;
                let mut offset = position;
                Ok(rustix::fs::sendfile(stream, from, Some(&mut offset), left)?)
            });
            let sent = timeout(self.patience, sending).await??;
            if sent == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            position += sent as u64;
        }
        Ok(())
    }
}
