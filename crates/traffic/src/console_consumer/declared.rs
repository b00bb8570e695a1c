//! The options of `kafka-console-consumer.sh`, and the properties that follow from them.

use std::time::Duration;

use ottla_terminal::connect::Properties;
use ottla_terminal::options::{Options, Parser, Stop};
use ottla_terminal::output;
use ottla_world::{OsRandom, Random as _};

use super::formatter::{DEFAULT_FORMATTER, Formatter};
use crate::key_values;

const FORMATTER_PROPERTIES: &str = " Default properties include: \n print.timestamp=true|false\n \
    print.key=true|false\n print.offset=true|false\n print.epoch=true|false\n \
    print.partition=true|false\n print.headers=true|false\n print.value=true|false\n \
    key.separator=<key.separator>\n line.separator=<line.separator>\n \
    headers.separator=<headers.separator>\n null.literal=<null.literal>\n \
    key.deserializer=<key.deserializer>\n value.deserializer=<value.deserializer>\n \
    header.deserializer=<header.deserializer>\nUsers can also pass in customized properties for their \
    formatter; more specifically, users can pass in properties keyed with 'key.deserializer.', \
    'value.deserializer.' and 'headers.deserializer.' prefixes to configure their deserializers.";

/// Where reading begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Start {
    Earliest,
    Latest,
    At(i64),
}

/// What is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Source {
    Topic(String),
    Partition(String, i32, Start),
    /// Topics whose whole name matches.
    Matching(String),
}

/// What the command line asks for.
#[derive(Debug)]
pub(super) struct Declared {
    pub(super) source: Source,
    pub(super) consumer: Properties,
    pub(super) formatter: Formatter,
    /// No more records than these.
    pub(super) messages_max: Option<u64>,
    /// How long to wait for a record.
    pub(super) timeout: Option<Duration>,
    pub(super) skip_on_error: bool,
    pub(super) tells_events: bool,
}

/// Puts `--include` in the place of `--whitelist`, which Kafka 4 no longer knows.
pub(super) fn translate(arguments: &[String]) -> Vec<String> {
    let has_include =
        arguments.iter().any(|word| word == "--include" || word.starts_with("--include="));
    let mut kept = Vec::new();
    let mut rest = arguments.iter();
    while let Some(word) = rest.next() {
        let (option, joined) = match word.split_once('=') {
            Some((option, value)) => (option, Some(value.to_owned())),
            None => (word.as_str(), None),
        };
        if option != "--whitelist" {
            kept.push(word.clone());
            continue;
        }
        let Some(value) = joined.or_else(|| rest.next().cloned()) else {
            kept.push(word.clone());
            break;
        };
        if has_include {
            output::warn("--whitelist is ignored: --include says which topics to read");
        } else {
            output::warn("--whitelist is the old name of --include");
            kept.extend(["--include".to_owned(), value]);
        }
    }
    kept
}

pub(super) fn parser() -> Parser {
    let mut parser = Parser::new();
    parser.value("topic", "The topic to consume from.").described_as("topic");
    parser
        .value(
            "include",
            "Regular expression specifying list of topics to include for consumption.",
        )
        .described_as("Java regex (String)");
    parser
        .value(
            "partition",
            "The partition to consume from. Consumption starts from the end of the partition unless \
             '--offset' is specified.",
        )
        .described_as("partition")
        .of_type("Integer");
    parser
        .value(
            "offset",
            "The offset to consume from (a non-negative number), or 'earliest' which means from \
             beginning, or 'latest' which means from end",
        )
        .described_as("consume offset")
        .defaults_to("latest");
    configuring(&mut parser);
    formatting(&mut parser);
    ending(&mut parser);
    parser
}

fn configuring(parser: &mut Parser) {
    let future = "This option will be removed in a future version. Use";
    let single = "Consumer config properties in the form key=value.";
    let file = "Consumer config properties file. Note that [command-property] takes precedence over \
                this config.";
    parser
        .value(
            "consumer-property",
            format!("(DEPRECATED) {single} {future} --command-property instead."),
        )
        .described_as("consumer_prop");
    parser.value("command-property", single).described_as("consumer_prop");
    parser
        .value("consumer.config", format!("(DEPRECATED) {file} {future} --command-config instead."))
        .described_as("config file");
    parser.value("command-config", file).described_as("config file");
    parser
        .value("bootstrap-server", "REQUIRED: The server(s) to connect to.")
        .described_as("server to connect to");
    parser
        .value(
            "isolation-level",
            "Set to read_committed in order to filter out transactional messages which are not committed. \
             Set to read_uncommitted to read all messages.",
        )
        .defaults_to("read_uncommitted");
    parser
        .value("group", "The consumer group id of the consumer.")
        .described_as("consumer group id");
}

fn formatting(parser: &mut Parser) {
    parser
        .value("formatter", "The name of a class to use for formatting kafka messages for display.")
        .described_as("class")
        .defaults_to(DEFAULT_FORMATTER);
    let about = "The properties to initialize the message formatter.";
    parser
        .value(
            "property",
            format!(
                "(DEPRECATED) {about}{FORMATTER_PROPERTIES}\nThis option will be removed in a future \
                 version. Use --formatter-property instead."
            ),
        )
        .described_as("prop");
    parser
        .value("formatter-property", format!("{about}{FORMATTER_PROPERTIES}"))
        .described_as("prop");
    parser
        .value(
            "formatter-config",
            "Config properties file to initialize the message formatter. Note that [formatter-property] \
             takes precedence over this config.",
        )
        .described_as("config file");
    for (name, of, placeholder) in [
        ("key-deserializer", "keys", "deserializer for keys"),
        ("value-deserializer", "values", "deserializer for values"),
    ] {
        parser
            .value(name, format!("The name of the class to use for deserializing {of}."))
            .described_as(placeholder);
    }
}

fn ending(parser: &mut Parser) {
    parser.flag(
        "from-beginning",
        "If the consumer does not already have an established offset to consume from, start with the \
         earliest message present in the log rather than the latest message.",
    );
    parser
        .value(
            "max-messages",
            "The maximum number of messages to consume before exiting. If not set, consumption is \
             continual.",
        )
        .described_as("num_messages")
        .of_type("Integer");
    parser
        .value(
            "timeout-ms",
            "If specified, exit if no message is available for consumption for the specified interval.",
        )
        .described_as("timeout_ms")
        .of_type("Long");
    parser.flag(
        "skip-message-on-error",
        "If there is an error when processing a message, skip it instead of halt.",
    );
    parser.flag(
        "enable-systest-events",
        "Log lifecycle events of the consumer in addition to logging consumed messages. (This is \
         specific for system tests.)",
    );
}

impl Declared {
    pub(super) fn read(options: &Options<'_>) -> Result<Self, Stop> {
        check(options)?;
        let is_old = options.has("consumer-property");
        let single = if is_old { "consumer-property" } else { "command-property" };
        let is_old = options.has("consumer.config");
        let file = if is_old { "consumer.config" } else { "command-config" };
        let group = group(options, file, single)?;
        let consumer = consumer_properties(options, file, single, group)?;
        let source = source(options)?;
        let timeout = options.number::<i64>("timeout-ms")?.unwrap_or(-1);
        let messages_max = options.number::<i32>("max-messages")?.unwrap_or(-1);
        Ok(Self {
            source,
            consumer,
            formatter: formatter(options)?,
            // -1 alone is no limit; of fewer than none nobody reads any.
            messages_max: (messages_max != -1).then_some(u64::try_from(messages_max).unwrap_or(0)),
            timeout: u64::try_from(timeout).ok().map(Duration::from_millis),
            skip_on_error: options.has("skip-message-on-error"),
            tells_events: options.has("enable-systest-events"),
        })
    }
}

fn check(options: &Options<'_>) -> Result<(), Stop> {
    options.help_or_version(
        "This tool helps to read data from Kafka topics and outputs it to standard output.",
    )?;
    if options.has("topic") == options.has("include") {
        return Err(
            options.usage("Exactly one of the following arguments is required: [topic], [include]")
        );
    }
    if options.has("partition") {
        if !options.has("topic") {
            return Err(options.usage("The topic is required when partition is specified."));
        }
        if options.has("from-beginning") && options.has("offset") {
            return Err(
                options.usage("Options from-beginning and offset cannot be specified together.")
            );
        }
    } else if options.has("offset") {
        return Err(options.usage("The partition is required when offset is specified."));
    }
    options.require(&["bootstrap-server"])?;
    for (old, new) in
        [("consumer-property", "command-property"), ("consumer.config", "command-config")]
    {
        if options.has(old) && options.has(new) {
            let message = format!("Options --{old} and --{new} cannot be specified together.");
            return Err(options.usage(&message));
        }
    }
    for (old, new) in
        [("consumer-property", "command-property"), ("consumer.config", "command-config")]
    {
        deprecated(options, old, new)?;
    }
    Ok(())
}

fn deprecated(options: &Options<'_>, old: &str, new: &str) -> Result<(), Stop> {
    if !options.has(old) {
        return Ok(());
    }
    output::line(format_args!(
        "Option --{old} is deprecated and will be removed in a future version. Use --{new} instead."
    ))
}

/// The group, which may be named in several places, but only by one name.
fn group(options: &Options<'_>, file: &str, single: &str) -> Result<Option<String>, Stop> {
    let mut groups: Vec<String> = Vec::new();
    if options.has("group") {
        groups.extend(options.text("group")?.map(str::to_owned));
    }
    groups.extend(key_values::in_file(options, file)?.remove("group.id"));
    let mut singles: Vec<String> = key_values::given(options.texts(single))
        .filter_map(|(key, value)| (key == "group.id").then_some(value))
        .collect();
    groups.extend(singles.pop());
    groups.dedup();
    if groups.iter().any(|group| *group != groups[0]) {
        let detected: Vec<String> = groups.iter().map(|group| format!("'{group}'")).collect();
        return Err(options.usage(&format!(
            "The group ids provided in different places (directly using '--group', via \
             '--consumer-property', or via '--consumer.config') do not match. Detected group ids: {}",
            detected.join(", ")
        )));
    }
    if !groups.is_empty() && options.has("partition") {
        return Err(options.usage("Options group and partition cannot be specified together."));
    }
    Ok(groups.into_iter().next())
}

fn consumer_properties(
    options: &Options<'_>,
    file: &str,
    single: &str,
    group: Option<String>,
) -> Result<Properties, Stop> {
    let mut properties = key_values::collect(options, file, single)?;
    let from_beginning = options.has("from-beginning");
    match properties.get("auto.offset.reset") {
        Some(reset) if from_beginning && reset != "earliest" => {
            return Err(Stop::refused(format!(
                "Can't simultaneously specify --from-beginning and 'auto.offset.reset={reset}', please \
                 remove one option"
            )));
        }
        Some(_) => {}
        None => {
            let reset = if from_beginning { "earliest" } else { "latest" };
            properties.insert("auto.offset.reset".to_owned(), reset.to_owned());
        }
    }
    let servers = options.text("bootstrap-server")?.unwrap_or_default();
    properties.insert("bootstrap.servers".to_owned(), servers.to_owned());
    properties.entry("client.id".to_owned()).or_insert_with(|| "console-consumer".to_owned());
    key_values::merge(&mut properties, "isolation.level", options, "isolation-level")?;
    let group = match group {
        Some(group) => group,
        // Nobody will ask for the offsets of a group that is made up.
        None => {
            let never = properties.entry("enable.auto.commit".to_owned());
            never.or_insert_with(|| "false".to_owned());
            format!("console-consumer-{}", OsRandom.next_u64() % 100_000)
        }
    };
    properties.insert("group.id".to_owned(), group);
    Ok(properties)
}

fn source(options: &Options<'_>) -> Result<Source, Stop> {
    let Some(topic) = options.text("topic")? else {
        let expression = options.text("include")?.unwrap_or_default();
        return Ok(Source::Matching(expression.to_owned()));
    };
    let start = start(options)?;
    Ok(match options.number::<i32>("partition")? {
        Some(partition) => Source::Partition(topic.to_owned(), partition, start),
        None => Source::Topic(topic.to_owned()),
    })
}

fn start(options: &Options<'_>) -> Result<Start, Stop> {
    if !options.has("offset") {
        let from_beginning = options.has("from-beginning");
        return Ok(if from_beginning { Start::Earliest } else { Start::Latest });
    }
    let text = options.text("offset")?.unwrap_or_default();
    match text.to_lowercase().as_str() {
        "earliest" => Ok(Start::Earliest),
        "latest" => Ok(Start::Latest),
        number => {
            let number = number.strip_prefix('+').unwrap_or(number).parse().ok();
            number.filter(|offset| *offset >= 0).map(Start::At).ok_or_else(|| {
                options.usage(&format!(
                    "The provided offset value '{text}' is incorrect. Valid values are 'earliest', \
                     'latest', or a non-negative long."
                ))
            })
        }
    }
}

fn formatter(options: &Options<'_>) -> Result<Formatter, Stop> {
    if options.has("formatter-property") && options.has("property") {
        return Err(options
            .usage("Options --property and --formatter-property cannot be specified together."));
    }
    deprecated(options, "property", "formatter-property")?;
    let single = if options.has("property") { "property" } else { "formatter-property" };
    let mut properties = key_values::collect(options, "formatter-config", single)?;
    for (option, key) in
        [("key-deserializer", "key.deserializer"), ("value-deserializer", "value.deserializer")]
    {
        if let Some(class) = options.text(option)?.filter(|class| !class.is_empty()) {
            properties.insert(key.to_owned(), class.to_owned());
        }
    }
    let class = options.text("formatter")?.unwrap_or(DEFAULT_FORMATTER);
    Formatter::new(class, &properties).ok_or_else(|| options.usage(class))
}
