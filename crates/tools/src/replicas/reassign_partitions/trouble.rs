//! What goes wrong is told on standard output here, as Kafka's tool does.

use ottla_client::{ApiError, Error};
use ottla_terminal::failure::Failure;
use ottla_terminal::options::Stop;

/// Why the tool stops.
#[derive(Debug)]
pub(super) enum Trouble {
    /// Told as it is.
    Terse(String),
    /// Told as an error: the message of Java's exception.
    Failed(String),
    /// What the command line or the terminal says.
    Stopped(Stop),
}

impl Trouble {
    pub(super) fn failed(message: impl Into<String>) -> Self {
        Self::Failed(message.into())
    }

    pub(super) fn into_stop(self) -> Stop {
        let told = match self {
            Self::Terse(message) => message,
            Self::Failed(message) => format!("Error: {message}"),
            Self::Stopped(stop) => return stop,
        };
        Stop { out: format!("{told}\n"), err: String::new(), code: 1 }
    }
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        Self::Failed(Failure::from(error).exception)
    }
}

impl From<ApiError> for Trouble {
    fn from(error: ApiError) -> Self {
        Self::Failed(Failure::from(error).exception)
    }
}

impl From<Stop> for Trouble {
    fn from(stop: Stop) -> Self {
        Self::Stopped(stop)
    }
}
