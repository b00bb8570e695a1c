//! Lives of a node between crashes: start, check, work, end.
//!
//! The node is a log directory and its logs, driven as the broker drives them. It is killed or loses
//! its power in the middle of anything, recovery included.
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use ottla_log::{
    DOUBT_FILE, Durability, Log, LogConfig, LogDirectory, OffsetsByPartition, TopicPartition,
};
use ottla_trial::Dice;
use ottla_world::Disk;
use ottla_world::memory::{Faults, MemoryDisk};

use crate::history::History;
use crate::node::DIRECTORY;
use crate::scenario::{EPOCH_MS, Scenario};

const TOPIC: &str = "topic";

/// Why a life ends.
#[derive(Debug)]
pub(crate) enum Stop {
    /// The disk failed, as it was told to.
    Fault,
    /// The log is wrong.
    Wrong(String),
}

/// How a run went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Operations of the disk.
    pub operations: u64,
    /// Batches that were acknowledged.
    pub batches: u64,
    /// Times that the power was lost.
    pub crashes: u64,
    /// Times that the process was killed.
    pub kills: u64,
    /// Times that the node was closed in order.
    pub closes: u64,
    /// Runs of the cleaner that took effect.
    pub cleanings: u64,
    /// Commits of the journal.
    pub commits: u64,
}

/// A partition: its settings, its log while the node is up, and its history.
#[derive(Debug)]
pub(crate) struct Partition {
    pub(crate) name: TopicPartition,
    pub(crate) config: Arc<LogConfig>,
    pub(crate) log: Option<Log>,
    pub(crate) history: History,
}

/// A node on a disk that fails, from a seed.
#[derive(Debug)]
pub struct Simulation {
    pub(crate) dice: Dice,
    pub(crate) disk: MemoryDisk,
    pub(crate) now_ms: i64,
    pub(crate) partitions: Vec<Partition>,
    pub(crate) directory: Option<LogDirectory>,
    pub(crate) cleaned: OffsetsByPartition,
    pub(crate) report: Report,
    pub(crate) scenario: Scenario,
    /// Tell on standard error what happens.
    is_told: bool,
    /// Errors are to be expected.
    faults: bool,
    /// Among them that a file can't be made.
    names_may_fail: bool,
    /// Those that the disk has now.
    disk_faults: Faults,
    /// The last loss of power is not looked into yet.
    pub(crate) is_unchecked: bool,
}

/// What happened at the end of a life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    Closed,
    Killed,
    PowerLost,
}

impl Simulation {
    /// What this seed decides, for logs that promise this.
    pub fn new(seed: u64, durability: Durability) -> Simulation {
        let dice = Dice::new(seed);
        let scenario = Scenario::new(&dice, durability);
        let disk = MemoryDisk::new(seed.rotate_left(17));
        let disk = if scenario.names_in_order { disk.with_names_in_order() } else { disk };
        let partitions = (0..)
            .zip(&scenario.partitions)
            .map(|(number, config)| Partition {
                name: TopicPartition::new(TOPIC, number),
                config: Arc::new(config.clone()),
                log: None,
                history: History::default(),
            })
            .collect();
        Simulation {
            dice,
            disk,
            now_ms: EPOCH_MS,
            partitions,
            directory: None,
            cleaned: BTreeMap::new(),
            report: Report::default(),
            scenario,
            is_told: false,
            is_unchecked: false,
            faults: false,
            names_may_fail: false,
            disk_faults: Faults::default(),
        }
    }

    /// Tells on standard error what happens.
    #[must_use]
    pub fn told(self) -> Simulation {
        Simulation { is_told: true, ..self }
    }

    pub(crate) fn tell(&self, what: impl FnOnce() -> String) {
        if self.is_told {
            eprintln!("{:>5} {}", self.disk.operations(), what());
        }
    }

    /// Runs every life; says what was found wrong, with the life and the step.
    pub fn run(mut self) -> Result<Report, String> {
        let mut ending = Ending::Closed;
        self.tell(|| format!("{:#?}", self.scenario));
        for life in 0..self.scenario.lives {
            ending = self.live(ending).map_err(|wrong| {
                format!("life {life} of {}, {ending:?} before: {wrong}", self.scenario.lives)
            })?;
        }
        // The last word: a start without faults.
        match self.start(ending) {
            Ok(()) => {}
            Err(Stop::Fault) => return Err("the last start fails without a fault".to_owned()),
            Err(Stop::Wrong(wrong)) => {
                return Err(format!("last start, {ending:?} before: {wrong}"));
            }
        }
        self.report.operations = self.disk.operations();
        Ok(self.report)
    }

    fn live(&mut self, before: Ending) -> Result<Ending, String> {
        if self.dice.one_in(5) {
            self.stop_soon(60);
        } else if self.dice.one_in(10) {
            // Reading fails while a start wants to know what is there: nothing may be taken for torn.
            let read_error_one_in = 1 + self.dice.below(40);
            self.set_faults(Faults { read_error_one_in, ..Faults::default() });
        } else if self.dice.one_in(12) {
            let sync_error_one_in = 1 + self.dice.below(20);
            let sync_error_stops = self.dice.one_in(2);
            self.set_faults(Faults { sync_error_one_in, sync_error_stops, ..Faults::default() });
        }
        let lived = self.start(before).and_then(|()| {
            if !self.disk.is_stopped() && self.dice.one_in(2) {
                self.set_faults(Faults::default());
            }
            if self.dice.one_in(3) {
                self.stop_soon(400);
            }
            self.work()
        });
        let is_up = match lived {
            Ok(()) => true,
            Err(Stop::Fault) => false,
            Err(Stop::Wrong(wrong)) => return Err(wrong),
        };
        let closed =
            is_up && self.dice.one_in(4) && self.close().map_err(|stop| format!("{stop:?}"))?;
        self.end(closed)
    }

    fn stop_soon(&mut self, operations: u64) {
        self.faults = true;
        self.disk.stop_after(self.dice.below(operations));
    }

    /// From now on errors happen.
    pub(crate) fn fail_sometimes(&mut self) {
        let dice = &self.dice;
        let one_in = |of: u64| if dice.one_in(2) { 0 } else { 1 + dice.below(of) };
        let faults = Faults {
            write_error_one_in: one_in(60),
            sync_error_one_in: one_in(20),
            name_error_one_in: one_in(60),
            read_error_one_in: one_in(60),
            short_one_in: one_in(10),
            capacity_bytes: if dice.one_in(4) { 1 + dice.below(60_000) } else { 0 },
            sync_says_full: dice.one_in(2),
            sync_error_stops: dice.one_in(3),
        };
        self.set_faults(faults);
    }

    fn set_faults(&mut self, faults: Faults) {
        self.faults |= faults != Faults::default();
        self.names_may_fail |= faults.name_error_one_in > 0 || faults.capacity_bytes > 0;
        self.disk_faults = faults;
        self.disk.set_faults(faults);
    }

    /// Looks at something while nothing fails.
    pub(crate) fn undisturbed<T>(&mut self, look: impl FnOnce(&mut Simulation) -> T) -> T {
        self.disk.set_faults(Faults::default());
        let seen = look(self);
        self.disk.set_faults(self.disk_faults);
        seen
    }

    /// An error ends the life if it was to be expected, and the run otherwise.
    pub(crate) fn fault(&self, doing: &str, error: &dyn std::error::Error) -> Stop {
        if self.faults {
            return Stop::Fault;
        }
        let cause = error.source().map(|cause| format!(": {cause}")).unwrap_or_default();
        Stop::Wrong(format!("{doing} fails: {error}{cause}"))
    }

    fn work(&mut self) -> Result<(), Stop> {
        let steps = self.dice.below(self.scenario.steps_max) + 1;
        for step in 0..steps {
            let index = self.dice.below(self.partitions.len() as u64) as usize;
            self.tell(|| format!("step {step}, partition {index}"));
            match self.step(index) {
                Ok(()) => {}
                Err(Stop::Wrong(wrong)) => {
                    return Err(Stop::Wrong(format!("step {step}: {wrong}")));
                }
                // One log may have failed, and others serve on.
                Err(Stop::Fault) if self.disk.is_stopped() || self.dice.one_in(2) => {
                    return Err(Stop::Fault);
                }
                Err(Stop::Fault) => self.forget_offline(),
            }
        }
        Ok(())
    }

    /// A log that has failed serves nobody.
    fn forget_offline(&mut self) {
        for partition in &mut self.partitions {
            partition.log.take_if(|log| log.is_offline());
        }
    }

    /// Takes the node down.
    fn end(&mut self, closed: bool) -> Result<Ending, String> {
        for partition in &mut self.partitions {
            partition.log = None;
        }
        self.directory = None;
        let failed_syncs = self.disk.failed_syncs();
        self.disk.kill();
        let unnoted = failed_syncs.iter().find(|path| !self.is_noted(path));
        if let Some(path) = unnoted.filter(|_| !self.names_may_fail) {
            return Err(format!("nobody is told that {} could not be synced", path.display()));
        }
        let ending = if self.dice.one_in(2) && unnoted.is_none() {
            self.report.kills += u64::from(!closed);
            // What a failed sync has forgotten is gone already, where the page cache shows it.
            self.is_unchecked |= !failed_syncs.is_empty();
            match self.is_unchecked {
                true => Ending::PowerLost,
                false if closed => Ending::Closed,
                false => Ending::Killed,
            }
        } else {
            self.disk.crash();
            self.report.crashes += 1;
            self.is_unchecked = true;
            Ending::PowerLost
        };
        self.tell(|| format!("{ending:?}"));
        self.set_faults(Faults::default());
        (self.faults, self.names_may_fail) = (false, false);
        self.now_ms += 1 + self.dice.below(100_000) as i64;
        Ok(ending)
    }

    /// Whether the next process will know that this file may show what is not on disk. Only those of a log
    /// have to be told of: others are written anew before anybody relies on them.
    fn is_noted(&self, file: &Path) -> bool {
        let name = file.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let directory = file.parent().unwrap_or(file);
        let is_unfinished = [".tmp", ".cleaned"].iter().any(|suffix| name.ends_with(suffix));
        directory == Path::new(DIRECTORY)
            || is_unfinished
            || self.disk.exists(&directory.join(DOUBT_FILE)).unwrap_or(false)
    }
}
