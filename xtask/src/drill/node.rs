//! A node that is killed and started again on the same directory and address.

use anyhow::{Context, Result, bail, ensure};
use std::fs::{self, File};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::bell::Bell;
use super::round::Ground;

const START_PATIENCE: Duration = Duration::from_secs(60);
/// Nothing tells when another process listens: it is asked again and again, unless it ends.
const CONNECT_AGAIN: Duration = Duration::from_millis(10);
const CLUSTER_ID: &str = "Zm9ydHktdHdvLWNsdXN0ZQ";

/// A directory with a server on it. Dropping it kills the server.
pub struct Node {
    binary: PathBuf,
    folder: PathBuf,
    address: String,
    child: Child,
}

impl Node {
    /// Formats a directory in `folder` with this level of transaction.version, and starts a node on it.
    pub fn start(ground: &Ground, transaction_version: u8) -> Result<Node> {
        let (binary, folder) = (&ground.binary, &ground.folder);
        let address = address();
        let settings = format!(
            "process.roles=broker,controller\nnode.id=1\ncontroller.listener.names=CONTROLLER\n\
             controller.quorum.bootstrap.servers={host}:9093\n\
             listeners=PLAINTEXT://{address},CONTROLLER://{host}:9093\nlog.dirs={data}\n\
             group.initial.rebalance.delay.ms=0\noffsets.topic.num.partitions=5\n\
             offsets.topic.replication.factor=1\ntransaction.state.log.num.partitions=5\n\
             transaction.state.log.replication.factor=1\ntransaction.state.log.min.isr=1\n",
            host = address.trim_end_matches(":9092"),
            data = folder.join("data").display(),
        );
        let properties = folder.join("server.properties");
        fs::write(&properties, settings)?;
        let formatted = Command::new(binary)
            .args(["storage", "format", "--standalone", "--cluster-id", CLUSTER_ID])
            .args(["--feature", &format!("transaction.version={transaction_version}")])
            .arg("--config")
            .arg(&properties)
            .output()
            .with_context(|| format!("cannot run {}", binary.display()))?;
        let said = String::from_utf8_lossy(&formatted.stderr);
        ensure!(formatted.status.success(), "cannot format: {said}");
        let child = spawn(binary, folder)?;
        ground.bell.watch(&child);
        let mut node =
            Node { binary: binary.to_owned(), folder: folder.to_owned(), address, child };
        node.wait(&ground.bell)?;
        Ok(node)
    }

    /// host:port.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// `kill -9`, and started again at once.
    pub fn kill_and_start(&mut self, bell: &Bell) -> Result<()> {
        if let Some(status) = self.child.try_wait()? {
            bail!("the node had ended by itself, {status}:\n{}", self.log());
        }
        self.child.kill()?;
        self.child.wait()?;
        self.child = spawn(&self.binary, &self.folder)?;
        bell.watch(&self.child);
        Ok(())
    }

    /// Whether it runs, as it should.
    pub fn check(&mut self) -> Result<()> {
        match self.child.try_wait()? {
            None => Ok(()),
            Some(status) => bail!("the node ended by itself, {status}:\n{}", self.log()),
        }
    }

    /// Waits until it listens.
    pub fn wait(&mut self, bell: &Bell) -> Result<()> {
        let deadline = Instant::now() + START_PATIENCE;
        while TcpStream::connect(&self.address).is_err() {
            self.check()?;
            ensure!(Instant::now() < deadline, "the node did not start:\n{}", self.log());
            bell.wait(Instant::now() + CONNECT_AGAIN);
        }
        Ok(())
    }

    fn log(&self) -> String {
        super::copier::tail(&self.folder.join("node.log"))
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // Both fail only when the process has ended already, which is what is wanted.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn spawn(binary: &Path, folder: &Path) -> Result<Child> {
    let log = File::options().create(true).append(true).open(folder.join("node.log"))?;
    Command::new(binary)
        .arg("start")
        .arg(folder.join("server.properties"))
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log)
        .spawn()
        .context("cannot start the node")
}

/// A loopback address of this run's own: nobody takes its port while the node is down.
fn address() -> String {
    let [_, _, high, low] = std::process::id().to_be_bytes();
    format!("127.{}.{low}.253:9092", high.max(1))
}
