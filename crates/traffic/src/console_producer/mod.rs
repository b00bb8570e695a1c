//! `ottla console-producer`: what `kafka-console-producer.sh` does.
//!
//! Standard input is read in blocks on a thread of its own; each line becomes a record. Lines are sent byte for
//! byte: what is no UTF-8 is not replaced, as it is in Java.
//!
//! # Layout
//! - `declared`: the options, and the properties that follow from them
//! - `lines`: blocks into lines
//! - `line_reader`: a line into key, value and headers
//! - `sending`: lines into the cluster

mod declared;
mod line_reader;
mod lines;
mod sending;

use std::process::ExitCode;

use ottla_client::producer::ProducerConfig;
use ottla_terminal::options::{Stop, end};
use ottla_terminal::{connect, old_options, output};

/// Runs the verb.
pub fn run(arguments: &[String]) -> ExitCode {
    end(execute(&old_options::translate(arguments)))
}

fn execute(arguments: &[String]) -> Result<(), Stop> {
    let parser = declared::parser();
    let refused = |stop: Stop| parser.usage(stop.err.trim_end());
    let options = parser.parse(arguments).map_err(refused)?;
    let declared = declared::Declared::read(&options)?;
    let reader = line_reader::LineReader::new(&declared.topic, &declared.reader)?;
    let configured = ProducerConfig::from_properties(&declared.producer).map_err(|error| {
        Stop::refused(format!("org.apache.kafka.common.config.ConfigException: {error}"))
    })?;
    for warning in &configured.warnings {
        output::warn(warning);
    }
    let work = sending::send_lines(configured.config, reader, declared.is_sync);
    match connect::block_on(work)? {
        0 => Ok(()),
        code => Err(Stop { out: String::new(), err: String::new(), code }),
    }
}
