//! The levels at which this process logs, which operators change while it runs (KIP-412).

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

/// Kafka's names of levels, as Log4j has them.
pub const LEVELS: [&str; 6] = ["DEBUG", "ERROR", "FATAL", "INFO", "TRACE", "WARN"];

/// The target that all others inherit from.
pub const ROOT: &str = "root";

/// Where log lines are sorted out; the process has one.
pub trait LogLevels: Send + Sync {
    /// Every known target with its level, one of [`LEVELS`]; [`ROOT`] among them.
    fn all(&self) -> BTreeMap<String, String>;

    /// Whether a target of that name could log.
    fn exists(&self, target: &str) -> bool;

    /// Gives a target a level of its own, or takes it away.
    fn set(&self, target: &str, level: Option<&str>);
}

/// The process's levels, once it has some.
#[derive(Clone, Default)]
pub struct Logging(Arc<OnceLock<Arc<dyn LogLevels>>>);

impl Logging {
    /// From now on these levels are shown and changed. The first ones stay.
    pub fn begin(&self, levels: Arc<dyn LogLevels>) {
        let _ = self.0.set(levels);
    }

    pub(crate) fn all(&self) -> BTreeMap<String, String> {
        self.0.get().map(|levels| levels.all()).unwrap_or_default()
    }

    pub(crate) fn exists(&self, target: &str) -> bool {
        self.0.get().is_some_and(|levels| levels.exists(target))
    }

    pub(crate) fn set(&self, target: &str, level: Option<&str>) {
        if let Some(levels) = self.0.get() {
            levels.set(target, level);
            tracing::info!(target, level, "log level changed");
        }
    }
}
