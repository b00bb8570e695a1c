//! From the command line to an action, and how this tool tells what went wrong.

use std::process::ExitCode;

use ottla_client::Error;
use ottla_terminal::connect;
use ottla_terminal::options::{Stop, end};

use super::{declared, hanging, show};

/// Runs the verb.
pub fn run(arguments: &[String]) -> ExitCode {
    end(transactions(arguments))
}

fn transactions(arguments: &[String]) -> Result<(), Stop> {
    let command = declared::command();
    let arguments = command.parse(arguments)?;
    let properties = match arguments.text("command-config") {
        Some(path) => connect::properties_file(path).map_err(|stop| {
            failed("Failed to load admin client properties", stop.err.trim_end())
        })?,
        None => connect::Properties::new(),
    };
    connect::block_on(async {
        let admin = connect::admin(arguments.text("bootstrap-server"), properties)?;
        match arguments.subcommand {
            Some("list") => show::list(&admin, &arguments).await,
            Some("describe") => show::describe(&admin, &arguments).await,
            Some("describe-producers") => show::describe_producers(&admin, &arguments).await,
            Some("abort") => hanging::abort(&admin, &arguments).await,
            Some("find-hanging") => hanging::find(&admin, &arguments).await,
            _ => hanging::force_terminate(&admin, &arguments).await,
        }
    })
}

/// What could not be done and why, as this tool tells it.
pub(super) fn failed(what: &str, why: &str) -> Stop {
    Stop::refused(format!("{what}: {why}. Enable debug logging for additional detail."))
}

/// The same for an error of the client.
pub(super) fn because(what: impl Into<String>) -> impl FnOnce(Error) -> Stop {
    let what = what.into();
    move |error| failed(&what, &connect::message(&error))
}

/// Milliseconds since the epoch.
pub(super) fn now_ms() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    i64::try_from(since.unwrap_or_default().as_millis()).unwrap_or(i64::MAX)
}
