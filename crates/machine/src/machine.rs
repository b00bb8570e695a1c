//! What a machine is.
//!
//! `decide` and `expire` read state and say what should happen; they change nothing. `apply` is the
//! only place where hard state changes, on the leader and on replay alike; `touch` is for state that
//! need not survive a restart. Time is an input. A request may be answered by a later decision.

/// An offset in the machine's log.
pub type Offset = i64;

/// Milliseconds since the Unix epoch, as Kafka counts them.
pub type Millis = i64;

/// Names one request to whoever waits for its answer. Unique within a runner's life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Token(pub u64);

/// The answer to the request that carried `token`.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer<Response> {
    pub token: Token,
    pub response: Response,
}

/// Deterministic state over a log of records.
pub trait Machine {
    /// What is asked of it. A refusal is a response with an error code, never a panic.
    type Request;
    type Response;
    /// What the log holds. Each record is a fact that `apply` understands by itself.
    type Record;
    /// A change that need not survive a restart, such as an extended session or a waiting member.
    type Touch;

    /// What to do about `request`. Changes nothing.
    fn decide(&self, token: Token, request: Self::Request, now: Millis) -> Decision<Self>;

    /// What to do about every deadline that is due at `now`. Changes nothing.
    fn expire(&self, now: Millis) -> Decision<Self>;

    /// The earliest time at which `expire` has something to do.
    fn next_deadline(&self) -> Option<Millis>;

    /// Takes in one record of the log, the only way in which hard state changes.
    fn apply(&mut self, offset: Offset, record: &Self::Record);

    /// Takes in one change of soft state. Applied after the records of the same decision.
    fn touch(&mut self, touch: Self::Touch);
}

/// What should happen, as a value.
#[derive(Debug)]
pub struct Decision<M: Machine + ?Sized> {
    /// Appended as one atomic batch, then applied in order.
    pub records: Vec<M::Record>,
    /// Applied after the records.
    pub touches: Vec<M::Touch>,
    /// Released once the records, and everything before them, are committed.
    pub answers: Vec<Answer<M::Response>>,
}

impl<M: Machine + ?Sized> Decision<M> {
    /// Nothing to do.
    #[must_use]
    pub fn nothing() -> Self {
        Self { records: Vec::new(), touches: Vec::new(), answers: Vec::new() }
    }

    /// An answer that changes nothing.
    #[must_use]
    pub fn answer(token: Token, response: M::Response) -> Self {
        Self::nothing().and_answer(token, response)
    }

    /// Adds an answer.
    #[must_use]
    pub fn and_answer(mut self, token: Token, response: M::Response) -> Self {
        self.answers.push(Answer { token, response });
        self
    }

    /// Appends another decision's records, touches and answers to this one's.
    pub fn extend(&mut self, other: Self) {
        self.records.extend(other.records);
        self.touches.extend(other.touches);
        self.answers.extend(other.answers);
    }

    /// Whether there is nothing to append, touch or answer.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        self.records.is_empty() && self.touches.is_empty() && self.answers.is_empty()
    }
}
