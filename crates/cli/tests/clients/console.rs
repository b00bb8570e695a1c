//! The console tools, case by case, against what Apache's printed.

use std::fmt::Write as _;
use std::io::Write as _;
use std::process::{Command, Stdio};

use crate::node::Node;

const CASES: &str = include_str!("../../../../tests/golden/cli/console/cases.txt");
const EXPECTED: &str = include_str!("../../../../tests/golden/cli/console/expected.txt");

#[test]
fn they_print_what_apaches_print() {
    let node = Node::start();
    let (mut topic, mut stdin, mut found) = ("", Vec::new(), String::new());
    for line in CASES.lines().filter(|line| !line.is_empty()) {
        if let Some(name) = line.strip_prefix("== ") {
            topic = name;
            stdin.clear();
            writeln!(found, "{line}").expect("memory");
        } else if let Some(text) = line.strip_prefix("stdin: ") {
            stdin = unescape(text);
        } else {
            let (verb, rest) = line.split_once(':').expect("verb: options");
            let rest = rest.replace("{server}", &node.address).replace("{topic}", topic);
            let mut words: Vec<&str> = rest.split_whitespace().collect();
            let tool = verb.strip_prefix("bare-").unwrap_or(verb);
            if tool == verb {
                words.splice(..0, ["--bootstrap-server", &node.address, "--topic", topic]);
            }
            let tool = if tool == "produce" { "console-producer" } else { "console-consumer" };
            writeln!(found, "{}", line.trim()).expect("memory");
            found.push_str(&run(tool, &words, &stdin));
        }
    }
    let cases = |text: &str| -> Vec<String> {
        text.split("\n== ").map(|case| case.trim_end().to_owned()).collect()
    };
    for (found, expected) in cases(&found).iter().zip(cases(EXPECTED)) {
        assert_eq!(*found, expected, "see tests/golden/cli/console/README.md");
    }
    assert_eq!(cases(&found).len(), cases(EXPECTED).len());
}

fn run(tool: &str, words: &[&str], stdin: &[u8]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ottla"));
    command.arg(tool).args(words).env_remove("OTTLA_LOG");
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the binary starts");
    // A tool that refuses its options does not read what it is given.
    let _ = child.stdin.take().expect("piped").write_all(stdin);
    let done = child.wait_with_output().expect("it ends");
    let mut shown = format!("code {}\n", done.status.code().expect("not killed"));
    shown.push_str(&plain("out", &String::from_utf8_lossy(&done.stdout)));
    shown.push_str(&plain("err", &String::from_utf8_lossy(&done.stderr)));
    shown
}

/// Lines with a mark each; as `capture.py` has them.
fn plain(name: &str, text: &str) -> String {
    let mut shown = String::new();
    for line in text.split_inclusive('\n') {
        let (bare, mark) = line.strip_suffix('\n').map_or((line, '~'), |bare| (bare, '|'));
        let bare = without_times(bare);
        let bare = if name == "err" { log_text(&bare) } else { Some(bare) };
        if let Some(bare) = bare {
            writeln!(shown, "{name}{mark}{bare}").expect("memory");
        }
    }
    shown
}

fn without_times(line: &str) -> String {
    let Some((before, rest)) = line.split_once("CreateTime:") else { return line.to_owned() };
    format!("{before}CreateTime:N{}", rest.trim_start_matches(|c: char| c.is_ascii_digit()))
}

/// `[time] ERROR text (class)` as `ERROR text`; warnings of the client are left out.
fn log_text(line: &str) -> Option<String> {
    let after_time = line.strip_prefix('[').and_then(|line| line.split_once("] "));
    match after_time.map(|(_, text)| text.trim_start()) {
        None => Some(line.to_owned()),
        Some(text) if text.starts_with("ERROR") => {
            Some(text.rsplit_once(" (").map_or(text, |(text, _)| text).to_owned())
        }
        Some(_) => None,
    }
}

fn unescape(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text;
    while let Some((before, escape)) = rest.split_once('\\') {
        bytes.extend_from_slice(before.as_bytes());
        let (byte, length) = match escape.as_bytes()[0] {
            b'n' => (b'\n', 1),
            b't' => (b'\t', 1),
            b'r' => (b'\r', 1),
            _ => (u8::from_str_radix(&escape[1..3], 16).expect("\\xHH"), 3),
        };
        bytes.push(byte);
        rest = &escape[length..];
    }
    bytes.extend_from_slice(rest.as_bytes());
    bytes
}
