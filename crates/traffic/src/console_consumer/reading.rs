//! Records out of the cluster, onto standard output.

use std::collections::HashSet;
use std::io::{self, Write as _};
use std::time::{Duration, Instant};

use ottla_client::consumer::{Consumer, ConsumerConfig, ConsumerRecord};
use ottla_client::{Error, TopicPartition};
use ottla_terminal::failure::Failure;
use ottla_terminal::options::Stop;
use ottla_terminal::output;
use regex::Regex;

use super::declared::{Declared, Source, Start};
use super::formatter::Unwritable;
use super::{LOGGER, unknown_error};
use crate::interrupt::Interrupt;

/// What is formatted is written when it is this much, or when no record is at hand.
const OUTPUT_BYTES: usize = 64 * 1024;
/// A poll ends after this long, only to begin another.
const POLL: Duration = Duration::from_secs(60);
/// As Java's `close()`.
const CLOSE: Duration = Duration::from_secs(30);

/// Why reading ends.
enum End {
    Enough,
    Failed(Error),
    TimedOut,
    Asked(u8),
    Unwritable(String),
    /// Nobody reads standard output any more.
    Unheard,
}

/// Reads until it is enough; gives the exit code.
pub(super) async fn read_records(config: ConsumerConfig, declared: Declared) -> Result<u8, Stop> {
    let told = |error: Error| unknown_error(&Failure::from(error).exception);
    let mut interrupt = Interrupt::new()?;
    let mut consumer = Consumer::new(config).map_err(told)?;
    begin(&mut consumer, &declared.source).await?;
    let mut reading = Reading { declared, count: 0, out: Vec::with_capacity(OUTPUT_BYTES) };
    let end = reading.run(&mut consumer, &mut interrupt).await;
    let end = match reading.flush() {
        Ok(()) => end,
        Err(unheard) => unheard,
    };
    match &end {
        End::Failed(error) => terminating(&Failure::from(error.clone()).exception),
        End::TimedOut => terminating("org.apache.kafka.common.errors.TimeoutException"),
        End::Unheard => {
            output::plain_error("Unable to write to standard out, closing consumer.");
        }
        End::Enough | End::Asked(_) | End::Unwritable(_) => {}
    }
    let closed = interrupt.or_at_once(consumer.close(CLOSE)).await;
    output::plain_error(format_args!("Processed a total of {} messages", reading.count));
    if reading.declared.tells_events {
        output::line("shutdown_complete")?;
    }
    if let Some(Err(error)) = closed {
        tracing::warn!(%error, "the consumer could not be closed");
    }
    match end {
        End::Unwritable(exception) => Err(unknown_error(&exception)),
        End::Asked(code) => Ok(code),
        _ => Ok(0),
    }
}

fn terminating(exception: &str) {
    output::log_error("Error processing message, terminating consumer process: ", LOGGER);
    output::plain_error(exception);
}

async fn begin(consumer: &mut Consumer, source: &Source) -> Result<(), Stop> {
    let outcome = match source {
        Source::Topic(topic) => consumer.subscribe([topic]).await,
        Source::Partition(topic, partition, start) => {
            let key = TopicPartition::new(topic.as_str(), *partition);
            let assigned = consumer.assign(std::slice::from_ref(&key)).await;
            assigned.and_then(|()| match start {
                Start::Earliest => consumer.seek_to_beginning(&[key]),
                Start::Latest => consumer.seek_to_end(&[key]),
                Start::At(offset) => consumer.seek(&key, *offset),
            })
        }
        Source::Matching(expression) => {
            let whole = Regex::new(&format!("^(?:{expression})$")).map_err(|error| {
                unknown_error(&format!("java.util.regex.PatternSyntaxException: {error}"))
            })?;
            consumer.subscribe_matching(move |topic| whole.is_match(topic))
        }
    };
    outcome.map_err(|error| unknown_error(&Failure::from(error).exception))
}

struct Reading {
    declared: Declared,
    count: u64,
    out: Vec<u8>,
}

impl Reading {
    async fn run(&mut self, consumer: &mut Consumer, interrupt: &mut Interrupt) -> End {
        let mut heard_at = Instant::now();
        while !self.is_enough() {
            let patience = self.declared.timeout.map(|all| all.saturating_sub(heard_at.elapsed()));
            let records = tokio::select! {
                records = self.poll(consumer, patience.unwrap_or(POLL)) => records,
                code = interrupt.heard() => return End::Asked(code),
            };
            let records = match records {
                Ok(records) => records,
                Err(end) => return end,
            };
            if records.is_empty() {
                if self.declared.timeout.is_some_and(|all| heard_at.elapsed() >= all) {
                    return End::TimedOut;
                }
                continue;
            }
            let mut records = records.iter();
            while let Some(record) = records.next() {
                if let Err(end) = self.take(record) {
                    give_back(consumer, records.as_slice());
                    return end;
                }
                if self.is_enough() {
                    give_back(consumer, records.as_slice());
                    break;
                }
            }
            heard_at = Instant::now();
        }
        End::Enough
    }

    /// Records that are at hand, or those that come while what was formatted is shown.
    async fn poll(
        &mut self,
        consumer: &mut Consumer,
        patience: Duration,
    ) -> Result<Vec<ConsumerRecord>, End> {
        let records = consumer.poll(Duration::ZERO).await.map_err(End::Failed)?;
        if !records.is_empty() {
            return Ok(records);
        }
        self.flush()?;
        consumer.poll(patience).await.map_err(End::Failed)
    }

    fn take(&mut self, record: &ConsumerRecord) -> Result<(), End> {
        self.count += 1;
        if let Err(Unwritable(exception)) = self.declared.formatter.write(record, &mut self.out) {
            if !self.declared.skip_on_error {
                return Err(End::Unwritable(exception));
            }
            output::log_error("Error processing message, skipping this message: ", LOGGER);
            output::plain_error(exception);
        }
        if self.out.len() >= OUTPUT_BYTES { self.flush() } else { Ok(()) }
    }

    fn is_enough(&self) -> bool {
        self.declared.messages_max.is_some_and(|most| self.count >= most)
    }

    fn flush(&mut self) -> Result<(), End> {
        if self.out.is_empty() {
            return Ok(());
        }
        let mut out = io::stdout().lock();
        let written = out.write_all(&self.out).and_then(|()| out.flush());
        self.out.clear();
        written.map_err(|_| End::Unheard)
    }
}

/// Moves back to the first of these records in each partition, so that none is committed unread.
fn give_back(consumer: &mut Consumer, records: &[ConsumerRecord]) {
    let mut seen = HashSet::new();
    for record in records {
        let key = TopicPartition::new(record.topic.clone(), record.partition);
        if seen.insert(key.clone()) && consumer.seek(&key, record.offset).is_err() {
            tracing::debug!(partition = %key, "no longer assigned");
        }
    }
}
