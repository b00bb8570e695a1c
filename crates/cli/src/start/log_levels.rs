//! Log lines of this process, sorted out by target and level, which change while it runs.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use ottla_node::{LogLevels, ROOT};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, Registry, fmt, reload};

use super::log_bounds::{Facts, Lines};

/// The parts of the server that log, by the targets of their log lines. Modules below are targets too.
const PARTS: [&str; 7] = [
    "ottla",
    "ottla_broker",
    "ottla_coordination",
    "ottla_hosting",
    "ottla_journal",
    "ottla_log",
    "ottla_node",
];

/// The levels in force, and the way to those who go by them.
pub struct Levels {
    own: Mutex<BTreeMap<String, String>>,
    apply: Box<dyn Fn(Targets) + Send + Sync>,
}

/// Has log lines written to standard error, at the levels that `OTTLA_LOG` asks for: `info` by
/// default, or `warn,ottla_broker=debug` and the like.
pub fn begin() -> Levels {
    let asked = std::env::var("OTTLA_LOG").ok().and_then(|text| text.parse::<Targets>().ok());
    let targets = asked.unwrap_or_else(|| Targets::new().with_default(LevelFilter::INFO));
    let own = levels_of(&targets);
    let (filter, handle) = reload::Layer::<Targets, Registry>::new(targets);
    let lines = fmt::layer()
        .with_writer(std::io::stderr)
        .event_format(Lines::new())
        .fmt_fields(Facts::new());
    tracing_subscriber::registry().with(filter.and_then(lines)).init();
    let apply = move |targets| {
        if let Err(error) = handle.reload(targets) {
            tracing::error!(%error, "log levels can't be changed");
        }
    };
    Levels { own: Mutex::new(own), apply: Box::new(apply) }
}

fn levels_of(targets: &Targets) -> BTreeMap<String, String> {
    let named = targets.iter().map(|(target, level)| (target.to_owned(), name_of(level)));
    let mut levels: BTreeMap<String, String> = named.collect();
    let root = targets.default_level().unwrap_or(LevelFilter::OFF);
    levels.insert(ROOT.to_owned(), name_of(root));
    levels
}

fn name_of(level: LevelFilter) -> String {
    if level == LevelFilter::OFF { "FATAL".to_owned() } else { level.to_string().to_uppercase() }
}

/// Nothing is as bad as to be logged at FATAL alone.
fn filter_of(name: &str) -> LevelFilter {
    name.parse().unwrap_or(LevelFilter::OFF)
}

fn targets_of(own: &BTreeMap<String, String>) -> Targets {
    let mut targets = Targets::new();
    for (target, level) in own {
        targets = match target.as_str() {
            ROOT => targets.with_default(filter_of(level)),
            target => targets.with_target(target, filter_of(level)),
        };
    }
    targets
}

impl Levels {
    fn own(&self) -> MutexGuard<'_, BTreeMap<String, String>> {
        self.own.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl LogLevels for Levels {
    fn all(&self) -> BTreeMap<String, String> {
        let own = self.own();
        let effective = |target: &str| {
            let nearest = own.iter().filter(|(known, _)| target.starts_with(known.as_str()));
            let nearest = nearest.max_by_key(|(known, _)| known.len());
            nearest.or_else(|| own.get_key_value(ROOT)).map(|(_, level)| level.clone())
        };
        let mut all = own.clone();
        for part in PARTS {
            let level = effective(part).unwrap_or_else(|| "INFO".to_owned());
            all.entry(part.to_owned()).or_insert(level);
        }
        all
    }

    fn exists(&self, target: &str) -> bool {
        let part = target.split("::").next().unwrap_or_default();
        target == ROOT || PARTS.contains(&part)
    }

    fn set(&self, target: &str, level: Option<&str>) {
        let mut own = self.own();
        match level {
            Some(level) => own.insert(target.to_owned(), level.to_owned()),
            None => own.remove(target),
        };
        (self.apply)(targets_of(&own));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tracing::Level;

    use super::*;

    #[test]
    fn levels_change_what_is_logged() {
        let applied = Arc::new(Mutex::new(Targets::new()));
        let seen = Arc::clone(&applied);
        let start: Targets = "info,ottla_log=warn".parse().expect("levels");
        let levels = Levels {
            own: Mutex::new(levels_of(&start)),
            apply: Box::new(move |targets| *seen.lock().expect("whole") = targets),
        };
        let shown = |name: &str| levels.all().get(name).cloned();
        assert_eq!(shown(ROOT).as_deref(), Some("INFO"));
        assert_eq!(shown("ottla_broker").as_deref(), Some("INFO"));
        assert_eq!(shown("ottla_log").as_deref(), Some("WARN"));
        levels.set("ottla_coordination::groups", Some("DEBUG"));
        let logs = |target: &str, level: Level| {
            applied.lock().expect("whole").would_enable(target, &level)
        };
        assert!(logs("ottla_coordination::groups::kind", Level::DEBUG));
        assert!(!logs("ottla_coordination::driver", Level::DEBUG));
        assert!(!logs("ottla_log", Level::INFO));
        levels.set("ottla_log", None);
        assert!(logs("ottla_log", Level::INFO));
        levels.set(ROOT, Some("FATAL"));
        assert!(!logs("ottla_log", Level::ERROR));
        for (target, exists) in
            [("root", true), ("ottla_node::http", true), ("kafka", false), ("", false)]
        {
            assert_eq!(levels.exists(target), exists, "{target}");
        }
    }

    #[test]
    fn every_part_that_logs_has_levels() {
        // What the tools are made of logs nothing in a server.
        const OTHERS: [&str; 6] = ["cluster", "consumer", "producer", "sim", "terminal", "traffic"];
        let crates = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("");
        let mut logging = Vec::new();
        for entry in std::fs::read_dir(crates).expect("the crates") {
            let path = entry.expect("a crate").path();
            let name = path.file_name().and_then(|name| name.to_str()).expect("a name");
            let manifest = std::fs::read_to_string(path.join("Cargo.toml")).expect("a manifest");
            let logs = manifest.lines().any(|line| line.starts_with("tracing."));
            if logs && !OTHERS.contains(&name) {
                logging.push(if name == "cli" { "ottla".into() } else { format!("ottla_{name}") });
            }
        }
        logging.sort();
        assert_eq!(logging, PARTS);
    }
}
