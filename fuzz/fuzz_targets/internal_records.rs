//! Records of internal topics, which an operator may have copied from anywhere.
#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use ottla_wire::messages::{
    GroupRecordKey, GroupRecordValue, MetadataRecord, RemoteLogMetadataRecord, ShareRecordKey,
    ShareRecordValue, TransactionRecordKey, TransactionRecordValue,
};

fuzz_target!(|data: &[u8]| {
    let bytes = Bytes::copy_from_slice(data);
    if let Ok((record, version)) = MetadataRecord::decode(&bytes) {
        record.encode(version).expect("what was read can be written");
    }
    let _ = RemoteLogMetadataRecord::decode(&bytes);
    let _ = GroupRecordKey::decode(&bytes);
    let _ = TransactionRecordKey::decode(&bytes);
    let _ = ShareRecordKey::decode(&bytes);
    for record_type in 0..32 {
        let _ = GroupRecordValue::decode(record_type, &bytes);
        let _ = TransactionRecordValue::decode(record_type, &bytes);
        let _ = ShareRecordValue::decode(record_type, &bytes);
    }
});
