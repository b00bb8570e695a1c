//! Why a node did not start: what, why, and what to do about it.

use std::fmt;
use std::path::Path;

/// A start that failed, for a person: a primary sentence, a detail and a hint.
#[derive(Debug)]
pub struct StartError {
    /// What could not be done.
    pub primary: String,
    /// What was found.
    pub detail: String,
    /// What to do next.
    pub hint: Option<String>,
}

impl StartError {
    /// A start that failed at `primary` because of `detail`.
    pub fn new(primary: impl Into<String>, detail: impl fmt::Display) -> Self {
        Self { primary: primary.into(), detail: detail.to_string(), hint: None }
    }

    /// A start that failed at `primary` because of an error and what lies beneath it.
    pub fn caused(primary: impl Into<String>, error: &dyn std::error::Error) -> Self {
        let mut detail = error.to_string();
        let mut next = error.source();
        while let Some(source) = next {
            detail.push_str(": ");
            detail.push_str(&source.to_string());
            next = source.source();
        }
        Self::new(primary, detail)
    }

    /// A configuration key whose value can't be used.
    pub fn config(key: &str, detail: impl fmt::Display) -> Self {
        Self::new(format!("invalid configuration {key}"), detail)
    }

    /// A directory that can't be used.
    pub fn directory(path: &Path, detail: impl fmt::Display) -> Self {
        Self::new(format!("cannot open log directory {}", path.display()), detail)
    }

    /// A directory that the disk or its contents make unusable.
    pub fn directory_failed(path: &Path, error: &dyn std::error::Error) -> Self {
        Self::caused(format!("cannot open log directory {}", path.display()), error)
    }

    /// Adds what to do next.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl fmt::Display for StartError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}\n  {}", self.primary, self.detail)?;
        match &self.hint {
            Some(hint) => write!(formatter, "\n  hint: {hint}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for StartError {}
