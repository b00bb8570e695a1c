//! `meta.properties`, version 1: whose folder it is.

use std::io::{self, ErrorKind};
use std::path::Path;

use ottla_log::Error;
use ottla_world::Disk;
use ottla_world::disk::{read_file, replace_file};

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
    pub fn read(disk: &dyn Disk, path: &Path) -> Result<Option<MetaProperties>, Error> {
        let path = path.join(FILE_NAME);
        let bytes = match read_file(disk, &path, FILE_BYTES_MAX) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(fault("read", &path)(error)),
        };
        let text = String::from_utf8_lossy(&bytes);
        MetaProperties::parse(&text).map(Some).map_err(|detail| Error::Corrupt { path, detail })
    }

    fn parse(text: &str) -> Result<MetaProperties, String> {
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
    pub fn write(&self, disk: &dyn Disk, path: &Path) -> Result<(), Error> {
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
        replace_file(disk, &path, text.as_bytes()).map_err(fault("write", &path))
    }
}

fn fault<'a>(operation: &'static str, path: &'a Path) -> impl FnOnce(io::Error) -> Error + 'a {
    move |source| Error::Io { operation, path: path.to_owned(), source }
}

#[cfg(test)]
mod tests {
    use ottla_world::memory::MemoryDisk;

    use super::*;

    #[test]
    fn meta_properties() {
        let disk = MemoryDisk::new(1);
        let root = Path::new("/");
        assert_eq!(MetaProperties::read(&disk, root).expect("a disk that works"), None);
        let properties = MetaProperties {
            cluster_id: Some("MkU3OEVBNTcwNTJENDM2Qg".to_owned()),
            node_id: Some(1),
            directory_id: Some("pT-vWxOGgKsOIe9rrwEZtA".to_owned()),
        };
        properties.write(&disk, root).expect("a disk that works");
        assert_eq!(MetaProperties::read(&disk, root).expect("a disk that works"), Some(properties));
        let written =
            read_file(&disk, Path::new("/meta.properties"), 1000).expect("a disk that works");
        assert!(String::from_utf8(written).expect("a disk that works").contains("\nversion=1\n"));
        for (contents, complaint) in
            [("version=2\n", "version"), ("node.id=x\n", "number"), ("x\n", "line")]
        {
            replace_file(&disk, Path::new("/meta.properties"), contents.as_bytes())
                .expect("a disk that works");
            let error = MetaProperties::read(&disk, root).expect_err("damaged").to_string();
            assert!(error.contains(complaint), "{error}");
        }
        replace_file(&disk, Path::new("/meta.properties"), b"version=0\nbroker.id=7\n")
            .expect("a disk that works");
        assert_eq!(
            MetaProperties::read(&disk, root)
                .expect("a disk that works")
                .expect("a disk that works")
                .node_id,
            Some(7)
        );
    }
}
