//! `quorum-state`: the leader and epoch that the metadata log last had (Kafka's file). Version 1 goes with
//! kraft.version 1, whose voters are in the log.

use std::io;
use std::path::Path;

use ottla_wire::Uuid;
use ottla_world::Disk;
use ottla_world::disk::{read_file, replace_file};
use serde_json::{Value, json};

/// The file's name in the metadata log's directory.
const NAME: &str = "quorum-state";

/// The file is a line of JSON; anything larger is something else.
const FILE_BYTES_MAX: u64 = 64 * 1024;

/// What the file says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QuorumState {
    pub leader_id: i32,
    pub leader_epoch: i32,
}

impl QuorumState {
    /// Reads the file; epoch 0 without a leader when there is none.
    ///
    /// # Errors
    /// The disk refuses, or the file is not what Kafka writes.
    pub fn read(disk: &dyn Disk, directory: &Path) -> io::Result<Self> {
        let path = directory.join(NAME);
        if !disk.exists(&path)? {
            return Ok(Self { leader_id: -1, leader_epoch: 0 });
        }
        let damaged = || io::Error::other(format!("{} is damaged", path.display()));
        let text = read_file(disk, &path, FILE_BYTES_MAX)?;
        let state: Value = serde_json::from_slice(&text).map_err(|_| damaged())?;
        let number = |name: &str| {
            state.get(name).and_then(Value::as_i64).and_then(|number| i32::try_from(number).ok())
        };
        match (number("leaderId"), number("leaderEpoch")) {
            (Some(leader_id), Some(leader_epoch)) => Ok(Self { leader_id, leader_epoch }),
            _ => Err(damaged()),
        }
    }

    /// Writes the file, all or nothing.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn write(self, disk: &dyn Disk, directory: &Path, kraft_version: i16) -> io::Result<()> {
        let state = match kraft_version {
            0 => json!({
                "clusterId": "",
                "leaderId": self.leader_id,
                "leaderEpoch": self.leader_epoch,
                "votedId": -1,
                "appliedOffset": 0,
                "currentVoters": [{ "voterId": self.leader_id }],
                "data_version": 0,
            }),
            _ => json!({
                "leaderId": self.leader_id,
                "leaderEpoch": self.leader_epoch,
                "votedId": -1,
                "votedDirectoryId": Uuid::ZERO.to_string(),
                "data_version": 1,
            }),
        };
        replace_file(disk, &directory.join(NAME), state.to_string().as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use ottla_world::memory::MemoryDisk;

    use super::*;

    #[test]
    fn what_is_written_is_read_and_damage_is_told() {
        let disk = MemoryDisk::new(1);
        let directory = Path::new("/data");
        disk.create_dir_all(directory).expect("a directory");
        let none = QuorumState::read(&disk, directory).expect("readable");
        assert_eq!(none, QuorumState { leader_id: -1, leader_epoch: 0 });
        let state = QuorumState { leader_id: 3, leader_epoch: 7 };
        for (kraft_version, told) in
            [(0, r#""currentVoters":[{"voterId":3}]"#), (1, r#""data_version":1"#)]
        {
            state.write(&disk, directory, kraft_version).expect("written");
            assert_eq!(QuorumState::read(&disk, directory).expect("readable"), state);
            let text = read_file(&disk, &directory.join(NAME), FILE_BYTES_MAX).expect("readable");
            assert!(String::from_utf8_lossy(&text).contains(told), "{text:?}");
        }
        replace_file(&disk, &directory.join(NAME), b"{").expect("written");
        assert!(QuorumState::read(&disk, directory).is_err());
    }
}
