//! `meta.properties`, version 1: whose folder it is.
use std::io::ErrorKind;
use std::path::Path;

use ottla_world::Disk;
use ottla_world::disk::{read_file, replace_file};

use crate::error::{Error, Result};

const FILE_NAME: &str = "meta.properties";
const FILE_BYTES_MAX: u64 = 64 * 1024;

/// What `meta.properties` says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MetaProperties {
    /// `cluster.id`.
    pub cluster_id: Option<String>,
    /// `node.id` (`broker.id` in version 0).
    pub node_id: Option<i32>,
    /// `directory.id`, 22 characters of base64.
    pub directory_id: Option<String>,
}

impl MetaProperties {
    /// Reads `meta.properties` of the folder `path`; `None` when there is none.
    ///
    /// # Errors
    /// [`Error::Corrupt`] when a number is none or the version is unknown.
    pub fn read(disk: &dyn Disk, path: &Path) -> Result<Option<MetaProperties>> {
        let path = path.join(FILE_NAME);
        let bytes = match read_file(disk, &path, FILE_BYTES_MAX) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(Error::io("read", &path)(error)),
        };
        let text = String::from_utf8_lossy(&bytes);
        MetaProperties::parse(&text).map(Some).map_err(|detail| Error::corrupt(&path, detail))
    }

    fn parse(text: &str) -> std::result::Result<MetaProperties, String> {
        let mut properties = MetaProperties::default();
        for line in text.lines().map(str::trim) {
            if line.is_empty() || line.starts_with(['#', '!']) {
                continue;
            }
            let Some((key, value)) = line.split_once('=') else {
                return Err(format!("malformed line {line:?}"));
            };
            let value = value.trim();
            match key.trim() {
                "version" if value == "0" || value == "1" => {}
                "version" => return Err(format!("unknown version {value:?}")),
                "cluster.id" => properties.cluster_id = Some(value.to_owned()),
                "node.id" | "broker.id" => {
                    let node_id =
                        value.parse().map_err(|_| format!("node id {value:?} is no number"))?;
                    properties.node_id = Some(node_id);
                }
                "directory.id" => properties.directory_id = Some(value.to_owned()),
                // Kafka keeps what it does not know to itself, too.
                _ => {}
            }
        }
        Ok(properties)
    }

    /// Writes `meta.properties` into the folder `path`, all or nothing.
    pub fn write(&self, disk: &dyn Disk, path: &Path) -> Result<()> {
        let mut text = "#\n".to_owned();
        let mut line = |key: &str, value: &str| text.push_str(&format!("{key}={value}\n"));
        if let Some(node_id) = self.node_id {
            line("node.id", &node_id.to_string());
        }
        if let Some(directory_id) = &self.directory_id {
            line("directory.id", directory_id);
        }
        line("version", "1");
        if let Some(cluster_id) = &self.cluster_id {
            line("cluster.id", cluster_id);
        }
        let path = path.join(FILE_NAME);
        replace_file(disk, &path, text.as_bytes()).map_err(Error::io("write", &path))
    }
}
