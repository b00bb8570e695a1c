//! Whether a producer's next batch may be appended.
use ottla_wire::ErrorCode;
use ottla_wire::records::{BatchHeader, NO_PRODUCER_EPOCH};

use super::Marker;
use super::entry::{Producer, RememberedBatch};
use super::verification::{Pending, Verification};
use crate::append::{AppendOrigin, Refusal};

/// A batch that wants to be appended.
pub(crate) struct ProducerAppend<'a> {
    /// Header with the offset it would get.
    pub(crate) header: &'a BatchHeader,
    /// For control batches.
    pub(crate) marker: Option<Marker>,
    pub(crate) origin: AppendOrigin,
    /// `transaction.version` of whoever writes a marker.
    pub(crate) transaction_version: i16,
    pub(crate) verification: Verification,
    /// Names the partition in messages.
    pub(crate) partition: &'a str,
}

/// The answer.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Check {
    /// Append it.
    Append,
    /// It was appended before.
    Duplicate(RememberedBatch),
    /// Don't.
    Refused(Refusal),
}

pub(super) fn check(
    known: Option<&Producer>,
    pending: Option<&Pending>,
    is_verified: bool,
    append: &ProducerAppend<'_>,
) -> Check {
    if append.origin == AppendOrigin::Client
        && let Some(batch) = known.and_then(|producer| producer.find_duplicate(append.header))
    {
        return Check::Duplicate(batch);
    }
    let new = Producer::new(append.header.producer_id);
    let producer = known.unwrap_or(&new);
    let checked = match append.marker {
        Some(marker) => check_marker(producer, append, &marker),
        None if append.header.is_control() => Ok(()),
        None => check_open(producer, is_verified, append)
            .and_then(|()| check_data(producer, pending, append)),
    };
    match checked {
        Ok(()) => Check::Append,
        Err(refusal) => Check::Refused(refusal),
    }
}

/// The coordinator must know of every transaction that is in the log: it writes the markers.
fn check_open(
    producer: &Producer,
    is_verified: bool,
    append: &ProducerAppend<'_>,
) -> Result<(), Refusal> {
    let header = append.header;
    let is_open = producer.transaction_start.is_some() && producer.epoch == header.producer_epoch;
    if !header.is_transactional() || is_open || is_verified {
        return Ok(());
    }
    let message = "Record was not part of an ongoing transaction".to_owned();
    Err(Refusal::new(ErrorCode::InvalidTxnState, message))
}

fn check_data(
    producer: &Producer,
    pending: Option<&Pending>,
    append: &ProducerAppend<'_>,
) -> Result<(), Refusal> {
    let header = append.header;
    check_epoch(producer, append, 0)?;
    if append.origin == AppendOrigin::Client {
        check_first_sequence(producer, pending, append)?;
        check_sequence(producer, append)?;
    }
    if producer.transaction_start.is_some() && !header.is_transactional() {
        return Err(Refusal::new(
            ErrorCode::InvalidTxnState,
            format!(
                "Expected transactional write from producer {} at offset {} in partition {}",
                header.producer_id, header.base_offset, append.partition
            ),
        ));
    }
    Ok(())
}

fn check_marker(
    producer: &Producer,
    append: &ProducerAppend<'_>,
    marker: &Marker,
) -> Result<(), Refusal> {
    check_epoch(producer, append, append.transaction_version)?;
    let epoch = marker.marker.coordinator_epoch;
    if producer.coordinator_epoch > epoch {
        return Err(Refusal::new(
            ErrorCode::TransactionCoordinatorFenced,
            format!(
                "Invalid coordinator epoch for producerId {} at offset {} in partition {}: \
                 {epoch} (zombie), {} (current)",
                append.header.producer_id,
                append.header.base_offset,
                append.partition,
                producer.coordinator_epoch
            ),
        ));
    }
    Ok(())
}

/// KIP-890: with transaction version 2 a marker has a newer epoch than what it ends, so that a late one is known.
fn check_epoch(
    producer: &Producer,
    append: &ProducerAppend<'_>,
    transaction_version: i16,
) -> Result<(), Refusal> {
    let (epoch, current) = (append.header.producer_epoch, producer.epoch);
    let strictly = transaction_version >= 2;
    let stale = if strictly { epoch <= current } else { epoch < current };
    // The same marker again, after the transaction has ended: a coordinator that retries.
    let repeated = strictly && epoch == current && producer.transaction_start.is_none();
    if !stale || repeated {
        return Ok(());
    }
    let comparison = if strictly { "<=" } else { "<" };
    let version = if append.marker.is_some() { transaction_version } else { -1 };
    Err(Refusal::new(
        ErrorCode::InvalidProducerEpoch,
        format!(
            "Epoch of producer {} at offset {} in {} is {epoch}, which is {comparison} the last seen \
             epoch {current} (TV{version})",
            append.header.producer_id, append.header.base_offset, append.partition
        ),
    ))
}

/// Of several batches that wait for the coordinator the first one must come first.
fn check_first_sequence(
    producer: &Producer,
    pending: Option<&Pending>,
    append: &ProducerAppend<'_>,
) -> Result<(), Refusal> {
    let Some(pending) = pending else { return Ok(()) };
    let header = append.header;
    let sequence = header.base_sequence;
    let place = format_args!("offset {} in partition {}", header.base_offset, append.partition);
    if pending.starts_at_zero && sequence != 0 && producer.last().is_none() {
        return Err(out_of_order(format!(
            "Invalid sequence number for producer {} at {place}: {sequence} (incoming seq. number). \
             Expected sequence 0 for transactions v2 idempotent producer with no existing state.",
            header.producer_id
        )));
    }
    // Batches that come late are waited for as well: of an epoch that is over, or of what the log has already.
    let is_next = producer.last().is_some() && check_sequence(producer, append).is_ok();
    if pending.epoch != header.producer_epoch || is_next {
        return Ok(());
    }
    if sequence > pending.lowest_sequence {
        return Err(out_of_order(format!(
            "Out of order sequence number for producer {} at {place}: {sequence} (incoming seq. number), \
             {} (earliest seen sequence)",
            header.producer_id, pending.lowest_sequence
        )));
    }
    Ok(())
}

fn check_sequence(producer: &Producer, append: &ProducerAppend<'_>) -> Result<(), Refusal> {
    let header = append.header;
    let sequence = header.base_sequence;
    let place = format_args!("offset {} in partition {}", header.base_offset, append.partition);
    if header.producer_epoch != producer.epoch {
        if sequence != 0 && producer.epoch != NO_PRODUCER_EPOCH {
            return Err(out_of_order(format!(
                "Invalid sequence number for new epoch of producer {}at {place}: {} (request epoch), \
                 {sequence} (seq. number), {} (current producer epoch)",
                header.producer_id, header.producer_epoch, producer.epoch
            )));
        }
        return Ok(());
    }
    // Without any batch the producer is known by a marker alone: -1, and so its sequences start at 0 again.
    let last = producer.last_sequence();
    let follows = sequence == if last == i32::MAX { 0 } else { last + 1 };
    if producer.epoch == NO_PRODUCER_EPOCH || follows {
        return Ok(());
    }
    Err(out_of_order(format!(
        "Out of order sequence number for producer {} at {place}: {sequence} (incoming seq. number), \
         {last} (current end sequence number)",
        header.producer_id
    )))
}

fn out_of_order(message: String) -> Refusal {
    Refusal::new(ErrorCode::OutOfOrderSequenceNumber, message)
}
