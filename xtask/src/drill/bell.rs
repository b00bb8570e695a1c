//! Waiting for whichever process ends first.

use std::process::Child;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::Instant;

use rustix::io::Errno;
use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};

/// Rings when a process ends that is watched.
pub struct Bell {
    ringer: Sender<()>,
    rung: Receiver<()>,
}

impl Bell {
    pub fn new() -> Bell {
        let (ringer, rung) = channel();
        Bell { ringer, rung }
    }

    /// Rings when this process has ended. Its status is left for whoever started it.
    pub fn watch(&self, child: &Child) {
        let (process, ringer) = (Pid::from_child(child), self.ringer.clone());
        thread::spawn(move || {
            let ends = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
            // Any other failure means that its status was taken: it has ended.
            while waitid(WaitId::Pid(process), ends).err() == Some(Errno::INTR) {}
            // Nobody listens when the drill is over.
            let _ = ringer.send(());
        });
    }

    /// Returns when a process has ended, at the latest at the deadline.
    pub fn wait(&self, deadline: Instant) {
        let left = deadline.saturating_duration_since(Instant::now());
        // Either way the caller looks at what it waits for.
        let _ = self.rung.recv_timeout(left);
    }
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};
    use std::time::Duration;

    use super::*;

    #[test]
    fn an_end_is_heard_at_once_and_its_status_stays() {
        let bell = Bell::new();
        let mut child =
            Command::new("cat").stdin(Stdio::piped()).spawn().expect("cat can be started");
        bell.watch(&child);
        bell.wait(Instant::now());
        assert!(child.try_wait().expect("a child").is_none());
        drop(child.stdin.take());
        let begun = Instant::now();
        bell.wait(begun + Duration::from_secs(60));
        assert!(begun.elapsed() < Duration::from_secs(30));
        let status = child.try_wait().expect("a child").expect("it has ended");
        assert!(status.success());
    }
}
