//! Runs one machine over one log.
//!
//! The driver's side of the bargain: it appends the records of every [`Step`], in order and each
//! step's as a whole, then calls [`Runner::appended`]; it may gather several steps first. When the
//! log's committed offset moves it calls [`Runner::committed`]. If an append fails, or leadership is
//! lost, it drops the runner and loads a new one from the log: nothing is ever undone.

use std::collections::VecDeque;

use crate::machine::{Answer, Decision, Machine, Millis, Offset, Token};

/// What the driver must do now.
#[derive(Debug)]
pub struct Step<M: Machine + ?Sized> {
    /// Records to append as one batch; already applied to the machine.
    pub records: Vec<M::Record>,
    /// Answers that nothing holds back any longer.
    pub replies: Vec<Answer<M::Response>>,
}

/// The runner holds as many parked answers as it may: the caller says "try again".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Busy;

/// Why a request was not taken; the machine is as it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotTaken<E> {
    /// See [`Busy`].
    Busy,
    /// The log would not take the records, and why.
    TurnedAway(E),
}

/// One machine, the answers it has parked, and how far its log is known to be written and committed.
#[derive(Debug)]
pub struct Runner<M: Machine> {
    machine: M,
    /// The log's end: where the next append will begin.
    written: Offset,
    /// Everything below is committed.
    committed: Offset,
    /// How many records were handed out in steps and not yet reported as appended.
    handed_out: usize,
    /// Answers that may tell of those records.
    unwritten: Vec<Answer<M::Response>>,
    /// Answers in log order, each with the offset that must be committed before it may leave.
    parked: VecDeque<(Offset, Answer<M::Response>)>,
    parked_max: usize,
}

impl<M: Machine> Runner<M> {
    /// A runner over an empty log. `parked_max` bounds the answers that wait for a commit.
    #[must_use]
    pub fn new(machine: M, parked_max: usize) -> Self {
        Self {
            machine,
            written: 0,
            committed: 0,
            handed_out: 0,
            unwritten: Vec::new(),
            parked: VecDeque::new(),
            parked_max,
        }
    }

    /// Takes in a record that the log already holds, while loading.
    pub fn replay(&mut self, offset: Offset, record: &M::Record) {
        assert!(self.parked.is_empty(), "replay comes before the first request");
        assert!(offset >= self.written, "records are replayed in log order");
        self.machine.apply(offset, record);
        self.written = offset + 1;
        self.committed = self.written;
    }

    /// Ends the replay: the log is written and committed up to `end`.
    pub fn loaded(&mut self, end: Offset) {
        assert!(end >= self.written, "the log's end lies behind its last record");
        self.written = end;
        self.committed = end;
    }

    /// Decides one request.
    ///
    /// # Errors
    /// [`Busy`] when `parked_max` answers wait already.
    pub fn submit(
        &mut self,
        token: Token,
        request: M::Request,
        now: Millis,
    ) -> Result<Step<M>, Busy> {
        let taken = self.submit_if(token, request, now, |_| Ok::<(), std::convert::Infallible>(()));
        taken.map_err(|_| Busy)
    }

    /// Decides one request, unless `admit` turns away the records that it leads to. Somebody else whom
    /// that decision would have answered waits on.
    ///
    /// # Errors
    /// [`NotTaken`].
    pub fn submit_if<E>(
        &mut self,
        token: Token,
        request: M::Request,
        now: Millis,
        admit: impl FnOnce(&[M::Record]) -> Result<(), E>,
    ) -> Result<Step<M>, NotTaken<E>> {
        if self.parked.len() + self.unwritten.len() >= self.parked_max {
            return Err(NotTaken::Busy);
        }
        let decision = self.machine.decide(token, request, now);
        admit(&decision.records).map_err(NotTaken::TurnedAway)?;
        Ok(self.take(decision))
    }

    /// Gives up the answers that wait for a commit up to `end`, in log order: nobody waits any longer.
    /// The records stay in the log and may be committed yet.
    pub fn abandon(&mut self, end: Offset) -> Vec<Token> {
        let mut abandoned = Vec::new();
        while self.parked.front().is_some_and(|(needed, _)| *needed <= end) {
            abandoned.extend(self.parked.pop_front().map(|(_, answer)| answer.token));
        }
        abandoned
    }

    /// Decides what is due at `now`.
    pub fn tick(&mut self, now: Millis) -> Step<M> {
        let decision = self.machine.expire(now);
        self.take(decision)
    }

    /// All records that were handed out are in the log, which now ends at `end`.
    pub fn appended(&mut self, end: Offset) {
        assert!(self.handed_out > 0, "nothing was handed out to append");
        assert!(end >= self.next_offset(), "records were handed out and not appended");
        self.handed_out = 0;
        self.written = end;
        self.parked.extend(self.unwritten.drain(..).map(|answer| (end, answer)));
    }

    /// The log is committed below `end`: releases what waited for that.
    pub fn committed(&mut self, end: Offset) -> Vec<Answer<M::Response>> {
        self.committed = self.committed.max(end.min(self.written));
        let mut replies = Vec::new();
        while self.parked.front().is_some_and(|(needed, _)| *needed <= self.committed) {
            replies.extend(self.parked.pop_front().map(|(_, answer)| answer));
        }
        replies
    }

    /// The machine, to read.
    #[must_use]
    pub fn machine(&self) -> &M {
        &self.machine
    }

    /// The earliest time at which [`Runner::tick`] has something to do.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Millis> {
        self.machine.next_deadline()
    }

    fn take(&mut self, decision: Decision<M>) -> Step<M> {
        let Decision { records, touches, answers } = decision;
        for (offset, record) in (self.next_offset()..).zip(&records) {
            self.machine.apply(offset, record);
        }
        for touch in touches {
            self.machine.touch(touch);
        }
        self.handed_out += records.len();
        if self.handed_out > 0 {
            self.unwritten.extend(answers);
            return Step { records, replies: Vec::new() };
        }
        // A read parks too: it may tell of records that are not committed yet.
        let written = self.written;
        self.parked.extend(answers.into_iter().map(|answer| (written, answer)));
        Step { records, replies: self.committed(self.committed) }
    }

    /// Where the next record will be.
    fn next_offset(&self) -> Offset {
        let handed_out = Offset::try_from(self.handed_out);
        self.written + handed_out.expect("as many records fit no memory")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Counts; `Later` is answered by the next `Add`, or by time.
    #[derive(Default)]
    struct Counter {
        total: i64,
        waiting: Vec<Token>,
        deadline: Option<Millis>,
    }

    enum Ask {
        Add(i64),
        Read,
        Later(Millis),
    }

    enum Soft {
        Wait(Token, Millis),
        Woken,
    }

    impl Machine for Counter {
        type Request = Ask;
        type Response = i64;
        type Record = i64;
        type Touch = Soft;

        fn decide(&self, token: Token, request: Ask, _now: Millis) -> Decision<Self> {
            match request {
                Ask::Read => Decision::answer(token, self.total),
                Ask::Later(at) => {
                    Decision { touches: vec![Soft::Wait(token, at)], ..Decision::nothing() }
                }
                Ask::Add(by) => {
                    let mut decision = Decision::answer(token, self.total + by);
                    decision.records.push(by);
                    decision.touches.push(Soft::Woken);
                    for waiting in &self.waiting {
                        decision = decision.and_answer(*waiting, self.total + by);
                    }
                    decision
                }
            }
        }

        fn expire(&self, now: Millis) -> Decision<Self> {
            let mut decision = Decision::nothing();
            if self.deadline.is_some_and(|at| at <= now) {
                decision.touches.push(Soft::Woken);
                for waiting in &self.waiting {
                    decision = decision.and_answer(*waiting, -1);
                }
            }
            decision
        }

        fn next_deadline(&self) -> Option<Millis> {
            self.deadline
        }

        fn apply(&mut self, _offset: Offset, record: &i64) {
            self.total += record;
        }

        fn touch(&mut self, touch: Soft) {
            match touch {
                Soft::Wait(token, at) => {
                    self.waiting.push(token);
                    self.deadline = Some(at);
                }
                Soft::Woken => {
                    self.waiting.clear();
                    self.deadline = None;
                }
            }
        }
    }

    fn told(answers: Vec<Answer<i64>>) -> Vec<(u64, i64)> {
        answers.into_iter().map(|answer| (answer.token.0, answer.response)).collect()
    }

    #[test]
    fn an_answer_waits_for_its_records_to_be_committed() {
        let mut runner = Runner::new(Counter::default(), 10);
        let step = runner.submit(Token(1), Ask::Add(5), 0).expect("not busy");
        assert_eq!(step.records, [5]);
        assert!(step.replies.is_empty());
        runner.appended(1);
        assert_eq!(told(runner.committed(0)), []);
        assert_eq!(told(runner.committed(1)), [(1, 5)]);
    }

    #[test]
    fn a_read_waits_for_what_it_saw() {
        let mut runner = Runner::new(Counter::default(), 10);
        let read = runner.submit(Token(1), Ask::Read, 0).expect("not busy");
        assert_eq!(told(read.replies), [(1, 0)]);
        runner.submit(Token(2), Ask::Add(5), 0).expect("not busy");
        runner.appended(1);
        let read = runner.submit(Token(3), Ask::Read, 0).expect("not busy");
        assert_eq!(told(read.replies), []);
        assert_eq!(told(runner.committed(1)), [(2, 5), (3, 5)]);
    }

    #[test]
    fn a_request_may_be_answered_by_a_later_decision_or_by_time() {
        let mut runner = Runner::new(Counter::default(), 10);
        runner.submit(Token(1), Ask::Later(100), 0).expect("not busy");
        assert_eq!(runner.next_deadline(), Some(100));
        runner.submit(Token(2), Ask::Add(1), 0).expect("not busy");
        runner.appended(1);
        assert_eq!(told(runner.committed(1)), [(2, 1), (1, 1)]);
        runner.submit(Token(3), Ask::Later(100), 0).expect("not busy");
        assert_eq!(told(runner.tick(99).replies), []);
        assert_eq!(told(runner.tick(100).replies), [(3, -1)]);
    }

    #[test]
    fn a_full_runner_refuses() {
        let mut runner = Runner::new(Counter::default(), 1);
        runner.submit(Token(1), Ask::Add(1), 0).expect("not busy");
        runner.appended(1);
        assert_eq!(runner.submit(Token(2), Ask::Read, 0).map(|_| ()), Err(Busy));
    }

    #[test]
    fn replay_leads_to_the_same_state() {
        let mut runner = Runner::new(Counter::default(), 10);
        runner.replay(0, &5);
        // A gap: a marker or a cleaned record took the offset.
        runner.replay(3, &6);
        runner.loaded(5);
        let read = runner.submit(Token(1), Ask::Read, 0).expect("not busy");
        assert_eq!(told(read.replies), [(1, 11)]);
    }

    #[test]
    #[should_panic(expected = "handed out and not appended")]
    fn a_driver_that_forgets_an_append_is_a_bug() {
        let mut runner = Runner::new(Counter::default(), 10);
        runner.submit(Token(1), Ask::Add(5), 0).expect("not busy");
        runner.submit(Token(2), Ask::Add(6), 0).expect("not busy");
        runner.appended(1);
    }

    #[test]
    fn steps_can_be_gathered_and_a_read_among_them_waits_with_them() {
        let mut runner = Runner::new(Counter::default(), 3);
        for (number, ask) in [(1, Ask::Add(5)), (2, Ask::Read), (3, Ask::Add(6))] {
            let step = runner.submit(Token(number), ask, 0).expect("not busy");
            assert_eq!(told(step.replies), []);
        }
        assert_eq!(runner.submit(Token(4), Ask::Read, 0).map(|_| ()), Err(Busy));
        assert_eq!(told(runner.committed(9)), [], "nothing is written yet");
        runner.appended(2);
        assert_eq!(told(runner.committed(2)), [(1, 5), (2, 5), (3, 11)]);
    }

    #[test]
    fn what_is_turned_away_changes_nothing_and_what_is_abandoned_is_named() {
        let mut runner = Runner::new(Counter::default(), 10);
        let refuse = |records: &[i64]| if records == [5] { Err("five") } else { Ok(()) };
        let refused = runner.submit_if(Token(1), Ask::Add(5), 0, refuse);
        assert_eq!(refused.map(|_| ()), Err(NotTaken::TurnedAway("five")));
        assert_eq!(runner.machine().total, 0);
        for (number, by) in [(2, 1), (3, 2)] {
            let step = runner.submit_if(Token(number), Ask::Add(by), 0, refuse).expect("taken");
            assert_eq!(step.records, [by]);
            runner.appended(by);
        }
        assert_eq!(runner.abandon(1), [Token(2)]);
        assert_eq!(told(runner.committed(2)), [(3, 3)]);
    }
}
