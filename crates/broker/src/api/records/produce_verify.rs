//! Has the transaction coordinator asked before the first records of a transaction are appended (KIP-890).
//!
//! Produce v11: the client knows TRANSACTION_ABORTABLE.  v12: producing adds the partition to the transaction.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;
use ottla_coordinator::transaction::{Producer, ProducerEpoch};
use ottla_hosting::{AppendFailure, Partition};
use ottla_log::Verification;
use ottla_wire::messages::ProduceRequest;
use ottla_wire::{ErrorCode, Records};

use super::produce_batch::first_batch;
use crate::api::transactions::verification::{ClientSupport, Wanted, verify};
use crate::broker::Broker;
use crate::request::Caller;

const FIRST_VERSION_WITH_ABORTABLE: i16 = 11;
const FIRST_VERSION_THAT_ADDS: i16 = 12;

/// Where producer id, epoch and sequence lie in a batch.
const PRODUCER_AT: usize = 43;
const PRODUCER_END: usize = 57;

/// What the logs are to be shown, by topic and partition. Empty for a request without transactional records.
#[derive(Debug, Default)]
pub(crate) struct Verified {
    client: Option<ClientSupport>,
    outcomes: BTreeMap<(Arc<str>, i32), Result<Verification, ErrorCode>>,
    /// Records of more than one producer: nothing of the request is appended.
    pub(super) has_many_producers: bool,
}

impl Verified {
    /// What the log of a partition is shown with transactional records.
    pub(super) fn of(&self, topic: &Arc<str>, index: i32) -> Result<Verification, AppendFailure> {
        match self.outcomes.get(&(Arc::clone(topic), index)) {
            Some(Ok(verification)) => Ok(*verification),
            Some(Err(code)) => Err(self.failure(*code)),
            None => Ok(Verification::Required(None)),
        }
    }

    /// The coordinator's answer as a producer understands it: older ones know none of its retriable errors.
    fn failure(&self, code: ErrorCode) -> AppendFailure {
        let knows_concurrent = self.client == Some(ClientSupport::ImplicitPartitions);
        let told = |code, message: String| AppendFailure {
            message,
            is_told: true,
            ..AppendFailure::of(code)
        };
        match code {
            ErrorCode::InvalidTxnState => {
                told(code, "Partition was not added to the transaction".to_owned())
            }
            ErrorCode::ConcurrentTransactions if knows_concurrent => AppendFailure::of(code),
            ErrorCode::ConcurrentTransactions
            | ErrorCode::CoordinatorLoadInProgress
            | ErrorCode::CoordinatorNotAvailable
            | ErrorCode::NotCoordinator => told(
                ErrorCode::NotEnoughReplicas,
                format!(
                    "Unable to verify the partition has been added to the transaction. Underlying error: {}",
                    code.name()
                ),
            ),
            code => AppendFailure::of(code),
        }
    }
}

/// A partition with transactional records.
struct Transactional {
    partition: Arc<Partition>,
    base_sequence: i32,
}

/// Asks about every partition that is about to get transactional records.
pub(crate) async fn verified(
    broker: &Broker,
    caller: &Caller,
    request: &ProduceRequest,
) -> Verified {
    let Some(transactional_id) = &request.transactional_id else { return Verified::default() };
    let (partitions, producers) = transactional(broker, caller, request);
    let Some(producer) = producers.first() else { return Verified::default() };
    if producers.len() > 1 {
        return Verified { has_many_producers: true, ..Verified::default() };
    }
    let producer = Producer {
        transactional_id: transactional_id.clone(),
        producer_id: producer.producer_id,
        producer_epoch: producer.producer_epoch,
    };
    let client = match caller.version {
        FIRST_VERSION_THAT_ADDS.. => ClientSupport::ImplicitPartitions,
        FIRST_VERSION_WITH_ABORTABLE.. => ClientSupport::AbortableError,
        _ => ClientSupport::None,
    };
    let wanted: Vec<Wanted<'_>> = partitions
        .iter()
        .map(|each| Wanted { partition: &each.partition, base_sequence: each.base_sequence })
        .collect();
    let outcomes = verify(broker, &producer, &wanted, client).await;
    let places =
        partitions.iter().map(|each| (Arc::clone(each.partition.topic()), each.partition.index()));
    Verified {
        client: Some(client),
        outcomes: places.zip(outcomes).collect(),
        has_many_producers: false,
    }
}

/// The partitions with transactional records that this broker leads, and who has made those records.
fn transactional(
    broker: &Broker,
    caller: &Caller,
    request: &ProduceRequest,
) -> (Vec<Transactional>, BTreeSet<ProducerEpoch>) {
    let image = broker.image();
    let (mut partitions, mut producers) = (Vec::new(), BTreeSet::new());
    for topic in &request.topic_data {
        let known = match caller.version {
            13.. => image.topics.by_id(topic.topic_id),
            _ => image.topics.by_name(&topic.name),
        };
        let Some(known) = known else { continue };
        for data in &topic.partition_data {
            let Some(Records::Bytes(records)) = &data.records else { continue };
            let Some((producer, base_sequence)) = producer_of(records) else { continue };
            producers.insert(producer);
            if let Ok(partition) = broker.partitions.find(&known.name, data.index, &image) {
                partitions.push(Transactional { partition, base_sequence });
            }
        }
    }
    (partitions, producers)
}

/// Who has made a transactional batch, and its first sequence. Whether it is whole is checked later.
/// A batch that nobody has made is not verified: no transaction holds it back or takes it in.
fn producer_of(records: &Bytes) -> Option<(ProducerEpoch, i32)> {
    let batch = first_batch(records).ok().flatten().filter(|batch| batch.is_transactional)?;
    let fields = records.get(PRODUCER_AT..PRODUCER_END.min(batch.len))?;
    let (producer_id, rest) = fields.split_first_chunk::<8>()?;
    let (producer_epoch, rest) = rest.split_first_chunk::<2>()?;
    let base_sequence = rest.first_chunk::<4>()?;
    let producer = ProducerEpoch {
        producer_id: i64::from_be_bytes(*producer_id),
        producer_epoch: i16::from_be_bytes(*producer_epoch),
    };
    (producer.producer_id >= 0).then_some((producer, i32::from_be_bytes(*base_sequence)))
}
