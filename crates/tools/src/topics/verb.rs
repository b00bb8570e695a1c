//! The verb: which action a command line asks for, and how its failure is told.

use std::process::ExitCode;

use ottla_terminal::failure::Failure;
use ottla_terminal::options::{Stop, end};
use ottla_terminal::{connect, old_options, output};

use super::{change, declared, describe, select};

/// Runs the verb.
pub fn run(arguments: &[String]) -> ExitCode {
    end(execute(&old_options::translate(arguments)))
}

fn execute(arguments: &[String]) -> Result<(), Stop> {
    let parser = declared::parser();
    let options = parser.parse(arguments)?;
    declared::check(&options)?;
    let properties = match options.text("command-config")? {
        Some(path) => connect::properties_file(path)?,
        None => connect::Properties::new(),
    };
    let servers = options.text("bootstrap-server")?;
    connect::block_on(async {
        let admin = connect::admin(servers, properties)?;
        let outcome = if options.has("create") {
            change::create(&admin, &options).await
        } else if options.has("alter") {
            change::alter(&admin, &options).await
        } else if options.has("list") {
            select::list(&admin, &options).await
        } else if options.has("describe") {
            describe::describe(&admin, &options).await
        } else {
            change::delete(&admin, &options).await
        };
        outcome.or_else(tell)
    })
}

fn tell(failure: Failure) -> Result<(), Stop> {
    output::line(format_args!("Error while executing topic command : {}", failure.message))?;
    let exception = format!("{}\n", failure.exception);
    output::log_error(exception, "org.apache.kafka.tools.TopicCommand");
    Err(Stop { out: String::new(), err: String::new(), code: 1 })
}
