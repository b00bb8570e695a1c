//! The programs that a run needs: the two servers, our own load, Kafka's performance tools.

use crate::conformance::{Clients, cache_folder};
use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

/// What `kafka-server-start.sh` and `kafka-run-class.sh` give the virtual machine.
const SERVER_OPTIONS: [&str; 8] = [
    "-Xmx1G",
    "-Xms1G",
    "-server",
    "-XX:+UseG1GC",
    "-XX:MaxGCPauseMillis=20",
    "-XX:InitiatingHeapOccupancyPercent=35",
    "-XX:+ExplicitGCInvokesConcurrent",
    "-Djava.awt.headless=true",
];

/// Where everything is.
pub struct Tools {
    /// Data of this run, removed at its end.
    pub folder: PathBuf,
    /// A copy of the release build: whoever builds meanwhile does not change what is measured.
    pub binary: PathBuf,
    load: PathBuf,
    jars: String,
    root: PathBuf,
}

impl Tools {
    /// Builds and copies what is ours, fetches what is Kafka's.
    pub fn prepare(root: &Path, binary: Option<&Path>) -> Result<Tools> {
        let mut cargo = Command::new("cargo");
        cargo.args(["build", "--release", "--package", "ottla-load"]).current_dir(root);
        if binary.is_none() {
            cargo.args(["--package", "ottla-cli"]);
        }
        ensure!(cargo.status()?.success(), "the release build failed");
        let folder = std::env::temp_dir().join(format!("ottla-bench-{}", std::process::id()));
        fs::create_dir_all(&folder)?;
        let copied = |from: &Path, name: &str| -> Result<PathBuf> {
            let copy = folder.join(name);
            fs::copy(from, &copy).with_context(|| from.display().to_string())?;
            Ok(copy)
        };
        let built = root.join("target/release");
        let load = copied(&built.join("ottla-load"), "ottla-load")?;
        let binary = copied(binary.unwrap_or(&built.join("ottla")), "ottla")?;
        let clients = Clients { root: root.to_owned(), cache: cache_folder()? };
        let jars = clients.jars()?;
        Ok(Tools { folder, binary, load, jars, root: root.to_owned() })
    }

    /// The virtual machine as Kafka's scripts start it for a server.
    pub fn server_java(&self) -> Command {
        let mut command = Command::new("java");
        command.args(SERVER_OPTIONS);
        command.args(["-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-cp", &self.jars]);
        command
    }

    /// Starts our own load.
    pub fn spawn_load(&self, arguments: &[&str]) -> Result<Running> {
        let mut command = Command::new(&self.load);
        command.args(arguments);
        Running::spawn(command)
    }

    /// Runs our own load and returns what it reports.
    pub fn load(&self, arguments: &[&str]) -> Result<Value> {
        self.spawn_load(arguments)?.report()
    }

    /// Starts the members of a group, with Kafka's own consumers.
    pub fn spawn_members(&self, arguments: &[&str]) -> Result<Running> {
        let clients = Clients { root: self.root.clone(), cache: cache_folder()? };
        let classpath = clients.compiled(&[self.root.join("bench/members")])?;
        let mut command = Command::new("java");
        command.args(["-Xmx1g", "-Dorg.slf4j.simpleLogger.defaultLogLevel=off", "-cp"]);
        command.arg(classpath).arg("Members").args(arguments);
        Running::spawn(command)
    }

    /// Starts one of Kafka's tools.
    pub fn spawn_kafka_tool(&self, class: &str, arguments: &[&str]) -> Result<Running> {
        let mut command = Command::new("java");
        command.args(["-Xmx512M", "-Dorg.slf4j.simpleLogger.defaultLogLevel=error", "-cp"]);
        command.arg(&self.jars).arg(class).args(arguments);
        Running::spawn(command)
    }
}

impl Drop for Tools {
    fn drop(&mut self) {
        // What cannot be removed lies in a temporary folder and harms nobody.
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// A tool at work. Dropping it kills it.
pub struct Running {
    child: Option<Child>,
    called: String,
}

impl Running {
    fn spawn(mut command: Command) -> Result<Running> {
        let called = format!("{command:?}");
        let child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start {called}"))?;
        Ok(Running { child: Some(child), called })
    }

    /// Waits for its end; what it printed.
    pub fn output(mut self) -> Result<String> {
        let Some(child) = self.child.take() else { bail!("it has ended already") };
        let Output { status, stdout, stderr } = child.wait_with_output()?;
        let text = String::from_utf8_lossy(&stdout).into_owned();
        if !status.success() {
            bail!("{} failed:\n{text}{}", self.called, String::from_utf8_lossy(&stderr));
        }
        Ok(text)
    }

    /// Waits for the line of JSON with which our load ends.
    pub fn report(self) -> Result<Value> {
        let text = self.output()?;
        serde_json::from_str(&text).with_context(|| format!("not a report: {text}"))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            // Both fail only when the process has ended already, which is what is wanted.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
