//! The task that owns a socket: writes what is queued, hands answers to whoever awaits them.
//!
//! Reading and writing go on at the same time, so that a broker that writes before it reads can't block us.

use std::collections::VecDeque;
use std::io;
use std::io::IoSlice;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use super::Shared;
use super::dial::Stream;
use super::frame::next_frame;
use crate::error::Error;

/// Pieces of memory that go to the operating system in one call.
const WRITE_SLICES_MAX: usize = 64;

/// A request on its way to the socket.
#[derive(Debug)]
pub(super) struct Outgoing {
    pub(super) correlation_id: i32,
    pub(super) chunks: Vec<Bytes>,
    pub(super) reply: Reply,
}

/// What the caller waits for.
#[derive(Debug)]
pub(super) enum Reply {
    /// The answer, from its header on.
    Answer(oneshot::Sender<Bytes>),
    /// That the request was written.
    Written(oneshot::Sender<()>),
}

/// Answers that are awaited, in the order in which they must come.
type Awaited = Mutex<VecDeque<(i32, oneshot::Sender<Bytes>)>>;

/// The owner of a socket.
pub(super) struct Exchange {
    stream: Stream,
    queued: mpsc::Receiver<Outgoing>,
    shared: Arc<Shared>,
    idle_timeout: Option<Duration>,
}

impl Exchange {
    pub(super) fn new(
        stream: Stream,
        queued: mpsc::Receiver<Outgoing>,
        shared: Arc<Shared>,
        idle_timeout: Option<Duration>,
    ) -> Self {
        Self { stream, queued, shared, idle_timeout }
    }

    /// Runs until the connection ends, and notes why.
    pub(super) async fn run(mut self) {
        let awaited = Awaited::default();
        let last_used = Mutex::new(Instant::now());
        let Stream { incoming, outgoing } = &mut self.stream;
        let (read_half, write_half) = (incoming.as_mut(), outgoing.as_mut());
        let reason = tokio::select! {
            biased;
            reason = read(read_half, &awaited, &self.shared, &last_used) => reason,
            reason = write(write_half, &mut self.queued, &awaited, &self.shared, &last_used) => reason,
            () = idle(self.idle_timeout, &last_used, &self.shared) => "it was idle".to_owned(),
            () = self.shared.close.notified() => "it was given up".to_owned(),
        };
        tracing::debug!(address = %self.shared.address, %reason, "connection ended");
        self.shared
            .end(Error::Disconnected { address: self.shared.address.clone(), detail: reason });
        self.shared.in_flight.store(0, Ordering::Relaxed);
    }
}

async fn read(
    half: &mut (dyn AsyncRead + Send + Unpin),
    awaited: &Awaited,
    shared: &Shared,
    last_used: &Mutex<Instant>,
) -> String {
    let mut buffer = BytesMut::new();
    loop {
        match next_frame(&mut buffer) {
            Err(detail) => return detail,
            Ok(Some(frame)) => {
                *last_used.lock() = Instant::now();
                if let Err(detail) = deliver(frame, awaited, shared) {
                    return detail;
                }
            }
            Ok(None) => match half.read_buf(&mut buffer).await {
                Ok(0) => return "the broker closed it".to_owned(),
                Ok(_) => {}
                Err(error) => return error.to_string(),
            },
        }
    }
}

fn deliver(frame: Bytes, awaited: &Awaited, shared: &Shared) -> Result<(), String> {
    let Some(prefix) = frame.first_chunk::<4>() else {
        return Err(format!("a response of {} bytes", frame.len()));
    };
    let correlation_id = i32::from_be_bytes(*prefix);
    let (expected, reply) =
        awaited.lock().pop_front().ok_or("a response that nothing asked for")?;
    shared.in_flight.fetch_sub(1, Ordering::Relaxed);
    if correlation_id != expected {
        return Err(format!("a response with correlation id {correlation_id}, not {expected}"));
    }
    // Nobody awaits it any more if the caller was dropped.
    let _ = reply.send(frame);
    Ok(())
}

async fn write(
    half: &mut (dyn AsyncWrite + Send + Unpin),
    queued: &mut mpsc::Receiver<Outgoing>,
    awaited: &Awaited,
    shared: &Shared,
    last_used: &Mutex<Instant>,
) -> String {
    let mut pieces = VecDeque::new();
    let mut written = Vec::new();
    while let Some(first) = queued.recv().await {
        let mut next = Some(first);
        while let Some(outgoing) = next {
            pieces.extend(outgoing.chunks);
            match outgoing.reply {
                Reply::Answer(reply) => {
                    awaited.lock().push_back((outgoing.correlation_id, reply));
                }
                Reply::Written(reply) => written.push(reply),
            }
            next = if pieces.len() < WRITE_SLICES_MAX { queued.try_recv().ok() } else { None };
        }
        if let Err(error) = write_all(half, &mut pieces).await {
            return error.to_string();
        }
        *last_used.lock() = Instant::now();
        for reply in written.drain(..) {
            shared.in_flight.fetch_sub(1, Ordering::Relaxed);
            let _ = reply.send(());
        }
    }
    "nobody uses it any more".to_owned()
}

async fn write_all(
    half: &mut (dyn AsyncWrite + Send + Unpin),
    pieces: &mut VecDeque<Bytes>,
) -> io::Result<()> {
    while !pieces.is_empty() {
        let slices: Vec<IoSlice<'_>> =
            pieces.iter().take(WRITE_SLICES_MAX).map(|piece| IoSlice::new(piece)).collect();
        let mut taken = half.write_vectored(&slices).await?;
        if taken == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        while let Some(front) = pieces.front_mut() {
            if taken < front.len() {
                front.advance(taken);
                break;
            }
            taken -= front.len();
            pieces.pop_front();
        }
    }
    Ok(())
}

/// Returns once the connection was not used for `timeout`; never without one.
async fn idle(timeout: Option<Duration>, last_used: &Mutex<Instant>, shared: &Shared) {
    let Some(timeout) = timeout else { return std::future::pending().await };
    loop {
        let deadline = *last_used.lock() + timeout;
        tokio::time::sleep_until(deadline).await;
        let unused = *last_used.lock() + timeout <= Instant::now();
        if unused && shared.in_flight.load(Ordering::Relaxed) == 0 {
            return;
        }
        if unused {
            // Something long is under way; look again when it may be over.
            *last_used.lock() = Instant::now();
        }
    }
}
