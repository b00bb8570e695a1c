//! Why the work stopped.

use crate::failure::Failure;
use crate::options::Stop;

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

impl<E: Into<Failure>> From<E> for Trouble
where
    E: std::error::Error,
{
    fn from(error: E) -> Self {
        Self::Refusal(error.into())
    }
}
