//! WriteTxnMarkers, versions 1 and 2.
//!
//! What a transaction coordinator, or an operator with `kafka-transactions.sh abort`, has written into partitions.
//! v2: `transaction.version` of the transaction (KIP-1228).

use ottla_coordinator::EndedTransaction;
use ottla_coordinator::transaction::ProducerEpoch;
use ottla_wire::ErrorCode;
use ottla_wire::messages::write_txn_markers_request::WritableTxnMarker;
use ottla_wire::messages::write_txn_markers_response::{
    WritableTxnMarkerPartitionResult, WritableTxnMarkerResult, WritableTxnMarkerTopicResult,
};
use ottla_wire::messages::{WriteTxnMarkersRequest, WriteTxnMarkersResponse};

use crate::broker::Broker;
use crate::caller::Caller;

pub(crate) async fn write_txn_markers(
    broker: &Broker,
    _caller: &Caller,
    request: WriteTxnMarkersRequest,
) -> WriteTxnMarkersResponse {
    let mut markers = Vec::with_capacity(request.markers.len());
    for marker in request.markers {
        markers.push(write(broker, marker).await);
    }
    WriteTxnMarkersResponse { markers, ..WriteTxnMarkersResponse::default() }
}

async fn write(broker: &Broker, marker: WritableTxnMarker) -> WritableTxnMarkerResult {
    let producer_id = marker.producer_id;
    let ended = EndedTransaction {
        producer: ProducerEpoch { producer_id, producer_epoch: marker.producer_epoch },
        is_commit: marker.transaction_result,
        coordinator_epoch: marker.coordinator_epoch,
        transaction_version: i16::from(marker.transaction_version),
    };
    let mut topics = Vec::with_capacity(marker.topics.len());
    for topic in marker.topics {
        let mut partitions = Vec::with_capacity(topic.partition_indexes.len());
        for index in topic.partition_indexes {
            let written = broker.transactions.markers().write(&topic.name, index, ended).await;
            partitions.push(WritableTxnMarkerPartitionResult {
                partition_index: index,
                error_code: written.err().unwrap_or(ErrorCode::None).code(),
                ..WritableTxnMarkerPartitionResult::default()
            });
        }
        let name = topic.name;
        topics.push(WritableTxnMarkerTopicResult { name, partitions, ..Default::default() });
    }
    WritableTxnMarkerResult { producer_id, topics, ..WritableTxnMarkerResult::default() }
}
