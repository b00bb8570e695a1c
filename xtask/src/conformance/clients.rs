//! Sets the clients up, each in a folder of the cache, and only when what it needs has changed.

use anyhow::{Context, Result, anyhow, bail};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Where the clients come from and where they are kept.
pub struct Clients {
    pub root: PathBuf,
    pub cache: PathBuf,
}

/// `$HOME/.cache/ottla-conformance`: it outlives the work tree, so a fresh clone reuses it.
pub fn cache_folder() -> Result<PathBuf> {
    let home = std::env::var_os("HOME").ok_or_else(|| anyhow!("HOME is not set"))?;
    let folder = PathBuf::from(home).join(".cache/ottla-conformance");
    fs::create_dir_all(&folder)?;
    Ok(folder)
}

impl Clients {
    /// The folder of the suites' sources.
    pub fn sources(&self, language: &str) -> PathBuf {
        self.root.join("tests/conformance").join(language)
    }

    /// The Python of a virtual environment that holds the Python clients.
    pub fn python(&self) -> Result<PathBuf> {
        let folder = self.cache.join("python");
        let requirements = self.sources("python").join("requirements.txt");
        self.once(&folder, &requirements, || {
            run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&folder))?;
            let pip = folder.join("bin/pip");
            run(Command::new(pip).args(["install", "--quiet", "--requirement"]).arg(&requirements))
        })?;
        Ok(folder.join("bin/python"))
    }

    /// A folder with kafkajs, its codecs and a copy of its suite.
    pub fn kafkajs(&self) -> Result<PathBuf> {
        let sources = self.sources("kafkajs");
        let folder = self.cache.join("kafkajs");
        fs::create_dir_all(&folder)?;
        for name in ["package.json", "package-lock.json", "cluster.mjs", "kafkajs.test.mjs"] {
            fs::copy(sources.join(name), folder.join(name)).with_context(|| name.to_owned())?;
        }
        self.once(&folder, &sources.join("package-lock.json"), || {
            run(Command::new("npm").args(["ci", "--no-audit", "--no-fund"]).current_dir(&folder))
        })?;
        Ok(folder)
    }

    /// A class path with Apache Kafka, its clients and its tools.
    pub fn jars(&self) -> Result<String> {
        let folder = self.cache.join("kafka");
        let project = self.sources("java").join("pom.xml");
        self.once(&folder, &project, || {
            fs::create_dir_all(&folder)?;
            run(Command::new("mvn")
                .args(["--batch-mode", "--quiet", "dependency:copy-dependencies", "--file"])
                .arg(&project)
                .arg(format!("-DoutputDirectory={}", folder.display())))
        })?;
        Ok(format!("{}/*", folder.display()))
    }

    /// Compiles the Java sources of these folders and returns the class path to run them with.
    pub fn classes(&self, folders: &[&str]) -> Result<String> {
        let folders: Vec<PathBuf> = folders.iter().map(|folder| self.sources(folder)).collect();
        self.compiled(&folders)
    }

    /// The same for any folders.
    pub fn compiled(&self, folders: &[PathBuf]) -> Result<String> {
        let jars = self.jars()?;
        let folder = self.cache.join("classes").join(std::process::id().to_string());
        fs::create_dir_all(&folder)?;
        let mut files: Vec<PathBuf> = Vec::new();
        for sources in folders {
            for entry in fs::read_dir(sources)? {
                files.push(entry?.path());
            }
        }
        files.retain(|path| path.extension().is_some_and(|extension| extension == "java"));
        run(Command::new("javac").args(["-nowarn", "-cp", &jars, "-d"]).arg(&folder).args(files))?;
        Ok(format!("{}:{jars}", folder.display()))
    }

    /// kcat, installed from Debian where that is possible.
    pub fn kcat(&self) -> Result<()> {
        if Command::new("kcat").arg("-V").output().is_ok() {
            return Ok(());
        }
        run(Command::new("apt-get").args(["install", "--yes", "--quiet", "kcat"]))
    }

    /// Runs `install` unless `folder` was filled from just this `wanted` file before.
    fn once(&self, folder: &Path, wanted: &Path, install: impl Fn() -> Result<()>) -> Result<()> {
        let name = folder.file_name().unwrap_or_default().to_string_lossy();
        let stamp = self.cache.join(format!("{name}.installed"));
        let wanted = fs::read(wanted)?;
        if fs::read(&stamp).is_ok_and(|installed| installed == wanted) && folder.exists() {
            return Ok(());
        }
        println!("conformance: setting up {name}");
        install()?;
        fs::write(stamp, wanted)?;
        Ok(())
    }
}

fn run(command: &mut Command) -> Result<()> {
    let program = command.get_program().to_string_lossy().into_owned();
    let done = command.output().with_context(|| format!("cannot start {program}"))?;
    if !done.status.success() {
        bail!("{program} failed: {}", String::from_utf8_lossy(&done.stderr).trim());
    }
    Ok(())
}
