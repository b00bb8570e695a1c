//! Why something is refused: an error code, and the words that go with it.

use ottla_wire::ErrorCode;

/// An error code with its message. `None`: Kafka sends no words here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub code: ErrorCode,
    pub message: Option<String>,
}

impl Refusal {
    /// A code with words of its own.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { code, message: Some(message.into()) }
    }

    /// A code with the protocol's words for it.
    pub fn plain(code: ErrorCode) -> Self {
        Self::new(code, code.message())
    }

    /// A code without words.
    pub fn silent(code: ErrorCode) -> Self {
        Self { code, message: None }
    }

    pub fn invalid_request(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::InvalidRequest, message)
    }

    /// The request as a whole makes more records than one may.
    pub fn too_many_records() -> Self {
        let message = "Unable to perform excessively large batch operation.";
        Self::new(ErrorCode::PolicyViolation, message)
    }
}

/// The code and message of a result, as responses carry them.
pub(crate) fn code_and_message(result: Result<(), Refusal>) -> (i16, Option<String>) {
    match result {
        Ok(()) => (ErrorCode::None.code(), None),
        Err(refusal) => (refusal.code.code(), refusal.message),
    }
}
