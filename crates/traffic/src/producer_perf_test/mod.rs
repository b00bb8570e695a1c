//! `ottla producer-perf-test`: what `kafka-producer-perf-test.sh` does.
//!
//! # Layout
//! - `declared`: the options, and what follows from them
//! - `measuring`: writing, and saying how fast
//! - `payloads`: what is sent
//! - `statistics`: latencies, and the lines that tell of them

mod declared;
mod measuring;
mod payloads;
mod statistics;

use std::process::ExitCode;

use ottla_client::producer::ProducerConfig;

use declared::Declared;
use measuring::measure;
use ottla_terminal::options::{Stop, end};
use ottla_terminal::{connect, output};
use payloads::Payloads;

/// Runs the verb.
pub fn run(arguments: &[String]) -> ExitCode {
    end(execute(arguments))
}

fn execute(arguments: &[String]) -> Result<(), Stop> {
    let declared = Declared::read(arguments)?;
    let payloads = Payloads::new(&declared)?;
    let configured = ProducerConfig::from_properties(&declared.producer).map_err(|error| {
        Stop::refused(format!("org.apache.kafka.common.config.ConfigException: {error}"))
    })?;
    for warning in &configured.warnings {
        output::warn(warning);
    }
    if declared.warmup_records > 0 {
        output::line(format_args!(
            "Warmup first {} records. Steady state results will print after the complete test summary.",
            declared.warmup_records
        ))?;
    }
    connect::block_on(measure(configured.config, declared, payloads))
}
