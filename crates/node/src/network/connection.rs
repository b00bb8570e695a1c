//! One connection: reads frames, has them answered one after the other, writes the answers in order.
//!
//! Every complete frame of a read is handled before anything is written, and one write carries all
//! their answers; a request that has to wait first lets the answers before it leave. An idle
//! connection holds no buffers.

use std::future::{Future, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use bytes::{Buf, BytesMut};
use ottla_broker::{Broker, Connection, Outcome};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::Instant;

use super::budget::{Budget, Share};
use super::inbox::{Inbox, Next, poll_once};
use super::outbox::Outbox;

/// How much room is made at once for a request that was announced but has not arrived.
const RESERVE_BYTES_MAX: usize = 1 << 20;

/// Answers are written once they reach this size, even while more requests wait to be handled.
const OUTBOX_BYTES: usize = 256 * 1024;

/// While others wait for room in memory, a request that holds room has to arrive at this pace.
const PACE_BYTES: usize = 16 * 1024;
const PACE: Duration = Duration::from_secs(1);

/// The API whose requests are kept in memory while they wait: their records are what waits.
const PRODUCE: [u8; 2] = ottla_wire::ApiKey::Produce.number().to_be_bytes();

/// What all connections of a listener share.
#[derive(Clone, Debug)]
pub(super) struct Terms {
    pub request_bytes_max: usize,
    pub idle: Duration,
    /// The first file descriptor that no connection may have.
    pub first_kept: u64,
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
            // Its answers were not taken for as long as it may be idle.
            io::ErrorKind::TimedOut => End::Idle,
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
    let mut outbox = Outbox::new(terms.idle);
    loop {
        while let Some(length) = frame_length(&buffer) {
            let length = match usize::try_from(length) {
                Ok(length) if length <= terms.request_bytes_max => length,
                _ => return Ok(End::Refused(oversized(length, terms.request_bytes_max))),
            };
            // What fits the read buffer is not counted: small requests never wait behind large ones,
            // and a large one has to have begun before room is held for it.
            let begun = (4 + length).min(READ_BYTES);
            if let Some(end) = fill(stream, &mut buffer, begun, &mut terms).await? {
                return Ok(end);
            }
            let share = match 4 + length > READ_BYTES {
                true => Some(take_share(&mut outbox, stream, &terms, length).await?),
                false => None,
            };
            if let Some(end) = fill(stream, &mut buffer, 4 + length, &mut terms).await? {
                return Ok(end);
            }
            buffer.advance(4);
            let frame = buffer.split_to(length).freeze();
            let holds_records = frame.starts_with(&PRODUCE);
            let handling = pin!(broker.handle(connection, frame));
            match answer(handling, (share, holds_records), &mut outbox, stream).await? {
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
        let idle_at = Instant::now() + terms.idle;
        match next_bytes(stream, &mut buffer, &mut terms, idle_at).await? {
            Next::Bytes => {}
            Next::Late => return Ok(End::Idle),
            Next::End => return Ok(End::Closed),
        }
    }
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
) -> io::Result<Share> {
    let mut taking = pin!(terms.budget.take(length));
    if let Poll::Ready(share) = poll_once(taking.as_mut()).await {
        return Ok(share);
    }
    outbox.write(stream).await?;
    Ok(taking.await)
}

/// Has one frame answered. If the answer has to wait, earlier answers leave first.
async fn answer<F: Future<Output = Outcome>>(
    mut handling: Pin<&mut F>,
    (share, holds_records): (Option<Share>, bool),
    outbox: &mut Outbox,
    stream: &mut TcpStream,
) -> io::Result<Outcome> {
    if let Poll::Ready(outcome) = poll_once(handling.as_mut()).await {
        return Ok(outcome);
    }
    // A long poll or a join may wait for minutes, and its request is small: others may have the room.
    let _share = share.filter(|_| holds_records);
    outbox.write(stream).await?;
    Ok(handling.await)
}
