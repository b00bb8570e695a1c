//! Answers on their way out, in the order of their requests, ready or not.
//!
//! A produce request is accepted while the one before it waits for a disk or for replicas, so that what
//! a producer has in flight waits together and not one after the other. Only the first that is not
//! ready is ever waited for: those behind it may be ready long before, and can't leave.

use std::collections::VecDeque;
use std::future::Future;
use std::io;
use std::pin::Pin;

use ottla_broker::{Answer, Broker, Outcome, PendingAnswer};
use tokio::net::TcpStream;
use tokio::time::Instant;

use super::budget::Share;
use super::connection::{End, Stop};
use super::outbox::Outbox;

/// So many requests of a connection wait for their answers at a time.
const IN_FLIGHT_MAX: usize = 64;

/// No further request is accepted while those that wait for their answers were this large together.
const IN_FLIGHT_BYTES_MAX: usize = 4 << 20;

/// The answers of one connection.
pub(super) struct Pipeline<'a> {
    broker: &'a Broker,
    stream: &'a TcpStream,
    outbox: Outbox,
    /// What can't leave before its first one is ready.
    held: VecDeque<Held>,
    /// The sizes of their requests.
    held_bytes: usize,
    /// When an answer left while the peer was waited for.
    left_at: Option<Instant>,
}

/// One answer that has to wait for its turn.
struct Held {
    api: i16,
    request_bytes: usize,
    answer: Answer,
    may_be_followed: bool,
    _share: Option<Share>,
}

/// What is known of a request besides its answer.
pub(super) struct Answered {
    pub(super) api: i16,
    pub(super) bytes: usize,
    /// Room that the request takes in memory until it is answered.
    pub(super) share: Option<Share>,
}

impl<'a> Pipeline<'a> {
    pub(super) fn new(broker: &'a Broker, stream: &'a TcpStream, outbox: Outbox) -> Self {
        let held = VecDeque::new();
        Pipeline { broker, stream, outbox, held, held_bytes: 0, left_at: None }
    }

    /// Bytes that could be written.
    pub(super) fn len(&self) -> usize {
        self.outbox.len()
    }

    /// True when no answer waits for anything but to be written.
    pub(super) fn is_clear(&self) -> bool {
        self.held.is_empty()
    }

    /// When an answer last left while the peer was waited for; told once.
    pub(super) fn left_at(&mut self) -> Option<Instant> {
        self.left_at.take()
    }

    /// Adds the answer to the next request.
    ///
    /// # Errors
    /// The request ends the connection.
    pub(super) fn add(&mut self, request: Answered, answer: Answer) -> Result<(), Stop> {
        let Answered { api, bytes, share } = request;
        let may_be_followed = match answer {
            Answer::Now(outcome) if self.held.is_empty() => return self.push(api, outcome),
            Answer::Now(_) => true,
            Answer::Later(ref pending) => pending.may_be_followed(),
        };
        self.held_bytes += bytes;
        let held = Held { api, request_bytes: bytes, answer, may_be_followed, _share: share };
        self.held.push_back(held);
        Ok(())
    }

    fn push(&mut self, api: i16, outcome: Outcome) -> Result<(), Stop> {
        match outcome {
            Outcome::Reply { size, pieces } => self.outbox.push(api, size, pieces),
            Outcome::Silent => {}
            Outcome::Close(reason) => {
                // Nothing that came after it is answered.
                self.held.clear();
                return Err(Stop::End(End::Refused(reason)));
            }
        }
        Ok(())
    }

    /// Writes everything that may leave.
    ///
    /// # Errors
    /// The connection has ended, or one of the requests ends it.
    pub(super) async fn write(&mut self) -> Result<(), Stop> {
        self.collect()?;
        Ok(self.outbox.write(self.stream).await?)
    }

    /// Takes what is ready by now, up to the first that is not.
    fn collect(&mut self) -> Result<(), Stop> {
        while let Some(first) = self.held.front_mut() {
            let outcome = match &mut first.answer {
                Answer::Now(outcome) => std::mem::replace(outcome, Outcome::Silent),
                Answer::Later(pending) => match pending.try_answer(self.broker) {
                    Some(outcome) => outcome,
                    None => break,
                },
            };
            self.pop(outcome)?;
        }
        Ok(())
    }

    /// The first one is ready.
    fn pop(&mut self, outcome: Outcome) -> Result<(), Stop> {
        let first = self.held.pop_front().expect("an answer comes of one that was held");
        self.held_bytes -= first.request_bytes;
        self.push(first.api, outcome)
    }

    /// Waits for the first one, which is not ready.
    async fn first(held: &mut VecDeque<Held>, broker: &Broker) -> Outcome {
        match held.front_mut().map(|first| &mut first.answer) {
            Some(Answer::Later(pending)) => PendingAnswer::answer(pending, broker).await,
            Some(Answer::Now(outcome)) => std::mem::replace(outcome, Outcome::Silent),
            None => std::future::pending().await,
        }
    }

    /// Waits for `other`, and lets answers leave meanwhile, as soon as they may.
    ///
    /// # Errors
    /// As [`Pipeline::write`].
    pub(super) async fn beside<Other: Future>(
        &mut self,
        mut other: Pin<&mut Other>,
    ) -> Result<Other::Output, Stop> {
        while !self.held.is_empty() {
            tokio::select! {
                biased;
                output = other.as_mut() => return Ok(output),
                outcome = Self::first(&mut self.held, self.broker) => self.pop(outcome)?,
            }
            self.write().await?;
            self.left_at = Some(Instant::now());
        }
        Ok(other.await)
    }

    /// Waits until one more request may be accepted behind those that are not answered.
    ///
    /// # Errors
    /// As [`Pipeline::write`].
    pub(super) async fn room(&mut self) -> Result<(), Stop> {
        while self.is_full() {
            self.next().await?;
        }
        Ok(())
    }

    fn is_full(&self) -> bool {
        self.held.len() >= IN_FLIGHT_MAX
            || self.held_bytes >= IN_FLIGHT_BYTES_MAX
            || self.held.back().is_some_and(|last| !last.may_be_followed)
    }

    /// Waits until every request is answered.
    ///
    /// # Errors
    /// As [`Pipeline::write`].
    pub(super) async fn clear(&mut self) -> Result<(), Stop> {
        while !self.held.is_empty() {
            self.next().await?;
        }
        Ok(())
    }

    async fn next(&mut self) -> Result<(), Stop> {
        let outcome = Self::first(&mut self.held, self.broker).await;
        self.pop(outcome)?;
        self.write().await
    }

    /// Answers what was accepted, before the connection ends.
    ///
    /// # Errors
    /// The connection has ended already.
    pub(super) async fn finish(&mut self) -> io::Result<()> {
        match self.clear().await {
            Err(Stop::Failed(error)) => Err(error),
            Ok(()) | Err(Stop::End(_)) => self.outbox.write(self.stream).await,
        }
    }
}
