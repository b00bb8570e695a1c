//! How a tool ends before its work is done: help, version, a refusal.

use std::io::Write as _;
use std::process::ExitCode;

/// The Kafka whose tools these are.
pub const KAFKA_VERSION: &str = "4.3.1";

/// Why a tool ends early: what it says, where, and its exit code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stop {
    /// For standard output.
    pub out: String,
    /// For standard error.
    pub err: String,
    /// The exit code.
    pub code: u8,
}

impl Stop {
    /// A message for standard error, exit code 1.
    pub fn refused(message: impl std::fmt::Display) -> Self {
        Self { out: String::new(), err: format!("{message}\n"), code: 1 }
    }

    /// Text for standard output as it is, exit code 0.
    pub fn told(text: impl Into<String>) -> Self {
        Self { out: text.into(), err: String::new(), code: 0 }
    }

    /// What `--version` gives.
    pub fn version() -> Self {
        Self::told(format!("{KAFKA_VERSION}\n"))
    }
}

impl From<std::io::Error> for Stop {
    /// Standard output can no longer be written: nobody is left to be told.
    fn from(_: std::io::Error) -> Self {
        Self { out: String::new(), err: String::new(), code: 1 }
    }
}

/// Says what there is to say and gives the exit code of the process.
pub fn end(outcome: Result<(), Stop>) -> ExitCode {
    let Err(stop) = outcome else { return ExitCode::SUCCESS };
    // A closed pipe is no reason for another complaint.
    let _ = std::io::stdout().write_all(stop.out.as_bytes());
    let _ = std::io::stdout().flush();
    let _ = std::io::stderr().write_all(stop.err.as_bytes());
    ExitCode::from(stop.code)
}
