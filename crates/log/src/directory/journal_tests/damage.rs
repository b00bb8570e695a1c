//! Journals that are not what was written, and disks that refuse.
use ottla_world::OpenMode;
use ottla_world::disk::read_exact_at;
use ottla_world::memory::Faults;
use std::io::IoSlice;

use super::*;
use crate::CleanupPolicy;

const JOURNAL: &str = "/data/ottla-journal-0";
/// Where commits begin: at multiples of this.
const BLOCK_BYTES: u64 = 4096;
const COMMIT_HEADER_BYTES: usize = 48;

/// A directory whose log has lost all that only the journal has: three commits of a record each.
fn three_commits(seed: u64) -> MemoryDisk {
    let disk = new_disk(seed);
    let mut place = Place::open(&disk);
    let log = place.create(0);
    for number in 0..3 {
        place.put(log, number..number + 1);
        place.commit();
    }
    drop(place);
    let records = Path::new("/data/topic-0/00000000000000000000.log");
    disk.open(records, OpenMode::Write).expect("a segment").set_len(0).expect("a disk that works");
    disk
}

fn overwrite(disk: &MemoryDisk, position: u64, bytes: &[u8]) {
    let file = disk.open(Path::new(JOURNAL), OpenMode::Write).expect("a journal");
    file.write_at(&[IoSlice::new(bytes)], position).expect("a disk that works");
}

fn found(disk: &MemoryDisk) -> Vec<(i64, String)> {
    values(&Place::open(disk).logs[0])
}

#[test]
fn everything_before_a_damaged_commit_is_restored() {
    assert_eq!(found(&three_commits(1)), numbered(0..3));
    let commit = |number: u64| BLOCK_BYTES * (1 + number);
    for (what, position, bytes, left) in [
        ("a flipped bit in records", commit(1) + 166, &[0xff][..], 1),
        ("a flipped bit in a header", commit(2) + 30, &[0xff], 2),
        ("a length of nothing", commit(1) + 4, &[0, 0, 0, 0], 1),
        ("a length beyond the file", commit(1) + 4, &[0x7f, 0xff, 0xff, 0xff], 1),
        ("a length beyond everything", commit(1) + 4, &[0xff, 0xff, 0xff, 0xff], 1),
        ("a length that is a little wrong", commit(1) + 4, &[0, 0, 0, 60], 1),
        ("a torn first commit", commit(0) + 100, &[0; 40], 0),
        ("no header", 0, &[0; 512], 0),
    ] {
        let disk = three_commits(1);
        overwrite(&disk, position, bytes);
        assert_eq!(found(&disk), numbered(0..left), "{what}");
        // It goes on from there.
        let mut place = Place::open(&disk);
        place.put(0, left..left + 1);
        place.logs[0].flush(NOW).expect("a disk that works");
        place.put(0, left + 1..left + 2);
        place.commit();
        let place = place.crash();
        assert_eq!(values(&place.logs[0]), numbered(0..left + 2), "{what}, afterwards");
    }
}

#[test]
fn a_commit_of_lies_with_a_good_checksum_is_not_believed() {
    for lie in [0u32, 1, 57, 3999, u32::MAX] {
        let disk = three_commits(1);
        let file = disk.open(Path::new(JOURNAL), OpenMode::Write).expect("a journal");
        let mut commit = vec![0; BLOCK_BYTES as usize];
        read_exact_at(file.as_ref(), &mut commit, 2 * BLOCK_BYTES).expect("a commit");
        let entry_bytes = u32::from_be_bytes(commit[4..8].try_into().expect("four bytes"));
        // The first entry's length.
        let at = COMMIT_HEADER_BYTES + 4;
        commit[at..at + 4].copy_from_slice(&lie.to_be_bytes());
        let end = COMMIT_HEADER_BYTES + entry_bytes as usize;
        let crc = ottla_wire::records::crc32c(&commit[4..end]);
        commit[..4].copy_from_slice(&crc.to_be_bytes());
        overwrite(&disk, 2 * BLOCK_BYTES, &commit);
        let values = found(&disk);
        assert_eq!(values, numbered(0..1), "a length of {lie}");
    }
}

#[test]
fn a_journal_of_another_directory_is_put_aside() {
    let disk = three_commits(1);
    let other = Uuid::from_halves(9, 9);
    let mut place = Place::open_as(&disk, other);
    assert_eq!(values(&place.logs[0]), []);
    assert!(disk.exists(Path::new("/data/ottla-journal-0-stray")).expect("a disk that works"));
    place.put(0, 0..1);
    place.logs[0].flush(NOW).expect("a disk that works");
    drop(place);
    // Its own journal has another's number now.
    let place = Place::open_as(&disk, other);
    assert_eq!(values(&place.logs[0]), numbered(0..1));
}

#[test]
fn files_with_other_names_are_left_alone() {
    let disk = three_commits(1);
    for name in ["ottla-journal-", "ottla-journal-01", "ottla-journal-x", "ottla-journal-+1"] {
        disk.open(&Path::new("/data").join(name), OpenMode::Create).expect("a free name");
    }
    assert_eq!(found(&disk), numbered(0..3));
    assert!(disk.exists(Path::new("/data/ottla-journal-01")).expect("a disk that works"));
}

#[test]
fn a_disk_that_refuses_is_never_asked_again_and_nothing_is_lost() {
    let refusals = [
        Faults { write_error_one_in: 1, ..Faults::default() },
        Faults { sync_error_one_in: 1, ..Faults::default() },
    ];
    for (seed, faults) in (0..20).flat_map(|seed| refusals.map(|faults| (seed, faults))) {
        let disk = new_disk(seed);
        let mut place = Place::open(&disk);
        let log = place.create(0);
        place.put(log, 0..5);
        place.commit();
        place.put(log, 5..8);
        disk.set_faults_under(Path::new(JOURNAL), faults);
        place.journal.commit().expect_err("the disk refuses");
        disk.set_faults(Faults::default());
        assert!(place.journal.has_failed());
        place.journal.commit().expect_err("it is not tried again");
        assert_eq!(place.logs[log].durable_end(), 5);
        let refused = place.logs[log].append(batch("x"), AppendOrigin::Client, leader(0));
        assert!(refused.is_err() && place.logs[log].is_offline());
        let place = place.crash();
        let found = values(&place.logs[0]);
        assert!(found.len() >= 5, "seed {seed}: {found:?}");
        assert_eq!(found[..5], numbered(0..5), "seed {seed}");
    }
}

#[test]
fn a_flush_that_fails_leaves_its_records_to_the_journal() {
    let mut refused = 0;
    for (seed, sync_says_full) in (0..60).flat_map(|seed| [(seed, false), (seed, true)]) {
        let disk = new_disk(seed);
        let mut place = Place::open(&disk);
        let (log, other) = (place.create(0), place.create(1));
        place.put(log, 0..5);
        place.put(other, 0..1);
        place.commit();
        // After one that fails, the next sync may well succeed, and keep nothing.
        let faults = Faults { sync_error_one_in: 2, sync_says_full, ..Faults::default() };
        disk.set_faults_under(Path::new("/data/topic-0"), faults);
        if place.logs[log].flush(NOW).is_ok() {
            continue;
        }
        refused += 1;
        disk.set_faults(Faults::default());
        assert!(place.logs[log].is_offline() && place.journal.has_failed(), "it must keep them");
        place.journal.close().expect_err("it is needed");
        let place = place.crash();
        assert_eq!(values(&place.logs[0]), numbered(0..5), "seed {seed}");
        assert_eq!(values(&place.logs[1]), numbered(0..1), "seed {seed}");
    }
    assert!(refused > 50, "{refused} flushes failed");
}

#[test]
fn a_full_disk_costs_one_log_and_nothing_it_acknowledged() {
    let disk = new_disk(1);
    let mut place = Place::open(&disk);
    let (log, other) = (place.create(0), place.create(1));
    place.put(log, 0..5);
    place.commit();
    let faults = Faults { capacity_bytes: 1, ..Faults::default() };
    disk.set_faults_under(Path::new("/data/topic-0"), faults);
    place.logs[log].append(batch("x"), AppendOrigin::Client, leader(0)).expect_err("a full disk");
    assert!(place.logs[log].is_offline());
    assert!(
        !place.journal.has_failed(),
        "what the log has acknowledged is in its segment, on disk"
    );
    place.put(other, 0..1);
    place.commit();
    assert_eq!(place.logs[other].durable_end(), 1, "others serve on");
    disk.set_faults(Faults::default());
    let place = place.crash();
    assert_eq!(values(&place.logs[0]), numbered(0..5));
    assert_eq!(values(&place.logs[1]), numbered(0..1));
}

#[test]
fn a_log_that_can_not_be_opened_keeps_the_journal() {
    let disk = three_commits(1);
    let faults = Faults { read_error_one_in: 1, ..Faults::default() };
    disk.set_faults_under(Path::new("/data/topic-0"), faults);
    let shared: Arc<dyn Disk> = Arc::new(disk.clone());
    let mut directory = LogDirectory::open(shared, Path::new("/data")).expect("a free lock");
    let journal = directory.open_journal(DIRECTORY_ID, SMALL).expect("a disk that works");
    let options = LoadOptions { config_for: &|_| config(), threads: 1, now_ms: NOW };
    let loaded = directory.load(&options).expect("a directory that can be listed");
    assert_eq!(loaded.failed.len(), 1);
    assert!(journal.has_failed());
    drop(directory);
    disk.set_faults(Faults::default());
    assert_eq!(found(&disk), numbered(0..3));
}

#[test]
fn records_are_restored_into_segments_that_would_not_take_them_any_more() {
    let disk = new_disk(1);
    let mut place = Place::open(&disk);
    let log = place.create(0);
    let large = "x".repeat(5_000);
    for value in ["small", &large, "last"] {
        place.append(log, 0, value);
    }
    place.commit();
    drop(place);
    cut(&disk, "00000000000000000000.log", 0);
    let smaller = LogConfig { segment_bytes: 1_000, ..(*config()).clone() };
    let place = Place::open_with(&disk, DIRECTORY_ID, Arc::new(smaller));
    let expected = [(0, "small".to_owned()), (1, large), (2, "last".to_owned())];
    assert_eq!(values(&place.logs[0]), expected);
}

/// Cuts a file of the log's.
fn cut(disk: &MemoryDisk, name: &str, len: u64) {
    let path = Path::new("/data/topic-0").join(name);
    disk.open(&path, OpenMode::Write).expect("a file").set_len(len).expect("a disk that works");
}

#[test]
fn a_hole_between_segments_is_filled_where_compaction_can_not_have_made_it() {
    for (synced_to, left) in [(0, numbered(0..6)), (6, [numbered(0..2), numbered(3..6)].concat())] {
        let disk = new_disk(1);
        let mut place = Place::open(&disk);
        let log = place.create(0);
        place.put(log, 0..2);
        let whole = place.logs[log].size();
        place.put(log, 2..3);
        place.logs[log].roll(NOW).expect("a disk that works");
        place.put(log, 3..6);
        place.commit();
        let points = [(TopicPartition::new("topic", 0), synced_to)].into();
        place.directory.checkpoint_recovery_points(&points).expect("a disk that works");
        drop(place);
        // The size is behind: a whole batch is missing, and nothing looks torn.
        cut(&disk, "00000000000000000000.log", whole);
        let compact = CleanupPolicy { delete: false, compact: true };
        let compacted = LogConfig { cleanup_policy: compact, ..(*config()).clone() };
        let place = Place::open_with(&disk, DIRECTORY_ID, Arc::new(compacted));
        assert_eq!(values(&place.logs[0]), left, "synced to {synced_to}");
        assert_eq!(place.logs[0].log_end_offset(), 6);
    }
}

#[test]
fn a_batch_that_is_restored_does_not_move_the_start_back() {
    let disk = new_disk(1);
    let mut place = Place::open(&disk);
    let log = place.create(0);
    let mut builder = BatchBuilder::new(BatchOptions::default());
    for value in ["0", "1", "2"] {
        builder.append(NOW, None, Some(value.as_bytes()), &[]).expect("a small record");
    }
    let records = builder.build().expect("a batch").freeze();
    place.logs[log].append(records, AppendOrigin::Client, leader(0)).expect("accepted");
    place.commit();
    let starts = [(TopicPartition::new("topic", 0), 2)].into();
    place.directory.checkpoint_log_start_offsets(&starts).expect("a disk that works");
    drop(place);
    cut(&disk, "00000000000000000000.log", 0);
    let place = Place::open(&disk);
    assert_eq!((place.logs[0].log_start_offset(), place.logs[0].log_end_offset()), (2, 3));
}
