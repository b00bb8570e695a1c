//! `partition.metadata`: the id of the topic that the log belongs to.
use std::io::ErrorKind;

use ottla_wire::Uuid;
use ottla_world::disk::{read_file, replace_file, replace_file_unsynced};

use super::Log;
use crate::error::{Error, Result};

const FILE_NAME: &str = "partition.metadata";
const FILE_BYTES_MAX: u64 = 4096;

impl Log {
    /// The topic id from `partition.metadata`.
    pub fn topic_id(&self) -> Option<Uuid> {
        self.topic_id
    }

    /// Writes `partition.metadata`; fails when another id is there. The next flush makes it durable.
    pub fn assign_topic_id(&mut self, topic_id: Uuid) -> Result<()> {
        if let Some(known) = self.topic_id {
            if known == topic_id {
                return Ok(());
            }
            let detail = format!(
                "Tried to assign topic ID {topic_id} to log for topic partition {}, but log already contained \
                 topic ID {known}",
                self.name
            );
            return Err(Error::corrupt(&self.directory.join(FILE_NAME), detail));
        }
        self.change(|log| {
            log.topic_id = Some(topic_id);
            let path = log.directory.join(FILE_NAME);
            replace_file_unsynced(log.disk.as_ref(), &path, contents(topic_id).as_bytes())
                .map_err(Error::io("write", &path))?;
            log.unsynced.paths.push(path);
            Ok(())
        })
    }

    /// Writes the file again, if there is anything to say. A crash must leave the old one or the new one: what
    /// the journal has of the log goes by the id.
    pub(super) fn write_topic_id_again(&self) -> Result<()> {
        let Some(topic_id) = self.topic_id else { return Ok(()) };
        let path = self.directory.join(FILE_NAME);
        replace_file(self.disk.as_ref(), &path, contents(topic_id).as_bytes())
            .map_err(Error::io("write", &path))
    }

    /// Reads the file. One that a crash tore is as good as none: the id is told again.
    pub(super) fn read_topic_id(&mut self, clean: bool) -> Result<()> {
        let path = self.directory.join(FILE_NAME);
        let bytes = match read_file(self.disk.as_ref(), &path, FILE_BYTES_MAX) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(Error::io("read", &path)(error)),
        };
        match parse(&bytes) {
            Some(topic_id) => {
                self.topic_id = (topic_id != Uuid::ZERO).then_some(topic_id);
                if !clean {
                    // Whoever wrote it may not have lived to sync it, and the journal goes by it.
                    self.unsynced.paths.push(path);
                }
            }
            None if clean => return Err(Error::corrupt(&path, "it names no topic id")),
            None => {
                tracing::warn!(partition = %self.name, "partition.metadata was torn by a crash; removed");
                self.disk.remove_file(&path).map_err(Error::io("remove", &path))?;
            }
        }
        Ok(())
    }
}

fn contents(topic_id: Uuid) -> String {
    format!("version: 0\ntopic_id: {topic_id}")
}

fn parse(bytes: &[u8]) -> Option<Uuid> {
    let mut lines = std::str::from_utf8(bytes).ok()?.lines();
    if lines.next()?.strip_prefix("version:")?.trim() != "0" {
        return None;
    }
    lines.next()?.strip_prefix("topic_id:")?.trim().parse().ok()
}
