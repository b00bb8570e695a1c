//! What goes wrong in this tool, which tells it in several ways.

use ottla_client::{ApiError, Error};
use ottla_terminal::connect;
use ottla_terminal::options::Stop;

/// Why an action ended early.
#[derive(Debug)]
pub(super) enum Failure {
    /// The command line makes no sense: told together with the help.
    Usage(String),
    /// The work failed, in Java's words. Kafka's tool tells it on standard output and exits with 0.
    Work(String),
    /// The tool has said what there is to say.
    Stop(Stop),
}

impl From<Stop> for Failure {
    fn from(stop: Stop) -> Self {
        Self::Stop(stop)
    }
}

impl Failure {
    /// Only the message of an error.
    pub(super) fn plain(error: impl Into<Error>) -> Self {
        Self::Work(connect::message(&error.into()))
    }

    /// The name and the message of an error.
    pub(super) fn named(error: impl Into<Error>) -> Self {
        Self::Work(connect::exception(&error.into()))
    }

    /// The same behind the name of the exception that Kafka's tool wraps it in.
    pub(super) fn wrapped(error: impl Into<Error>) -> Self {
        let cause = connect::exception(&error.into());
        Self::Work(format!("java.util.concurrent.ExecutionException: {cause}"))
    }
}

/// The name and the message of a refusal.
pub(super) fn named(refusal: &ApiError) -> String {
    connect::exception(&Error::Api(refusal.clone()))
}

/// An error as the tool tells it: `Error:` behind an empty line.
pub(super) fn tell(message: &str) -> Result<(), Stop> {
    ottla_terminal::output::line(format!("\nError: {message}"))
}
