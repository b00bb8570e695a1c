//! What arrives on a connection: one read for as many requests as it holds.
//!
//! A connection has a read buffer once bytes wait; an idle one holds none: buffers are handed on from
//! one to the next. The timer and the stop signal are set up once for a connection and looked at only
//! when something woke it, so that waiting for the next request costs nothing.

use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use tokio::io::AsyncReadExt;
use tokio::net::tcp::ReadHalf;
use tokio::sync::watch;
use tokio::time::{Instant, Sleep, timeout};

use super::budget::Budget;

/// How much is asked of the socket at a time when no large request is expected.
pub(super) const READ_BYTES: usize = 16 * 1024;

/// How much room is made at once for a request that was announced but has not arrived.
const RESERVE_BYTES_MAX: usize = 1 << 20;

/// While others wait for room in memory, a request that holds room has to arrive at this pace.
const PACE_BYTES: usize = 16 * 1024;
const PACE: Duration = Duration::from_secs(3);

thread_local! {
    /// A read buffer that nobody has, most often the last one: its memory is warm, and asking the
    /// allocator for so much at a time is dear.
    static SPARE: Cell<Option<BytesMut>> = const { Cell::new(None) };
}

/// What waiting for bytes led to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    Bytes,
    Idle,
    /// Bytes come too slowly for the room that they were given.
    Slow,
    /// The peer closed the connection, or the node stops.
    End,
}

/// Bytes that arrived and are not handled yet.
pub(super) struct Inbox {
    buffer: BytesMut,
    /// The buffer is larger than what is asked of the socket at a time.
    has_grown: bool,
    idle: Duration,
    /// Since when nothing came; `None` until somebody waits.
    quiet_since: Option<Instant>,
    timer: Pin<Box<Sleep>>,
    stopping: watch::Receiver<bool>,
    stopped: Pin<Box<dyn Future<Output = ()> + Send>>,
    /// Whether timer and stop signal know whom to wake.
    is_armed: bool,
}

impl Inbox {
    /// An empty inbox whose waits end after `idle`, and when `stopping` becomes true.
    pub(super) fn new(idle: Duration, stopping: watch::Receiver<bool>) -> Self {
        let mut signal = stopping.clone();
        Self {
            buffer: BytesMut::new(),
            has_grown: false,
            idle,
            quiet_since: None,
            timer: Box::pin(tokio::time::sleep(idle)),
            stopping,
            stopped: Box::pin(async move {
                let _ = signal.wait_for(|stopping| *stopping).await;
            }),
            is_armed: false,
        }
    }

    /// True when the first `needed` bytes are there.
    pub(super) fn has(&self, needed: usize) -> bool {
        self.buffer.len() >= needed
    }

    /// The length of the frame at the front, once it is known.
    pub(super) fn frame_length(&self) -> Option<i32> {
        self.buffer.first_chunk::<4>().map(|prefix| i32::from_be_bytes(*prefix))
    }

    /// Reads until the first `needed` bytes are there. Where they hold room in memory, `budget` says
    /// whether others want it.
    ///
    /// # Errors
    /// The connection failed; `Err(next)` inside: why no more bytes come.
    pub(super) async fn fill(
        &mut self,
        stream: &mut ReadHalf<'_>,
        needed: usize,
        budget: Option<&Budget>,
    ) -> io::Result<Result<(), Next>> {
        if self.has(needed) {
            return Ok(Ok(()));
        }
        let mut paced = (Instant::now(), self.buffer.len());
        while !self.has(needed) {
            // The rest of a large request is read in place; its room was taken from the budget.
            self.buffer.reserve((needed - self.buffer.len()).min(RESERVE_BYTES_MAX));
            self.has_grown = true;
            if let Ok(read) = timeout(PACE, self.read(stream)).await {
                match read? {
                    Next::Bytes => {}
                    next => return Ok(Err(next)),
                }
            }
            if paced.0.elapsed() >= PACE {
                let is_slow = self.buffer.len() - paced.1 < PACE_BYTES;
                if is_slow && budget.is_some_and(Budget::is_wanted) {
                    return Ok(Err(Next::Slow));
                }
                paced = (Instant::now(), self.buffer.len());
            }
        }
        Ok(Ok(()))
    }

    /// Counts silence from `at` on, if there is any: until then the peer waited for an answer.
    pub(super) fn quiet_from(&mut self, at: Instant) {
        self.quiet_since = Some(at);
    }

    /// Takes the frame of this length, which has arrived, without its length.
    pub(super) fn take(&mut self, length: usize) -> Bytes {
        self.quiet_since = None;
        self.buffer.advance(4);
        self.buffer.split_to(length).freeze()
    }

    /// Waits for bytes and reads what is there.
    pub(super) async fn read(&mut self, stream: &mut ReadHalf<'_>) -> io::Result<Next> {
        loop {
            if let Some(next) = self.ready(stream).await? {
                return Ok(next);
            }
            if self.buffer.capacity() == self.buffer.len() {
                self.make_room();
            }
            // Pending: readiness was a false alarm.
            if let Poll::Ready(count) = poll_once(pin!(stream.read_buf(&mut self.buffer))).await {
                self.quiet_since = None;
                return Ok(if count? == 0 { Next::End } else { Next::Bytes });
            }
        }
    }

    fn make_room(&mut self) {
        if self.buffer.is_empty() {
            self.buffer = SPARE.take().unwrap_or_default();
        }
        self.has_grown |= !self.buffer.is_empty();
        self.buffer.reserve(READ_BYTES);
    }

    /// Gives the buffer away, which holds nothing, unless a request that lay in it is still there.
    fn give_room(&mut self) {
        let mut buffer = std::mem::take(&mut self.buffer);
        if !std::mem::take(&mut self.has_grown) && buffer.try_reclaim(READ_BYTES) {
            SPARE.set(Some(buffer));
        }
    }

    /// Waits until the socket has something to say: `None`, or why there is no more to wait for.
    async fn ready(&mut self, stream: &ReadHalf<'_>) -> io::Result<Option<Next>> {
        let mut is_first = true;
        poll_fn(|context| {
            if let Poll::Ready(ready) = stream.as_ref().poll_read_ready(context) {
                return Poll::Ready(ready.map(|()| None));
            }
            let looks = !is_first || self.begin_waiting();
            is_first = false;
            if looks { self.look_around(context).map(|next| Ok(Some(next))) } else { Poll::Pending }
        })
        .await
    }

    /// The socket is empty. True when timer and stop signal have to be looked at: they wake the
    /// connection once, and that may have been while it waited for something else.
    fn begin_waiting(&mut self) -> bool {
        if self.buffer.is_empty() {
            self.give_room();
        }
        self.quiet_since.get_or_insert_with(Instant::now);
        !self.is_armed || self.timer.is_elapsed() || self.stopping.has_changed().unwrap_or(true)
    }

    fn look_around(&mut self, context: &mut Context<'_>) -> Poll<Next> {
        self.is_armed = true;
        if self.stopped.as_mut().poll(context).is_ready() {
            return Poll::Ready(Next::End);
        }
        while self.timer.as_mut().poll(context).is_ready() {
            let deadline = self.quiet_since.unwrap_or_else(Instant::now) + self.idle;
            if deadline <= Instant::now() {
                return Poll::Ready(Next::Idle);
            }
            self.timer.as_mut().reset(deadline);
        }
        Poll::Pending
    }
}

/// Polls a future once, and gives it up if it is not ready.
pub(super) async fn poll_once<F: Future>(mut future: Pin<&mut F>) -> Poll<F::Output> {
    poll_fn(|context| Poll::Ready(future.as_mut().poll(context))).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::AsyncWriteExt;
    use tokio::net::{TcpListener, TcpStream};

    async fn pair() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let peer = TcpStream::connect(listener.local_addr().expect("bound")).await;
        (listener.accept().await.expect("a connection").0, peer.expect("a connection"))
    }

    #[tokio::test]
    async fn frames_come_out_whole_however_they_arrive() {
        let (mut stream, mut peer) = pair().await;
        let (mut stream, _) = stream.split();
        let (_stop, stopping) = watch::channel(false);
        let mut inbox = Inbox::new(Duration::from_secs(60), stopping);
        let large = vec![7; 300_000];
        let sent = [&b"one"[..], b"", &large, b"last"];
        let sending = async {
            let mut bytes = Vec::new();
            for frame in sent {
                bytes.extend_from_slice(&u32::try_from(frame.len()).expect("small").to_be_bytes());
                bytes.extend_from_slice(frame);
            }
            for piece in bytes.chunks(7_777) {
                peer.write_all(piece).await.expect("written");
            }
            peer
        };
        let receiving = async {
            let mut frames = Vec::new();
            while frames.len() < sent.len() {
                match inbox.frame_length() {
                    Some(length) => {
                        let length = usize::try_from(length).expect("a length");
                        let filled = inbox.fill(&mut stream, 4 + length, None).await;
                        filled.expect("readable").expect("more comes");
                        frames.push(inbox.take(length));
                    }
                    None => {
                        assert_eq!(inbox.read(&mut stream).await.expect("readable"), Next::Bytes);
                    }
                }
            }
            frames
        };
        let (peer, frames) = tokio::join!(sending, receiving);
        assert_eq!(frames, sent);
        drop(peer);
        assert_eq!(inbox.read(&mut stream).await.expect("readable"), Next::End);
    }

    #[tokio::test]
    async fn a_read_buffer_goes_from_one_connection_to_the_next() {
        let (_stop, stopping) = watch::channel(false);
        let mut connections = Vec::new();
        for _ in 0..2 {
            connections.push((pair().await, Inbox::new(Duration::from_secs(60), stopping.clone())));
        }
        let mut places = Vec::new();
        for ((stream, peer), inbox) in &mut connections {
            let (mut stream, _) = stream.split();
            for round in 0..2 {
                peer.write_all(b"\0\0\0\x01a").await.expect("written");
                assert_eq!(inbox.read(&mut stream).await.expect("readable"), Next::Bytes);
                let frame = inbox.take(1);
                places.push(frame.as_ptr());
                let held = (round == 1).then_some(frame);
                assert!(poll_once(pin!(inbox.read(&mut stream))).await.is_pending());
                let spare = SPARE.take();
                assert_eq!(spare.is_none(), held.is_some(), "a request lies in its buffer");
                SPARE.set(spare);
                assert_eq!(inbox.buffer.capacity(), 0, "whoever is idle has none");
            }
        }
        assert_eq!(places[0], places[1]);
    }

    #[tokio::test]
    async fn every_wait_ends_when_the_node_stops() {
        let (mut stream, mut peer) = pair().await;
        let (mut stream, _) = stream.split();
        let (stop, stopping) = watch::channel(false);
        let mut inbox = Inbox::new(Duration::from_secs(60), stopping);
        peer.write_all(b"\0\0\0\x01").await.expect("written");
        assert_eq!(inbox.read(&mut stream).await.expect("readable"), Next::Bytes);
        assert!(poll_once(pin!(inbox.read(&mut stream))).await.is_pending());
        // The signal comes while nobody waits for bytes.
        stop.send(true).expect("received");
        tokio::task::yield_now().await;
        assert_eq!(inbox.read(&mut stream).await.expect("readable"), Next::End);
    }

    #[tokio::test(start_paused = true)]
    async fn an_idle_wait_counts_from_its_own_beginning() {
        let (mut stream, _peer) = pair().await;
        let (mut stream, _) = stream.split();
        let (_stop, stopping) = watch::channel(false);
        let idle = Duration::from_secs(600);
        let mut inbox = Inbox::new(idle, stopping);
        assert!(poll_once(pin!(inbox.read(&mut stream))).await.is_pending());
        // A request that took long is no silence of the peer.
        tokio::time::advance(2 * idle).await;
        inbox.quiet_since = None;
        let begun = Instant::now();
        assert_eq!(inbox.read(&mut stream).await.expect("readable"), Next::Idle);
        assert!(begun.elapsed() >= idle, "{:?}", begun.elapsed());
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_request_is_given_up_only_where_others_want_its_room() {
        let (mut stream, mut peer) = pair().await;
        let (mut stream, _) = stream.split();
        let (_stop, stopping) = watch::channel(false);
        let idle = Duration::from_secs(600);
        let mut inbox = Inbox::new(idle, stopping);
        peer.write_all(b"\0\x10\0\0").await.expect("written");
        let budget = Budget::new(1 << 20);
        let _share = budget.take(1 << 20).await;
        let begun = Instant::now();
        let filled = inbox.fill(&mut stream, 1 << 20, Some(&budget)).await.expect("readable");
        assert_eq!((filled, begun.elapsed() >= idle), (Err(Next::Idle), true));
        let mut wanting = pin!(budget.take(1));
        assert!(poll_once(wanting.as_mut()).await.is_pending());
        inbox.quiet_since = None;
        let begun = Instant::now();
        let filled = inbox.fill(&mut stream, 1 << 20, Some(&budget)).await.expect("readable");
        assert_eq!((filled, begun.elapsed() < 2 * PACE), (Err(Next::Slow), true));
    }
}
