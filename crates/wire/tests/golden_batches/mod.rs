//! The files of `tests/golden/records`, and how `Generate.java` describes batches.

use std::fmt::Write as _;
use std::path::PathBuf;

use bytes::Bytes;
use ottla_wire::records::Batches;

/// The most that one batch may hold when it is decompressed.
pub const BYTES_MAX: usize = 1 << 20;

fn golden(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden/records").join(name)
}

/// A golden file.
pub fn read(name: &str) -> Bytes {
    std::fs::read(golden(name)).unwrap_or_else(|error| panic!("{name}: {error}")).into()
}

/// A golden text.
pub fn read_text(name: &str) -> String {
    String::from_utf8(read(name).to_vec()).expect("golden texts are UTF-8")
}

fn shown(bytes: Option<&[u8]>) -> String {
    match bytes {
        None => "null".to_string(),
        Some(bytes) if bytes.len() > 40 => {
            format!("{}#{:x}", bytes.len(), crc_fast::crc32_iscsi(bytes))
        }
        Some(bytes) => bytes.iter().fold("x".to_string(), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        }),
    }
}

/// What `Generate.java` prints for a file of batches.
pub fn described(name: &str, bytes: Bytes) -> String {
    let mut text = format!("file {name}\n");
    for batch in Batches::new(bytes) {
        let batch = batch.expect("golden batches are whole");
        let horizon = batch.delete_horizon_ms();
        let _ = writeln!(
            text,
            "batch offsets={}..{} epoch={} crc={} type={} codec={} transactional={} control={} timestamp={} max={} \
             horizon={} producer={}/{}/{}..{} count={}",
            batch.base_offset,
            batch.last_offset(),
            batch.partition_leader_epoch,
            if batch.check_crc().is_ok() { "ok" } else { "bad" },
            batch.timestamp_type().name(),
            batch.attributes.compression().expect("a known codec"),
            batch.is_transactional(),
            batch.is_control(),
            if horizon.is_some() { -2 } else { batch.base_timestamp },
            batch.max_timestamp,
            horizon.map_or("none".to_string(), |horizon| horizon.to_string()),
            batch.producer_id,
            batch.producer_epoch,
            batch.base_sequence,
            batch.last_sequence(),
            batch.count,
        );
        for record in batch.records(BYTES_MAX).expect("records").iter() {
            let record = record.expect("golden records are well-formed");
            let headers: Vec<String> = record
                .headers
                .iter()
                .map(|header| {
                    format!("{}={}", shown(Some(&header.key)), shown(header.value.as_deref()))
                })
                .collect();
            let _ = writeln!(
                text,
                "record offset={} timestamp={} sequence={} key={} value={} headers=[{}]",
                record.offset,
                record.timestamp,
                batch.view().sequence_of((record.offset - batch.base_offset) as i32),
                shown(record.key.as_deref()),
                shown(record.value.as_deref()),
                headers.join(" "),
            );
        }
    }
    text
}
