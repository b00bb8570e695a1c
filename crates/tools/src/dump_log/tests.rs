//! The tool beside Apache's: the same files, the same text.

use std::path::{Path, PathBuf};

use super::verb::dump_log;

fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden/cli/dump-log")
}

/// What the tool prints, as `capture.sh` keeps it: standard output, then standard error, paths cut short.
fn printed(files: &Path, arguments: &[String]) -> String {
    let (mut out, mut complaints) = (Vec::new(), Vec::new());
    if let Err(stop) = dump_log(arguments, &mut out, &mut complaints) {
        complaints.extend_from_slice(stop.err.as_bytes());
    }
    let text = [out, b"--- standard error\n".to_vec(), complaints].concat();
    let root = format!("{}/", files.display());
    String::from_utf8(text).expect("text").replace(&root, "")
}

#[test]
fn files_of_kafka_are_printed_as_kafka_prints_them() {
    let files = golden().join("files");
    let cases = std::fs::read_to_string(golden().join("cases.txt")).expect("cases");
    let mut seen = 0;
    for case in cases.lines().filter(|line| !line.starts_with('#')) {
        let mut words = case.split(' ').map(str::to_owned);
        let (name, listed) = (words.next().expect("a name"), words.next().expect("files"));
        let paths: Vec<String> =
            listed.split(',').map(|file| files.join(file).display().to_string()).collect();
        let mut arguments = vec!["--files".to_owned(), paths.join(",")];
        arguments.extend(words);
        let expected = golden().join("expected").join(format!("{name}.txt"));
        let expected = std::fs::read_to_string(expected).expect("what Kafka printed");
        let actual = printed(&files, &arguments);
        for (at, (ours, theirs)) in actual.lines().zip(expected.lines()).enumerate() {
            assert_eq!(ours, theirs, "line {} of {name}", at + 1);
        }
        assert_eq!(actual, expected, "{name}");
        seen += 1;
    }
    assert!(seen >= 25, "{seen} cases");
}

#[test]
fn what_can_not_be_read_ends_the_tool() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = |name: &str, bytes: &[u8]| {
        let path = directory.path().join(name);
        std::fs::write(&path, bytes).expect("written");
        path.display().to_string()
    };
    let batch_of_nothing = [0; 64];
    for (path, told) in [
        (directory.path().join("00.log").display().to_string(), "cannot open"),
        (file("x.log", b""), "x.log does not begin with an offset"),
        (
            file("05.log", &batch_of_nothing),
            "Found record size 0 smaller than minimum record overhead",
        ),
        (file("06.txnindex", &[7; 34]), "Unexpected aborted transaction version 1799"),
        (file("snapshot.checkpoint", b""), "is no name of a snapshot"),
    ] {
        let stop = dump_log(&["--files".to_owned(), path], &mut Vec::new(), &mut Vec::new());
        let stop = stop.expect_err("unreadable");
        assert!(stop.code == 1 && stop.err.contains(told), "{}", stop.err);
    }
}
