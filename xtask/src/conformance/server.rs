//! A fresh server on free loopback ports, in a folder of its own, stopped by its process id.

use super::Clients;
use anyhow::{Context, Result, bail};
use std::cell::RefCell;
use std::fmt;
use std::fs::{self, File};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::str::FromStr;
use std::thread;
use std::time::{Duration, Instant};

const START_SECONDS: u64 = 60;
const STOP_SECONDS: u64 = 30;
const CLUSTER_ID: &str = "Zm9ydHktdHdvLWNsdXN0ZQ";

/// What is judged.
#[derive(Clone, Debug, PartialEq)]
pub enum Against {
    /// The release build of this work tree.
    Ottla,
    /// Apache Kafka from its published artifacts.
    Kafka,
    /// A cluster that somebody else started.
    Running(String),
}

impl FromStr for Against {
    type Err = String;

    fn from_str(text: &str) -> Result<Against, String> {
        match text {
            "ottla" => Ok(Against::Ottla),
            "kafka" => Ok(Against::Kafka),
            address if address.contains(':') => Ok(Against::Running(address.to_owned())),
            _ => Err(format!("{text} is neither ottla, kafka nor host:port")),
        }
    }
}

impl fmt::Display for Against {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Against::Ottla => formatter.write_str("ottla"),
            Against::Kafka => formatter.write_str("kafka"),
            Against::Running(address) => formatter.write_str(address),
        }
    }
}

/// A running server. Dropping it ends it.
pub struct Server {
    bootstrap: String,
    controller: String,
    folder: PathBuf,
    child: Option<RefCell<Child>>,
}

impl Server {
    /// Starts a server with a few `more` settings and waits until it accepts connections.
    pub fn start(against: &Against, clients: &Clients, more: &str) -> Result<Server> {
        if let Against::Running(address) = against {
            return Ok(Server {
                bootstrap: address.clone(),
                controller: String::new(),
                folder: PathBuf::new(),
                child: None,
            });
        }
        let place = Place::new()?;
        let command = match against {
            Against::Ottla => {
                let binary = clients.root.join("target/release/ottla");
                ottla(&binary, &place, &format!("{}{more}", place.few_settings()))?
            }
            _ => kafka(clients, &place, &format!("{}{more}", place.settings()))?,
        };
        Server::spawn(command, place)
    }

    /// Apache Kafka and an Ottla with the same settings and a few `more`, started side by side.
    pub fn pair(clients: &Clients, binary: &Path, more: &str) -> Result<(Server, Server)> {
        let place = Place::new()?;
        let settings = format!("{}{more}", place.settings());
        let ottla = Server::spawn(ottla(binary, &place, &settings)?, place)?;
        let place = Place::new()?;
        let settings = format!("{}{more}", place.settings());
        let kafka = Server::spawn(kafka(clients, &place, &settings)?, place)?;
        Ok((kafka, ottla))
    }

    fn spawn(mut command: Command, place: Place) -> Result<Server> {
        let Place { folder, port, controller_port } = place;
        let log = File::create(folder.join("server.log"))?;
        let child = command
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .with_context(|| format!("cannot start {command:?}"))?;
        let server = Server {
            bootstrap: format!("127.0.0.1:{port}"),
            controller: format!("127.0.0.1:{controller_port}"),
            folder,
            child: Some(RefCell::new(child)),
        };
        let deadline = Instant::now() + Duration::from_secs(START_SECONDS);
        while TcpStream::connect(&server.bootstrap).is_err() {
            if !server.alive() || Instant::now() > deadline {
                bail!("the server did not start:\n{}", server.log());
            }
            thread::sleep(Duration::from_millis(10));
        }
        Ok(server)
    }

    /// host:port of the server's listener.
    pub fn bootstrap(&self) -> &str {
        &self.bootstrap
    }

    /// host:port of the controller's listener, where there is one.
    pub fn controller(&self) -> &str {
        &self.controller
    }

    /// Where the server keeps its files.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Whether the process still runs; a server that somebody else started counts as alive.
    pub fn alive(&self) -> bool {
        self.child.as_ref().is_none_or(|child| matches!(child.borrow_mut().try_wait(), Ok(None)))
    }

    /// The last lines that the server printed.
    pub fn log(&self) -> String {
        let text = fs::read(self.folder.join("server.log")).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(60)..].join("\n")
    }

    /// Asks the server to end as a service manager would, and removes its folder.
    pub fn stop(self) -> Result<()> {
        let Some(child) = &self.child else { return Ok(()) };
        let pid = child.borrow().id().to_string();
        Command::new("kill").arg(&pid).status()?;
        let deadline = Instant::now() + Duration::from_secs(STOP_SECONDS);
        while self.alive() {
            if Instant::now() > deadline {
                bail!("the server did not end within {STOP_SECONDS} s of SIGTERM:\n{}", self.log());
            }
            thread::sleep(Duration::from_millis(10));
        }
        fs::remove_dir_all(&self.folder)?;
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(child) = &self.child {
            let mut child = child.borrow_mut();
            // Both fail only when the process has ended already, which is what is wanted.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// A loopback port that nobody listens on.
pub fn free_port() -> Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

/// Where a server lives.
struct Place {
    folder: PathBuf,
    port: u16,
    controller_port: u16,
}

impl Place {
    fn new() -> Result<Place> {
        let (port, controller_port) = (free_port()?, free_port()?);
        let folder =
            std::env::temp_dir().join(format!("ottla-judged-{}-{port}", std::process::id()));
        fs::create_dir_all(&folder)?;
        Ok(Place { folder, port, controller_port })
    }

    /// All that Ottla needs to be told.
    fn few_settings(&self) -> String {
        format!(
            "listeners=PLAINTEXT://127.0.0.1:{}\nlog.dirs={}\n\
             group.initial.rebalance.delay.ms=0\n",
            self.port,
            self.folder.join("data").display()
        )
    }

    /// What Apache Kafka needs to be told to serve clients as a node alone.
    fn settings(&self) -> String {
        let (port, controller_port) = (self.port, self.controller_port);
        format!(
            "process.roles=broker,controller\nnode.id=1\n\
             controller.quorum.voters=1@127.0.0.1:{controller_port}\n\
             listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}\n\
             advertised.listeners=PLAINTEXT://127.0.0.1:{port}\n\
             controller.listener.names=CONTROLLER\n\
             listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT\n\
             log.dirs={}\noffsets.topic.replication.factor=1\n\
             transaction.state.log.replication.factor=1\ntransaction.state.log.min.isr=1\n\
             group.initial.rebalance.delay.ms=0\n",
            self.folder.join("data").display()
        )
    }
}

fn ottla(binary: &Path, place: &Place, settings: &str) -> Result<Command> {
    if !binary.exists() {
        bail!("{} is missing\nhint: run `cargo build --release`", binary.display());
    }
    let properties = place.folder.join("server.properties");
    fs::write(&properties, settings)?;
    let mut command = Command::new(fs::canonicalize(binary)?);
    command.arg("start").arg(properties).current_dir(&place.folder);
    Ok(command)
}

fn kafka(clients: &Clients, place: &Place, settings: &str) -> Result<Command> {
    let jars = clients.jars()?;
    let properties = place.folder.join("server.properties");
    fs::write(&properties, settings)?;
    let formatted = java(&jars)
        .args(["kafka.tools.StorageTool", "format", "--cluster-id", CLUSTER_ID, "--config"])
        .arg(&properties)
        .output()
        .context("cannot start java")?;
    if !formatted.status.success() {
        bail!("cannot format: {}", String::from_utf8_lossy(&formatted.stderr));
    }
    let mut command = java(&jars);
    command.arg("kafka.Kafka").arg(&properties);
    Ok(command)
}

fn java(classpath: &str) -> Command {
    let mut command = Command::new("java");
    command.args(["-Xmx1g", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-cp", classpath]);
    command
}
