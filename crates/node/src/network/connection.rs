//! One connection: reads frames, has them answered one after the other, writes the answers in order.
//!
//! Every complete frame of a read is handled before anything is written, and one write carries all
//! their answers; a request that has to wait first lets the answers before it leave. An idle
//! connection holds no buffers.

use std::future::Future;
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use ottla_broker::metrics::requests::Phase;
use ottla_broker::{Broker, Connection, Outcome};
use ottla_wire::ApiKey;
use tokio::net::TcpStream;
use tokio::sync::watch;

use super::budget::{Budget, Share};
use super::departures::Departures;
use super::inbox::{Inbox, Next, READ_BYTES, poll_once};
use super::outbox::Outbox;

/// Answers are written once they reach this size, even while more requests wait to be handled.
const OUTBOX_BYTES: usize = 256 * 1024;

/// The API whose requests are kept in memory while they wait: their records are what waits.
const PRODUCE: [u8; 2] = ApiKey::Produce.number().to_be_bytes();

/// The API whose requests may wait for nothing in particular, and change nothing.
const FETCH: [u8; 2] = ApiKey::Fetch.number().to_be_bytes();

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
    let departures = Departures::new(Arc::clone(&broker));
    let outbox = Outbox::new(terms.idle, departures);
    match run(&mut stream, &broker, &connection, terms, outbox).await {
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
    terms: Terms,
    mut outbox: Outbox,
) -> io::Result<End> {
    let mut inbox = Inbox::new(terms.idle, terms.stopping.clone());
    let mut arrived = broker.monotonic();
    loop {
        while let Some(length) = inbox.frame_length() {
            let length = match usize::try_from(length) {
                Ok(length) if length <= terms.request_bytes_max => length,
                _ => return Ok(End::Refused(oversized(length, terms.request_bytes_max))),
            };
            // What fits the read buffer is not counted: small requests never wait behind large ones,
            // and a large one has to have begun before room is held for it.
            let begun = (4 + length).min(READ_BYTES);
            if let Err(next) = inbox.fill(stream, begun, None).await? {
                return Ok(end(next, length));
            }
            let share = match 4 + length > READ_BYTES {
                true => Some(take_share(&mut outbox, stream, &terms, length).await?),
                false => None,
            };
            let budget = share.is_some().then_some(&terms.budget);
            if let Err(next) = inbox.fill(stream, 4 + length, budget).await? {
                return Ok(end(next, length));
            }
            let frame = inbox.take(length);
            let api = frame.first_chunk().copied();
            let number = api.map_or(-1, i16::from_be_bytes);
            let queued = broker.monotonic().saturating_sub(arrived);
            broker.requests.add(number, Phase::Queue, queued);
            let wait = Wait { api, share, terms: &terms };
            let handling = pin!(broker.handle(connection, frame));
            let Some(outcome) = wait.answer(handling, &mut outbox, stream).await? else {
                return Ok(End::Closed);
            };
            match outcome {
                Outcome::Reply { size, pieces } => outbox.push(number, size, pieces),
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
        match inbox.read(stream).await? {
            Next::Bytes => arrived = broker.monotonic(),
            next => return Ok(end(next, 0)),
        }
    }
}

/// What it means that no more bytes come, for a connection that was at a request of this length.
fn end(next: Next, length: usize) -> End {
    match next {
        Next::Bytes | Next::End => End::Closed,
        Next::Idle => End::Idle,
        Next::Slow => End::Refused(format!(
            "a request of {length} bytes came too slowly while others waited for memory"
        )),
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

/// One request that may have to wait for its answer.
struct Wait<'a> {
    api: Option<[u8; 2]>,
    share: Option<Share>,
    terms: &'a Terms,
}

impl Wait<'_> {
    /// Has the request answered. If the answer has to wait, earlier answers leave first; `None` when
    /// the node stops before there is one and the request has nothing to finish.
    async fn answer<F: Future<Output = Outcome>>(
        mut self,
        mut handling: Pin<&mut F>,
        outbox: &mut Outbox,
        stream: &mut TcpStream,
    ) -> io::Result<Option<Outcome>> {
        if let Poll::Ready(outcome) = poll_once(handling.as_mut()).await {
            return Ok(Some(outcome));
        }
        if self.api != Some(PRODUCE) {
            // A long poll or a join may wait for minutes, and is small: others may have the room.
            self.share = None;
        }
        outbox.write(stream).await?;
        if self.api != Some(FETCH) {
            return Ok(Some(handling.await));
        }
        let mut stopping = self.terms.stopping.clone();
        tokio::select! {
            biased;
            outcome = handling => Ok(Some(outcome)),
            _ = stopping.wait_for(|stopping| *stopping) => Ok(None),
        }
    }
}
