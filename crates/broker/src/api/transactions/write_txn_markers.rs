//! WriteTxnMarkers, versions 1 and 2.
//!
//! What a transaction coordinator, or an operator with `kafka-transactions.sh abort`, has written into partitions.
//! v2: `transaction.version` of the transaction (KIP-1228).

use std::collections::BTreeMap;

use ottla_coordinator::EndedTransaction;
use ottla_coordinator::transaction::ProducerEpoch;
use ottla_wire::ErrorCode;
use ottla_wire::messages::write_txn_markers_request::WritableTxnMarker;
use ottla_wire::messages::write_txn_markers_response::{
    WritableTxnMarkerPartitionResult, WritableTxnMarkerResult, WritableTxnMarkerTopicResult,
};
use ottla_wire::messages::{WriteTxnMarkersRequest, WriteTxnMarkersResponse};

use crate::broker::Broker;
use crate::request::Caller;

/// No producer id, and no epoch of one.
const NOBODY: i64 = -1;
const NO_EPOCH: i16 = -1;

/// Codes by producer id, topic and partition: a producer is answered once, whatever it is named.
type Codes = BTreeMap<i64, BTreeMap<String, BTreeMap<i32, ErrorCode>>>;

pub(crate) async fn write_txn_markers(
    broker: &Broker,
    _caller: &Caller,
    request: WriteTxnMarkersRequest,
) -> WriteTxnMarkersResponse {
    let mut codes = Codes::new();
    for marker in request.markers {
        write(broker, marker, &mut codes).await;
    }
    WriteTxnMarkersResponse {
        markers: codes
            .into_iter()
            .map(|(producer_id, topics)| result(producer_id, topics))
            .collect(),
        ..WriteTxnMarkersResponse::default()
    }
}

async fn write(broker: &Broker, marker: WritableTxnMarker, codes: &mut Codes) {
    let producer_id = marker.producer_id;
    let transaction_version = i16::from(marker.transaction_version);
    let ended = EndedTransaction {
        producer: ProducerEpoch { producer_id, producer_epoch: marker.producer_epoch },
        is_commit: marker.transaction_result,
        coordinator_epoch: marker.coordinator_epoch,
        transaction_version,
    };
    let is_possible =
        producer_id != NOBODY && marker.producer_epoch != NO_EPOCH && transaction_version >= 0;
    for topic in marker.topics.into_iter().filter(|topic| !topic.partition_indexes.is_empty()) {
        for index in topic.partition_indexes {
            let written = match is_possible {
                true => broker.transactions.markers().write(&topic.name, index, ended).await,
                false => {
                    let found = broker.partitions.find(&topic.name, index, &broker.image());
                    Err(found.err().unwrap_or(ErrorCode::UnknownServerError))
                }
            };
            let code = written.err().unwrap_or(ErrorCode::None);
            let topics = codes.entry(producer_id).or_default();
            topics.entry(topic.name.clone()).or_default().insert(index, code);
        }
    }
}

fn result(
    producer_id: i64,
    topics: BTreeMap<String, BTreeMap<i32, ErrorCode>>,
) -> WritableTxnMarkerResult {
    let partition = |(partition_index, code): (i32, ErrorCode)| WritableTxnMarkerPartitionResult {
        partition_index,
        error_code: code.code(),
        ..WritableTxnMarkerPartitionResult::default()
    };
    let topics = topics.into_iter().map(|(name, codes)| WritableTxnMarkerTopicResult {
        name,
        partitions: codes.into_iter().map(partition).collect(),
        ..WritableTxnMarkerTopicResult::default()
    });
    WritableTxnMarkerResult {
        producer_id,
        topics: topics.collect(),
        ..WritableTxnMarkerResult::default()
    }
}
