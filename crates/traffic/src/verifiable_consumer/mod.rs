//! `ottla verifiable-consumer`: what `kafka-verifiable-consumer.sh` does.
//!
//! Reads a topic as a member of a group, and tells of rebalances, records and commits.
//!
//! # Layout
//! - `declared`: the options, and the properties that follow from them
//! - `reading`: records out of the cluster, and all that happens on the way

mod declared;
mod reading;

use std::process::ExitCode;

use ottla_client::consumer::ConsumerConfig;

use declared::Declared;
use ottla_terminal::options::{Stop, end};
use ottla_terminal::{connect, output};
use reading::read_records;

/// Runs the verb.
pub fn run(arguments: &[String]) -> ExitCode {
    end(execute(arguments))
}

fn execute(arguments: &[String]) -> Result<(), Stop> {
    let declared = Declared::read(arguments)?;
    let configured = ConsumerConfig::from_properties(&declared.consumer).map_err(|error| {
        Stop::refused(format!("org.apache.kafka.common.config.ConfigException: {error}"))
    })?;
    for warning in &configured.warnings {
        output::warn(warning);
    }
    match connect::block_on(read_records(configured.config, declared))? {
        0 => Ok(()),
        code => Err(Stop { out: String::new(), err: String::new(), code }),
    }
}
