//! The options of `kafka-producer-perf-test.sh`, and what follows from them.

use std::time::Duration;

use ottla_terminal::connect::{self, Properties};
use ottla_terminal::options::{Argument, Arguments, Command, Stop};
use ottla_terminal::output;

const ONE_OF: &str = "Note that you must provide exactly one of --record-size, --payload-file or --payload-monotonic.";

/// Where payloads come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Payload {
    /// Random letters, this many.
    Random(usize),
    /// Pieces of a file, cut at the delimiter.
    File { path: String, delimiter: String },
    /// The number of the record.
    Monotonic,
}

/// What the command line asks for.
#[derive(Debug)]
pub(super) struct Declared {
    pub(super) topic: String,
    pub(super) record_count: u64,
    pub(super) warmup_records: u64,
    pub(super) payload: Payload,
    /// Records a second; no limit at zero and below.
    pub(super) throughput: f64,
    pub(super) reporting_interval: Duration,
    pub(super) producer: Properties,
}

fn command() -> Command {
    let command = Command::new("kafka-producer-perf-test")
        .show_defaults()
        .help_code(1)
        .description(
            "This tool is used to verify the producer performance. To enable transactions, you can \
             specify a transactional id or set a transaction duration using --transaction-duration-ms. \
             There are three ways to specify the transactional id: set transactional.id=<id> via \
             --command-property, set transactional.id=<id> in the config file via --command-config, or \
             use --transactional-id <id>.",
        )
        .argument(Argument::new(
            &["--bootstrap-server"],
            "The server(s) to connect to. This config takes precedence over bootstrap.servers specified \
             via --command-property or --command-config.",
        ).placeholder("BOOTSTRAP-SERVER"))
        .argument(Argument::new(&["--topic"], "Produce records to this topic.").required())
        .argument(
            Argument::new(&["--num-records"], "Number of records to produce.")
                .placeholder("NUM-RECORDS")
                .number::<i64>("Long")
                .required(),
        )
        .argument(
            Argument::new(
                &["--payload-delimiter"],
                "Provides the delimiter to be used when --payload-file is provided. Defaults to new \
                 line. Note that this parameter will be ignored if --payload-file is not provided.",
            )
            .placeholder("PAYLOAD-DELIMITER")
            .default("\\n"),
        )
        .argument(
            Argument::new(
                &["--throughput"],
                "Throttle maximum record throughput to *approximately* THROUGHPUT records/sec. Set this \
                 to -1 to disable throttling.",
            )
            .number::<f64>("Double")
            .required(),
        );
    transactions_and_payloads(configuration(command))
}

/// Properties of the producer.
fn configuration(command: Command) -> Command {
    let pairs = "PROP-NAME=PROP-VALUE";
    let example = "Example: --command-property linger.ms=10 batch.size=32768";
    command
        .argument(
            Argument::new(
                &["--producer-props"],
                format!(
                    "(DEPRECATED) Kafka producer related configuration properties like client.id. These \
                     configs take precedence over those passed via --command-config or --producer.config. \
                     This option will be removed in a future version. Use --command-property instead. \
                     {example}"
                ),
            )
            .placeholder(pairs)
            .many(),
        )
        .argument(
            Argument::new(
                &["--command-property"],
                format!(
                    "Kafka producer related configuration properties like client.id. These configs take \
                     precedence over those passed via --command-config or --producer.config. {example}"
                ),
            )
            .placeholder(pairs)
            .many(),
        )
        .argument(
            Argument::new(
                &["--producer.config"],
                "(DEPRECATED) Producer config properties file. This option will be removed in a future \
                 version. Use --command-config instead.",
            )
            .placeholder("CONFIG-FILE"),
        )
        .argument(
            Argument::new(&["--command-config"], "Producer config properties file.")
                .placeholder("CONFIG-FILE"),
        )
}

/// Transactions, reports, payloads.
fn transactions_and_payloads(command: Command) -> Command {
    command
        .argument(
            Argument::new(&["--print-metrics"], "Print out metrics at the end of the test.").flag(),
        )
        .argument(
            Argument::new(
                &["--transactional-id"],
                "The transactional id to use. This config takes precedence over the transactional.id \
                 specified via --command-property or --command-config. Note that if the transactional id \
                 is not specified while --transaction-duration-ms is provided, the default value for the \
                 transactional id will be performance-producer- followed by a random uuid.",
            )
            .placeholder("TRANSACTIONAL-ID"),
        )
        .argument(
            Argument::new(
                &["--transaction-duration-ms"],
                "The maximum duration of each transaction. The commitTransaction will be called after \
                 this time has elapsed. The value should be greater than 0. If the transactional id is \
                 specified via --command-property, --command-config or --transactional-id but \
                 --transaction-duration-ms is not specified, the default value will be 3000.",
            )
            .placeholder("TRANSACTION-DURATION")
            .number::<i64>("Long"),
        )
        .argument(
            Argument::new(
                &["--warmup-records"],
                "The number of records to treat as warmup. These initial records will not be included in \
                 steady-state statistics. An additional summary line will be printed describing the \
                 steady-state statistics.",
            )
            .placeholder("WARMUP-RECORDS")
            .number::<i64>("Long")
            .default(0),
        )
        .argument(
            Argument::new(
                &["--reporting-interval"],
                "Interval in milliseconds at which to print progress info.",
            )
            .placeholder("INTERVAL-MS")
            .number::<i64>("Long")
            .default(5000),
        )
        .exclusive(true, ONE_OF, payload_arguments())
}

fn payload_arguments() -> [Argument; 3] {
    [
        Argument::new(&["--record-size"], format!("Record size in bytes. {ONE_OF}"))
            .placeholder("RECORD-SIZE")
            .number::<i32>("Integer"),
        Argument::new(
            &["--payload-file"],
            format!(
                "File to read the record payloads from. This works only for UTF-8 encoded text files. \
                 Payloads will be read from this file and a payload will be randomly selected when \
                 sending records. {ONE_OF}"
            ),
        )
        .placeholder("PAYLOAD-FILE"),
        Argument::new(
            &["--payload-monotonic"],
            format!("Payload is a monotonically increasing integer. {ONE_OF}"),
        )
        .flag(),
    ]
}

impl Declared {
    pub(super) fn read(arguments: &[String]) -> Result<Self, Stop> {
        let command = command();
        if arguments.is_empty() {
            let help = command.parse(&["--help".to_owned()]).expect_err("help ends the tool");
            return Err(Stop { code: 0, ..help });
        }
        let parsed = command.parse(arguments)?;
        let number = |name: &str, default: i64| parsed.number::<i64>(name).unwrap_or(default);
        let (records, warmup) = (number("num-records", 0), number("warmup-records", 0));
        let size = parsed.number::<i32>("record-size");
        check(&command, &parsed, records, warmup, size)?;
        let payload = match (size, parsed.text("payload-file")) {
            (Some(size), _) => Payload::Random(usize::try_from(size).unwrap_or_default()),
            (None, Some(path)) => {
                let delimiter = parsed.text("payload-delimiter").unwrap_or("\\n");
                let delimiter = if delimiter == "\\n" { "\n" } else { delimiter }.to_owned();
                Payload::File { path: path.to_owned(), delimiter }
            }
            (None, None) => Payload::Monotonic,
        };
        let interval = number("reporting-interval", 5000).unsigned_abs();
        Ok(Self {
            topic: parsed.text("topic").unwrap_or_default().to_owned(),
            record_count: records.unsigned_abs(),
            warmup_records: u64::try_from(warmup).unwrap_or(0),
            payload,
            throughput: parsed.number("throughput").unwrap_or(-1.0),
            reporting_interval: Duration::from_millis(interval),
            producer: properties(&parsed)?,
        })
    }
}

fn check(
    command: &Command,
    parsed: &Arguments,
    records: i64,
    warmup: i64,
    size: Option<i32>,
) -> Result<(), Stop> {
    let positive = |name: &str| {
        if parsed.number::<i64>(name).is_some_and(|number| number <= 0) {
            return Err(command.refuse(&format!("--{name} should be greater than zero.")));
        }
        Ok(())
    };
    positive("num-records")?;
    if warmup >= records {
        return Err(command.refuse(
            "The value for --warmup-records must be strictly fewer than the number of records in the \
             test, --num-records.",
        ));
    }
    if size.is_some_and(|size| size <= 0) {
        return Err(command.refuse("--record-size should be greater than zero."));
    }
    let sources = [
        "bootstrap-server",
        "command-property",
        "producer-props",
        "producer.config",
        "command-config",
    ];
    if !sources.iter().any(|name| parsed.has(name)) {
        return Err(command.refuse(
            "At least one of --bootstrap-server, --command-property, --producer-props, \
             --producer.config or --command-config must be specified.",
        ));
    }
    for (new, old) in
        [("command-property", "producer-props"), ("command-config", "producer.config")]
    {
        if parsed.has(new) && parsed.has(old) {
            let message = format!("--{new} and --{old} cannot be specified together.");
            return Err(command.refuse(&message));
        }
    }
    positive("transaction-duration-ms")?;
    positive("reporting-interval")?;
    for name in ["transactional-id", "transaction-duration-ms"] {
        if parsed.has(name) {
            let message = format!("--{name}: transactions are not supported yet.");
            return Err(command.refuse(&message));
        }
    }
    if parsed.has("print-metrics") {
        return Err(command.refuse("--print-metrics: this producer keeps no metrics."));
    }
    Ok(())
}

fn properties(parsed: &Arguments) -> Result<Properties, Stop> {
    for (old, new) in
        [("producer-props", "command-property"), ("producer.config", "command-config")]
    {
        if parsed.has(old) {
            output::line(format_args!(
                "Option --{old} has been deprecated and will be removed in a future version. Use --{new} \
                 instead."
            ))?;
        }
    }
    let file = parsed.text("command-config").or_else(|| parsed.text("producer.config"));
    let mut properties = file.map_or_else(|| Ok(Properties::new()), connect::properties_file)?;
    for name in ["command-property", "producer-props"] {
        for pair in parsed.texts(name) {
            let Some((key, value)) = pair.split_once('=') else {
                return Err(Stop::refused(format!(
                    "java.lang.IllegalArgumentException: Invalid property: {pair}"
                )));
            };
            properties.insert(key.to_owned(), value.to_owned());
        }
    }
    if let Some(servers) = parsed.text("bootstrap-server") {
        properties.insert("bootstrap.servers".to_owned(), servers.to_owned());
    }
    let client_id = properties.entry("client.id".to_owned());
    client_id.or_insert_with(|| "perf-producer-client".to_owned());
    Ok(properties)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn command_lines_are_read_or_refused() {
        let base = "--topic t --num-records 10 --throughput -1";
        let cases = [
            ("--record-size 5 --bootstrap-server a:1", Ok(Payload::Random(5))),
            (
                "--payload-monotonic --command-property bootstrap.servers=a:1",
                Ok(Payload::Monotonic),
            ),
            (
                "--record-size 0 --bootstrap-server a:1",
                Err("--record-size should be greater than zero."),
            ),
            ("--record-size 1", Err("At least one of")),
            ("--record-size 1 --payload-monotonic", Err("not allowed with argument")),
            ("--record-size 1 --bootstrap-server a:1 --warmup-records 10", Err("strictly fewer")),
            (
                "--record-size 1 --bootstrap-server a:1 --transactional-id x",
                Err("not supported yet"),
            ),
        ];
        for (line, expected) in cases {
            let words: Vec<String> =
                format!("{base} {line}").split(' ').map(str::to_owned).collect();
            match (Declared::read(&words), expected) {
                (Ok(declared), Ok(payload)) => assert_eq!(declared.payload, payload, "{line}"),
                (Err(stop), Err(words)) => {
                    let text: Vec<&str> = stop.err.split_whitespace().collect();
                    assert!(text.join(" ").contains(words), "{line}: {}", stop.err);
                }
                (found, expected) => panic!("{line}: {found:?} is not {expected:?}"),
            }
        }
    }
}
