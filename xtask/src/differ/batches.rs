//! Record batches inside an answer, as trees: compressed bytes differ, their records must not.

use bytes::Bytes;
use ottla_wire::codec::Tree;
use ottla_wire::records::{Batches, CompressionType, Record};

const RECORDS_BYTES_MAX: usize = 16 << 20;

/// Replaces every field of records by a tree of its batches.
pub fn unfold(name: &str, tree: Tree) -> Tree {
    match tree {
        Tree::Struct(fields) => {
            let unfolded = |(name, field)| (name, unfold(name, field));
            Tree::Struct(fields.into_iter().map(unfolded).collect())
        }
        Tree::List(elements) => {
            Tree::List(elements.into_iter().map(|element| unfold(name, element)).collect())
        }
        Tree::Bytes(bytes) if name == "records" => batches(bytes),
        leaf => leaf,
    }
}

fn batches(bytes: Bytes) -> Tree {
    let mut found = Vec::new();
    let mut batches = Batches::new(bytes);
    while let Some(Ok(batch)) = batches.next() {
        let view = batch.view();
        let header = view.header();
        let mut fields = vec![
            ("baseOffset", Tree::from(header.base_offset)),
            ("partitionLeaderEpoch", Tree::from(header.partition_leader_epoch)),
            ("attributes", Tree::from(header.attributes.0)),
            ("lastOffsetDelta", Tree::from(header.last_offset_delta)),
            ("baseTimestamp", Tree::from(header.base_timestamp)),
            ("maxTimestamp", Tree::from(header.max_timestamp)),
            ("producerId", Tree::from(header.producer_id)),
            ("producerEpoch", Tree::from(header.producer_epoch)),
            ("baseSequence", Tree::from(header.base_sequence)),
            ("count", Tree::from(header.count)),
            ("crcHolds", Tree::from(batch.check_crc().is_ok())),
        ];
        if header.attributes.compression() == Ok(CompressionType::None) {
            fields.push(("length", Tree::from(header.length)));
        }
        let records = match batch.records(RECORDS_BYTES_MAX) {
            Ok(records) => Tree::List(
                records
                    .iter()
                    .map(|found| match found {
                        Ok(found) => record(&found),
                        Err(error) => Tree::Text(error.to_string()),
                    })
                    .collect(),
            ),
            Err(error) => Tree::Text(error.to_string()),
        };
        fields.push(("records", records));
        found.push(Tree::Struct(fields));
    }
    if !batches.rest().is_empty() {
        // A batch that the limit has cut: its start holds times and a checksum over them.
        found.push(Tree::Struct(vec![("cut", Tree::from(batches.rest().len() as i64))]));
    }
    Tree::List(found)
}

fn record(record: &Record) -> Tree {
    let bytes = |bytes: &Option<Bytes>| Tree::nullable(bytes.as_ref(), |bytes| Tree::from(bytes));
    Tree::Struct(vec![
        ("offset", Tree::from(record.offset)),
        ("timestamp", Tree::from(record.timestamp)),
        ("key", bytes(&record.key)),
        ("value", bytes(&record.value)),
        (
            "headers",
            Tree::list(&record.headers, |header| {
                Tree::Struct(vec![
                    ("key", Tree::from(&header.key)),
                    ("value", bytes(&header.value)),
                ])
            }),
        ),
    ])
}
