//! The fake disk keeps what it must, loses what it may, and fails when told.
use std::io::{ErrorKind, IoSlice};
use std::path::Path;

use super::{Faults, MemoryDisk};
use crate::disk::{Disk, OpenMode, read_file, replace_file, write_all_at};
use crate::real::RealDisk;

fn write(disk: &dyn Disk, path: &str, bytes: &[u8], sync: bool) {
    let file = disk.open(Path::new(path), OpenMode::Create).unwrap();
    write_all_at(file.as_ref(), &mut [IoSlice::new(bytes)], 0).unwrap();
    if sync {
        file.sync_data().unwrap();
    }
}

fn contents(disk: &dyn Disk, path: &str) -> Option<Vec<u8>> {
    read_file(disk, Path::new(path), 1 << 20).ok()
}

#[test]
fn synced_bytes_and_names_survive() {
    for seed in 0..50 {
        let disk = MemoryDisk::new(seed);
        disk.create_dir_all(Path::new("/data")).unwrap();
        disk.sync_dir(Path::new("/")).unwrap();
        write(&disk, "/data/kept", b"kept", true);
        disk.sync_dir(Path::new("/data")).unwrap();
        write(&disk, "/data/lost", b"lost", true);
        disk.crash();
        assert_eq!(contents(&disk, "/data/kept").as_deref(), Some(&b"kept"[..]), "seed {seed}");
    }
}

#[test]
fn every_fate_of_an_unsynced_write_occurs() {
    let (mut kept, mut lost, mut torn) = (0, 0, 0);
    let written = vec![7u8; 2048];
    for seed in 0..200 {
        let disk = MemoryDisk::new(seed);
        write(&disk, "/file", b"", true);
        disk.sync_dir(Path::new("/")).unwrap();
        write(&disk, "/file", &written, false);
        disk.crash();
        match contents(&disk, "/file").expect("the name was synced") {
            found if found == written => kept += 1,
            found if found.is_empty() => lost += 1,
            _ => torn += 1,
        }
    }
    assert!(kept > 0 && lost > 0 && torn > 0, "kept {kept}, lost {lost}, torn {torn}");
}

#[test]
fn replacement_is_all_or_nothing() {
    for seed in 0..100 {
        let disk = MemoryDisk::new(seed);
        replace_file(&disk, Path::new("/file"), b"old").unwrap();
        disk.set_faults(Faults { sync_error_one_in: 2, ..Faults::default() });
        let replaced = replace_file(&disk, Path::new("/file"), b"new").is_ok();
        disk.set_faults(Faults::default());
        disk.crash();
        let found = contents(&disk, "/file").expect("one of the two is there");
        let allowed: &[&[u8]] = if replaced { &[b"new"] } else { &[b"old", b"new"] };
        assert!(allowed.contains(&found.as_slice()), "seed {seed}: {found:?}");
    }
}

#[test]
fn handles_and_locks_die_with_the_power() {
    let disk = MemoryDisk::new(1);
    let file = disk.open(Path::new("/file"), OpenMode::Create).unwrap();
    let lock = disk.lock(Path::new("/.lock")).unwrap();
    assert_eq!(disk.lock(Path::new("/.lock")).unwrap_err().kind(), ErrorKind::WouldBlock);
    disk.crash();
    assert!(file.len().is_err());
    let second = disk.lock(Path::new("/.lock")).unwrap();
    drop(lock);
    assert_eq!(disk.lock(Path::new("/.lock")).unwrap_err().kind(), ErrorKind::WouldBlock);
    drop(second);
    disk.lock(Path::new("/.lock")).unwrap();
}

#[test]
fn a_full_disk_refuses_what_does_not_fit() {
    let disk = MemoryDisk::new(1);
    disk.set_faults(Faults { capacity_bytes: 10, ..Faults::default() });
    let file = disk.open(Path::new("/file"), OpenMode::Create).unwrap();
    file.write_at(&[IoSlice::new(&[1; 10])], 0).unwrap();
    assert_eq!(file.write_at(&[IoSlice::new(&[1; 10])], 5).unwrap(), 5, "what fits is written");
    let refused = file.write_at(&[IoSlice::new(&[1; 10])], 10).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::StorageFull);
    assert_eq!(disk.space(Path::new("/")).unwrap().free_bytes, 0);
}

#[test]
fn short_reads_and_writes_are_finished_by_the_helpers() {
    for seed in 0..20 {
        let disk = MemoryDisk::new(seed);
        disk.set_faults(Faults { short_one_in: 2, ..Faults::default() });
        let long: Vec<u8> = (0..=255).collect();
        write(&disk, "/file", &long, false);
        assert_eq!(contents(&disk, "/file").unwrap(), long, "seed {seed}");
    }
}

#[test]
fn a_killed_process_loses_nothing_but_its_handles() {
    let disk = MemoryDisk::new(1);
    write(&disk, "/file", b"written", false);
    let file = disk.open(Path::new("/file"), OpenMode::Write).unwrap();
    disk.kill();
    assert!(file.len().is_err());
    assert_eq!(contents(&disk, "/file").as_deref(), Some(&b"written"[..]));
}

#[test]
fn the_machine_stops_in_the_middle_of_an_operation() {
    let (mut lengths, mut renamed) = (std::collections::BTreeSet::new(), 0);
    for seed in 0..200 {
        let disk = MemoryDisk::new(seed);
        write(&disk, "/file", b"", true);
        let before = disk.operations();
        write(&disk, "/other", b"12", true);
        assert_eq!(disk.operations() - before, 3, "created, written, synced");
        let file = disk.open(Path::new("/file"), OpenMode::Write).unwrap();
        disk.stop_after(seed % 2);
        let written = file.write_at(&[IoSlice::new(b"four")], 0);
        assert_eq!(written.is_ok(), seed % 2 == 1, "seed {seed}");
        assert!(disk.rename(Path::new("/file"), Path::new("/renamed")).is_err(), "seed {seed}");
        assert!(disk.is_stopped() && file.len().is_err(), "seed {seed}");
        disk.kill();
        renamed += u64::from(disk.exists(Path::new("/renamed")).unwrap());
        if let Some(found) = contents(&disk, "/file") {
            lengths.insert(found.len());
        }
    }
    assert_eq!(lengths.into_iter().collect::<Vec<_>>(), [0, 1, 2, 3, 4]);
    assert!((20..80).contains(&renamed), "of a hundred renames some happened: {renamed}");
}

#[test]
fn a_sync_that_fails_forgets_what_it_should_have_kept() {
    let mut lost = 0;
    for seed in 0..100 {
        let disk = MemoryDisk::new(seed);
        write(&disk, "/file", b"", true);
        disk.sync_dir(Path::new("/")).unwrap();
        let file = disk.open(Path::new("/file"), OpenMode::Write).unwrap();
        write(&disk, "/file", b"bytes", false);
        disk.set_faults(Faults { sync_error_one_in: 1, ..Faults::default() });
        assert!(file.sync_data().is_err());
        disk.set_faults(Faults::default());
        file.sync_data().expect("the next one has nothing to do");
        disk.crash();
        lost += u32::from(contents(&disk, "/file").unwrap() != b"bytes");
    }
    assert!((20..100).contains(&lost), "{lost}");
}

#[test]
fn one_directory_of_several_fails() {
    let disk = MemoryDisk::new(1);
    for directory in ["/one", "/two"] {
        disk.create_dir_all(Path::new(directory)).unwrap();
        write(&disk, &format!("{directory}/file"), b"x", true);
    }
    let all = Faults {
        write_error_one_in: 1,
        read_error_one_in: 1,
        sync_error_one_in: 1,
        name_error_one_in: 1,
        ..Faults::default()
    };
    disk.set_faults_under(Path::new("/two"), all);
    write(&disk, "/one/file", b"y", true);
    let file = disk.open(Path::new("/two/file"), OpenMode::Write).unwrap();
    assert!(file.read_at(&mut [0], 0).is_err() && file.set_len(0).is_err());
    assert!(file.sync_all().is_err() && disk.sync_dir(Path::new("/two")).is_err());
    assert!(disk.remove_file(Path::new("/two/file")).is_err());
    assert!(disk.open(Path::new("/two/new"), OpenMode::Create).is_err());
}

/// A later change of the same name never outlives an earlier one, and others come in any order.
#[test]
fn names_are_lost_in_any_order() {
    let mut seen = std::collections::BTreeSet::new();
    for seed in 0..300 {
        let disk = MemoryDisk::new(seed);
        write(&disk, "/a", b"", true);
        write(&disk, "/b", b"", true);
        disk.rename(Path::new("/a"), Path::new("/c")).unwrap();
        disk.crash();
        let entries = disk.read_dir(Path::new("/")).unwrap();
        seen.insert(entries.into_iter().map(|entry| entry.name).collect::<String>());
    }
    assert_eq!(seen.into_iter().collect::<Vec<_>>(), ["", "a", "ab", "b", "bc", "c"]);
}

#[test]
fn a_journal_of_names_loses_the_latest_first() {
    let mut seen = std::collections::BTreeSet::new();
    for seed in 0..300 {
        let disk = MemoryDisk::new(seed).with_names_in_order();
        for name in ["/a", "/b", "/c"] {
            write(&disk, name, b"", true);
        }
        disk.crash();
        let entries = disk.read_dir(Path::new("/")).unwrap();
        seen.insert(entries.into_iter().map(|entry| entry.name).collect::<String>());
    }
    assert_eq!(seen.into_iter().collect::<Vec<_>>(), ["", "a", "ab", "abc"]);
}

#[test]
fn sizes_and_pages_part() {
    let (mut ahead, mut behind, mut mixed) = (0, 0, 0);
    for seed in 0..400 {
        let disk = MemoryDisk::new(seed);
        write(&disk, "/file", &[1; 8192], true);
        disk.sync_dir(Path::new("/")).unwrap();
        let file = disk.open(Path::new("/file"), OpenMode::Write).unwrap();
        write_all_at(file.as_ref(), &mut [IoSlice::new(&[2; 8192])], 0).unwrap();
        write_all_at(file.as_ref(), &mut [IoSlice::new(&[3; 4096])], 8192).unwrap();
        disk.crash();
        let found = contents(&disk, "/file").unwrap();
        ahead += u32::from(found.len() == 12_288 && found[8192..].contains(&0));
        behind += u32::from(found.len() == 8192 && found.contains(&2));
        mixed += u32::from(found.contains(&1) && found.contains(&2));
        assert!(found[..8192].iter().all(|byte| [1, 2].contains(byte)), "seed {seed}");
    }
    assert!(ahead > 0 && behind > 0 && mixed > 0, "{ahead} {behind} {mixed}");
}

/// The two disks answer alike.
#[test]
fn memory_and_real_agree() {
    let folder = tempfile::tempdir().unwrap();
    let memory = MemoryDisk::new(3);
    for (disk, root) in [(&RealDisk as &dyn Disk, folder.path()), (&memory, Path::new("/"))] {
        let dir = root.join("a/b");
        disk.create_dir_all(&dir).unwrap();
        disk.create_dir_all(&dir).unwrap();
        assert_eq!(
            disk.open(&dir.join("x"), OpenMode::Read).unwrap_err().kind(),
            ErrorKind::NotFound
        );
        let file = disk.open(&dir.join("x"), OpenMode::CreateNew).unwrap();
        let mut slices = [IoSlice::new(b"one"), IoSlice::new(b""), IoSlice::new(b"two")];
        write_all_at(file.as_ref(), &mut slices, 0).unwrap();
        assert_eq!(
            disk.open(&dir.join("x"), OpenMode::CreateNew).unwrap_err().kind(),
            ErrorKind::AlreadyExists
        );
        assert_eq!(read_file(disk, &dir.join("x"), 100).unwrap(), b"onetwo");
        assert_eq!(read_file(disk, &dir.join("x"), 5).unwrap_err().kind(), ErrorKind::FileTooLarge);
        file.set_len(10).unwrap();
        file.allocate(20).unwrap();
        assert_eq!(disk.metadata(&dir.join("x")).unwrap().len, 20);
        file.set_len(3).unwrap();
        assert!(!file.is_empty().unwrap());
        disk.set_modified(&dir.join("x"), 5_000).unwrap();
        assert_eq!(disk.metadata(&dir.join("x")).unwrap().modified_ms, 5_000);
        disk.rename(&dir.join("x"), &dir.join("y")).unwrap();
        disk.rename(&dir, &root.join("a/c")).unwrap();
        disk.sync_dir(root).unwrap();
        let names: Vec<String> =
            disk.read_dir(&root.join("a/c")).unwrap().into_iter().map(|entry| entry.name).collect();
        assert_eq!(names, ["y"]);
        assert!(disk.read_dir(&root.join("a")).unwrap()[0].is_dir);
        assert!(disk.exists(&root.join("a/c/y")).unwrap());
        let lock = disk.lock(&root.join(".lock")).unwrap();
        assert_eq!(disk.lock(&root.join(".lock")).unwrap_err().kind(), ErrorKind::WouldBlock);
        drop(lock);
        disk.remove_file(&root.join("a/c/y")).unwrap();
        disk.remove_dir_all(&root.join("a")).unwrap();
        assert!(!disk.exists(&root.join("a")).unwrap());
        assert!(disk.space(root).unwrap().free_bytes > 0);
    }
}
