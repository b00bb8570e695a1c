//! `ottla console-consumer`: what `kafka-console-consumer.sh` does.
//!
//! What goes wrong while records are read is logged and ends the tool with exit code 0, as Apache's tool does; what
//! goes wrong before, or while a record is written, with 1.
//!
//! # Layout
//! - `declared`: the options, and the properties that follow from them
//! - `reading`: records out of the cluster, onto standard output
//! - `formatter`: a record into bytes

mod declared;
mod formatter;
mod reading;

use std::process::ExitCode;

use ottla_client::consumer::ConsumerConfig;
use ottla_terminal::options::{Stop, end};
use ottla_terminal::{connect, old_options, output};

const LOGGER: &str = "org.apache.kafka.tools.consumer.ConsoleConsumer";

/// Runs the verb.
pub fn run(arguments: &[String]) -> ExitCode {
    end(execute(&declared::translate(&old_options::translate(arguments))))
}

fn execute(arguments: &[String]) -> Result<(), Stop> {
    let parser = declared::parser();
    let refused = |stop: Stop| parser.usage(stop.err.trim_end());
    let options = parser.parse(arguments).map_err(refused)?;
    let declared = declared::Declared::read(&options)?;
    let configured = ConsumerConfig::from_properties(&declared.consumer).map_err(|error| {
        unknown_error(&format!("org.apache.kafka.common.config.ConfigException: {error}"))
    })?;
    for warning in &configured.warnings {
        output::warn(warning);
    }
    match connect::block_on(reading::read_records(configured.config, declared))? {
        0 => Ok(()),
        code => Err(silent(code)),
    }
}

/// Logs what Apache's tool calls an unknown error, and ends with exit code 1.
fn unknown_error(exception: &str) -> Stop {
    output::log_error("Unknown error when running consumer: ", LOGGER);
    output::plain_error(exception);
    silent(1)
}

fn silent(code: u8) -> Stop {
    Stop { out: String::new(), err: String::new(), code }
}
