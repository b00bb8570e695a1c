//! A node as a process of its own.

use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU8, Ordering};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::harness::wait::{until, until_true};

/// How a node is started: the same data, host and port each time.
pub struct Setup {
    folder: TempDir,
    /// Where the data lies.
    pub data: PathBuf,
    settings: Vec<(String, String)>,
    file: Option<PathBuf>,
    shell: Option<String>,
    address: SocketAddrV4,
}

/// A running node; killed when dropped.
pub struct Node {
    child: Child,
    output: PathBuf,
    pub address: SocketAddr,
}

/// A node that has ended.
pub struct Ended {
    pub status: ExitStatus,
    /// What it printed, log and all.
    pub output: String,
}

static NEXT_HOST: AtomicU8 = AtomicU8::new(1);

/// A loopback address that no other test and no other run of the tests uses: nobody takes a port of
/// it while a node is down.
fn own_host() -> Ipv4Addr {
    let [_, _, high, low] = std::process::id().to_be_bytes();
    Ipv4Addr::new(127, high.max(1), low, NEXT_HOST.fetch_add(1, Ordering::Relaxed))
}

/// What the nodes of this run promise: `OTTLA_TEST_DURABILITY`, otherwise the default.
pub fn durability() -> String {
    std::env::var("OTTLA_TEST_DURABILITY").unwrap_or_else(|_| "os".to_owned())
}

impl Setup {
    /// A node with defaults, but for its listener and its data.
    pub fn new() -> Setup {
        let folder = tempfile::tempdir().expect("a temporary directory");
        let data = folder.path().join("data");
        let address = SocketAddrV4::new(own_host(), 9092);
        Setup { folder, data, settings: Vec::new(), file: None, shell: None, address }
    }

    /// Sets a key of the configuration.
    pub fn set(mut self, key: &str, value: impl ToString) -> Setup {
        self.settings.push((key.to_owned(), value.to_string()));
        self
    }

    /// Has the node read a file of configuration.
    pub fn file(mut self, text: &str) -> Setup {
        let path = self.folder.path().join("server.properties");
        fs::write(&path, text).expect("a writable folder");
        self.file = Some(path);
        self
    }

    /// Runs this in the shell that becomes the node.
    pub fn shell(mut self, commands: &str) -> Setup {
        self.shell = Some(commands.to_owned());
        self
    }

    /// A folder for whatever else a test needs.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub fn address(&self) -> SocketAddrV4 {
        self.address
    }

    /// Starts the node and waits until it serves.
    #[track_caller]
    pub fn start(&self) -> Node {
        let mut node = self.spawn();
        let output = node.output.clone();
        until("the node serves", || {
            if let Some(status) = node.child.try_wait().expect("a child can be waited for") {
                panic!("the node ended with {status}:\n{}", node.output());
            }
            fs::read_to_string(&output).ok()?.contains("  stop with ").then_some(())
        });
        node
    }

    /// Starts a node that is to end by itself.
    #[track_caller]
    pub fn fail(&self) -> Ended {
        let node = self.spawn();
        let ended = node.wait();
        assert!(!ended.status.success(), "the node ended without an error:\n{}", ended.output);
        ended
    }

    /// Starts the process.
    #[track_caller]
    pub fn spawn(&self) -> Node {
        let mut command = Command::new("sh");
        let script = format!("{}\nexec \"$@\"", self.shell.as_deref().unwrap_or_default());
        command.args(["-c", &script, "sh", env!("CARGO_BIN_EXE_ottla"), "start"]);
        command.args(&self.file);
        let own = [
            ("listeners", format!("PLAINTEXT://{}", self.address)),
            ("log.dirs", self.data.display().to_string()),
            ("offsets.topic.num.partitions", "3".to_owned()),
        ];
        let own: Vec<_> = own.into_iter().chain([("ottla.durability", durability())]).collect();
        let given = |key: &str| self.settings.iter().any(|(name, _)| name == key);
        for (key, value) in own.iter().filter(|(key, _)| !given(key) && self.file.is_none()) {
            command.arg("--override").arg(format!("{key}={value}"));
        }
        for (key, value) in &self.settings {
            command.arg("--override").arg(format!("{key}={value}"));
        }
        let output = self.folder.path().join("output");
        let file = File::create(&output).expect("a writable folder");
        command.current_dir(self.folder.path());
        command.stdin(Stdio::null()).stdout(file.try_clone().expect("a descriptor")).stderr(file);
        let child = command.spawn().expect("sh can be started");
        Node { child, output, address: self.address.into() }
    }
}

impl Node {
    fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Ends the process at once, as a crash would.
    pub fn kill(mut self) {
        self.child.kill().expect("a child can be killed");
        self.child.wait().expect("a child can be waited for");
    }

    /// Asks it to stop; see [`Node::wait`].
    pub fn terminate(&self) {
        kill_process(self.pid(), Signal::TERM).expect("a child can be signalled");
    }

    /// Waits until the process has ended.
    #[track_caller]
    pub fn wait(mut self) -> Ended {
        let status =
            until("the node ends", || self.child.try_wait().expect("a child can be waited for"));
        Ended { status, output: self.output() }
    }

    /// Stops it as a service manager would.
    #[track_caller]
    pub fn stop(self) -> Ended {
        self.terminate();
        let ended = self.wait();
        assert!(ended.status.success(), "{}:\n{}", ended.status, ended.output);
        ended
    }

    /// What it has printed.
    pub fn output(&self) -> String {
        fs::read_to_string(&self.output).unwrap_or_default()
    }

    /// Waits until it has printed this.
    #[track_caller]
    pub fn says(&self, text: &str) {
        until_true(text, || self.output().contains(text));
    }

    /// A line of `/proc/PID/status`, in kilobytes.
    fn status_kilobytes(&self, name: &str) -> u64 {
        let path = format!("/proc/{}/status", self.child.id());
        let status = fs::read_to_string(path).expect("the process runs");
        let line = status.lines().find_map(|line| line.strip_prefix(name)).expect("a known line");
        let number = line.trim_start_matches(':').trim().trim_end_matches(" kB");
        number.parse().expect("a number")
    }

    /// The most memory that the process ever held, in bytes.
    pub fn memory_peak(&self) -> u64 {
        self.status_kilobytes("VmHWM") * 1024
    }

    /// Descriptors that it holds.
    pub fn descriptors(&self) -> usize {
        let folder = format!("/proc/{}/fd", self.child.id());
        fs::read_dir(folder).expect("the process runs").count()
    }

    /// The memory that the process holds, in bytes.
    pub fn memory(&self) -> u64 {
        self.status_kilobytes("VmRSS") * 1024
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            let output = self.output();
            let lines: Vec<&str> = output.lines().collect();
            println!("the node at {} said:", self.address);
            println!("{}", lines[lines.len().saturating_sub(40)..].join("\n"));
        }
    }
}
