//! `ottla verifiable-producer`: what `kafka-verifiable-producer.sh` does.
//!
//! Sends increasing numbers, and tells of each whether it was acknowledged.
//!
//! # Layout
//! - `declared`: the options, and the properties that follow from them
//! - `sending`: numbers into the cluster, and what became of each

mod declared;
mod sending;

use std::process::ExitCode;

use ottla_client::producer::ProducerConfig;

use declared::Declared;
use ottla_terminal::options::{Stop, end};
use ottla_terminal::{connect, output};
use sending::send_numbers;

/// Runs the verb.
pub fn run(arguments: &[String]) -> ExitCode {
    end(execute(arguments))
}

fn execute(arguments: &[String]) -> Result<(), Stop> {
    let declared = Declared::read(arguments)?;
    let configured = ProducerConfig::from_properties(&declared.producer).map_err(|error| {
        Stop::refused(format!("org.apache.kafka.common.config.ConfigException: {error}"))
    })?;
    for warning in &configured.warnings {
        output::warn(warning);
    }
    match connect::block_on(send_numbers(configured.config, declared))? {
        0 => Ok(()),
        code => Err(Stop { out: String::new(), err: String::new(), code }),
    }
}
