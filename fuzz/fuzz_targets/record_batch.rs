//! Record batches from anywhere. Once with the bytes as they are, once with the checksum made right, so that the
//! fuzzer gets past it.
#![no_main]
use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use ottla_wire::records::{
    BatchLimits, BatchView, BatchViews, Batches, Compression, EndTransactionMarker, RecordRules,
    TimestampType, rebuild, validate_produce,
};

const BYTES_MAX: usize = 1 << 20;

fuzz_target!(|data: &[u8]| {
    read_everything(data);
    let mut fixed = data.to_vec();
    if let Ok(view) = BatchView::first(&fixed) {
        let crc = view.compute_crc();
        fixed[17..21].copy_from_slice(&crc.to_be_bytes());
        read_everything(&fixed);
    }
});

fn read_everything(data: &[u8]) {
    let limits = BatchLimits { bytes_max: BYTES_MAX };
    let rules = RecordRules {
        now_ms: 0,
        timestamp_type: TimestampType::CreateTime,
        before_max_ms: i64::MAX,
        after_max_ms: i64::MAX,
        needs_key: false,
    };
    let verdict = validate_produce(data, 9, &limits, &rules);
    if let Ok((view, summary)) = &verdict
        && summary.records_bytes <= BYTES_MAX
    {
        // What is appended must be readable, record for record.
        let records = view.records(BYTES_MAX).expect("accepted batches can be read");
        let read = records.views().map(|record| record.expect("accepted records can be read"));
        assert_eq!(read.count(), summary.count as usize);
    }
    for batch in Batches::new(Bytes::copy_from_slice(data)).flatten() {
        let Ok(records) = batch.records(BYTES_MAX) else { continue };
        for record in records.iter().flatten() {
            let _ = EndTransactionMarker::read(record.key.as_deref(), record.value.as_deref());
        }
    }
    for batch in BatchViews::new(data).flatten() {
        if let Ok(again) = rebuild(&batch, Compression::NONE, BYTES_MAX) {
            let again = BatchView::first(&again).expect("what is built can be read");
            again.check_crc().expect("what is built has a good checksum");
        }
    }
}
