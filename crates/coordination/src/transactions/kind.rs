//! Transactions as coordinators of `__transaction_state`.

use std::error::Error;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicI16, Ordering};

use bytes::Bytes;
use ottla_coordinator::transaction::{
    Body, Config, Markers, Record, Request, TransactionCoordinator,
};
use ottla_wire::codec::EncodeError;
use ottla_wire::records::{self, BatchHeader};

use super::markers::MarkerWriter;
use crate::{Kind, Shard};

/// Coordinators of transactions.
pub(super) struct Transactions {
    pub config: Config,
    /// The level of the feature now; the one of `config` is from the start.
    pub transaction_version: AtomicI16,
    pub markers: Arc<MarkerWriter>,
}

impl Kind for Transactions {
    type Machine = TransactionCoordinator;

    const NAME: &'static str = "transaction";

    fn machine(&self) -> TransactionCoordinator {
        let transaction_version = self.transaction_version.load(Ordering::Relaxed);
        TransactionCoordinator::new(Config { transaction_version, ..self.config.clone() })
    }

    fn decode(
        header: &BatchHeader,
        record: records::Record,
    ) -> Result<Option<Record>, Box<dyn Error + Send + Sync>> {
        match record.key {
            Some(key) if !header.attributes.is_control() => {
                Ok(Some(Record::decode(key, record.value)?))
            }
            _ => Ok(None),
        }
    }

    fn encode(record: &Record) -> Result<(Bytes, Option<Bytes>), EncodeError> {
        record.encode()
    }

    /// Has the markers of those transactions written whose end was decided there. There are as many tasks as there
    /// are transactional ids whose transaction is about to be complete.
    fn committed(shard: &Shard<Self>, machine: &TransactionCoordinator, newly: Range<i64>) {
        for markers in machine.markers(newly.start, newly.end) {
            have_written(shard, markers);
        }
    }
}

fn have_written(shard: &Shard<Transactions>, markers: Markers) {
    let (writer, queue) = (Arc::clone(&shard.kind.markers), shard.queue.clone());
    let coordinator_epoch = shard.partition.leader().1;
    shard.parts.runtime.spawn(async move {
        let is_wanted = || queue.upgrade().is_some();
        let partitions = writer.write_all(&markers, coordinator_epoch, is_wanted).await;
        // When the queue has closed, the next coordinator writes them again.
        let Some(queue) = queue.upgrade() else { return };
        let Markers { transactional_id, prepared_at, is_commit, .. } = markers;
        writer.metrics().ended(is_commit);
        let _waits = writer.metrics().tell();
        let body = Body::MarkersWritten { transactional_id, prepared_at, partitions };
        queue.note_in_time(Request::from(body)).await;
    });
}
