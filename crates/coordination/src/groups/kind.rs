//! Groups as coordinators of `__consumer_offsets`. Offsets of transactions come in the batches of their producers,
//! and their ends as control records.

use std::error::Error;
use std::sync::Arc;

use bytes::Bytes;
use ottla_coordinator::transaction::ProducerEpoch;
use ottla_coordinator::{
    Body, Caller, Config, EndedTransaction, GroupCoordinator, Metadata, Record, Request, Response,
    TopicChanges, Work,
};
use ottla_machine::Answer;
use ottla_metadata::MetadataImage;
use ottla_wire::codec::EncodeError;
use ottla_wire::records::{self, BatchHeader, EndTransactionMarker};
use parking_lot::Mutex;

use super::look::Look;
use crate::{Envelope, Kind};

/// Coordinators of groups.
#[derive(Debug)]
pub(super) struct Groups {
    config: Config,
    /// What a coordinator that is loaded now begins with.
    metadata: Mutex<Metadata>,
    /// What was done by coordinators that are no more.
    retired: Mutex<Work>,
}

impl Groups {
    pub(super) fn new(config: Config) -> Self {
        let metadata = Mutex::new(Metadata::new(Arc::new(MetadataImage::empty())));
        Self { config, metadata, retired: Mutex::new(Work::default()) }
    }

    /// What was done by coordinators that are no more.
    pub(super) fn retired(&self) -> Look {
        Look { work: *self.retired.lock(), ..Look::default() }
    }

    pub(super) fn config(&self) -> &Config {
        &self.config
    }

    /// The metadata after a change, for those who are loaded already.
    pub(super) fn advance(&self, image: &Arc<MetadataImage>, topics: TopicChanges) -> Metadata {
        let mut metadata = self.metadata.lock();
        *metadata = metadata.next(Arc::clone(image), topics);
        metadata.clone()
    }
}

impl Kind for Groups {
    type Machine = GroupCoordinator;

    const NAME: &'static str = "group";

    fn machine(&self) -> GroupCoordinator {
        GroupCoordinator::new(self.config.clone(), self.metadata.lock().clone())
    }

    /// A batch's header says of which transaction its records are.
    fn decode(
        header: &BatchHeader,
        record: records::Record,
    ) -> Result<Option<Record>, Box<dyn Error + Send + Sync>> {
        let (producer_id, producer_epoch) = (header.producer_id, header.producer_epoch);
        let producer = ProducerEpoch { producer_id, producer_epoch };
        if header.attributes.is_control() {
            if !header.has_producer_id() {
                return Ok(None);
            }
            let marker =
                EndTransactionMarker::read(record.key.as_deref(), record.value.as_deref())?;
            let EndTransactionMarker { is_commit, coordinator_epoch } = marker;
            let ended =
                EndedTransaction { producer, is_commit, coordinator_epoch, transaction_version: 0 };
            return Ok(Some(Record::EndTransaction(ended)));
        }
        let Some(key) = record.key else { return Ok(None) };
        let decoded = Record::decode(key, record.value)?;
        let is_transactional = header.is_transactional();
        Ok(Some(if is_transactional { decoded.in_transaction(producer) } else { decoded }))
    }

    fn encode(record: &Record) -> Result<(Bytes, Option<Bytes>), EncodeError> {
        record.encode()
    }

    /// All records of a decision are of one transaction, or of none.
    fn envelope(first: &Record) -> Envelope {
        match first {
            Record::EndTransaction(ended) => Envelope::Marker(*ended),
            Record::TransactionalOffset { producer, .. } => Envelope::Transaction(*producer),
            _ => Envelope::Plain,
        }
    }

    fn writes_in_transaction(request: &Request) -> Option<Record> {
        match &request.body {
            Body::TxnOffsetCommit(request) => {
                let (producer_id, producer_epoch) = (request.producer_id, request.producer_epoch);
                let producer = ProducerEpoch { producer_id, producer_epoch };
                let (key, value) = (Default::default(), Some(Default::default()));
                Some(Record::TransactionalOffset { producer, key, value })
            }
            Body::EndTransaction(ended) => Some(Record::EndTransaction(*ended)),
            _ => None,
        }
    }

    fn first_note() -> Option<Request> {
        Some(Request { caller: Caller::default(), body: Body::ForgetMissingTopics })
    }

    fn retire(&self, machine: &GroupCoordinator) {
        self.retired.lock().add(machine.work());
    }

    fn unload(machine: &GroupCoordinator) -> Vec<Answer<Response>> {
        machine.unload()
    }
}
