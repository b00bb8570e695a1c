//! `bootstrap.checkpoint`: the feature levels that a formatted directory asks a new cluster to begin with.
//!
//! `storage format` writes it, Apache Kafka's and ours. It counts only while the metadata log is empty.

use std::io::ErrorKind;
use std::path::Path;

use ottla_wire::messages::MetadataRecord;
use ottla_wire::records::Batches;
use ottla_world::Disk;
use ottla_world::disk::read_file;

use super::metadata_log::decode;
use crate::error::StartError;

const FILE_NAME: &str = "bootstrap.checkpoint";

/// A file of feature levels is far smaller.
const FILE_BYTES_MAX: u64 = 16 << 20;

/// The levels by name; none when the directory was not formatted by a tool.
///
/// # Errors
/// The file can't be read.
pub fn feature_levels(disk: &dyn Disk, directory: &Path) -> Result<Vec<(String, i16)>, StartError> {
    let path = directory.join(FILE_NAME);
    let bytes = match read_file(disk, &path, FILE_BYTES_MAX) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(StartError::directory_failed(&path, &error)),
    };
    let damaged = |detail: String| {
        StartError::directory(&path, detail)
            .hint("format the directory again: `ottla storage format`")
    };
    let mut levels = Vec::new();
    for batch in Batches::new(bytes.into()) {
        let batch = batch.map_err(|error| damaged(error.to_string()))?;
        batch.check_crc().map_err(|error| damaged(error.to_string()))?;
        if batch.view().header().attributes.is_control() {
            continue;
        }
        for (_, record) in decode(&batch).map_err(damaged)? {
            if let MetadataRecord::FeatureLevel(feature) = record {
                levels.push((feature.name, feature.feature_level));
            }
        }
    }
    Ok(levels)
}
