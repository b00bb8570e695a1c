//! The options of `kafka-consumer-perf-test.sh`, and what follows from them.

use std::time::Duration;

use ottla_terminal::connect::Properties;
use ottla_terminal::options::{Options, Parser, Stop};
use ottla_terminal::output;
use ottla_world::{OsRandom, Random as _};
use regex::Regex;

use super::report::DateFormat;
use crate::key_values;

/// Which topics are read.
#[derive(Debug)]
pub(super) enum Topics {
    Named(String),
    Matching(Regex),
}

/// What the command line asks for.
#[derive(Debug)]
pub(super) struct Declared {
    pub(super) topics: Topics,
    pub(super) record_count: u64,
    pub(super) timeout: Duration,
    pub(super) reporting_interval: Duration,
    pub(super) shows_details: bool,
    pub(super) hides_header: bool,
    pub(super) date_format: DateFormat,
    pub(super) consumer: Properties,
}

pub(super) fn parser() -> Parser {
    let mut parser = Parser::new();
    parser
        .value("bootstrap-server", "REQUIRED: The server(s) to connect to.")
        .described_as("server to connect to");
    parser.value("topic", "The topic to consume from.").described_as("topic");
    parser
        .value(
            "include",
            "Regular expression specifying list of topics to include for consumption.",
        )
        .described_as("Java regex (String)");
    parser
        .value("group", "The group id to consume on.")
        .described_as("gid")
        .defaults_to(format!("perf-consumer-{}", OsRandom.next_u64() % 100_000));
    parser
        .value(
            "fetch-size",
            "The maximum amount of data to fetch from a single partition per request.",
        )
        .described_as("size")
        .of_type("Integer")
        .defaults_to(1024 * 1024);
    parser
        .value(
            "command-property",
            "Kafka consumer related configuration properties like client.id. These configs take \
             precedence over those passed via --command-config or --consumer.config.",
        )
        .described_as("prop1=val1");
    parser.flag(
        "from-latest",
        "If the consumer does not already have an established offset to consume from, start with the \
         latest record present in the log rather than the earliest record.",
    );
    parser
        .value("socket-buffer-size", "The size of the tcp RECV size.")
        .described_as("size")
        .of_type("Integer")
        .defaults_to(2 * 1024 * 1024);
    parser
        .value(
            "consumer.config",
            "(DEPRECATED) Consumer config properties file. This option will be removed in a future \
             version. Use --command-config instead.",
        )
        .described_as("config file");
    parser.value("command-config", "Config properties file.").described_as("config file");
    reporting(&mut parser);
    parser
}

fn reporting(parser: &mut Parser) {
    parser.flag("print-metrics", "Print out the metrics.");
    parser.flag(
        "show-detailed-stats",
        "If set, stats are reported for each reporting interval as configured by reporting-interval.",
    );
    parser
        .perhaps_value(
            "timeout",
            "The maximum allowed time in milliseconds between returned records.",
        )
        .described_as("milliseconds")
        .of_type("Long")
        .defaults_to(10_000);
    parser
        .value(
            "messages",
            "(DEPRECATED) The number of records to consume. This option will be removed in a future \
             version. Use --num-records instead.",
        )
        .described_as("count")
        .of_type("Long");
    parser
        .value("num-records", "REQUIRED: The number of records to consume.")
        .described_as("count")
        .of_type("Long");
    parser
        .value("reporting-interval", "Interval in milliseconds at which to print progress info.")
        .described_as("interval_ms")
        .of_type("Long")
        .defaults_to(5000);
    parser
        .value(
            "date-format",
            "The date format to use for formatting the time field. See java.text.SimpleDateFormat for \
             options.",
        )
        .described_as("date format")
        .defaults_to("yyyy-MM-dd HH:mm:ss:SSS");
    parser.flag("hide-header", "If set, skips printing the header for the stats.");
}

fn check(options: &Options<'_>) -> Result<(), Stop> {
    options.help_or_version("This tool is used to verify the consumer performance.")?;
    options.require(&["bootstrap-server"])?;
    for [first, second] in [["topic", "include"], ["messages", "num-records"]] {
        if options.has(first) == options.has(second) {
            return Err(options.usage(&format!(
                "Exactly one of the following arguments is required: [{first}], [{second}]"
            )));
        }
    }
    options.forbid_with("consumer.config", &["command-config"])?;
    for (old, new) in [("messages", "num-records"), ("consumer.config", "command-config")] {
        if options.has(old) {
            output::line(format_args!("Warning: --{old} is deprecated. Use --{new} instead."))?;
        }
    }
    if options.has("print-metrics") {
        return Err(options.usage("--print-metrics: this consumer keeps no metrics."));
    }
    Ok(())
}

impl Declared {
    pub(super) fn read(options: &Options<'_>) -> Result<Self, Stop> {
        check(options)?;
        let count = if options.has("messages") { "messages" } else { "num-records" };
        let millis = |name: &str| {
            let number = options.number::<i64>(name)?.unwrap_or_default();
            Ok::<_, Stop>(Duration::from_millis(u64::try_from(number).unwrap_or(0)))
        };
        let reporting_interval = millis("reporting-interval")?;
        if reporting_interval.is_zero() {
            return Err(Stop::refused(
                "java.lang.IllegalArgumentException: Reporting interval must be greater than 0.",
            ));
        }
        let topics = match options.text("topic")? {
            Some(topic) => Topics::Named(topic.to_owned()),
            None => {
                let expression = options.text("include")?.unwrap_or_default();
                let whole = Regex::new(&format!("^(?:{expression})$")).map_err(|error| {
                    Stop::refused(format!("java.util.regex.PatternSyntaxException: {error}"))
                })?;
                Topics::Matching(whole)
            }
        };
        let format = options.text("date-format")?.unwrap_or_default();
        Ok(Self {
            topics,
            record_count: options.number::<u64>(count)?.unwrap_or_default(),
            timeout: millis("timeout")?,
            reporting_interval,
            shows_details: options.has("show-detailed-stats"),
            hides_header: options.has("hide-header"),
            date_format: DateFormat::new(format).map_err(|error| {
                Stop::refused(format!("java.lang.IllegalArgumentException: {error}"))
            })?,
            consumer: properties(options)?,
        })
    }
}

fn properties(options: &Options<'_>) -> Result<Properties, Stop> {
    let is_old = options.has("consumer.config");
    let file = if is_old { "consumer.config" } else { "command-config" };
    let mut properties = key_values::collect(options, file, "command-property")?;
    for (key, option) in [
        ("bootstrap.servers", "bootstrap-server"),
        ("group.id", "group"),
        ("receive.buffer.bytes", "socket-buffer-size"),
        ("max.partition.fetch.bytes", "fetch-size"),
    ] {
        if let Some(value) = options.text(option)? {
            properties.insert(key.to_owned(), value.to_owned());
        }
    }
    let reset = if options.has("from-latest") { "latest" } else { "earliest" };
    properties.insert("auto.offset.reset".to_owned(), reset.to_owned());
    properties.insert("check.crcs".to_owned(), "false".to_owned());
    let client_id = properties.entry("client.id".to_owned());
    client_id.or_insert_with(|| "perf-consumer-client".to_owned());
    Ok(properties)
}
