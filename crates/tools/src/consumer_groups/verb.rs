//! From the command line to an action.

use std::process::ExitCode;

use ottla_coordinator::re2;
use ottla_terminal::connect;
use ottla_terminal::options::{Options, Stop, end};
use ottla_terminal::output;

use super::failure::{Failure, tell};
use super::{delete, describe, list, options, reset};

/// Runs the tool.
pub fn run(arguments: &[String]) -> ExitCode {
    end(consumer_groups(arguments))
}

fn consumer_groups(arguments: &[String]) -> Result<(), Stop> {
    let parser = options::parser();
    let options = parser.parse(arguments)?;
    options::check(&options)?;
    if let Some(pattern) = options.text("validate-regex")? {
        return validate(pattern);
    }
    connect::block_on(async {
        match act(&options).await {
            Ok(()) => Ok(()),
            Err(Failure::Stop(stop)) => Err(stop),
            Err(Failure::Usage(message)) => Err(options.usage(&message)),
            Err(Failure::Work(message)) => tell(&format!(
                "Executing consumer group command failed due to {}",
                message.trim_end()
            )),
        }
    })
}

async fn act(options: &Options<'_>) -> Result<(), Failure> {
    let mut properties = match options.text("command-config")? {
        Some(path) => connect::properties_file(path)?,
        None => connect::Properties::new(),
    };
    let timeout: Result<Option<i64>, Stop> = options.number("timeout");
    if let Some(timeout_ms) = timeout.map_err(|stop| Failure::Work(stop.err))? {
        let timeout_ms = timeout_ms.max(0).to_string();
        properties.insert("default.api.timeout.ms".to_owned(), timeout_ms);
    }
    let admin = connect::admin(options.text("bootstrap-server")?, properties)
        .map_err(|stop| Failure::Work(stop.err))?;
    if options.has("list") {
        list::list(&admin, options).await
    } else if options.has("describe") {
        describe::describe(&admin, options).await
    } else if options.has("delete") {
        delete::delete_groups(&admin, options).await
    } else if options.has("reset-offsets") {
        reset::reset(&admin, options).await
    } else {
        delete::delete_offsets(&admin, options).await
    }
}

fn validate(pattern: &str) -> Result<(), Stop> {
    output::line(match re2::check(pattern) {
        Ok(()) => format!("The regular expression `{pattern}` is valid."),
        Err(wrong) => format!("The regular expression `{pattern}` is invalid: {wrong}."),
    })
}
