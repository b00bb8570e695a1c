//! `ottla topics`: what `kafka-topics.sh` does.
//!
//! A command line that makes no sense is refused on standard error; work that fails is told on
//! standard output, with the exception on standard error, as Apache's tool does.
//!
//! # Layout
//! - `declared`: the options, and which go together
//! - `change`: create, alter, delete
//! - `select`: list, and which topics an expression means
//! - `describe`: topics and their partitions

mod change;
mod declared;
mod describe;
mod select;

use std::process::ExitCode;

use crate::failure::Failure;
use crate::options::{Options, Stop, end};
use crate::{connect, old_options, output};

/// Runs the verb.
pub(crate) fn run(arguments: &[String]) -> ExitCode {
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

/// The topic, or the expression for topics, that the command line names.
fn named<'a>(options: &'a Options<'_>) -> Result<Option<&'a str>, Stop> {
    if options.has("topic") { options.text("topic") } else { Ok(None) }
}
