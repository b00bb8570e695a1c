//! Trees that break one rule each, so that tidy is known to be able to fail.

use super::sizes::{Function, functions};
use super::{check, run};
use std::fs;
use std::path::{Path, PathBuf};

/// A small tree in a temporary folder of its own, gone when dropped.
struct Sample(PathBuf);

impl Sample {
    fn new(name: &str, files: &[(&str, String)]) -> Sample {
        let root = std::env::temp_dir().join(format!("ottla-tidy-{}-{name}", std::process::id()));
        let sample = Sample(root);
        let clean = [
            (
                "crates/wire/Cargo.toml",
                "[package]\nname = \"ottla-wire\"\n\n[dependencies]\n".to_owned(),
            ),
            ("crates/wire/src/lib.rs", "//! Pure. Speaks.\n".to_owned()),
        ];
        for (path, text) in clean.iter().chain(files) {
            let path = sample.0.join(path);
            fs::create_dir_all(path.parent().expect("has a folder")).expect("folder");
            fs::write(path, text).expect("file");
        }
        sample
    }

    fn rules(&self) -> Vec<String> {
        check(&self.0).expect("tree is readable").iter().map(|found| found.key()).collect()
    }
}

impl Drop for Sample {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).expect("the folder is this test's own");
    }
}

fn long_function(lines: usize) -> String {
    format!("fn long() {{\n{}}}\n", "    step();\n".repeat(lines - 2))
}

#[test]
fn every_rule_can_fail() {
    let manifest = |dependency: &str| format!("[dependencies]\n{dependency}.workspace = true\n");
    let cases: Vec<(&str, &str, String, &str)> = vec![
        ("arrow", "crates/log/Cargo.toml", manifest("ottla-broker"), "arrow crates/log/Cargo.toml"),
        (
            "twin",
            "bin/a.sh",
            "exec \"$here/ottla-run\" topics \"$@\"\n".to_owned(),
            "launcher bin/a.sh",
        ),
        (
            "no-shell",
            "bin/windows/a.bat",
            "\"%~dp0ottla-run.bat\" topics %*\n".to_owned(),
            "launcher bin/windows/a.bat",
        ),
        ("nobody", "crates/extra/Cargo.toml", manifest("serde"), "arrow crates/extra/Cargo.toml"),
        ("long-file", "crates/log/src/a.rs", "// x\n".repeat(601), "file-size crates/log/src/a.rs"),
        ("index", "crates/log/src/lib.rs", "// x\n".repeat(61), "file-size crates/log/src/lib.rs"),
        (
            "test-file",
            "crates/log/src/tests.rs",
            "// x\n".repeat(1001),
            "test-file-size crates/log/src/tests.rs",
        ),
        (
            "function",
            "crates/log/src/a.rs",
            long_function(71),
            "function-size crates/log/src/a.rs::long",
        ),
        (
            "parameters",
            "crates/log/src/a.rs",
            "fn f(a: u8, b: u8, c: u8, d: Map<u8, u8>, e: u8, f: u8, g: u8) {}\n".to_owned(),
            "parameters crates/log/src/a.rs::f",
        ),
        ("place", "crates/log/src/util.rs", String::new(), "name crates/log/src/util.rs"),
        (
            "type",
            "crates/log/src/a.rs",
            "pub struct LogManager;\n".to_owned(),
            "name crates/log/src/a.rs::LogManager",
        ),
        (
            "promise",
            "crates/wire/src/lib.rs",
            "//! Speaks.\n".to_owned(),
            "pure crates/wire/src/lib.rs",
        ),
        ("clock", "crates/wire/src/a.rs", "use std::fs;\n".to_owned(), "pure crates/wire/src/a.rs"),
        ("door", "crates/wire/Cargo.toml", manifest("tokio"), "pure crates/wire/Cargo.toml"),
        (
            "unwrap",
            "crates/log/src/a.rs",
            "fn f() { g().unwrap() }\n".to_owned(),
            "production crates/log/src/a.rs",
        ),
        (
            "later",
            "crates/log/src/a.rs",
            "fn f() { todo!() }\n".to_owned(),
            "production crates/log/src/a.rs",
        ),
        (
            "sleep",
            "crates/log/src/a.rs",
            "#[cfg(test)]\nmod tests {\n    fn f() { thread::sleep(x) }\n}\n".to_owned(),
            "test crates/log/src/a.rs",
        ),
        ("ignore", "crates/log/tests/a.rs", "#[ignore]\n".to_owned(), "test crates/log/tests/a.rs"),
        ("outside", "docs/a.md", ["see /wo", "rk/notes"].concat(), "outside docs/a.md"),
        (
            "stale",
            "xtask/tidy-exceptions.txt",
            "file-size crates/gone.rs\n".to_owned(),
            "exception xtask/tidy-exceptions.txt",
        ),
    ];
    for (name, path, text, wanted) in cases {
        let sample = Sample::new(name, &[(path, text)]);
        assert_eq!(sample.rules(), [wanted], "{name}");
        assert!(run(&sample.0).is_err(), "{name}");
    }
}

#[test]
fn a_full_folder_is_found() {
    let names: Vec<String> =
        (0..16).map(|number| format!("crates/log/src/part/a{number}.rs")).collect();
    let files: Vec<(&str, String)> =
        names.iter().map(|name| (name.as_str(), String::new())).collect();
    assert_eq!(Sample::new("folder", &files).rules(), ["folder-size crates/log/src/part"]);
}

#[test]
fn what_is_allowed_passes() {
    let tests =
        "fn f() {}\n\n#[cfg(test)]\nmod tests {\n    fn g() { h().unwrap() }\n}\n".to_owned();
    let files = [
        ("crates/log/src/a.rs", tests),
        ("crates/log/src/b.rs", "#[cfg(test)]\nmod trial;\n".to_owned()),
        ("crates/log/src/b/trial.rs", "fn g() { h().unwrap() }\n".to_owned()),
        ("crates/wire/src/messages/fetch.rs", "// generated\n".repeat(5000)),
        ("crates/log/src/c.rs", long_function(70)),
        ("crates/log/src/d.rs", "// x\n".repeat(601)),
        (
            "xtask/tidy-exceptions.txt",
            "# large for now\nfile-size crates/log/src/d.rs\n".to_owned(),
        ),
    ];
    let sample = Sample::new("allowed", &files);
    assert_eq!(sample.rules(), Vec::<String>::new());
    run(&sample.0).expect("tidy");
}

#[test]
fn functions_are_measured() {
    let text = "impl A {\n    pub(crate) async fn one<T: Fn(u8) -> u8>(\n        &self,\n        a: (u8, u8),\n    \
                ) -> u8 {\n        2\n    }\n}\nfn two() {}\nfn three(x: &[u8; 4]);\n";
    let wanted = [
        Function { name: "one", lines: 6, parameters: 2 },
        Function { name: "two", lines: 1, parameters: 0 },
        Function { name: "three", lines: 1, parameters: 1 },
    ];
    assert_eq!(functions(text), wanted);
}

#[test]
fn this_work_tree_is_tidy() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask is in the workspace");
    let findings = check(root).expect("work tree is readable");
    let lines: Vec<String> = findings.iter().map(ToString::to_string).collect();
    assert!(lines.is_empty(), "not tidy:\n{}", lines.join("\n"));
}

#[test]
fn launchers_run_the_same_verb() {
    let shell = |verb: &str| format!("exec \"$here/ottla-run\" {verb} \"$@\"\n");
    let windows = |verb: &str| format!("\"%~dp0ottla-run.bat\" {verb} %*\n");
    for (verb, expected) in [("topics", vec![]), ("configs", vec!["launcher bin/windows/a.bat"])] {
        let files = [("bin/a.sh", shell("topics")), ("bin/windows/a.bat", windows(verb))];
        assert_eq!(Sample::new(&format!("verb-{verb}"), &files).rules(), expected);
    }
}
