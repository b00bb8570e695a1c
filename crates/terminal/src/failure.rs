//! Why a tool's work failed, in the two ways that Apache's tools tell it: message, and exception.

use ottla_client::{ApiError, Error};

use crate::connect;
use crate::options::Stop;

/// A failure of work that had begun.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// What Java's `getMessage()` gives.
    pub message: String,
    /// What Java's `toString()` gives: the class, then the message.
    pub exception: String,
}

impl Failure {
    /// A failure that Apache's tool throws an exception of this class for.
    pub fn new(class: &str, message: impl Into<String>) -> Self {
        let message = message.into();
        Self { exception: format!("{class}: {message}"), message }
    }

    /// Java's `IllegalArgumentException`.
    pub fn illegal(message: impl Into<String>) -> Self {
        Self::new("java.lang.IllegalArgumentException", message)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self { message: connect::message(&error), exception: connect::exception(&error) }
    }
}

impl From<ApiError> for Failure {
    fn from(error: ApiError) -> Self {
        Error::Api(error).into()
    }
}

impl From<Stop> for Failure {
    /// A value of the command line that turned out to be wrong only now.
    fn from(stop: Stop) -> Self {
        let message = stop.err.trim_end();
        let class = if message.starts_with("Cannot parse argument") {
            "joptsimple.OptionArgumentConversionException"
        } else {
            "joptsimple.MultipleArgumentsForOptionException"
        };
        Self::new(class, message)
    }
}
