//! `ottla consumer-perf-test`: what `kafka-consumer-perf-test.sh` does.
//!
//! # Layout
//! - `declared`: the options, and what follows from them
//! - `measuring`: reading, and saying how fast
//! - `report`: numbers into lines

mod declared;
mod measuring;
mod report;

use std::process::ExitCode;
use std::time::Duration;

use ottla_client::Error;
use ottla_client::consumer::{Consumer, ConsumerConfig};

use declared::Declared;
use measuring::measure;
use ottla_terminal::failure::Failure;
use ottla_terminal::options::{Stop, end};
use ottla_terminal::{connect, old_options, output};

/// As Java's `close()`.
const CLOSE: Duration = Duration::from_secs(30);

/// Runs the verb.
pub fn run(arguments: &[String]) -> ExitCode {
    end(execute(&old_options::translate(arguments)))
}

fn execute(arguments: &[String]) -> Result<(), Stop> {
    let parser = declared::parser();
    let options = parser.parse(arguments)?;
    let declared = Declared::read(&options)?;
    let configured = ConsumerConfig::from_properties(&declared.consumer).map_err(|error| {
        Stop::refused(format!("org.apache.kafka.common.config.ConfigException: {error}"))
    })?;
    for warning in &configured.warnings {
        output::warn(warning);
    }
    let work = async {
        let told = |error: Error| Stop::refused(Failure::from(error).exception);
        let mut consumer = Consumer::new(configured.config).map_err(told)?;
        let outcome = measure(&mut consumer, &declared).await;
        let closed = consumer.close(CLOSE).await.map_err(told);
        outcome.and(closed)
    };
    connect::block_on(work)
}
