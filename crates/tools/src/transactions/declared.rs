//! The commands and their flags.

use ottla_terminal::options::{Argument, Command};

/// The tool with all its commands.
pub(super) fn command() -> Command {
    Command::new("kafka-transactions.sh")
        .help_code(1)
        .titled("commands", "COMMAND")
        .description("This tool is used to analyze the transactional state of producers in the cluster. It can be used to detect and recover from hanging transactions.")
        .argument(
            Argument::new(
                &["-v", "--version"],
                "show the version of this Kafka distribution and exit",
            )
            .version(),
        )
        .argument(
            Argument::new(
                &["--command-config"],
                "property file containing configs to be passed to admin client",
            )
            .placeholder("FILE"),
        )
        .argument(
            Argument::new(
                &["--bootstrap-server"],
                "hostname and port for the broker to connect to, in the form `host:port`  (multiple comma-separated entries can be given)",
            )
            .placeholder("host:port")
            .required(),
        )
        .subcommand(list())
        .subcommand(describe())
        .subcommand(describe_producers())
        .subcommand(abort())
        .subcommand(find_hanging())
        .subcommand(force_terminate())
}

fn topic() -> Argument {
    Argument::new(&["--topic"], "topic name")
}

fn partition() -> Argument {
    Argument::new(&["--partition"], "partition number").number::<i32>("Integer")
}

fn list() -> Command {
    let duration = Argument::new(
        &["--duration-filter"],
        "Duration (in millis) to filter by: if < 0, all transactions will be returned; otherwise, only transactions running longer than this duration will be returned",
    );
    Command::new("list")
        .help_code(1)
        .help("list transactions")
        .argument(duration.number::<i64>("Long"))
        .argument(Argument::new(
            &["--transactional-id-pattern"],
            "Transactional id regular expression pattern to filter by",
        ))
}

fn describe() -> Command {
    Command::new("describe")
        .help_code(1)
        .description("Describe the state of an active transactional-id.")
        .help("describe the state of an active transactional-id")
        .argument(Argument::new(&["--transactional-id"], "transactional id").required())
}

fn describe_producers() -> Command {
    let broker = Argument::new(
        &["--broker-id"],
        "optional broker id to describe the producer state on a specific replica",
    );
    Command::new("describe-producers")
        .help_code(1)
        .help("describe the states of active producers for a topic partition")
        .argument(broker.number::<i32>("Integer"))
        .argument(topic().required())
        .argument(partition().required())
}

fn abort() -> Command {
    let offset = Argument::new(&["--start-offset"], "start offset of the transaction to abort");
    Command::new("abort")
        .help_code(1)
        .help("abort a hanging transaction (requires administrative privileges)")
        .argument(topic().required())
        .argument(partition().required())
        .argument(offset.number::<i64>("Long"))
        .argument(Argument::new(&["--producer-id"], "producer id").number::<i64>("Long"))
        .argument(Argument::new(&["--producer-epoch"], "producer epoch").number::<i16>("Short"))
        .argument(
            Argument::new(&["--coordinator-epoch"], "coordinator epoch").number::<i32>("Integer"),
        )
}

fn find_hanging() -> Command {
    let broker = Argument::new(&["--broker-id"], "broker id to search for hanging transactions");
    let timeout = Argument::new(
        &["--max-transaction-timeout"],
        "maximum transaction timeout in minutes to limit the scope of the search (15 minutes by default)",
    );
    Command::new("find-hanging")
        .help_code(1)
        .help("find hanging transactions")
        .argument(broker.number::<i32>("Integer"))
        .argument(timeout.number::<i32>("Integer").default(15))
        .argument(Argument::new(
            &["--topic"],
            "topic name to limit search to (required if --partition is specified)",
        ))
        .argument(partition())
}

fn force_terminate() -> Command {
    Command::new("forceTerminateTransaction")
        .help_code(1)
        .description("Force abort an ongoing transaction on transactionalId")
        .help("Force abort an ongoing transaction on transactionalId (requires administrative privileges)")
        .argument(Argument::new(&["--transactionalId"], "transactional id").required())
}
