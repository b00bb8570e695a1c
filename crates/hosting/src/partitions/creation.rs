//! Creating the logs of many partitions, after whoever asked for them has got an answer.
//!
//! A log is a directory and a few files: ten thousand of them take seconds. Beyond a few, partitions are
//! *planned*. One thread creates their logs in order, and whoever comes for a partition before it is
//! there creates its log on the way: nobody meets a partition that is not there yet.

use std::collections::VecDeque;
use std::sync::Arc;
use std::thread::JoinHandle;

use ottla_wire::Uuid;
use parking_lot::Mutex;

use super::reconcile::Change;
use super::{Hosted, HostedTopic, Partitions};

/// So many logs are created before a change of the metadata counts as taken over.
pub(super) const AT_ONCE: usize = 64;

/// When the log of a new partition is created.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Creating {
    Now,
    Soon,
}

/// Logs to be created.
#[derive(Debug, Default)]
pub(super) struct Creation {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    planned: VecDeque<(Uuid, i32)>,
    thread: Option<JoinHandle<()>>,
    is_running: bool,
    is_stopped: bool,
}

impl Creation {
    pub(super) fn plan(&self, topic: Uuid, index: i32) {
        self.state.lock().planned.push_back((topic, index));
    }

    /// The next log to create; `None` ends the thread.
    fn next(&self) -> Option<(Uuid, i32)> {
        let mut state = self.state.lock();
        let next = state.planned.pop_front();
        state.is_running = next.is_some();
        next
    }

    fn is_stopped(&self) -> bool {
        self.state.lock().is_stopped
    }
}

impl Partitions {
    /// Has planned logs created by a thread of their own.
    pub(super) fn create_planned(self: &Arc<Self>) {
        let mut state = self.creation.state.lock();
        if state.planned.is_empty() || state.is_running || state.is_stopped {
            return;
        }
        let partitions = Arc::clone(self);
        let run = move || {
            while let Some((topic, index)) = partitions.creation.next() {
                if let Some(topic) = partitions.topic_by_id(topic) {
                    partitions.place_of(&topic, index);
                }
            }
        };
        match std::thread::Builder::new().name("log-creation".to_owned()).spawn(run) {
            Ok(thread) => {
                state.is_running = true;
                state.thread = Some(thread);
            }
            // The next change tries again, and whoever needs a log meanwhile creates it.
            Err(error) => tracing::error!(%error, "no thread can be started to create logs"),
        }
    }

    /// Where a partition is. A planned one is created first.
    pub(super) fn place_of(&self, topic: &HostedTopic, index: i32) -> Hosted {
        match topic.place(index) {
            Hosted::Planned => self.create_planned_at(topic, index),
            place => place,
        }
    }

    #[cold]
    fn create_planned_at(&self, topic: &HostedTopic, index: i32) -> Hosted {
        let _changing = self.changing.lock();
        if !matches!(topic.place(index), Hosted::Planned) || self.creation.is_stopped() {
            return topic.place(index);
        }
        let image = self.image.lock().clone();
        let known = image.as_ref().and_then(|image| Some((image, image.topics.by_id(topic.id)?)));
        match known {
            Some((image, known)) => {
                let now_ms = self.world.clock.now_ms();
                let change = Change { image, creating: Creating::Now, now_ms };
                self.take_over(known, &[index].into(), change);
            }
            None => topic.set(index, Hosted::Absent),
        }
        topic.place(index)
    }

    /// Creates nothing more: what is planned is created by the next start.
    pub(super) fn stop_creating(&self) {
        let thread = {
            let mut state = self.creation.state.lock();
            state.is_stopped = true;
            state.planned.clear();
            state.thread.take()
        };
        if thread.is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the thread that creates logs panicked");
        }
        // Whoever was creating one on the way has finished once nobody changes anything.
        drop(self.changing.lock());
    }
}

#[cfg(test)]
impl Partitions {
    /// From now on planned logs are created by nobody but those who come for them.
    fn hold_creation(&self) {
        self.creation.state.lock().is_running = true;
    }

    /// Creates what is planned, and waits for it.
    fn finish_creation(self: &Arc<Self>) {
        if self.creation.state.lock().thread.is_none() {
            self.creation.state.lock().is_running = false;
            self.create_planned();
        }
        let thread = self.creation.state.lock().thread.take();
        thread.expect("something is planned").join().expect("all is created");
    }
}

#[cfg(test)]
mod tests {
    use ottla_wire::ErrorCode;

    use super::*;
    use crate::fixture::{Fixture, START_MS};

    const MANY: i32 = 100;

    fn logs(fixture: &Fixture) -> usize {
        let folders = fixture.folders("/data").into_iter();
        folders.filter(|name| !name.ends_with("-delete")).count()
    }

    #[tokio::test]
    async fn whoever_comes_for_a_planned_partition_finds_it() {
        let mut fixture = Fixture::new();
        fixture.partitions().hold_creation();
        fixture.create("few", 2, &[]);
        assert_eq!(logs(&fixture), 2, "a few are created at once");
        fixture.create("many", MANY, &[]);
        assert_eq!((logs(&fixture), fixture.partitions().offline_count()), (2, 0));

        assert!(fixture.partition("many", 99).is_leader());
        assert!(fixture.partitions().find("many", 98, &fixture.image).is_ok());
        let unknown = fixture.partitions().find("many", MANY, &fixture.image).err();
        assert_eq!(unknown, Some(ErrorCode::UnknownTopicOrPartition));
        assert_eq!(logs(&fixture), 4);

        fixture.partitions().finish_creation();
        assert_eq!(logs(&fixture), 2 + MANY as usize);
    }

    #[tokio::test]
    async fn a_topic_that_is_deleted_meanwhile_gets_no_logs() {
        let mut fixture = Fixture::new();
        fixture.partitions().hold_creation();
        let id = fixture.create("many", MANY, &[]);
        let topic = fixture.partitions().topic("many").expect("hosted");
        fixture.delete(id);
        assert!(matches!(fixture.partitions().place_of(&topic, 0), Hosted::Absent));
        fixture.partitions().finish_creation();
        assert_eq!(logs(&fixture), 0);
    }

    #[tokio::test]
    async fn what_is_planned_when_the_broker_stops_is_created_by_the_next_start() {
        let mut fixture = Fixture::new();
        fixture.partitions().hold_creation();
        fixture.create("many", MANY, &[]);
        fixture.partition("many", 7);
        fixture.partitions().shutdown(5, START_MS);
        assert_eq!(logs(&fixture), 1);

        let Fixture { disk, clock, image, broker } = fixture;
        drop(broker);
        let fixture = Fixture::on(disk, clock, &["/data"], image.as_ref().clone());
        assert!(fixture.partition("many", 8).is_leader());
        fixture.partitions().finish_creation();
        assert_eq!(logs(&fixture), MANY as usize);
        assert_eq!(fixture.partitions().offline_count(), 0);
    }
}
