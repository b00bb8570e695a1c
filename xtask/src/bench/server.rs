//! The two servers: a prepared directory that can be started again and again, and a running process.

use super::tools::Tools;
use anyhow::{Context, Result, bail, ensure};
use rustix::fs::{Advice, fadvise};
use std::fmt;
use std::fs::{self, File};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

const START_PATIENCE: Duration = Duration::from_secs(180);
const STOP_PATIENCE: Duration = Duration::from_secs(180);
/// Ticks a second in which `/proc` counts CPU time on Linux.
const TICKS: f64 = 100.0;

const CLUSTER_ID: &str = "Zm9ydHktdHdvLWNsdXN0ZQ";

/// Who is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    Ottla,
    Kafka,
}

impl Side {
    pub const BOTH: [Side; 2] = [Side::Ottla, Side::Kafka];
}

impl fmt::Display for Side {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Side::Ottla => "ottla",
            Side::Kafka => "kafka",
        })
    }
}

/// A server's directory, and the command that starts a server on it. Dropping it removes the directory.
pub struct Home {
    folder: PathBuf,
    command: Command,
    bootstrap: String,
}

impl Home {
    /// A fresh directory. Kafka's is formatted, which is no part of any measurement.
    pub fn prepare(tools: &Tools, side: Side) -> Result<Home> {
        let (port, controller_port) = (free_port()?, free_port()?);
        let folder = tools.folder.join(format!("{side}-{port}"));
        fs::create_dir_all(&folder)?;
        let properties = folder.join("server.properties");
        let command = match side {
            Side::Ottla => {
                fs::write(&properties, ottla_settings(&folder, port))?;
                let mut command = Command::new(&tools.binary);
                command.arg("start").arg(properties).current_dir(&folder);
                command
            }
            Side::Kafka => {
                fs::write(&properties, kafka_settings(&folder, port, controller_port))?;
                format_storage(tools.server_java(), &properties)?;
                let mut command = tools.server_java();
                command.arg("kafka.Kafka").arg(&properties);
                command
            }
        };
        Ok(Home { folder, command, bootstrap: format!("127.0.0.1:{port}") })
    }

    pub fn bootstrap(&self) -> &str {
        &self.bootstrap
    }

    /// Starts the server and does not wait for it.
    pub fn spawn(&mut self) -> Result<Process> {
        let log = File::create(self.folder.join("server.log"))?;
        self.command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        let started_ns = now_ns();
        let child = self.command.spawn().context("cannot start the server")?;
        let bootstrap = self.bootstrap.clone();
        let log = self.folder.join("server.log");
        Ok(Process { child, bootstrap, log, started_ns })
    }

    /// Starts the server and waits until it accepts connections.
    pub fn start(&mut self) -> Result<Process> {
        let mut process = self.spawn()?;
        let deadline = Instant::now() + START_PATIENCE;
        while TcpStream::connect(&process.bootstrap).is_err() {
            if process.child.try_wait()?.is_some() || Instant::now() > deadline {
                bail!("the server did not start:\n{}", fs::read_to_string(&process.log)?);
            }
            thread::sleep(Duration::from_millis(5));
        }
        Ok(process)
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        // What cannot be removed lies in a temporary folder and harms nobody.
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// A server that runs. Dropping it kills it.
pub struct Process {
    child: Child,
    bootstrap: String,
    log: PathBuf,
    /// When it was started, in nanoseconds of the Unix epoch.
    pub started_ns: u64,
}

impl Process {
    pub fn bootstrap(&self) -> &str {
        &self.bootstrap
    }

    /// User and system time since it was started.
    pub fn cpu_seconds(&self) -> Result<f64> {
        let text = self.proc("stat")?;
        // The name in parentheses may hold anything; utime and stime are 12th and 13th behind it.
        let (_, behind) = text.rsplit_once(')').context("a stat line")?;
        let mut fields = behind.split_whitespace().skip(11);
        let mut ticks = || fields.next().and_then(|field| field.parse::<f64>().ok());
        let (user, system) = (ticks().context("utime")?, ticks().context("stime")?);
        Ok((user + system) / TICKS)
    }

    /// Resident memory, in millions of bytes.
    pub fn resident_mb(&self) -> Result<f64> {
        let text = self.proc("status")?;
        let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kilobytes = line.and_then(|rest| rest.split_whitespace().next()).context("VmRSS")?;
        Ok(kilobytes.parse::<f64>()? * 1024.0 / 1e6)
    }

    /// Open descriptors.
    pub fn descriptors(&self) -> Result<f64> {
        Ok(fs::read_dir(format!("/proc/{}/fd", self.child.id()))?.count() as f64)
    }

    /// Has a topic's segments leave the page cache for the disk.
    pub fn evict(&self, topic: &str) -> Result<()> {
        let data = self.log.with_file_name("data");
        let prefix = format!("{topic}-");
        for folder in fs::read_dir(data)? {
            let folder = folder?;
            if !folder.file_name().to_string_lossy().starts_with(&prefix) {
                continue;
            }
            for file in fs::read_dir(folder.path())? {
                let file = File::open(file?.path())?;
                file.sync_all()?;
                fadvise(&file, 0, None, Advice::DontNeed)?;
            }
        }
        Ok(())
    }

    fn proc(&self, name: &str) -> Result<String> {
        let path = format!("/proc/{}/{name}", self.child.id());
        let ended = || format!("the server ended:\n{}", tail(&self.log));
        fs::read_to_string(path).with_context(ended)
    }

    /// Ends it as a service manager would, and waits.
    pub fn stop(mut self) -> Result<()> {
        let asked = Command::new("kill").arg(self.child.id().to_string()).status()?;
        ensure!(asked.success(), "cannot end the server");
        let deadline = Instant::now() + STOP_PATIENCE;
        while self.child.try_wait()?.is_none() {
            ensure!(Instant::now() < deadline, "the server did not end:\n{}", tail(&self.log));
            thread::sleep(Duration::from_millis(10));
        }
        Ok(())
    }

    /// Ends it as a power cut would, the page cache aside.
    pub fn kill(mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Both fail only when the process has ended already, which is what is wanted.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Both servers at work, so that both are warm.
pub struct Duo {
    processes: [Process; 2],
    _homes: [Home; 2],
}

impl Duo {
    pub fn start(tools: &Tools) -> Result<Duo> {
        let mut homes = [Home::prepare(tools, Side::Ottla)?, Home::prepare(tools, Side::Kafka)?];
        let processes = [homes[0].start()?, homes[1].start()?];
        Ok(Duo { processes, _homes: homes })
    }

    pub fn of(&self, side: Side) -> &Process {
        match side {
            Side::Ottla => &self.processes[0],
            Side::Kafka => &self.processes[1],
        }
    }
}

fn free_port() -> Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

fn ottla_settings(folder: &Path, port: u16) -> String {
    let data = folder.join("data");
    format!("listeners=PLAINTEXT://127.0.0.1:{port}\nlog.dirs={}\n", data.display())
}

/// What a node alone needs to be told; everything else is as Kafka has it by itself.
fn kafka_settings(folder: &Path, port: u16, controller_port: u16) -> String {
    format!(
        "process.roles=broker,controller\nnode.id=1\n\
         controller.quorum.voters=1@127.0.0.1:{controller_port}\n\
         listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}\n\
         advertised.listeners=PLAINTEXT://127.0.0.1:{port}\n\
         controller.listener.names=CONTROLLER\n\
         listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT\n\
         log.dirs={}\noffsets.topic.replication.factor=1\n\
         transaction.state.log.replication.factor=1\ntransaction.state.log.min.isr=1\n",
        folder.join("data").display()
    )
}

fn format_storage(mut java: Command, properties: &Path) -> Result<()> {
    java.args(["kafka.tools.StorageTool", "format", "--cluster-id", CLUSTER_ID, "--config"]);
    let done = java.arg(properties).output().context("cannot start java")?;
    ensure!(done.status.success(), "cannot format: {}", String::from_utf8_lossy(&done.stderr));
    Ok(())
}

fn now_ns() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(now.as_nanos()).unwrap_or(u64::MAX)
}

fn tail(path: &PathBuf) -> String {
    let text = fs::read_to_string(path).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(30)..].join("\n")
}
