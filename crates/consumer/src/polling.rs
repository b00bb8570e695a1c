//! What a poll does: hear what tasks report, begin what must be begun, hand out records.

use std::collections::BTreeSet;
use std::time::Duration;

use ottla_cluster::cluster::{Backoff, Topics};
use ottla_cluster::{Error, TopicPartition};
use ottla_wire::ErrorCode;
use tokio::time::Instant;

use super::client::{Consumer, Event, Task, not_assigned};
use super::record::ConsumerRecord;

/// A poll that waits looks again after this long at what time alone changes.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// Fetching metadata: one request at a time, and not too often while it does not help.
#[derive(Default)]
pub(super) struct Refreshing {
    under_way: Option<Task>,
    in_vain: u32,
    not_before: Option<Instant>,
}

impl Consumer {
    /// Waits at most `timeout` for records. Must be called again within `max.poll.interval.ms` by a member of a group.
    ///
    /// Dropping the future loses nothing: that is how a poll is interrupted.
    pub async fn poll(&mut self, timeout: Duration) -> Result<Vec<ConsumerRecord>, Error> {
        if self.subscribed.is_none() && self.positions.assigned().is_empty() {
            let detail = "Consumer is not subscribed to any topics or assigned any partitions";
            return Err(super::client::misuse(detail.to_owned()));
        }
        let deadline = deadline(timeout);
        loop {
            if let Some(membership) = &self.membership {
                membership.polled();
            }
            while let Ok(event) = self.events.try_recv() {
                self.take_in(event)?;
            }
            self.step_group()?;
            self.step_metadata();
            self.step_search();
            self.step_auto_commit();
            let records = self.fetcher.read(&mut self.positions, &self.config)?;
            self.fetcher.send(&self.positions, &self.config);
            if !records.is_empty() {
                return Ok(records);
            }
            if Instant::now() >= deadline {
                return Ok(records);
            }
            self.hear(deadline).await?;
        }
    }

    /// The offset that is read next, waited for if it must be looked up first.
    pub async fn position(&mut self, partition: &TopicPartition) -> Result<i64, Error> {
        let limit = self.config.client.api_timeout;
        let deadline = deadline(limit);
        loop {
            let reading = self.positions.get(partition).ok_or_else(|| not_assigned(partition))?;
            if let Ok(position) = reading.state {
                return Ok(position.offset);
            }
            if Instant::now() >= deadline {
                return Err(Error::Timeout {
                    operation: format!("finding the position of {partition}"),
                    timeout_ms: u64::try_from(limit.as_millis()).unwrap_or(u64::MAX),
                    last: None,
                });
            }
            self.step_metadata();
            self.step_search();
            self.hear(deadline).await?;
        }
    }

    /// Waits for the next report, at most until `deadline`.
    async fn hear(&mut self, deadline: Instant) -> Result<(), Error> {
        let mut until = deadline.min(Instant::now() + LOOK_AGAIN);
        if let Some(not_before) = self.refreshing.not_before.filter(|at| *at > Instant::now()) {
            until = until.min(not_before);
        }
        if self.config.auto_commit.is_some() {
            until = until.min(self.auto_commit_at.max(Instant::now() + Duration::from_millis(10)));
        }
        match tokio::time::timeout_at(until, self.events.recv()).await {
            Ok(Some(event)) => self.take_in(event),
            Ok(None) | Err(_) => Ok(()),
        }
    }

    fn take_in(&mut self, event: Event) -> Result<(), Error> {
        match event {
            Event::Fetched(answer) => {
                self.fetcher.answered(answer, &mut self.positions, &self.config)
            }
            Event::Found(outcome) => {
                self.searching = None;
                match outcome {
                    Ok(found) => {
                        for (key, version, position) in found {
                            let reading = self.positions.get(&key);
                            if reading.is_some_and(|reading| reading.version == version) {
                                self.positions.set(&key, Ok(position));
                            }
                        }
                        Ok(())
                    }
                    Err(error) => passing(error, "positions could not be found"),
                }
            }
            Event::Refreshed(outcome) => {
                self.refreshing.under_way = None;
                self.refreshed(outcome)
            }
            Event::Joined(number, outcome) => self.joined(number, outcome),
            Event::Reconciled(number) => {
                self.reconciled(number);
                Ok(())
            }
            Event::GroupChanged => Ok(()),
        }
    }

    /// Fetches metadata when it is old, or lacks what is wanted.
    fn step_metadata(&mut self) {
        let wanted = self.wanted_topics();
        let is_pattern = self.subscribed.as_ref().is_some_and(|own| own.is_pattern());
        let unresolved = self.unresolved_topics();
        if wanted.is_empty() && unresolved.is_empty() && !is_pattern {
            return;
        }
        let knows_wanted = self.knows(&wanted);
        if knows_wanted && unresolved.is_empty() {
            self.refreshing.in_vain = 0;
            self.refreshing.not_before = None;
            if self.cluster.is_fresh() {
                return;
            }
        }
        let early = self.refreshing.not_before.is_some_and(|at| Instant::now() < at);
        if self.refreshing.under_way.is_some() || early {
            return;
        }
        self.refreshing.in_vain += 1;
        let client = &self.config.client;
        let backoff = Backoff::new(client.retry_backoff, client.retry_backoff_max);
        let chance = self.cluster.random().next_u64();
        let pause = backoff.after(self.refreshing.in_vain, chance);
        self.refreshing.not_before = Some(Instant::now() + pause);
        let (cluster, reports) = (self.cluster.clone(), self.reports.clone());
        let create = self.config.create_topics;
        // Names and ids can't be asked for in one request.
        let by_id =
            !unresolved.is_empty() && (knows_wanted || self.refreshing.in_vain.is_multiple_of(2));
        self.refreshing.under_way = Some(Task::new(async move {
            let names: Vec<&str> = wanted.iter().map(String::as_str).collect();
            let topics = match by_id {
                true => Topics::WithIds(&unresolved),
                false if is_pattern => Topics::All,
                false => Topics::Named { names: &names, create },
            };
            let outcome = cluster.refresh_once(topics).await.map(|_| ());
            // The consumer is gone when nobody listens.
            let _ = reports.send(Event::Refreshed(outcome)).await;
        }));
    }

    fn refreshed(&mut self, outcome: Result<(), Error>) -> Result<(), Error> {
        if let Err(error) = outcome {
            return passing(error, "metadata could not be fetched");
        }
        let image = self.cluster.metadata();
        let wanted = self.wanted_topics();
        if let Some(refusal) = image.refusal(wanted.iter().map(String::as_str)) {
            return Err(refusal.into());
        }
        for topic in &wanted {
            if let Some(code) = image.refused.get(topic.as_str()) {
                tracing::warn!(%topic, code = code.name(), "the topic can't be read yet");
            }
        }
        self.topics_changed(&image);
        Ok(())
    }

    /// Topics that metadata must tell of.
    fn wanted_topics(&self) -> BTreeSet<String> {
        let mut wanted: BTreeSet<String> =
            self.positions.iter().map(|(key, _)| key.topic.to_string()).collect();
        if let Some(subscribed) = &self.subscribed {
            wanted.extend(subscribed.topics_of_interest().cloned());
        }
        wanted
    }

    /// Whether metadata tells of these topics, and of a leader for each partition that is read.
    fn knows(&self, topics: &BTreeSet<String>) -> bool {
        let image = self.cluster.metadata();
        topics.iter().all(|topic| image.topic(topic).is_some())
            && self.positions.iter().all(|(key, _)| image.leader(key).is_ok())
    }

    /// Looks up positions of partitions that could be read if they had one.
    fn step_search(&mut self) {
        if self.searching.is_some() {
            return;
        }
        let image = self.cluster.metadata();
        let mut needy = self.positions.needy();
        needy.retain(|(key, ..)| image.leader(key).is_ok());
        if needy.is_empty() {
            return;
        }
        let (search, reports) = (self.search(), self.reports.clone());
        self.searching = Some(Task::new(async move {
            let outcome = search.find(needy).await;
            // The consumer is gone when nobody listens.
            let _ = reports.send(Event::Found(outcome)).await;
        }));
    }
}

/// Lets pass, with a word in the log, what a later attempt may mend.
fn passing(error: Error, what: &str) -> Result<(), Error> {
    let is_old = error.code() == Some(ErrorCode::UnsupportedVersion);
    match error {
        Error::Timeout { .. } => {}
        error if !error.is_retriable() || is_old => return Err(error),
        _ => {}
    }
    tracing::warn!("{what}; trying again");
    Ok(())
}

/// Far enough away if `timeout` is longer than time can tell.
fn deadline(timeout: Duration) -> Instant {
    const YEAR: Duration = Duration::from_hours(24 * 365);
    Instant::now() + timeout.min(YEAR)
}
