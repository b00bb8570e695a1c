//! A machine on a log in memory, with a clock that tests move.
//!
//! The log commits at once, unless it is told to lag: then what is appended waits, and answers with it, until it is
//! committed or its leader is gone. A crash and a lost leadership are the same thing to a machine: of what is not
//! committed the oldest part survives, and another machine is loaded from the bytes.

use std::collections::{BTreeMap, VecDeque};

use ottla_machine::{Answer, Machine, Millis, Runner, Step, Token};

/// How many answers may wait for a commit: more than any trial has.
const PARKED_MAX: usize = 10_000;

/// What is tried: how it begins, and how its records outlast it.
pub trait Subject {
    /// The machine.
    type Machine: Machine;

    /// A machine that knows of nothing yet.
    fn start(&self) -> Self::Machine;

    /// A record as it is read again from its bytes.
    fn reread(record: &RecordOf<Self>) -> RecordOf<Self>;
}

/// The records of a subject's machine.
pub type RecordOf<S> = <<S as Subject>::Machine as Machine>::Record;
type RequestOf<S> = <<S as Subject>::Machine as Machine>::Request;
type ResponseOf<S> = <<S as Subject>::Machine as Machine>::Response;

/// The machine's broker dies at an append.
#[derive(Clone, Copy, Debug)]
pub struct Crash {
    /// How many appends go well before it.
    pub after: u64,
    /// How many appends survive of those that are not committed, the oldest first; the one it dies at is the last.
    /// Nobody learns of them either way.
    pub kept: usize,
}

/// A subject on its log.
pub struct Trial<S: Subject> {
    /// What is tried.
    pub subject: S,
    /// The machine, as it lives.
    pub runner: Runner<S::Machine>,
    /// Every record that is in the log, as it is read again.
    pub log: Vec<RecordOf<S>>,
    /// The clock.
    pub now: Millis,
    /// What happens to one of the next appends.
    pub crash: Option<Crash>,
    /// How often it has come back from its log.
    pub crashes: usize,
    /// Where the last change of leaders has cut the log.
    pub cut: usize,
    /// What is appended waits for [`Trial::commit_all`].
    pub lags: bool,
    committed: usize,
    /// Where the appends end that are not committed.
    uncommitted: VecDeque<usize>,
    next_token: u64,
    answers: BTreeMap<Token, ResponseOf<S>>,
}

impl<S: Subject<Machine: Machine<Record: Clone>>> Trial<S> {
    /// A machine on an empty log.
    pub fn new(subject: S, now: Millis) -> Self {
        let runner = Runner::new(subject.start(), PARKED_MAX);
        let mut trial = Self {
            subject,
            runner,
            log: Vec::new(),
            now,
            crash: None,
            crashes: 0,
            cut: 0,
            lags: false,
            committed: 0,
            uncommitted: VecDeque::new(),
            next_token: 0,
            answers: BTreeMap::new(),
        };
        trial.tick();
        trial
    }

    /// The machine, to read.
    pub fn machine(&self) -> &S::Machine {
        self.runner.machine()
    }

    /// Asks; the request may depend on the token.
    pub fn ask(&mut self, request: impl FnOnce(Token) -> RequestOf<S>) -> Token {
        let token = Token(self.next_token);
        self.next_token += 1;
        let step = self.runner.submit(token, request(token), self.now);
        self.take(step.unwrap_or_else(|_| panic!("{PARKED_MAX} answers wait")));
        while self.runner.next_deadline().is_some_and(|at| at <= self.now) {
            self.tick();
        }
        token
    }

    /// The answer, once it is there.
    pub fn answer(&mut self, token: Token) -> Option<ResponseOf<S>> {
        self.answers.remove(&token)
    }

    /// Lets time pass, deadline by deadline.
    pub fn pass(&mut self, duration_ms: i32) {
        let end = self.now + Millis::from(duration_ms);
        while let Some(deadline) = self.runner.next_deadline().filter(|at| *at <= end) {
            self.now = self.now.max(deadline);
            self.tick();
        }
        self.now = end;
    }

    /// Lets time pass until the request is answered.
    pub fn await_answer(&mut self, token: Token) {
        while !self.answers.contains_key(&token) {
            let Some(deadline) = self.runner.next_deadline() else {
                panic!("nothing will ever answer {token:?}")
            };
            assert!(deadline < self.now + 1_000_000, "never answered: {token:?}");
            self.now = self.now.max(deadline);
            self.tick();
        }
    }

    /// Commits everything that is in the log.
    pub fn commit_all(&mut self) {
        self.commit_appends(usize::MAX);
    }

    /// Commits the oldest appends that are not committed.
    pub fn commit_appends(&mut self, appends: usize) {
        let count = appends.min(self.uncommitted.len());
        let end = self.uncommitted.drain(..count).next_back();
        if let Some(end) = end {
            self.committed = end;
            self.release();
        }
    }

    /// Everything below is committed.
    pub fn committed_end(&self) -> usize {
        self.committed
    }

    /// Comes back from the log as it is, all of it.
    pub fn reload(&mut self) {
        self.committed = self.log.len();
        self.uncommitted.clear();
        self.runner = self.loaded();
        self.answers.clear();
        self.tick();
    }

    /// Loses its leadership now: whoever leads next has the oldest `kept` appends of those that are not committed.
    pub fn depose(&mut self, kept: usize) {
        let end = match kept {
            0 => self.committed,
            _ => self.uncommitted.get(kept - 1).copied().unwrap_or(self.log.len()),
        };
        self.log.truncate(end);
        self.cut = self.log.len();
        self.crashes += 1;
        self.reload();
    }

    /// A machine that knows what the log says, and no more.
    pub fn loaded(&self) -> Runner<S::Machine> {
        let mut runner = Runner::new(self.subject.start(), PARKED_MAX);
        for (offset, record) in (0..).zip(&self.log) {
            runner.replay(offset, record);
        }
        runner
    }

    fn tick(&mut self) {
        let step = self.runner.tick(self.now);
        self.take(step);
    }

    fn take(&mut self, step: Step<S::Machine>) {
        self.tell(step.replies);
        if step.records.is_empty() {
            return;
        }
        self.log.extend(step.records.iter().map(S::reread));
        self.uncommitted.push_back(self.log.len());
        match &mut self.crash {
            Some(Crash { after: 0, kept }) => {
                let kept = *kept;
                self.crash = None;
                self.depose(kept);
            }
            Some(crash) => {
                crash.after -= 1;
                self.appended();
            }
            None => self.appended(),
        }
    }

    fn appended(&mut self) {
        self.runner.appended(self.log.len() as i64);
        if !self.lags {
            self.commit_all();
        }
    }

    fn release(&mut self) {
        let replies = self.runner.committed(self.committed as i64);
        self.tell(replies);
    }

    fn tell(&mut self, replies: Vec<Answer<ResponseOf<S>>>) {
        for Answer { token, response } in replies {
            assert!(self.answers.insert(token, response).is_none(), "answered twice: {token:?}");
        }
    }
}

#[cfg(test)]
mod tests {
    use ottla_machine::{Decision, Offset};

    use super::*;

    /// Adds up; whoever asks is told the sum.
    struct Sum(i64);
    struct Sums;

    impl Subject for Sums {
        type Machine = Sum;

        fn start(&self) -> Sum {
            Sum(0)
        }

        fn reread(record: &i64) -> i64 {
            *record
        }
    }

    impl Machine for Sum {
        type Request = i64;
        type Response = i64;
        type Record = i64;
        type Touch = ();

        fn decide(&self, token: Token, by: i64, _now: Millis) -> Decision<Self> {
            let mut decision = Decision::answer(token, self.0 + by);
            if by != 0 {
                decision.records.push(by);
            }
            decision
        }

        fn expire(&self, _now: Millis) -> Decision<Self> {
            Decision::nothing()
        }

        fn next_deadline(&self) -> Option<Millis> {
            None
        }

        fn apply(&mut self, _offset: Offset, by: &i64) {
            self.0 += by;
        }

        fn touch(&mut self, _touch: ()) {}
    }

    #[test]
    fn what_lags_is_answered_once_it_is_committed() {
        let mut trial = Trial::new(Sums, 0);
        let at_once = trial.ask(|_| 1);
        assert_eq!(trial.answer(at_once), Some(1));
        trial.lags = true;
        let (first, second, read) = (trial.ask(|_| 2), trial.ask(|_| 3), trial.ask(|_| 0));
        assert_eq!((trial.answer(first), trial.answer(read)), (None, None));
        trial.commit_appends(1);
        assert_eq!((trial.answer(first), trial.answer(second)), (Some(3), None));
        trial.commit_all();
        assert_eq!((trial.answer(second), trial.answer(read)), (Some(6), Some(6)));
    }

    #[test]
    fn a_new_leader_has_what_is_committed_and_the_oldest_of_the_rest() {
        for (kept, sum) in [(0, 1), (1, 3), (2, 6), (usize::MAX, 6)] {
            let mut trial = Trial::new(Sums, 0);
            trial.ask(|_| 1);
            trial.lags = true;
            let lost = trial.ask(|_| 2);
            trial.ask(|_| 3);
            trial.depose(kept);
            assert_eq!(trial.machine().0, sum, "{kept} kept");
            trial.commit_all();
            assert_eq!(trial.answer(lost), None, "nobody is answered by the next leader");
        }
    }

    #[test]
    fn a_crash_comes_at_its_append() {
        for (kept, sum) in [(0, 1), (1, 3)] {
            let mut trial = Trial::new(Sums, 0);
            trial.crash = Some(Crash { after: 1, kept });
            let (first, second) = (trial.ask(|_| 1), trial.ask(|_| 2));
            assert_eq!(trial.crashes, 1);
            assert_eq!((trial.answer(first), trial.answer(second)), (None, None));
            assert_eq!(trial.machine().0, sum, "{kept} kept");
        }
    }
}
