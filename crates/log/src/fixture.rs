//! What the tests of this crate have in common.
use std::path::Path;

use bytes::Bytes;
use ottla_wire::records::{BatchOptions, EndTransactionMarker};
use ottla_world::Disk;
use ottla_world::memory::MemoryDisk;

use crate::{Isolation, LeaderAppend, ReadOptions, Verification};

/// When the tests take place.
pub(crate) const NOW: i64 = 1_700_000_000_000;

/// A disk with a directory for logs, whose name is durable.
pub(crate) fn disk(seed: u64) -> MemoryDisk {
    let disk = MemoryDisk::new(seed);
    disk.create_dir_all(Path::new("/data")).expect("a free name");
    disk.sync_dir(Path::new("/")).expect("a disk that works");
    disk
}

/// As the leader of this epoch, with nothing to be verified.
pub(crate) fn leader(leader_epoch: i32) -> LeaderAppend {
    LeaderAppend {
        leader_epoch,
        now_ms: NOW,
        transaction_version: 0,
        verification: Verification::NotRequired,
    }
}

/// All that a segment has from this offset on, up to 1 MiB.
pub(crate) fn everything(start_offset: i64) -> ReadOptions {
    ReadOptions {
        start_offset,
        max_bytes: 1 << 20,
        min_one_batch: true,
        isolation: Isolation::LogEnd,
    }
}

/// How a producer writes in a transaction, in its first epoch.
pub(crate) fn in_transaction(producer_id: i64, base_sequence: i32) -> BatchOptions {
    BatchOptions {
        producer_id,
        producer_epoch: 0,
        base_sequence,
        is_transactional: true,
        ..BatchOptions::default()
    }
}

/// How a coordinator ends such a transaction.
pub(crate) fn marker(producer_id: i64, is_commit: bool) -> Bytes {
    let marker = EndTransactionMarker { is_commit, coordinator_epoch: 0 };
    marker.batch(producer_id, 0, NOW).expect("a marker is a small batch").freeze()
}
