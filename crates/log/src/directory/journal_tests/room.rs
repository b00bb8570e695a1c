//! A disk that has no room for a journal, or for all of it.

use std::path::PathBuf;

use ottla_world::Disk;
use ottla_world::memory::Faults;

use super::{NOW, Place, SMALL, new_disk, numbered, values};

/// No byte more than there is goes into the journal's file of this number.
fn no_room(disk: &ottla_world::memory::MemoryDisk, slot: usize) {
    let faults = Faults { capacity_bytes: 1, ..Faults::default() };
    disk.set_faults_under(&file(slot), faults);
}

fn file(slot: usize) -> PathBuf {
    PathBuf::from(format!("/data/ottla-journal-{slot}"))
}

fn has_file(place: &Place, slot: usize) -> bool {
    place.disk.exists(&file(slot)).expect("a disk that works")
}

#[test]
fn without_room_for_a_journal_logs_are_flushed() {
    for slot in 0..2 {
        let mut place = Place::open(&new_disk(1));
        let log = place.create(0);
        no_room(&place.disk, slot);
        place.put(log, 0..5);
        let commit = place.commit();
        assert_eq!(commit.refused, [place.logs[log].journal_key().expect("it has an id")]);
        assert_eq!((commit.entries, commit.logs.len()), (0, 0));
        place.logs[log].not_journaled();
        assert!(place.logs[log].waits_for_flush());
        assert_eq!(place.logs[log].durable_end(), 0, "the segment may lose it");
        assert!(!has_file(&place, 0) && !has_file(&place, 1), "what there was is taken back");
        place.logs[log].flush(NOW).expect("a disk that works");
        assert_eq!(place.logs[log].durable_end(), 5);
        // Nothing is handed in any more, whatever happens to the log.
        place.put(log, 5..7);
        assert!(place.logs[log].waits_for_flush());
        place.logs[log].truncate_to(6, NOW).expect("a disk that works");
        assert!(place.commit().refused.is_empty());
        assert!(!place.journal.has_failed());
        place.journal.close().expect("nothing to void");
        let place = place.kill();
        assert_eq!(values(&place.logs[0]), numbered(0..6));
        let place = place.crash();
        assert_eq!(values(&place.logs[0])[..5], numbered(0..5)[..]);
        // With room there is a journal again.
        place.disk.set_faults(Faults::default());
        let mut place = place.kill();
        let end = place.logs[0].log_end_offset();
        place.logs[0].flush(NOW).expect("a disk that works");
        place.put(0, end..end + 1);
        place.commit();
        assert_eq!(place.logs[0].durable_end(), end + 1);
        assert!(has_file(&place, 0));
    }
}

#[test]
fn without_room_for_every_file_the_journal_goes_on_with_fewer() {
    let mut place = Place::open(&new_disk(1));
    let log = place.create(0);
    no_room(&place.disk, SMALL.files - 1);
    for number in 0..60 {
        place.put(log, number..number + 1);
        let commit = place.commit();
        assert_eq!(commit.refused, []);
        if place.logs[log].durable_end() == number {
            // Full: both files wait for the segment.
            place.logs[log].flush(NOW).expect("a disk that works");
            place.commit();
        }
        assert_eq!(place.logs[log].durable_end(), number + 1);
    }
    assert!(place.journal.stats().waits > 0);
    assert!(has_file(&place, 1) && !has_file(&place, 2));
    let place = place.crash();
    assert_eq!(values(&place.logs[0]), numbered(0..60));
}

#[test]
fn a_journal_that_no_longer_fits_is_restored_from_and_removed() {
    let mut place = Place::open(&new_disk(3));
    let log = place.create(0);
    place.put(log, 0..5);
    place.commit();
    let disk = place.leave();
    disk.crash();
    disk.remove_file(&file(1)).expect("it was made ahead");
    no_room(&disk, 1);
    let place = Place::open(&disk);
    assert_eq!(values(&place.logs[0]), numbered(0..5));
    assert!(!has_file(&place, 0) && !has_file(&place, 1));
    let mut place = place.crash();
    assert_eq!(values(&place.logs[0]), numbered(0..5), "removed after it was restored");
    place.put(0, 5..6);
    assert_eq!(place.commit().entries, 1, "the disk has room again");
}

#[test]
fn a_journal_is_taken_up_once_there_is_room() {
    let mut place = Place::open(&new_disk(1));
    let log = place.create(0);
    assert!(!place.journal.look_for_room().expect("a disk that works"), "it lacks nothing");
    no_room(&place.disk, 1);
    place.put(log, 0..5);
    assert_eq!(place.commit().refused.len(), 1);
    place.logs[log].not_journaled();
    place.logs[log].flush(NOW).expect("a disk that works");
    // Still none: nothing is left behind, and nothing is handed in.
    assert!(!place.journal.look_for_room().expect("a disk that works"));
    assert!(!has_file(&place, 0) && !has_file(&place, 1));
    place.put(log, 5..6);
    assert!(place.logs[log].waits_for_flush());
    place.logs[log].flush(NOW).expect("a disk that works");
    place.disk.set_faults(Faults::default());
    assert!(place.journal.look_for_room().expect("a disk that works"));
    assert!(!place.journal.look_for_room().expect("a disk that works"), "it has one now");
    place.put(log, 6..9);
    let commit = place.commit();
    assert_eq!((commit.refused.len(), commit.entries), (0, 3));
    assert_eq!(place.logs[log].durable_end(), 9);
    let place = place.crash();
    assert_eq!(values(&place.logs[0]), numbered(0..9), "the journal has what the segment lost");
}
