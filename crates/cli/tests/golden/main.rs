//! The tools held to what Apache Kafka's print: every line of `tests/golden/cli/*.txt`, run with ottla.
//!
//! `tests/golden/cli/capture.py` wrote those files and tells their form. A file runs top to bottom on one
//! fresh node, which is started at its first line that names BROKER.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const OTTLA: &str = env!("CARGO_BIN_EXE_ottla");

fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden/cli")
}

/// One command line and what came of it with Apache's tool.
struct Case {
    line: String,
    /// Files to write before: name and text.
    files: Vec<(String, String)>,
    out: Vec<String>,
    err: Vec<String>,
    code: String,
}

fn cases(file: &str) -> Vec<Case> {
    let text = fs::read_to_string(golden().join(file)).expect("a captured file");
    let mut cases: Vec<Case> = Vec::new();
    let mut files = Vec::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        if let Some(file) = line.strip_prefix("> ") {
            let (name, text) = file.split_once(' ').expect("a name and a text");
            files.push((name.to_owned(), text.to_owned()));
        } else if let Some(line) = line.strip_prefix("$ ") {
            let (out, err, code) = (Vec::new(), Vec::new(), String::new());
            let files = std::mem::take(&mut files);
            cases.push(Case { line: line.to_owned(), files, out, err, code });
        } else if let Some(case) = cases.last_mut() {
            match line.split_at(2) {
                ("1|", text) => case.out.push(text.to_owned()),
                ("2|", text) => case.err.push(text.to_owned()),
                (_, code) => code.clone_into(&mut case.code),
            }
        }
    }
    cases
}

/// Splits as a shell does, as far as the cases need it.
fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    for (at, part) in line.split('\'').enumerate() {
        if at % 2 == 1 {
            words.push(part.to_owned());
        } else {
            words.extend(part.split_whitespace().map(str::to_owned));
        }
    }
    words
}

/// What differs from run to run gets the names that the captured files have.
fn normal(text: &str, names: &[(&str, &str)]) -> Vec<String> {
    let mut text = text.to_owned();
    for (value, name) in names.iter().filter(|(value, _)| !value.is_empty()) {
        text = text.replace(value, name);
    }
    let time = regex::Regex::new(r"\[\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}\]").expect("valid");
    let id = regex::Regex::new(r"(TopicId: |directory\.id=)[\w-]{22}").expect("valid");
    let member = regex::Regex::new(r"perf-consumer-(\d+)\)( *)").expect("valid");
    let text = time.replace_all(&text, "[TIME]");
    // The column is as wide as ever, however long the number: it was captured with five digits.
    let text = member.replace_all(&text, |found: &regex::Captures<'_>| {
        let width = (found[1].len() + found[2].len()).saturating_sub(5);
        format!("perf-consumer-N){}", " ".repeat(width))
    });
    id.replace_all(&text, "${1}ID").lines().map(str::to_owned).collect()
}

/// Options that Apache's tools do not have, by tool. Their lines in a help are left out of the comparison.
const OWN_OPTIONS: [(&str, &[&str]); 1] =
    [("consumer-groups", &["--expiry", "--rates", "--rebalances"])];

/// The lines without those of our own options, each of which must be there in a help.
fn without_own(tool: &str, lines: Vec<String>) -> Vec<String> {
    let own = OWN_OPTIONS.iter().find(|(name, _)| *name == tool).map_or(&[][..], |(_, own)| own);
    if !lines.iter().any(|line| line.starts_with("--help ")) {
        return lines;
    }
    let (mut is_own, mut found) = (false, 0);
    let mut kept = Vec::new();
    for line in lines {
        if line.starts_with("--") {
            is_own = own.iter().any(|name| line.split_whitespace().next() == Some(name));
            found += usize::from(is_own);
        }
        if !is_own {
            kept.push(line);
        }
    }
    assert_eq!(found, own.len(), "{tool} names its own options in its help");
    kept
}

struct Node {
    child: Child,
    address: String,
}

impl Node {
    fn start(folder: &Path) -> Self {
        let output = folder.join("output");
        let file = File::create(&output).expect("a writable folder");
        let child = Command::new(OTTLA)
            .args(["start", "--override", "listeners=PLAINTEXT://127.0.0.1:0", "--override"])
            .arg(format!("log.dirs={}", folder.join("data").display()))
            .stdin(Stdio::null())
            .stdout(file)
            .stderr(Stdio::null())
            .spawn()
            .expect("ottla can be started");
        let mut node = Self { child, address: String::new() };
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            let said = fs::read_to_string(&output).unwrap_or_default();
            let address = said
                .split_once("listening on PLAINTEXT://")
                .and_then(|(_, rest)| rest.split_once(['\n', ',']))
                .map(|(address, _)| address.trim().to_owned());
            if let Some(address) = address {
                node.address = address;
                return node;
            }
            assert!(Instant::now() < deadline, "the node did not start");
            std::thread::yield_now();
        }
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs every case of a file and tells all differences at once.
fn hold(file: &str) {
    let folder = tempfile::tempdir().expect("a folder");
    let directory = folder.path().join("work");
    fs::create_dir(&directory).expect("a writable folder");
    let shown = directory.display().to_string();
    for entry in fs::read_dir(golden()).expect("the folder of captured files").flatten() {
        let path = entry.path();
        if path.extension().is_some_and(|extension| extension == "properties") {
            let text = fs::read_to_string(&path).expect("text").replace("DIR", &shown);
            fs::write(directory.join(entry.file_name()), text).expect("written");
        }
    }
    let mut node: Option<Node> = None;
    let mut differences = String::new();
    let cases = cases(file);
    assert!(!cases.is_empty(), "{file} has no cases");
    for case in &cases {
        if case.line.contains("BROKER") && node.is_none() {
            node = Some(Node::start(folder.path()));
        }
        for (name, text) in &case.files {
            fs::write(directory.join(name), text).expect("written");
        }
        let address = node.as_ref().map(|node| node.address.clone()).unwrap_or_default();
        let line = case.line.replace("BROKER", &address).replace("DIR", &shown);
        let ended = Command::new(OTTLA)
            .args(words(&line))
            .stdin(Stdio::null())
            .output()
            .expect("ottla can be started");
        let logs = folder.path().join("data").display().to_string();
        let names =
            [(address.as_str(), "BROKER"), (shown.as_str(), "DIR"), (logs.as_str(), "LOGS")];
        let out = normal(&String::from_utf8_lossy(&ended.stdout), &names);
        let err = normal(&String::from_utf8_lossy(&ended.stderr), &names);
        let tool = line.split_whitespace().next().unwrap_or_default();
        let err = without_own(tool, err);
        let code = ended.status.code().map_or_else(String::new, |code| code.to_string());
        let parts = [("out", &case.out, &out), ("err", &case.err, &err)];
        for (part, expected, given) in parts.iter().filter(|(_, expected, given)| expected != given)
        {
            let first = expected.iter().zip(given.iter()).position(|(one, other)| one != other);
            let at = first.unwrap_or(expected.len().min(given.len()));
            differences.push_str(&format!(
                "\n$ {}\n  {part}, line {}:\n    kafka {:?}\n    ottla {:?}\n",
                case.line,
                at + 1,
                expected.get(at),
                given.get(at)
            ));
        }
        if case.code != code {
            differences.push_str(&format!(
                "\n$ {}\n  exit code: kafka {}, ottla {code}\n",
                case.line, case.code
            ));
        }
    }
    assert!(differences.is_empty(), "{file} differs from Apache Kafka's tools:\n{differences}");
}

#[test]
fn help_is_apaches() {
    hold("help.txt");
}

#[test]
fn topics_prints_what_apaches_tool_prints() {
    hold("topics.txt");
}

#[test]
fn configs_prints_what_apaches_tool_prints() {
    hold("configs.txt");
}

#[test]
fn configs_of_groups_are_told_as_apaches_tool_tells_them() {
    hold("group-configs.txt");
}

#[test]
fn storage_prints_what_apaches_tool_prints() {
    hold("storage.txt");
}

#[test]
fn what_is_missing_is_told_as_apaches_tools_tell_it() {
    hold("missing.txt");
}

#[test]
fn placement_tools_print_what_apaches_tools_print() {
    hold("placement.txt");
}
