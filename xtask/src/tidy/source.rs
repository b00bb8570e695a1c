//! The files of the work tree, and which of their lines are tests.

use anyhow::{Context, Result};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// Folders that hold nothing of the project's own.
const SKIPPED: [&str; 6] =
    ["target", ".git", "node_modules", "__pycache__", ".cache", "ottla-data"];

/// Files larger than this are data, not text for people.
const TEXT_BYTES_MAX: u64 = 2 << 20;

/// One text file.
pub struct File {
    /// Relative to the root, with `/`.
    pub path: String,
    pub text: String,
    /// Whether all of it is test code.
    pub is_test: bool,
}

/// All text files, and the number of entries of each folder.
pub struct Tree {
    pub files: Vec<File>,
    pub folders: BTreeMap<String, usize>,
}

impl File {
    pub fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }

    pub fn name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or(&self.path)
    }

    /// The lines before the tests at the end of the file.
    pub fn production(&self) -> &str {
        if self.is_test {
            return "";
        }
        match self.text.find("#[cfg(test)]\nmod tests {") {
            Some(at) => &self.text[..at],
            None => &self.text,
        }
    }

    /// The tests of the file.
    pub fn tests(&self) -> &str {
        &self.text[self.production().len()..]
    }

    /// The crate that the file belongs to.
    pub fn crate_name(&self) -> Option<&str> {
        self.path.strip_prefix("crates/")?.split('/').next()
    }
}

impl Tree {
    pub fn read(root: &Path) -> Result<Tree> {
        let mut tree = Tree { files: Vec::new(), folders: BTreeMap::new() };
        tree.walk(root, "")?;
        tree.mark_tests();
        Ok(tree)
    }

    /// The production and test files written in Rust, generated ones left out.
    pub fn rust(&self) -> impl Iterator<Item = &File> {
        self.files.iter().filter(|file| file.is_rust() && !is_generated(&file.path))
    }

    fn walk(&mut self, folder: &Path, path: &str) -> Result<()> {
        let mut entries = 0;
        for entry in
            fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?
        {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if SKIPPED.contains(&name.as_str()) {
                continue;
            }
            entries += 1;
            let child = if path.is_empty() { name } else { format!("{path}/{name}") };
            let kind = entry.file_type()?;
            if kind.is_dir() {
                self.walk(&entry.path(), &child)?;
            } else if kind.is_file()
                && entry.metadata()?.len() <= TEXT_BYTES_MAX
                && let Ok(text) = fs::read_to_string(entry.path())
            {
                self.files.push(File { is_test: is_test_path(&child), path: child, text });
            }
        }
        self.folders.insert(path.to_owned(), entries);
        Ok(())
    }

    /// Modules declared under `#[cfg(test)]` are tests, and so is all below them.
    fn mark_tests(&mut self) {
        let mut modules = BTreeSet::new();
        for file in self.files.iter().filter(|file| file.is_rust()) {
            let folder = module_folder(&file.path);
            for (line, next) in file.text.lines().zip(file.text.lines().skip(1)) {
                let declared = next.trim_start_matches("pub(crate) ").strip_prefix("mod ");
                if line == "#[cfg(test)]"
                    && let Some(module) = declared.and_then(|rest| rest.strip_suffix(';'))
                {
                    modules.insert(format!("{folder}/{module}"));
                }
            }
        }
        for file in &mut self.files {
            let path = file.path.trim_end_matches(".rs");
            file.is_test |= modules
                .iter()
                .any(|module| path == module || path.starts_with(&format!("{module}/")));
        }
    }
}

/// Where the modules that a file declares lie.
fn module_folder(path: &str) -> String {
    let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
    match name {
        "lib.rs" | "main.rs" | "mod.rs" => folder.to_owned(),
        _ => path.trim_end_matches(".rs").to_owned(),
    }
}

fn is_test_path(path: &str) -> bool {
    let folders = ["/tests/", "/benches/"];
    path.starts_with("tests/")
        || folders.iter().any(|folder| path.contains(folder))
        || path.ends_with("/tests.rs")
}

/// Written by `cargo xtask gen`.
pub fn is_generated(path: &str) -> bool {
    path.starts_with("crates/wire/src/messages/")
        || path.starts_with("crates/wire/tests/messages/table")
}
