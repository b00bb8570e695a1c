//! Being asked to stop: Ctrl-C and SIGTERM end a tool in good order, a second one at once.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// Exit code of a program that Ctrl-C ended.
const INTERRUPTED: u8 = 130;
/// Exit code of a program that SIGTERM ended.
const TERMINATED: u8 = 143;

/// Hears of the wish to stop. From its making on the process no longer dies of it.
pub(crate) struct Interrupt {
    interrupt: Signal,
    terminate: Signal,
}

impl Interrupt {
    /// Must be called inside a tokio runtime.
    pub(crate) fn new() -> io::Result<Self> {
        let interrupt = signal(SignalKind::interrupt())?;
        let terminate = signal(SignalKind::terminate())?;
        Ok(Self { interrupt, terminate })
    }

    /// Waits for it; gives the exit code.
    pub(crate) async fn heard(&mut self) -> u8 {
        tokio::select! {
            _ = self.interrupt.recv() => INTERRUPTED,
            _ = self.terminate.recv() => TERMINATED,
        }
    }

    /// Runs `farewell` to its end, unless the user does not want to wait for it.
    pub(crate) async fn or_at_once<T>(&mut self, farewell: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            done = farewell => Some(done),
            _ = self.heard() => None,
        }
    }
}
