//! Asks the transaction coordinator before a transaction begins in a partition (KIP-890).
//!
//! Clients of `transaction.version` 2 leave it to the broker to add the partition; of others the broker asks whether
//! they did. Either way the log wants to be shown that it was asked.

use std::sync::Arc;
use std::time::Duration;

use ottla_coordinator::transaction::{
    Body, EPOCH_PER_TRANSACTION, Partitions, Producer, Request, Response,
};
use ottla_hosting::Partition;
use ottla_log::{Verification, VerificationGuard, Verifying};
use ottla_wire::ErrorCode;
use tokio::time::Instant;

use crate::broker::Broker;
use crate::internal_topics::TRANSACTIONS_TOPIC;

/// What a client knows of KIP-890.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum ClientSupport {
    /// Nothing: INVALID_TXN_STATE is what stops it.
    None,
    /// The error TRANSACTION_ABORTABLE.
    AbortableError,
    /// Partitions join a transaction by being written to.
    ImplicitPartitions,
}

/// One partition that is about to be written to.
pub(crate) struct Wanted<'a> {
    pub partition: &'a Arc<Partition>,
    pub base_sequence: i32,
}

/// What a log gives who is about to ask: nothing, where a transaction goes on.
type Given = Result<Option<VerificationGuard>, ErrorCode>;

/// What each partition's log is to be shown, or why it can't be written to, in the order of `wanted`.
pub(crate) async fn verify(
    broker: &Broker,
    producer: &Producer,
    wanted: &[Wanted<'_>],
    support: ClientSupport,
) -> Vec<Result<Verification, ErrorCode>> {
    let adds = support == ClientSupport::ImplicitPartitions;
    if !adds && !broker.settings().transactions.verifies_partitions {
        return wanted.iter().map(|_| Ok(Verification::NotRequired)).collect();
    }
    let guards = || -> Vec<Given> {
        let now_ms = broker.clock.now_ms();
        let guard = |each: &Wanted<'_>| {
            let verifying = Verifying {
                producer_id: producer.producer_id,
                producer_epoch: producer.producer_epoch,
                base_sequence: each.base_sequence,
                starts_at_zero: adds,
            };
            each.partition.verify(verifying, now_ms)
        };
        wanted.iter().map(guard).collect()
    };
    let mut given = guards();
    let mut asked = Partitions::new();
    for (each, guard) in wanted.iter().zip(&given) {
        if let Ok(Some(_)) = guard {
            let topic = asked.entry(each.partition.topic().to_string()).or_default();
            topic.insert(each.partition.index());
        }
    }
    let (begun, asks) = (broker.clock.monotonic(), !asked.is_empty());
    let nobody = broker.image().topics.by_name(TRANSACTIONS_TOPIC).is_none();
    let verdict = match (asked.is_empty(), adds) {
        (true, _) => Verdict::All(ErrorCode::None),
        (false, _) if nobody => Verdict::All(ErrorCode::CoordinatorNotAvailable),
        (false, true) => {
            let code = add(broker, producer, asked).await;
            // The marker of the transaction before may have come meanwhile and taken the guards. One of this very
            // transaction raises the producer's epoch, and has the append refused for that.
            for (before, now) in given.iter_mut().zip(guards()) {
                if let Ok(Some(_)) = before {
                    *before = now;
                }
            }
            Verdict::All(code)
        }
        (false, false) => confirm(broker, producer, asked).await,
    };
    if asks {
        let is_refused = |(each, guard): &(&Wanted<'_>, &Given)| {
            matches!(guard, Ok(Some(_))) && verdict.of(each.partition) != ErrorCode::None
        };
        let refused = wanted.iter().zip(&given).filter(is_refused).count();
        let took = broker.clock.monotonic().saturating_sub(begun);
        broker.transactions.markers().metrics().verified(took, refused);
    }
    let judge = |(each, guard): (&Wanted<'_>, Given)| {
        let Some(guard) = guard? else { return Ok(Verification::Required(None)) };
        match verdict.of(each.partition) {
            ErrorCode::None => Ok(Verification::Required(Some(guard))),
            code => Err(told(code, support)),
        }
    };
    wanted.iter().zip(given).map(judge).collect()
}

/// What the coordinator has said.
enum Verdict {
    All(ErrorCode),
    Each(std::collections::BTreeMap<String, std::collections::BTreeMap<i32, ErrorCode>>),
}

impl Verdict {
    fn of(&self, partition: &Partition) -> ErrorCode {
        match self {
            Self::All(code) => *code,
            Self::Each(codes) => codes
                .get(&**partition.topic())
                .and_then(|codes| codes.get(&partition.index()))
                .copied()
                .unwrap_or(ErrorCode::UnknownServerError),
        }
    }
}

/// Adds the partitions. The transaction before may not be complete yet; waiting a moment is cheaper than having the
/// records sent again.
async fn add(broker: &Broker, producer: &Producer, partitions: Partitions) -> ErrorCode {
    let (pause, time) = {
        let settings = broker.settings();
        (settings.transactions.add_retry_ms, settings.transactions.add_retry_max_ms)
    };
    let deadline = Instant::now() + Duration::from_millis(time);
    loop {
        let body = Body::AddPartitions {
            producer: producer.clone(),
            partitions: partitions.clone(),
            client_version: EPOCH_PER_TRANSACTION,
        };
        let code = match broker.transactions.ask(&producer.transactional_id, body.into()).await {
            Ok(Response::Added(code)) | Err(code) => code,
            Ok(other) => unreachable!("a coordinator answers what it was asked, not {other:?}"),
        };
        if code != ErrorCode::ConcurrentTransactions || Instant::now() >= deadline {
            return code;
        }
        tokio::time::sleep(Duration::from_millis(pause)).await;
    }
}

async fn confirm(broker: &Broker, producer: &Producer, partitions: Partitions) -> Verdict {
    let body = Body::VerifyPartitions { producer: producer.clone(), partitions };
    let request = Request::from(body);
    match broker.transactions.ask(&producer.transactional_id, request).await {
        Ok(Response::Verified(codes)) => Verdict::Each(codes),
        Ok(other) => unreachable!("a coordinator answers what it was asked, not {other:?}"),
        Err(code) => Verdict::All(code),
    }
}

/// The coordinator's words in those of a log.
fn told(code: ErrorCode, support: ClientSupport) -> ErrorCode {
    match code {
        ErrorCode::ProducerFenced => ErrorCode::InvalidProducerEpoch,
        ErrorCode::TransactionAbortable if support == ClientSupport::None => {
            ErrorCode::InvalidTxnState
        }
        code => code,
    }
}
