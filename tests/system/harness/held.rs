//! A thread of a node that is held, as one that waits for a disk which never answers.

use std::fs;
use std::path::Path;

use nix::sys::ptrace;
use nix::unistd::Pid;

use crate::harness::node::Node;
use crate::harness::wait::{until, until_true};

/// A held thread; it goes on when this is dropped.
pub struct Held(Pid);

impl Held {
    /// Holds the thread of that name. `None` where the system lets nobody do that.
    pub fn thread(node: &Node, name: &str) -> Option<Held> {
        let tasks = format!("/proc/{}/task", node.id());
        let threads = fs::read_dir(&tasks).expect("the process runs").flatten();
        let is_named = |path: &Path| {
            fs::read_to_string(path.join("comm")).is_ok_and(|comm| comm.trim_end() == name)
        };
        let path = threads.map(|thread| thread.path()).find(|path| is_named(path));
        let path = path.expect("a thread of that name");
        let number = path.file_name().and_then(|name| name.to_str()?.parse().ok());
        let thread = Pid::from_raw(number.expect("threads are named by numbers"));
        // Held in the middle of something it might hold a lock that others need.
        until("a thread without anything to do", || match Held::now(thread, &path) {
            Ok(held) => held.is_waiting(&path).then_some(Some(held)),
            Err(_) => Some(None),
        })
    }

    fn now(thread: Pid, path: &Path) -> nix::Result<Held> {
        ptrace::seize(thread, ptrace::Options::empty())?;
        let held = Held(thread);
        ptrace::interrupt(thread).expect("a thread that was seized");
        until_true("the thread stops", || {
            let stat = fs::read_to_string(path.join("stat")).unwrap_or_default();
            stat.rsplit(") ").next().is_some_and(|state| state.starts_with('t'))
        });
        Ok(held)
    }

    /// Whether the thread was stopped in a wait for work, which is a futex.
    fn is_waiting(&self, path: &Path) -> bool {
        let call = fs::read_to_string(path.join("syscall")).unwrap_or_default();
        call.split(' ').next() == Some(&nix::libc::SYS_futex.to_string())
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        // It may have ended with its process.
        let _ = ptrace::detach(self.0, None);
    }
}
