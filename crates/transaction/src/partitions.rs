//! Partitions join a transaction, or are asked for.
//!
//! A partition must be here before records of the transaction are in it: its marker is written to whatever is here.
//! Clients of version 2 leave that to the brokers they produce to; of older ones the brokers ask whether they did it.

use ottla_machine::{Decision, Millis, Token};
use ottla_wire::ErrorCode;

use super::coordinator::TransactionCoordinator;
use super::request::{Partitions, Producer, Response};
use super::state::{State, Transaction};

impl TransactionCoordinator {
    pub(super) fn add_partitions(
        &self,
        token: Token,
        producer: &Producer,
        partitions: Partitions,
        client_version: i16,
        now: Millis,
    ) -> Decision<Self> {
        match self.writable(producer) {
            Err(code) => Decision::answer(token, Response::Added(code)),
            Ok(open)
                if open.state == State::Ongoing && is_subset(&partitions, &open.partitions) =>
            {
                Decision::answer(token, Response::Added(ErrorCode::None))
            }
            Ok(transaction) => {
                let next = transaction.with_partitions(partitions, client_version, now);
                let decision = self.write(&producer.transactional_id, &next);
                decision.and_answer(token, Response::Added(ErrorCode::None))
            }
        }
    }

    fn writable(&self, producer: &Producer) -> Result<&Transaction, ErrorCode> {
        let transaction = self.mapped(&producer.transactional_id)?;
        // First, since the producer may already have the id that its transaction is about to complete with.
        if transaction.state.is_preparing() {
            return Err(ErrorCode::ConcurrentTransactions);
        }
        check_producer(transaction, producer)?;
        // KIP-939: what was prepared is to be ended, and takes nothing more.
        match transaction.is_kept() {
            true => Err(ErrorCode::InvalidTxnState),
            false => Ok(transaction),
        }
    }

    pub(super) fn verify_partitions(
        &self,
        token: Token,
        producer: &Producer,
        partitions: Partitions,
    ) -> Decision<Self> {
        let found = self.mapped(&producer.transactional_id).and_then(|transaction| {
            check_producer(transaction, producer)?;
            match transaction.state.is_preparing() {
                true => Err(ErrorCode::ConcurrentTransactions),
                false => Ok(transaction),
            }
        });
        let code = |topic: &str, partition: i32| match found {
            Err(code) => code,
            Ok(transaction) if contains(&transaction.partitions, topic, partition) => {
                ErrorCode::None
            }
            Ok(_) => ErrorCode::TransactionAbortable,
        };
        let verified = partitions.into_iter().map(|(topic, partitions)| {
            let codes = partitions.into_iter().map(|index| (index, code(&topic, index))).collect();
            (topic, codes)
        });
        Decision::answer(token, Response::Verified(verified.collect()))
    }
}

/// Whether it is the producer that has the transactional id now.
pub(super) fn check_producer(
    transaction: &Transaction,
    producer: &Producer,
) -> Result<(), ErrorCode> {
    let client = transaction.client();
    if client.producer_id != producer.producer_id {
        // The transaction was kept for another one, who has a new id.
        return match transaction.is_kept() && transaction.producer_id == producer.producer_id {
            true => Err(ErrorCode::ProducerFenced),
            false => Err(ErrorCode::InvalidProducerIdMapping),
        };
    }
    match client.producer_epoch == producer.producer_epoch {
        true => Ok(()),
        false => Err(ErrorCode::ProducerFenced),
    }
}

fn contains(partitions: &Partitions, topic: &str, partition: i32) -> bool {
    partitions.get(topic).is_some_and(|known| known.contains(&partition))
}

fn is_subset(wanted: &Partitions, known: &Partitions) -> bool {
    wanted
        .iter()
        .all(|(topic, wanted)| known.get(topic).is_some_and(|known| wanted.is_subset(known)))
}
