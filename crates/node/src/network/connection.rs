//! One connection: reads frames, has them answered one after the other, writes the answers in order.
//!
//! Every complete frame of a read is handled before anything is written, and one write carries all
//! their answers; a request that has to wait first lets the answers before it leave. An idle
//! connection holds no buffers.

use std::future::{Future, poll_fn};
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use ottla_broker::{Broker, Connection, Outcome};
use tokio::net::TcpStream;
use tokio::sync::watch;

use super::budget::{Budget, Share};
use super::outbox::Outbox;

/// How much is asked of the socket at a time when no large request is expected.
const READ_BYTES: usize = 16 * 1024;

/// Answers are written once they reach this size, even while more requests wait to be handled.
const OUTBOX_BYTES: usize = 256 * 1024;

/// What all connections of a listener share.
#[derive(Clone, Debug)]
pub(super) struct Terms {
    pub request_bytes_max: usize,
    pub idle: Duration,
    pub budget: Budget,
    /// Becomes true when the node stops: connections finish what they have begun.
    pub stopping: watch::Receiver<bool>,
}

/// Why a connection ended.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum End {
    /// The peer closed it, or the node stops.
    Closed,
    Idle,
    /// What came was not a request.
    Refused(String),
    Failed(String),
}

/// Serves one connection until it ends.
pub(super) async fn serve(
    mut stream: TcpStream,
    broker: Arc<Broker>,
    connection: Arc<Connection>,
    terms: Terms,
) -> End {
    match run(&mut stream, &broker, &connection, terms).await {
        Ok(end) => end,
        Err(error) => match error.kind() {
            io::ErrorKind::ConnectionReset
            | io::ErrorKind::BrokenPipe
            | io::ErrorKind::UnexpectedEof => End::Closed,
            _ => End::Failed(error.to_string()),
        },
    }
}

async fn run(
    stream: &mut TcpStream,
    broker: &Broker,
    connection: &Arc<Connection>,
    mut terms: Terms,
) -> io::Result<End> {
    let mut buffer = BytesMut::new();
    let mut outbox = Outbox::default();
    loop {
        while let Some(length) = frame_length(&buffer) {
            let length = match usize::try_from(length) {
                Ok(length) if length <= terms.request_bytes_max => length,
                _ => return Ok(End::Refused(oversized(length, terms.request_bytes_max))),
            };
            let share = match take_share(&mut outbox, stream, &terms, length).await? {
                Some(share) => share,
                None => return Ok(End::Closed),
            };
            if !fill(stream, &mut buffer, 4 + length, &mut terms).await? {
                return Ok(End::Closed);
            }
            buffer.advance(4);
            let frame = buffer.split_to(length).freeze();
            let outcome = answer(broker, connection, frame, &mut outbox, stream).await?;
            drop(share);
            match outcome {
                Outcome::Reply { size, pieces } => outbox.push(size, pieces),
                Outcome::Silent => {}
                Outcome::Close(reason) => {
                    outbox.write(stream).await?;
                    return Ok(End::Refused(reason));
                }
            }
            if outbox.len() >= OUTBOX_BYTES {
                outbox.write(stream).await?;
            }
        }
        outbox.write(stream).await?;
        if *terms.stopping.borrow() {
            return Ok(End::Closed);
        }
        match next_bytes(stream, &mut buffer, &mut terms).await? {
            Next::Bytes => {}
            Next::Idle => return Ok(End::Idle),
            Next::End => return Ok(End::Closed),
        }
    }
}

fn frame_length(buffer: &BytesMut) -> Option<i32> {
    buffer.first_chunk::<4>().map(|prefix| i32::from_be_bytes(*prefix))
}

fn oversized(length: i32, most: usize) -> String {
    format!("a request of {length} bytes was announced; socket.request.max.bytes is {most}")
}

/// Takes room for a request. Answers leave first: nobody waits for memory with answers in hand.
async fn take_share(
    outbox: &mut Outbox,
    stream: &mut TcpStream,
    terms: &Terms,
    length: usize,
) -> io::Result<Option<Share>> {
    let mut taking = pin!(terms.budget.take(length));
    if let Poll::Ready(share) = poll_once(taking.as_mut()).await {
        return Ok(Some(share));
    }
    outbox.write(stream).await?;
    Ok(Some(taking.await))
}

/// Has one frame answered. If the answer has to wait, earlier answers leave first.
async fn answer(
    broker: &Broker,
    connection: &Arc<Connection>,
    frame: Bytes,
    outbox: &mut Outbox,
    stream: &mut TcpStream,
) -> io::Result<Outcome> {
    let mut handling = pin!(broker.handle(connection, frame));
    if let Poll::Ready(outcome) = poll_once(handling.as_mut()).await {
        return Ok(outcome);
    }
    outbox.write(stream).await?;
    Ok(handling.await)
}

async fn poll_once<F: Future>(mut future: std::pin::Pin<&mut F>) -> Poll<F::Output> {
    poll_fn(|context| Poll::Ready(future.as_mut().poll(context))).await
}

/// Reads until the buffer holds `needed` bytes; `false` when the peer went away or stalled.
async fn fill(
    stream: &mut TcpStream,
    buffer: &mut BytesMut,
    needed: usize,
    terms: &mut Terms,
) -> io::Result<bool> {
    while buffer.len() < needed {
        // The rest of a large request is read in place; its room was taken from the budget.
        buffer.reserve((needed - buffer.len()).max(READ_BYTES.min(needed)));
        match next_bytes(stream, buffer, terms).await? {
            Next::Bytes => {}
            Next::Idle | Next::End => return Ok(false),
        }
    }
    Ok(true)
}

enum Next {
    Bytes,
    Idle,
    End,
}

/// Waits for bytes and reads what is there. An empty buffer is allocated only once bytes wait.
async fn next_bytes(
    stream: &mut TcpStream,
    buffer: &mut BytesMut,
    terms: &mut Terms,
) -> io::Result<Next> {
    if buffer.is_empty() && buffer.capacity() < READ_BYTES {
        *buffer = BytesMut::new();
    }
    loop {
        let stopped = async {
            let _ = terms.stopping.wait_for(|stopping| *stopping).await;
        };
        tokio::select! {
            biased;
            ready = stream.readable() => ready?,
            () = stopped => return Ok(Next::End),
            () = tokio::time::sleep(terms.idle) => return Ok(Next::Idle),
        }
        buffer.reserve(READ_BYTES);
        match stream.try_read_buf(buffer) {
            Ok(0) => return Ok(Next::End),
            Ok(_) => return Ok(Next::Bytes),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                if buffer.is_empty() {
                    *buffer = BytesMut::new();
                }
            }
            Err(error) => return Err(error),
        }
    }
}
