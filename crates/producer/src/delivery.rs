//! What became of a batch, shared by all who wait for one of its records.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};

use ottla_cluster::{Error, TopicPartition};
use tokio::sync::Notify;

use super::record::RecordMetadata;

/// The fate of a batch: written once.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    fate: OnceLock<Fate>,
    known: Notify,
}

#[derive(Clone, Debug)]
pub(super) enum Fate {
    /// Appended from this offset on; a timestamp if the broker set one.
    Appended { base_offset: i64, append_time: Option<i64> },
    /// Refused or given up; single records may have reasons of their own (KIP-467).
    Failed { error: Error, of_records: Vec<(u32, Error)> },
    /// Cut into smaller batches: each with the index of its first record.
    Split(Vec<(u32, Arc<Outcome>)>),
}

impl Outcome {
    /// Tells everyone. Only the first word counts: a late answer does not revive an expired batch.
    pub(super) fn settle(&self, fate: Fate) -> bool {
        let first = self.fate.set(fate).is_ok();
        self.known.notify_waiters();
        first
    }

    pub(super) fn fail(&self, error: Error) -> bool {
        self.settle(Fate::Failed { error, of_records: Vec::new() })
    }

    pub(super) fn is_settled(&self) -> bool {
        self.fate.get().is_some()
    }

    async fn fate(&self) -> Fate {
        loop {
            let notified = self.known.notified();
            tokio::pin!(notified);
            notified.as_mut().enable();
            if let Some(fate) = self.fate.get() {
                return fate.clone();
            }
            notified.await;
        }
    }

    /// Waits until the batch, and whatever it was cut into, is settled.
    pub(super) async fn wait(self: Arc<Self>) {
        let mut open = vec![self];
        while let Some(outcome) = open.pop() {
            if let Fate::Split(parts) = outcome.fate().await {
                open.extend(parts.into_iter().map(|(_, part)| part));
            }
        }
    }
}

/// The fate of one record, to be awaited. Dropping it does not take the record back.
#[must_use = "awaiting it tells whether the record was written"]
pub struct Delivery {
    fate: Pin<Box<dyn Future<Output = Result<RecordMetadata, Error>> + Send>>,
}

/// What is known of a record when it is added to a batch.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub(super) partition: TopicPartition,
    pub(super) index: u32,
    pub(super) timestamp: i64,
    pub(super) key_size: i32,
    pub(super) value_size: i32,
}

/// A record's ticket; becomes a [`Delivery`] only if someone asks, because most callers never do.
#[derive(Clone, Debug)]
pub(super) struct Ticket {
    pub(super) outcome: Arc<Outcome>,
    pub(super) place: Place,
}

impl Ticket {
    async fn redeem(self) -> Result<RecordMetadata, Error> {
        let Place { partition, mut index, timestamp, key_size, value_size } = self.place;
        let mut outcome = self.outcome;
        loop {
            match outcome.fate().await {
                Fate::Appended { base_offset, append_time } => {
                    let offset = if base_offset < 0 { -1 } else { base_offset + i64::from(index) };
                    let timestamp = append_time.unwrap_or(timestamp);
                    return Ok(RecordMetadata {
                        partition,
                        offset,
                        timestamp,
                        key_size,
                        value_size,
                    });
                }
                Fate::Failed { error, of_records } => {
                    let own = of_records.into_iter().find(|(refused, _)| *refused == index);
                    return Err(own.map_or(error, |(_, own)| own));
                }
                Fate::Split(parts) => {
                    let part = parts.into_iter().rev().find(|(first, _)| *first <= index);
                    let Some((first, part)) = part else { return Err(Error::Closed) };
                    index -= first;
                    outcome = part;
                }
            }
        }
    }
}

impl From<Ticket> for Delivery {
    fn from(ticket: Ticket) -> Self {
        Self { fate: Box::pin(ticket.redeem()) }
    }
}

impl Future for Delivery {
    type Output = Result<RecordMetadata, Error>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        self.fate.as_mut().poll(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ottla_wire::ErrorCode;

    fn ticket(outcome: &Arc<Outcome>, index: u32) -> Delivery {
        let partition = TopicPartition::new("t", 0);
        let place = Place { partition, index, timestamp: 7, key_size: -1, value_size: 1 };
        Ticket { outcome: Arc::clone(outcome), place }.into()
    }

    #[tokio::test]
    async fn records_of_a_split_batch_find_their_part() {
        let whole = Arc::new(Outcome::default());
        let parts: Vec<_> = (0..2).map(|_| Arc::new(Outcome::default())).collect();
        let (second, fourth) = (ticket(&whole, 1), ticket(&whole, 3));
        let split = vec![(0, Arc::clone(&parts[0])), (2, Arc::clone(&parts[1]))];
        assert!(whole.settle(Fate::Split(split)));
        assert!(parts[0].settle(Fate::Appended { base_offset: 10, append_time: None }));
        assert!(parts[1].settle(Fate::Failed {
            error: ErrorCode::InvalidRecord.into(),
            of_records: vec![(1, ErrorCode::InvalidTimestamp.into())],
        }));
        assert_eq!(second.await.expect("appended").offset, 11);
        let error = fourth.await.expect_err("refused");
        assert_eq!(error.code(), Some(ErrorCode::InvalidTimestamp));
        assert!(!parts[0].fail(Error::Closed), "the first word counts");
        whole.wait().await;
    }
}
