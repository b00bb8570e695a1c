//! What comes in: Apache's VerifiableProducer, idempotent, and what was acknowledged to it.

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use std::collections::HashMap;
use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::bell::Bell;
use super::round::{Ground, INPUT};

/// How long it may take to send what it still holds: as long as its delivery time-out.
const END_PATIENCE: Duration = Duration::from_secs(130);

/// Where a record lies: partition and offset.
pub type Place = (i32, i64);

/// A producer at work. Dropping it kills it.
pub struct Feed {
    child: Child,
    told: PathBuf,
}

impl Feed {
    pub fn start(ground: &Ground, bootstrap: &str, rate: u64) -> Result<Feed> {
        let settings = ground.folder.join("feed.properties");
        // The tool itself asks for no retries, with which nothing would be idempotent.
        let lines = "enable.idempotence=true\nretries=2147483647\ndelivery.timeout.ms=120000\n\
                     reconnect.backoff.max.ms=200\n";
        fs::write(&settings, lines)?;
        let told = ground.folder.join("feed.out");
        let child = ground
            .java("org.apache.kafka.tools.VerifiableProducer")
            .args(["--bootstrap-server", bootstrap, "--topic", INPUT, "--acks", "-1"])
            .args(["--throughput", &rate.to_string(), "--repeating-keys", "16"])
            .arg("--command-config")
            .arg(settings)
            .stdin(Stdio::null())
            .stdout(File::create(&told)?)
            .stderr(File::create(ground.folder.join("feed.err"))?)
            .spawn()
            .context("cannot start VerifiableProducer")?;
        ground.bell.watch(&child);
        Ok(Feed { child, told })
    }

    /// Ends it with SIGTERM; what was acknowledged, and where it was said to lie.
    pub fn end(mut self, bell: &Bell) -> Result<HashMap<Place, String>> {
        let pid = self.child.id().to_string();
        ensure!(Command::new("kill").arg(pid).status()?.success(), "cannot end the producer");
        let deadline = Instant::now() + END_PATIENCE;
        while self.child.try_wait()?.is_none() {
            ensure!(Instant::now() < deadline, "the producer did not end");
            bell.wait(deadline);
        }
        let text = fs::read_to_string(&self.told)?;
        let acked: HashMap<Place, String> = text.lines().filter_map(acknowledged).collect();
        ensure!(!acked.is_empty(), "nothing was acknowledged:\n{text}");
        Ok(acked)
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        // Both fail only when the process has ended already, which is what is wanted.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// One line of the tool that tells of an acknowledgement.
fn acknowledged(line: &str) -> Option<(Place, String)> {
    let told: Value = serde_json::from_str(line).ok()?;
    if told["name"] != "producer_send_success" {
        return None;
    }
    let partition = i32::try_from(told["partition"].as_i64()?).ok()?;
    Some(((partition, told["offset"].as_i64()?), told["value"].as_str()?.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn acknowledgements_are_read() {
        let line = r#"{"timestamp":1,"name":"producer_send_success","key":"3","value":"12","offset":7,"topic":"input","partition":1}"#;
        assert_eq!(acknowledged(line), Some(((1, 7), "12".to_owned())));
        let line = r#"{"timestamp":1,"name":"producer_send_error","value":"12","topic":"input"}"#;
        assert_eq!(acknowledged(line), None);
        assert_eq!(acknowledged("not JSON"), None);
    }
}
