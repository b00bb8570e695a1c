//! Lives of a node between crashes: start, check, work, end.
//!
//! The node is a log directory and its logs, driven as the broker drives them. It is killed or loses
//! its power in the middle of anything, recovery included.
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use ottla_log::{
    Error, LoadOptions, Log, LogConfig, LogDirectory, OffsetsByPartition, TopicPartition,
};
use ottla_world::Disk;
use ottla_world::memory::{Faults, MemoryDisk};

use crate::check::{self, Promise};
use crate::dice::Dice;
use crate::history::History;
use crate::scenario::{EPOCH_MS, Scenario};

const DIRECTORY: &str = "/data";
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
    /// The last loss of power is not looked into yet.
    is_unchecked: bool,
    /// A sync has failed since the power was on: the page cache is not to be trusted.
    pub(crate) sync_failed: bool,
}

/// What happened at the end of a life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    Closed,
    Killed,
    PowerLost,
}

impl Simulation {
    /// What this seed decides.
    pub fn new(seed: u64) -> Simulation {
        let dice = Dice::new(seed);
        let scenario = Scenario::new(&dice);
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
            sync_failed: false,
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
        }
        let lived = self.start(before).and_then(|()| {
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
        Ok(self.end(closed))
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
            short_one_in: one_in(10),
            capacity_bytes: if dice.one_in(4) { 1 + dice.below(60_000) } else { 0 },
            ..Faults::default()
        };
        self.sync_failed |= faults.sync_error_one_in > 0;
        self.faults = true;
        self.disk.set_faults(faults);
    }

    /// An error ends the life if it was to be expected, and the run otherwise.
    pub(crate) fn fault(&self, doing: &str, error: &dyn std::error::Error) -> Stop {
        if self.faults {
            return Stop::Fault;
        }
        let cause = error.source().map(|cause| format!(": {cause}")).unwrap_or_default();
        Stop::Wrong(format!("{doing} fails: {error}{cause}"))
    }

    fn start(&mut self, before: Ending) -> Result<(), Stop> {
        self.tell(|| format!("starts with {}", self.files()));
        let disk: Arc<dyn Disk> = Arc::new(self.disk.clone());
        let fault = |doing: &str, error: &Error| self.fault(doing, error);
        let directory = LogDirectory::open(disk, Path::new(DIRECTORY))
            .map_err(|error| fault("opening the directory", &error))?;
        let configs: BTreeMap<&TopicPartition, &Arc<LogConfig>> =
            self.partitions.iter().map(|partition| (&partition.name, &partition.config)).collect();
        let options = LoadOptions {
            config_for: &|name| Arc::clone(configs[name]),
            threads: 1,
            now_ms: self.now_ms,
        };
        let loaded = directory.load(&options).map_err(|error| fault("loading", &error))?;
        if let Some((name, error)) = loaded.failed.first() {
            return Err(fault(&format!("loading {name}"), error));
        }
        let cleaned = directory.cleaned_offsets();
        let cleaned = cleaned.map_err(|error| fault("reading how far is cleaned", &error))?;
        let mut logs: BTreeMap<TopicPartition, Log> =
            loaded.logs.into_iter().map(|log| (log.partition().clone(), log)).collect();
        self.cleaned = cleaned;
        for index in 0..self.partitions.len() {
            let name = &self.partitions[index].name;
            let log = match logs.remove(name) {
                Some(log) => log,
                None => self.create(&directory, index)?,
            };
            self.check_survivors(index, &log, before)?;
            let partition = &mut self.partitions[index];
            // The controller has elected a leader anew.
            partition.history.leader_epoch += 1;
            partition.log = Some(log);
        }
        self.directory = Some(directory);
        self.is_unchecked = false;
        Ok(())
    }

    /// What lies in the partitions' directories.
    fn files(&self) -> String {
        let mut listed = Vec::new();
        for partition in &self.partitions {
            let directory = Path::new(DIRECTORY).join(partition.name.to_string());
            for entry in self.disk.read_dir(&directory).unwrap_or_default() {
                let path = directory.join(&entry.name);
                let len = self.disk.metadata(&path).map_or(0, |metadata| metadata.len);
                listed.push(format!("{}/{} ({len})", partition.name, entry.name));
            }
        }
        listed.join(", ")
    }

    fn create(&mut self, directory: &LogDirectory, index: usize) -> Result<Log, Stop> {
        let Partition { name, config, history, .. } = &mut self.partitions[index];
        if history.synced > 0 {
            return Err(Stop::Wrong(format!("{name} is gone, flushed to {}", history.synced)));
        }
        history.start_over(0);
        let created = directory.create_log(name, None, Arc::clone(config), self.now_ms);
        created.map_err(|error| self.fault("creating a log", &error))
    }

    fn check_survivors(&mut self, index: usize, log: &Log, before: Ending) -> Result<(), Stop> {
        let history = &mut self.partitions[index].history;
        let end = match before {
            Ending::Closed | Ending::Killed => history.acked_end(),
            Ending::PowerLost => history.synced,
        };
        let promise =
            Promise { end, is_alive: false, names_in_order: self.scenario.names_in_order };
        let checked = check::check(log, history, promise, &self.dice);
        self.tell(|| {
            let (start, end) = (log.log_start_offset(), log.log_end_offset());
            format!("partition {index} starts: {start} to {end}, promised {promise:?}")
        });
        match checked {
            Ok(_) => Ok(()),
            Err(_) if self.disk.is_stopped() => Err(Stop::Fault),
            Err(wrong) => Err(Stop::Wrong(format!("{}: {wrong}", self.partitions[index].name))),
        }
    }

    fn work(&mut self) -> Result<(), Stop> {
        let steps = self.dice.below(self.scenario.steps_max) + 1;
        for step in 0..steps {
            let index = self.dice.below(self.partitions.len() as u64) as usize;
            self.tell(|| format!("step {step}, partition {index}"));
            self.step(index).map_err(|stop| match stop {
                Stop::Wrong(wrong) => Stop::Wrong(format!("step {step}: {wrong}")),
                Stop::Fault => Stop::Fault,
            })?;
        }
        Ok(())
    }

    /// Closes every log as the broker does; false when the disk failed meanwhile.
    fn close(&mut self) -> Result<bool, Stop> {
        match self.close_all() {
            Ok(()) => Ok(true),
            Err(Stop::Fault) => Ok(false),
            Err(wrong) => Err(wrong),
        }
    }

    fn close_all(&mut self) -> Result<(), Stop> {
        let Some(directory) = self.directory.take() else { return Err(Stop::Fault) };
        let mut high_watermarks = BTreeMap::new();
        let mut recovery_points = BTreeMap::new();
        let mut log_starts = BTreeMap::new();
        for index in 0..self.partitions.len() {
            let Some(mut log) = self.partitions[index].log.take() else { continue };
            let name = self.partitions[index].name.clone();
            high_watermarks.insert(name.clone(), log.high_watermark());
            if log.log_start_is_within_segment() {
                log_starts.insert(name.clone(), log.log_start_offset());
            }
            let closed = log.close(self.now_ms);
            let point = closed.map_err(|error| self.fault("closing", &error))?;
            self.partitions[index].history.synced = point;
            recovery_points.insert(name, point);
        }
        for partition in &mut self.partitions {
            let kept = &mut partition.history.log_start_kept;
            *kept = (*kept).min(log_starts.get(&partition.name).copied().unwrap_or(0));
        }
        let written = directory
            .checkpoint_high_watermarks(&high_watermarks)
            .and_then(|()| directory.checkpoint_recovery_points(&recovery_points))
            .and_then(|()| directory.checkpoint_log_start_offsets(&log_starts))
            .and_then(|()| directory.mark_clean_shutdown(1));
        written.map_err(|error| self.fault("writing the last checkpoints", &error))?;
        for partition in &mut self.partitions {
            let start = log_starts.get(&partition.name);
            partition.history.log_start_kept = start.copied().unwrap_or(0);
        }
        self.report.closes += 1;
        Ok(())
    }

    /// Takes the node down. After a sync has failed only losing the power makes the page cache
    /// honest again.
    fn end(&mut self, closed: bool) -> Ending {
        for partition in &mut self.partitions {
            partition.log = None;
        }
        self.directory = None;
        let ending = if !self.sync_failed && self.dice.one_in(2) {
            self.disk.kill();
            self.report.kills += u64::from(!closed);
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
        self.faults = false;
        self.sync_failed = false;
        self.now_ms += 1 + self.dice.below(100_000) as i64;
        ending
    }
}
