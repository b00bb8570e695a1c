//! Why the work stopped.

use ottla_client::{ApiError, Error};
use ottla_terminal::failure::Failure;
use ottla_terminal::options::Stop;

/// A mistake of the caller, in one line, or a refusal of the cluster.
pub(super) enum Trouble {
    Mistake(String),
    Refusal(Failure),
    /// An exception of the tool itself: its class and message.
    Fault(String),
    /// Standard output is closed.
    Stop(Stop),
}

impl From<Stop> for Trouble {
    fn from(stop: Stop) -> Self {
        Self::Stop(stop)
    }
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        Self::Refusal(error.into())
    }
}

impl From<ApiError> for Trouble {
    fn from(error: ApiError) -> Self {
        Self::Refusal(error.into())
    }
}
