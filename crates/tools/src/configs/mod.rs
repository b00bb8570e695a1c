//! `ottla configs`: what `kafka-configs.sh` does.
//!
//! What the command line itself gets wrong is told in one line; what a broker refuses is told with the
//! exception's class, as Apache's tool does.
//!
//! # Layout
//! - `verb`, `trouble`: what is asked, and how a failure is told
//! - `declared`, `quota_names`: the options and the keys that their help lists
//! - `entity`: what is configured, and which command lines make sense
//! - `describe`, `change`: topics, brokers, loggers, client metrics, groups
//! - `quotas`: users, clients and addresses

mod change;
mod declared;
mod describe;
mod entity;
mod quota_names;
mod quotas;
mod trouble;
mod verb;

pub use verb::run;
