//! The node between its start and its end: a directory, its logs and its journal.
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use ottla_log::{Durability, Error, LoadOptions, Log, LogConfig, LogDirectory, TopicPartition};
use ottla_wire::Uuid;
use ottla_world::Disk;

use crate::check::{self, Promise};
use crate::simulation::{Ending, Partition, Simulation, Stop};

pub(crate) const DIRECTORY: &str = "/data";
const DIRECTORY_ID: Uuid = Uuid::from_halves(7, 7);
/// Names the logs in the journal.
const TOPIC_ID: Uuid = Uuid::from_halves(1, 1);

impl Simulation {
    pub(crate) fn start(&mut self, before: Ending) -> Result<(), Stop> {
        self.tell(|| format!("starts with {}", self.files()));
        let disk: Arc<dyn Disk> = Arc::new(self.disk.clone());
        let fault = |doing: &str, error: &Error| self.fault(doing, error);
        let mut directory = LogDirectory::open(disk, Path::new(DIRECTORY))
            .map_err(|error| fault("opening the directory", &error))?;
        if self.scenario.durability == Durability::Fsync {
            let journal = directory.open_journal(DIRECTORY_ID, self.scenario.journal);
            journal.map_err(|error| fault("opening the journal", &error))?;
        }
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
                Some(log) => self.with_topic_id(log)?,
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

    fn topic_id(&self) -> Option<Uuid> {
        (self.scenario.durability == Durability::Fsync).then_some(TOPIC_ID)
    }

    /// A crash may have taken the id of a log that held nothing durable: the metadata tells it again.
    fn with_topic_id(&self, mut log: Log) -> Result<Log, Stop> {
        match self.topic_id().filter(|_| log.topic_id().is_none()) {
            None => Ok(log),
            Some(id) => match log.assign_topic_id(id) {
                Ok(()) => Ok(log),
                Err(error) => Err(self.fault("naming a log's topic", &error)),
            },
        }
    }

    fn create(&mut self, directory: &LogDirectory, index: usize) -> Result<Log, Stop> {
        let topic_id = self.topic_id();
        let Partition { name, config, history, .. } = &mut self.partitions[index];
        if history.synced > 0 {
            return Err(Stop::Wrong(format!("{name} is gone, flushed to {}", history.synced)));
        }
        history.start_over(0);
        let created = directory.create_log(name, topic_id, Arc::clone(config), self.now_ms);
        created.map_err(|error| self.fault("creating a log", &error))
    }

    fn check_survivors(&mut self, index: usize, log: &Log, before: Ending) -> Result<(), Stop> {
        let history = &self.partitions[index].history;
        let end = match before {
            Ending::Closed | Ending::Killed => history.acked_end(),
            Ending::PowerLost => history.synced,
        };
        let promise = Promise {
            end,
            is_alive: false,
            names_in_order: self.scenario.names_in_order,
            now_ms: self.now_ms,
        };
        let checked = self.undisturbed(|simulation| {
            let history = &mut simulation.partitions[index].history;
            check::check(log, history, promise, &simulation.dice)
        });
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

    /// Closes every log as the broker does; false when the disk failed meanwhile.
    pub(crate) fn close(&mut self) -> Result<bool, Stop> {
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
            // One that has failed is not closed in order, and neither is the directory.
            let Some(mut log) = self.partitions[index].log.take() else { return Err(Stop::Fault) };
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
        let journal = directory.journal();
        let written = directory
            .checkpoint_high_watermarks(&high_watermarks)
            .and_then(|()| directory.checkpoint_recovery_points(&recovery_points))
            .and_then(|()| directory.checkpoint_log_start_offsets(&log_starts))
            .and_then(|()| journal.map_or(Ok(()), |journal| Ok(journal.close()?)))
            .and_then(|()| directory.mark_clean_shutdown(1));
        written.map_err(|error| self.fault("writing the last checkpoints", &error))?;
        for partition in &mut self.partitions {
            let start = log_starts.get(&partition.name);
            partition.history.log_start_kept = start.copied().unwrap_or(0);
        }
        self.report.closes += 1;
        Ok(())
    }
}
