//! Asks cases of both sides and counts.

use super::Outcome;
use super::book::{Case, Mode, Step};
use super::compare::{Difference, differences};
use super::expected::Expected;
use super::side::{Pair, Side};
use anyhow::{Result, bail};
use ottla_wire::ApiKey;
use ottla_wire::codec::Tree;
use std::thread;
use std::time::{Duration, Instant};

/// Kafka's broker learns of a change a moment after its controller has answered. A request that
/// only reads is asked again until both sides agree, for this long.
const SETTLE: Duration = Duration::from_secs(10);
const SETTLE_PAUSE: Duration = Duration::from_millis(20);

/// How long a step that waits for something waits.
const PATIENCE: Duration = Duration::from_secs(5);

/// The codes of coordinators at work: CONCURRENT_TRANSACTIONS, COORDINATOR_LOAD_IN_PROGRESS,
/// COORDINATOR_NOT_AVAILABLE and NOT_COORDINATOR.
const AT_WORK: [i16; 4] = [51, 14, 15, 16];

/// Requests that change nothing.
const READING: [ApiKey; 18] = [
    ApiKey::ListOffsets,
    ApiKey::Metadata,
    ApiKey::OffsetFetch,
    ApiKey::FindCoordinator,
    ApiKey::DescribeGroups,
    ApiKey::ListGroups,
    ApiKey::OffsetForLeaderEpoch,
    ApiKey::DescribeConfigs,
    ApiKey::DescribeLogDirs,
    ApiKey::ListPartitionReassignments,
    ApiKey::DescribeCluster,
    ApiKey::DescribeProducers,
    ApiKey::DescribeTransactions,
    ApiKey::ListTransactions,
    ApiKey::ListConfigResources,
    ApiKey::DescribeTopicPartitions,
    ApiKey::ApiVersions,
    // It renews a session, and may find out only now that somebody has joined.
    ApiKey::Heartbeat,
];

/// A run over cases.
pub struct Play {
    expected: Vec<Expected>,
    verbose: bool,
    outcome: Outcome,
}

impl Play {
    pub fn new(expected: Vec<Expected>, verbose: bool) -> Play {
        Play { expected, verbose, outcome: Outcome::default() }
    }

    /// Asks every step of a case, also after one that differs.
    pub fn case(&mut self, pair: &mut Pair, case: &Case) -> Result<()> {
        for side in [&mut pair.kafka, &mut pair.ottla] {
            side.symbols.forget();
        }
        for step in &case.steps {
            let place = format!("{} / {} ({} v{})", case.name, step.name, step.api, step.version);
            let Some(found) = self.step(pair, case, step)? else { continue };
            let unexplained = self.judge(case, step, &found);
            if self.verbose && unexplained.is_empty() {
                println!("ok   {place}");
            }
            if unexplained.is_empty() {
                self.outcome.passed += 1;
                continue;
            }
            self.outcome.failed += 1;
            println!("DIFF {place}");
            for difference in unexplained {
                println!("     {difference}");
            }
        }
        for (name, side) in [("kafka", &pair.kafka), ("ottla", &pair.ottla)] {
            if !side.alive() {
                bail!("{name} ended in case {}:\n{}", case.name, side.log());
            }
        }
        Ok(())
    }

    /// Counts explanations that explained nothing, if every case was asked.
    pub fn close(mut self, everything: bool) -> Outcome {
        for expected in self.expected.iter().filter(|expected| everything && !expected.used) {
            println!("UNUSED {expected}: nothing differs like this any more");
            self.outcome.failed += 1;
        }
        self.outcome
    }

    /// The differences of one step; `None` when it was not asked or not answered yet.
    fn step(&self, pair: &mut Pair, case: &Case, step: &Step) -> Result<Option<Vec<Difference>>> {
        let listed = |side: &super::side::Side| {
            side.versions
                .get(&step.api.number())
                .is_some_and(|versions| versions.contains(&step.version))
        };
        let both = listed(&pair.kafka) && listed(&pair.ottla);
        if !(step.any_version || both) {
            return Ok(None);
        }
        let deadline = Instant::now() + SETTLE;
        loop {
            let symbols = (pair.kafka.symbols.clone(), pair.ottla.symbols.clone());
            let Some(found) = self.once(pair, step)? else { return Ok(None) };
            let may_settle = step.mode == Mode::Ask && READING.contains(&step.api);
            let settled = !may_settle
                || Instant::now() > deadline
                || self.unexplained(case, step, &found).next().is_none();
            if settled {
                return Ok(Some(found));
            }
            (pair.kafka.symbols, pair.ottla.symbols) = symbols;
            thread::sleep(SETTLE_PAUSE);
        }
    }

    fn once(&self, pair: &mut Pair, step: &Step) -> Result<Option<Vec<Difference>>> {
        let Pair { kafka, ottla } = pair;
        let mut trees = Vec::new();
        for side in [&mut *kafka, &mut *ottla] {
            if side.send(step)?.is_none() {
                return Ok(None);
            }
        }
        if step.mode == Mode::Begin {
            return Ok(None);
        }
        let mut mistakes = Vec::new();
        for (name, side) in [("kafka", kafka), ("ottla", ottla)] {
            let tree = at_last(side, step)?;
            let learned = side.learn(step, &tree);
            let missing =
                side.known.take_missing().into_iter().map(|name| format!("unknown {name}"));
            mistakes.extend(missing.chain(learned.err()).map(|reason| Difference {
                path: format!("the case on {name}"),
                kafka: reason,
                ottla: String::new(),
            }));
            trees.push(side.symbols.apply(&side.known, &tree));
        }
        if self.verbose {
            println!("     {}", super::compare::shown("", &trees[0]));
        }
        mistakes.extend(differences(step.api, &trees[0], &trees[1]));
        Ok(Some(mistakes))
    }

    fn unexplained<'d>(
        &'d self,
        case: &'d Case,
        step: &'d Step,
        found: &'d [Difference],
    ) -> impl Iterator<Item = &'d Difference> {
        found.iter().filter(move |difference| {
            !self.expected.iter().any(|expected| expected.explains(case, step, difference))
        })
    }

    /// The differences that nothing explains; marks the explanations that did.
    fn judge(&mut self, case: &Case, step: &Step, found: &[Difference]) -> Vec<Difference> {
        let mut unexplained = Vec::new();
        for difference in found {
            let explanation =
                self.expected.iter_mut().find(|expected| expected.explains(case, step, difference));
            match explanation {
                Some(expected) => {
                    expected.used = true;
                    if self.verbose {
                        println!("     expected: {difference}");
                    }
                }
                None => unexplained.push(difference.clone()),
            }
        }
        unexplained
    }
}

/// A side's answer; when the step waits for something, the one that has it.
fn at_last(side: &mut Side, step: &Step) -> Result<Tree> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let tree = side.receive(step)?.into_tree();
        if Instant::now() > deadline || !is_early(step, &tree) {
            return Ok(tree);
        }
        thread::sleep(SETTLE_PAUSE);
        side.send(step)?;
    }
}

/// Whether an answer comes before what the step waits for.
fn is_early(step: &Step, tree: &Tree) -> bool {
    let leaves = tree.leaves();
    let at_work = |leaf: &(String, &Tree)| {
        leaf.0.ends_with("errorCode") && AT_WORK.iter().any(|code| *leaf.1 == Tree::from(*code))
    };
    let missing = step.until.as_ref().is_some_and(|(path, text)| {
        !leaves.iter().any(|(place, value)| place == path && reads(value, text))
    });
    missing || (step.patient && leaves.iter().any(at_work))
}

/// Whether a value is the one that a case names by its text.
fn reads(value: &Tree, text: &str) -> bool {
    match value {
        Tree::Bool(value) => value.to_string() == text,
        Tree::Integer(number) => number.to_string() == text,
        Tree::Text(value) => value == text,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::reads;
    use ottla_wire::codec::Tree;

    #[test]
    fn a_case_names_numbers_and_booleans_by_their_text() {
        assert!(reads(&Tree::Integer(2), "2") && !reads(&Tree::Integer(12), "2"));
        assert!(reads(&Tree::Bool(true), "true") && !reads(&Tree::Bool(false), "true"));
        assert!(reads(&Tree::from(&"Empty".to_owned()), "Empty"));
        assert!(!reads(&Tree::Null, "null"));
    }
}
