//! The verb: what is asked, and how a failure is told.

use std::process::ExitCode;

use ottla_terminal::options::{Stop, end};
use ottla_terminal::{connect, old_options};

use super::entity::Entities;
use super::trouble::Trouble;
use super::{change, declared, describe};

/// Runs the verb.
pub fn run(arguments: &[String]) -> ExitCode {
    end(execute(&old_options::translate(arguments)))
}

fn execute(arguments: &[String]) -> Result<(), Stop> {
    let parser = declared::parser();
    let options = parser.parse(arguments)?;
    options.help_or_version(
        "This tool helps to manipulate and describe entity config for a topic, client, user, broker, ip, \
         client-metrics or group",
    )?;
    let entities = Entities::of(&options)?;
    let told = |exception: &str| {
        let line = arguments.join(" ");
        Stop::refused(format!(
            "Error while executing config command with args '{line}'\n{exception}"
        ))
    };
    let properties = match options.text("command-config")? {
        Some(path) => connect::properties_file(path).map_err(|stop| {
            told(&format!("java.nio.file.NoSuchFileException: {}", stop.err.trim_end()))
        })?,
        None => connect::Properties::new(),
    };
    let servers = options.text("bootstrap-server")?.or(options.text("bootstrap-controller")?);
    connect::block_on(async {
        let admin = connect::admin(servers, properties)?;
        let outcome = if options.has("alter") {
            change::alter(&admin, &options, &entities).await
        } else {
            describe::describe(&admin, &entities, options.has("all")).await
        };
        outcome.map_err(|trouble| match trouble {
            Trouble::Mistake(message) => Stop::refused(message),
            Trouble::Stop(stop) => stop,
            Trouble::Fault(exception) => told(&exception),
            Trouble::Refusal(failure) => {
                let exception = failure.exception;
                told(&format!(
                    "java.util.concurrent.ExecutionException: {exception}\nCaused by: {exception}"
                ))
            }
        })
    })
}
