//! The tools that look after a cluster, one after the other, against what Apache's printed.

use std::io::Write as _;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use regex::Regex;

use crate::node::Node;

const CASES: &str = include_str!("../../../../tests/golden/cli/cluster/cases.txt");
const EXPECTED: &str = include_str!("../../../../tests/golden/cli/cluster/expected.txt");
/// Options in a help that Apache's tools do not have.
const OWN_OPTIONS: [&str; 3] = ["--expiry", "--rates", "--rebalances"];
/// How long a group may take to become what is waited for.
const PATIENCE: Duration = Duration::from_secs(60);

/// A tool that was left running.
struct Background(Child);

impl Drop for Background {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn they_print_what_apaches_print() {
    let node = Node::start();
    let folder = tempfile::tempdir().expect("a directory");
    std::fs::write(folder.path().join("nothing.properties"), "").expect("written");
    let mut expected = EXPECTED.split("== ").skip(1);
    let (mut stdin, mut background, mut wrong) = (String::new(), Vec::new(), Vec::new());
    for line in CASES.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        if let Some(text) = line.strip_prefix("stdin: ") {
            stdin = text.replace("\\n", "\n");
        } else if let Some(file) = line.strip_prefix("file ") {
            let (name, text) = file.split_once(": ").expect("name: text");
            std::fs::write(folder.path().join(name), text.replace("\\n", "\n")).expect("written");
        } else if let Some(tool) = line.strip_prefix("background ") {
            let mut tool = command(&node, tool, folder.path());
            let quiet = tool.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
            background.push(Background(quiet.spawn().expect("the binary starts")));
        } else if let Some(wait) = line.strip_prefix("wait ") {
            let (text, tool) = wait.split_once(' ').expect("a text and a tool");
            let since = Instant::now();
            while !shown(&run(command(&node, tool, folder.path()), ""), &node).contains(text) {
                assert!(since.elapsed() < PATIENCE, "never {text}: {tool}");
            }
        } else {
            let output = run(command(&node, line, folder.path()), &std::mem::take(&mut stdin));
            let found = format!("{line}\n{}", shown(&output, &node));
            let expected = expected.next().expect("as many as there are cases");
            if found != expected {
                wrong.push(format!("== expected\n{expected}== found\n{found}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{} differ:\n{}", wrong.len(), wrong.join("\n"));
    assert_eq!(expected.next(), None);
}

fn command(node: &Node, line: &str, folder: &Path) -> Command {
    let words: Vec<&str> = line.split_whitespace().collect();
    let mut command = Command::new(env!("CARGO_BIN_EXE_ottla"));
    command.current_dir(folder).env_remove("OTTLA_LOG");
    if matches!(words[0], "features" | "transactions") {
        // Their commands come behind what all of them share.
        command.args([words[0], "--bootstrap-server", &node.address]).args(&words[1..]);
        return command;
    }
    command.args(&words);
    let asks_nobody = words.iter().any(|word| matches!(*word, "--help" | "bogus"));
    if words[0] != "dump-log" && words.len() > 1 && !asks_nobody {
        command.args(["--bootstrap-server", &node.address]);
    }
    command
}

fn run(mut command: Command, stdin: &str) -> Output {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the binary starts");
    // A tool that reads nothing may be gone already.
    let _ = child.stdin.take().expect("piped").write_all(stdin.as_bytes());
    child.wait_with_output().expect("it ends")
}

/// Exit code and lines, with what differs by nature replaced as `capture.py` replaces it.
fn shown(output: &Output, node: &Node) -> String {
    let code = output.status.code().expect("not killed");
    let out = plain("out", &output.stdout, node);
    format!("code {code}\n{out}{}", plain("err", &output.stderr, node))
}

fn plain(name: &str, bytes: &[u8], node: &Node) -> String {
    let (_, port) = node.address.rsplit_once(':').expect("an address");
    let text = String::from_utf8(bytes.to_vec()).expect("text");
    let mut text = text.replace(port, "PPPPP");
    for (pattern, replacement) in [
        ("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx"),
        ("\"logDir\":\"[^\"]*\"", "\"logDir\":\"DIR\""),
        ("Cluster ID: .*", "Cluster ID: ID"),
    ] {
        let pattern = Regex::new(pattern).expect("an expression");
        text = pattern.replace_all(&text, replacement).into_owned();
    }
    let noise = Regex::new(r"^\[[^]]*\] +(WARN|INFO|ERROR) ").expect("an expression");
    let is_err = name == "err";
    let mut lines: Vec<&str> =
        text.lines().filter(|line| !(is_err && noise.is_match(line))).collect();
    let mut is_own = false;
    lines.retain(|line| {
        if line.starts_with("--") {
            is_own = OWN_OPTIONS.iter().any(|own| line.split_whitespace().next() == Some(own));
        }
        !(is_err && is_own)
    });
    while is_err && lines.last() == Some(&"") {
        lines.pop();
    }
    lines.iter().map(|line| format!("{name}|{line}\n")).collect()
}
