//! One step of a life: what the dice show.
use ottla_log::{Durability, Log};

use crate::check::{self, Promise};
use crate::history::History;
use crate::simulation::{Partition, Simulation, Stop};

impl Simulation {
    /// Does something with a partition.
    pub(crate) fn step(&mut self, index: usize) -> Result<(), Stop> {
        if self.scenario.durability == Durability::Fsync && self.dice.one_in(4) {
            return self.commit();
        }
        let roll = self.dice.below(100);
        self.tell(|| format!("  dice show {roll}"));
        match roll {
            0..36 => self.produce(index),
            36..44 => self.end_transaction(index),
            44..48 => self.send_again(index),
            48..50 => self.skip_a_sequence(index),
            50..54 => self.replicate(index),
            54..62 => self.flush(index),
            62..65 => self.roll(index),
            65..68 => self.truncate(index),
            68..71 => self.delete_records(index),
            71..75 => self.retain(index),
            75..82 => self.compact(index),
            82..85 => self.lead(index),
            85..90 => self.checkpoint(),
            90..94 => {
                self.now_ms += self.dice.pick(&[1, 1_000, 120_000, 3_600_000]);
                Ok(())
            }
            94..96 => self.reconfigure(index),
            96 => self.expire(index),
            97..99 => self.look(index),
            _ => {
                if self.dice.one_in(3) {
                    self.fail_sometimes();
                }
                Ok(())
            }
        }
    }

    /// The log of a partition that is up, and its history.
    pub(super) fn open(&mut self, index: usize) -> Result<(&mut Log, &mut History), Stop> {
        let Partition { log, history, .. } = &mut self.partitions[index];
        Ok((log.as_mut().ok_or(Stop::Fault)?, history))
    }

    /// While nobody has crashed the log is what was sent, all of it.
    pub(super) fn look(&mut self, index: usize) -> Result<(), Stop> {
        let now_ms = self.now_ms;
        let checked = self.undisturbed(|simulation| {
            let Partition { log, history, name, .. } = &mut simulation.partitions[index];
            let log = log.as_ref().ok_or(Stop::Fault)?;
            let promise =
                Promise { end: history.end, is_alive: true, names_in_order: true, now_ms };
            let checked = check::check(log, history, promise, &simulation.dice);
            checked.map_err(|wrong| Stop::Wrong(format!("{name}: {wrong}")))
        });
        match checked {
            Ok(_) => Ok(()),
            Err(_) if self.disk.is_stopped() => Err(Stop::Fault),
            Err(stop) => Err(stop),
        }
    }
}
