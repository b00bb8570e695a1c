//! What the options of both verifiable tools have in common.

use ottla_terminal::connect::{self, Properties};
use ottla_terminal::options::{Argument, Arguments, Command, Stop};
use ottla_terminal::output;

/// `--bootstrap-server`, and what Apache's tool says of it.
pub(crate) fn bootstrap_server(about: &'static str) -> Argument {
    Argument::new(&["--bootstrap-server"], about).placeholder("HOST1:PORT1[,HOST2:PORT2[...]]")
}

/// Adds what reaches the brokers.
pub(crate) fn connecting(command: Command, server: Argument) -> Command {
    let config = "Config properties file (config options shared with command line parameters will be \
                  overridden).";
    command
        .argument(Argument::new(&["--command-config"], config).placeholder("CONFIG-FILE"))
        .section("Connection Group", "Group of arguments for connection to brokers", [server])
}

/// Reads the command line and the file of properties that it names, under either name; nothing at all
/// asks for help, and is no mistake.
pub(crate) fn read(
    command: &Command,
    arguments: &[String],
    old: &'static str,
) -> Result<(Arguments, Properties), Stop> {
    if arguments.is_empty() {
        let help = command.parse(&["--help".to_owned()]).expect_err("help ends the tool");
        return Err(Stop { code: 0, ..help });
    }
    let parsed = command.parse(arguments)?;
    if parsed.has(old) && parsed.has("command-config") {
        let refusal = format!("Options --{old} and --command-config are mutually exclusive.");
        return Err(command.refuse(&refusal));
    }
    if parsed.has(old) {
        output::line(format!(
            "Option --{old} has been deprecated and will be removed in a future version. Use \
             --command-config instead."
        ))?;
    }
    let file = parsed.text("command-config").or_else(|| parsed.text(old));
    let properties = file.map_or_else(|| Ok(Properties::new()), connect::properties_file)?;
    Ok((parsed, properties))
}
