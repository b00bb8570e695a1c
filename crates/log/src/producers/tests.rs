//! Snapshots: written, read, torn.
use std::path::Path;
use std::sync::Arc;

use ottla_wire::records::{Attributes, BatchHeader};
use ottla_world::Disk;
use ottla_world::disk::{read_file, replace_file};
use ottla_world::memory::MemoryDisk;

use super::*;

const NOW: i64 = 1_700_000_000_000;

fn header(producer_id: i64, base_offset: i64, base_sequence: i32) -> BatchHeader {
    BatchHeader {
        base_offset,
        length: 49,
        partition_leader_epoch: 0,
        crc: 0,
        attributes: Attributes::default().with_transactional(producer_id == 2),
        last_offset_delta: 4,
        base_timestamp: NOW,
        max_timestamp: NOW,
        producer_id,
        producer_epoch: 3,
        base_sequence,
        count: 5,
    }
}

fn producers(disk: &MemoryDisk, snapshots: &[i64]) -> Producers {
    let snapshots = snapshots.iter().copied().collect();
    Producers::open(Arc::new(disk.clone()), Path::new("/"), 1000, snapshots)
}

#[test]
fn a_snapshot_tells_all_but_the_older_batches() {
    let disk = MemoryDisk::new(1);
    let mut written = producers(&disk, &[]);
    assert_eq!(written.take_snapshot().unwrap(), None, "there is nothing to tell");
    for (producer_id, base_offset) in [(1, 0), (2, 5), (1, 10)] {
        written.apply(&header(producer_id, base_offset, base_offset as i32), None);
    }
    assert_eq!(
        written.take_snapshot().unwrap().unwrap(),
        Path::new("/00000000000000000015.snapshot")
    );
    assert_eq!(written.take_snapshot().unwrap(), None, "nothing is new");

    let mut read = producers(&disk, &[15]);
    read.reload(0, 20, NOW).unwrap();
    assert_eq!((read.end_offset(), read.first_unstable_offset()), (15, Some(5)));
    assert_eq!(read.active(), written.active());
    // Long silence forgets a producer, but not its open transaction.
    let mut read = producers(&disk, &[15]);
    read.reload(0, 20, NOW + 1000).unwrap();
    let ids: Vec<i64> = read.active().iter().map(|producer| producer.producer_id).collect();
    assert_eq!(ids, [2]);
}

#[test]
fn a_damaged_snapshot_is_passed_over() {
    let disk = MemoryDisk::new(1);
    let mut written = producers(&disk, &[]);
    written.apply(&header(1, 0, 0), None);
    written.take_snapshot().unwrap();
    written.apply(&header(1, 5, 5), None);
    let newest = written.take_snapshot().unwrap().unwrap();
    let whole = read_file(&disk, &newest, 1000).unwrap();
    for damage in 0..whole.len() {
        let mut damaged = whole.clone();
        damaged[damage] ^= 0x40;
        replace_file(&disk, &newest, &damaged).unwrap();
        let mut read = producers(&disk, &[5, 10]);
        read.reload(0, 10, NOW).unwrap();
        assert_eq!(read.end_offset(), 5, "byte {damage}");
        assert!(!disk.exists(&newest).unwrap());
        for len in [0, 5, damage] {
            replace_file(&disk, &newest, &whole[..len]).unwrap();
            let mut read = producers(&disk, &[5, 10]);
            read.reload(0, 10, NOW).unwrap();
            assert_eq!(read.end_offset(), 5, "{len} bytes");
        }
    }
}

#[test]
fn stray_snapshots_go_but_the_newest() {
    for (snapshots, segments, kept) in [
        (&[5i64, 10, 20][..], &[0i64, 10][..], &[10i64, 20][..]),
        (&[5, 10, 20], &[0, 30], &[]),
        (&[5, 7], &[5], &[5, 7]),
    ] {
        let mut producers = producers(&MemoryDisk::new(1), snapshots);
        producers.remove_stray_snapshots(&segments.iter().copied().collect()).unwrap();
        assert_eq!(
            producers.snapshots,
            kept.iter().copied().collect(),
            "{snapshots:?} {segments:?}"
        );
    }
}
