//! One connection: reads frames, has them answered one after the other, writes the answers in order.
//!
//! Every complete frame of a read is handled before anything is written, and one write carries all
//! their answers; a request that has to wait first lets the answers before it leave. Behind produce
//! requests that wait for a disk or for replicas further ones are accepted, and nothing else is: what
//! is asked after an answer was due may depend on it. An idle connection holds no buffers.

use std::future::Future;
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use ottla_broker::metrics::requests::Phase;
use ottla_broker::{Answer, Broker, Connection};
use ottla_wire::ApiKey;
use tokio::net::TcpStream;
use tokio::net::tcp::ReadHalf;
use tokio::sync::watch;
use tokio::time::Instant;

use super::budget::{Budget, Share};
use super::departures::Departures;
use super::inbox::{Inbox, Next, READ_BYTES, poll_once};
use super::outbox::Outbox;
use super::pipeline::{Answered, Pipeline};

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

/// What ends the work on a connection.
#[derive(Debug)]
pub(super) enum Stop {
    End(End),
    Failed(io::Error),
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Stop {
        Stop::Failed(error)
    }
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
    let (reading, writing) = stream.split();
    let mut serving = Serving {
        reading,
        broker: &broker,
        connection: &connection,
        inbox: Inbox::new(terms.idle, terms.stopping.clone()),
        pipeline: Pipeline::new(&broker, writing.as_ref(), outbox),
        terms,
    };
    let error = match serving.run().await {
        Stop::Failed(error) => error,
        Stop::End(end) => match serving.pipeline.finish().await {
            Ok(()) => return end,
            Err(error) => error,
        },
    };
    match error.kind() {
        io::ErrorKind::ConnectionReset
        | io::ErrorKind::BrokenPipe
        | io::ErrorKind::UnexpectedEof => End::Closed,
        // Its answers were not taken for as long as it may be idle.
        io::ErrorKind::TimedOut => End::Idle,
        _ => End::Failed(error.to_string()),
    }
}

/// A connection at work.
struct Serving<'a> {
    reading: ReadHalf<'a>,
    broker: &'a Broker,
    connection: &'a Arc<Connection>,
    inbox: Inbox,
    pipeline: Pipeline<'a>,
    terms: Terms,
}

impl Serving<'_> {
    async fn run(&mut self) -> Stop {
        loop {
            if let Err(stop) = self.exchange().await {
                return stop;
            }
        }
    }

    /// Has every request answered that has arrived, and waits for more bytes.
    async fn exchange(&mut self) -> Result<(), Stop> {
        let arrived = self.broker.monotonic();
        while let Some(length) = self.inbox.frame_length() {
            self.request(length, arrived).await?;
            if self.pipeline.len() >= OUTBOX_BYTES {
                self.pipeline.write().await?;
            }
        }
        self.pipeline.write().await?;
        if *self.terms.stopping.borrow() {
            return Err(Stop::End(End::Closed));
        }
        self.read().await
    }

    async fn read(&mut self) -> Result<(), Stop> {
        loop {
            let next = if self.pipeline.is_clear() {
                self.inbox.read(&mut self.reading).await?
            } else {
                let reading = pin!(self.inbox.read(&mut self.reading));
                self.pipeline.beside(reading).await??
            };
            let left_at = self.pipeline.left_at();
            match next {
                Next::Bytes => return Ok(()),
                // Who waits for an answer is not idle.
                Next::Idle if !self.pipeline.is_clear() => self.inbox.quiet_from(Instant::now()),
                Next::Idle if let Some(at) = left_at => self.inbox.quiet_from(at),
                next => return Err(end(next, 0)),
            }
        }
    }

    /// Has the request answered that is at the front of the inbox.
    async fn request(&mut self, length: i32, arrived: Duration) -> Result<(), Stop> {
        let length = match usize::try_from(length) {
            Ok(length) if length <= self.terms.request_bytes_max => length,
            _ => return Err(oversized(length, self.terms.request_bytes_max)),
        };
        let share = self.fill(length).await?;
        let frame = self.inbox.take(length);
        let api = frame.first_chunk().copied();
        if !self.pipeline.is_clear() {
            match api {
                Some(PRODUCE) => self.pipeline.room().await?,
                _ => self.pipeline.clear().await?,
            }
        }
        let number = api.map_or(-1, i16::from_be_bytes);
        let queued = self.broker.monotonic().saturating_sub(arrived);
        self.broker.requests.add(number, Phase::Queue, queued);
        let mut request = Answered { api: number, bytes: length, share };
        let handling = pin!(self.broker.handle(self.connection, frame));
        let answer = self.answer(&mut request, handling).await?;
        self.pipeline.add(request, answer)
    }

    /// Waits until the request of this length is there, and takes room for it.
    async fn fill(&mut self, length: usize) -> Result<Option<Share>, Stop> {
        // What fits the read buffer is not counted: small requests never wait behind large ones,
        // and a large one has to have begun before room is held for it.
        let begun = (4 + length).min(READ_BYTES);
        self.arrived(begun, length, false).await?;
        if 4 + length <= READ_BYTES {
            return Ok(None);
        }
        let share = self.take_share(length).await?;
        self.arrived(4 + length, length, true).await?;
        Ok(Some(share))
    }

    /// Waits until the first bytes of a request are there; answers leave before and meanwhile.
    async fn arrived(
        &mut self,
        needed: usize,
        length: usize,
        holds_room: bool,
    ) -> Result<(), Stop> {
        if self.inbox.has(needed) {
            return Ok(());
        }
        self.pipeline.write().await?;
        let budget = holds_room.then_some(&self.terms.budget);
        let filling = pin!(self.inbox.fill(&mut self.reading, needed, budget));
        let filled = self.pipeline.beside(filling).await??;
        filled.map_err(|next| end(next, length))
    }

    /// Takes room for a request. Answers leave first: nobody waits for memory with answers in hand.
    async fn take_share(&mut self, length: usize) -> Result<Share, Stop> {
        let budget = self.terms.budget.clone();
        let mut taking = pin!(budget.take(length));
        if let Poll::Ready(share) = poll_once(taking.as_mut()).await {
            return Ok(share);
        }
        self.pipeline.write().await?;
        self.pipeline.beside(taking).await
    }

    /// Has the request answered. If the answer has to wait, earlier answers leave first; the connection
    /// ends when the node stops before there is one and the request has nothing to finish.
    async fn answer<Handling: Future<Output = Answer>>(
        &mut self,
        request: &mut Answered,
        mut handling: Pin<&mut Handling>,
    ) -> Result<Answer, Stop> {
        if let Poll::Ready(answer) = poll_once(handling.as_mut()).await {
            return Ok(answer);
        }
        let api = request.api.to_be_bytes();
        if api != PRODUCE {
            // A long poll or a join may wait for minutes, and is small: others may have the room.
            request.share = None;
        }
        self.pipeline.write().await?;
        if api != FETCH {
            return self.pipeline.beside(handling).await;
        }
        let mut stopping = self.terms.stopping.clone();
        tokio::select! {
            biased;
            answer = handling => Ok(answer),
            _ = stopping.wait_for(|stopping| *stopping) => Err(Stop::End(End::Closed)),
        }
    }
}

/// What it means that no more bytes come, for a connection that was at a request of this length.
fn end(next: Next, length: usize) -> Stop {
    Stop::End(match next {
        Next::Bytes | Next::End => End::Closed,
        Next::Idle => End::Idle,
        Next::Slow => End::Refused(format!(
            "a request of {length} bytes came too slowly while others waited for memory"
        )),
    })
}

fn oversized(length: i32, most: usize) -> Stop {
    let reason =
        format!("a request of {length} bytes was announced; socket.request.max.bytes is {most}");
    Stop::End(End::Refused(reason))
}
