//! The options of `kafka-console-producer.sh`, and the properties that follow from them.

use ottla_terminal::connect::Properties;
use ottla_terminal::options::{Options, Parser, Stop};
use ottla_terminal::output;

use crate::key_values;

const READER: &str = "org.apache.kafka.tools.LineMessageReader";

const READER_PROPERTIES: &str = "\nDefault properties include:\n parse.key=false\n \
    parse.headers=false\n ignore.error=false\n key.separator=\\t\n headers.delimiter=\\t\n \
    headers.separator=,\n headers.key.separator=:\n null.marker=   When set, any fields (key, value and \
    headers) equal to this will be replaced by null\nDefault parsing pattern when:\n \
    parse.headers=true and parse.key=true:\n  \"h1:v1,h2:v2...\\tkey\\tvalue\"\n parse.key=true:\n  \
    \"key\\tvalue\"\n parse.headers=true:\n  \"h1:v1,h2:v2...\\tvalue\"";

/// What the command line asks for.
#[derive(Debug)]
pub(super) struct Declared {
    pub(super) topic: String,
    pub(super) is_sync: bool,
    pub(super) producer: Properties,
    pub(super) reader: Properties,
}

pub(super) fn parser() -> Parser {
    let mut parser = Parser::new();
    parser.value("topic", "REQUIRED: The topic name to produce messages to.").described_as("topic");
    parser
        .value(
            "bootstrap-server",
            "REQUIRED: The server(s) to connect to. The broker list string in the form \
             HOST1:PORT1,HOST2:PORT2.",
        )
        .described_as("server to connect to");
    parser.flag(
        "sync",
        "If set message send requests to the brokers are synchronously, one at a time as they arrive.",
    );
    parser
        .perhaps_value(
            "compression-codec",
            "The compression codec: either 'none', 'gzip', 'snappy', 'lz4', or 'zstd'.If specified \
             without value, then it defaults to 'gzip'",
        )
        .described_as("compression-codec");
    batching(&mut parser);
    patience(&mut parser);
    reading(&mut parser);
    configuring(&mut parser);
    parser
}

fn batching(parser: &mut Parser) {
    parser
        .value(
            "batch-size",
            "The buffer size in bytes allocated for a partition. When records are received which are \
             smaller than this size the producer will attempt to optimistically group them together until \
             this size is reached. This is the option to control batch.size in producer configs. Please \
             note that this option will be replaced if max-partition-memory-bytes is also set.",
        )
        .described_as("size")
        .of_type("Integer")
        .defaults_to(16 * 1024);
    parser
        .value(
            "timeout",
            "If set and the producer is running in asynchronous mode, this gives the maximum amount of \
             time a message will queue awaiting sufficient batch size. The value is given in ms. This is \
             the option to control `linger.ms` in producer configs.",
        )
        .described_as("timeout_ms")
        .of_type("Long")
        .defaults_to(1000);
    parser
        .value(
            "max-memory-bytes",
            "The total memory used by the producer to buffer records waiting to be sent to the server. \
             This is the option to control `buffer.memory` in producer configs.",
        )
        .described_as("total memory in bytes")
        .of_type("Long")
        .defaults_to(32 * 1024 * 1024);
    parser
        .value(
            "max-partition-memory-bytes",
            "(Deprecated) The buffer size in bytes allocated for a partition. When records are received \
             which are smaller than this size the producer will attempt to optimistically group them \
             together until this size is reached. This is the option to control batch.size in producer \
             configs. This option will be removed in Apache Kafka 5.0. Use --batch-size instead.",
        )
        .described_as("memory in bytes per partition")
        .of_type("Integer")
        .defaults_to(16 * 1024);
    parser
        .value(
            "socket-buffer-size",
            "The size of the tcp RECV size. This is the option to control `send.buffer.bytes` in producer \
             configs.",
        )
        .described_as("size")
        .of_type("Integer")
        .defaults_to(100 * 1024);
}

fn patience(parser: &mut Parser) {
    parser
        .value(
            "message-send-max-retries",
            "Brokers can fail receiving the message for multiple reasons, and being unavailable \
             transiently is just one of them. This property specifies the number of retries before the \
             producer give up and drop this message. This is the option to control `retries` in producer \
             configs.",
        )
        .of_type("Integer")
        .defaults_to(3);
    parser
        .value(
            "retry-backoff-ms",
            "Before each retry, the producer refreshes the metadata of relevant topics. Since leader \
             election takes a bit of time, this property specifies the amount of time that the producer \
             waits before refreshing the metadata. This is the option to control `retry.backoff.ms` in \
             producer configs.",
        )
        .of_type("Long")
        .defaults_to(100);
    parser
        .value("request-required-acks", "The required `acks` of the producer requests")
        .described_as("request required acks")
        .defaults_to(-1);
    parser
        .value(
            "request-timeout-ms",
            "The ack timeout of the producer requests. Value must be non-negative and non-zero.",
        )
        .described_as("request timeout ms")
        .of_type("Integer")
        .defaults_to(1500);
    parser
        .value(
            "metadata-expiry-ms",
            "The period of time in milliseconds after which we force a refresh of metadata even if we \
             haven't seen any leadership changes. This is the option to control `metadata.max.age.ms` in \
             producer configs.",
        )
        .described_as("metadata expiration interval")
        .of_type("Long")
        .defaults_to(5 * 60 * 1000);
    parser
        .value(
            "max-block-ms",
            "The max time that the producer will block for during a send request.",
        )
        .described_as("max block on send")
        .of_type("Long")
        .defaults_to(60 * 1000);
}

fn reading(parser: &mut Parser) {
    parser
        .value(
            "line-reader",
            "The class name of the class to use for reading lines from standard in. By default each line \
             is read as a separate message.",
        )
        .described_as("reader_class")
        .defaults_to(READER);
    let about = "A mechanism to pass user-defined properties in the form key=value to the message \
                 reader. This allows custom configuration for a user-defined message reader.";
    parser
        .value(
            "property",
            format!(
                "(DEPRECATED) {about}{READER_PROPERTIES}\n This option will be removed in a future \
                 version. Use --reader-property instead."
            ),
        )
        .described_as("prop");
    parser.value("reader-property", format!("{about}{READER_PROPERTIES}")).described_as("prop");
    parser
        .value(
            "reader-config",
            "Config properties file for the message reader. Note that [reader-property] takes precedence \
             over this config.",
        )
        .described_as("config file");
}

fn configuring(parser: &mut Parser) {
    parser
        .value(
            "producer-property",
            "(DEPRECATED) Producer config properties in the form key=value. This option will be removed \
             in a future version. Use --command-property instead.",
        )
        .described_as("producer_prop");
    parser
        .value("command-property", "Producer config properties in the form key=value.")
        .described_as("producer_prop");
    let file = "Producer config properties file. Note that [command-property] takes precedence over \
                this config.";
    parser
        .value(
            "producer.config",
            format!(
                "(DEPRECATED) {file} This option will be removed in a future version. Use \
                 --command-config instead."
            ),
        )
        .described_as("config file");
    parser.value("command-config", file).described_as("config file");
}

/// Old options and their successors.
const SUCCESSORS: [(&str, &str); 3] = [
    ("producer-property", "command-property"),
    ("producer.config", "command-config"),
    ("property", "reader-property"),
];

/// The older of two options, if the command line has it; both together were refused before.
fn either<'a>(options: &Options<'_>, new: &'a str) -> &'a str {
    let old = SUCCESSORS.iter().find(|(_, successor)| *successor == new);
    old.filter(|(old, _)| options.has(old)).map_or(new, |(old, _)| old)
}

fn check(options: &Options<'_>) -> Result<(), Stop> {
    options.help_or_version(
        "This tool helps to read data from standard input and publish it to Kafka.",
    )?;
    options.require(&["topic"])?;
    for (new, old) in [
        ("command-config", "producer.config"),
        ("command-property", "producer-property"),
        ("reader-property", "property"),
    ] {
        if options.has(new) && options.has(old) {
            let message = format!("Options --{new} and --{old} cannot be specified together.");
            return Err(options.usage(&message));
        }
    }
    for (old, new) in SUCCESSORS {
        if options.has(old) {
            output::line(format_args!(
                "Warning: --{old} is deprecated and will be removed in a future version. Use --{new} \
                 instead."
            ))?;
        }
    }
    if options.has("max-partition-memory-bytes") {
        output::line(
            "Warning: --max-partition-memory-bytes is deprecated and will be removed in Apache Kafka \
             5.0. Use --batch-size instead.",
        )?;
    }
    let servers = options.text("bootstrap-server")?.unwrap_or_default();
    check_servers(servers).map_err(|message| options.usage(message))
}

/// Each server needs a port; the texts end with an empty line, as Kafka's do.
fn check_servers(servers: &str) -> Result<(), &'static str> {
    if servers.trim().is_empty() {
        return Err("Error while validating the bootstrap address\n");
    }
    let has_port = |server: &str| {
        server.rsplit_once(':').is_some_and(|(host, port)| {
            !host.is_empty() && !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit())
        })
    };
    if servers.split(',').all(has_port) {
        Ok(())
    } else {
        Err("Please provide valid host:port like host1:9091,host2:9092\n")
    }
}

impl Declared {
    pub(super) fn read(options: &Options<'_>) -> Result<Self, Stop> {
        check(options)?;
        let class = options.text("line-reader")?.unwrap_or(READER);
        if class != READER {
            return Err(Stop::refused(format!(
                "java.lang.ClassNotFoundException: {class}\n  hint: Java classes are not loaded; {READER} \
                 is built in"
            )));
        }
        let topic = options.text("topic")?.unwrap_or_default().to_owned();
        Ok(Self {
            topic,
            is_sync: options.has("sync"),
            producer: producer_properties(options)?,
            reader: key_values::collect(
                options,
                "reader-config",
                either(options, "reader-property"),
            )?,
        })
    }
}

fn producer_properties(options: &Options<'_>) -> Result<Properties, Stop> {
    let (file, single) = (either(options, "command-config"), either(options, "command-property"));
    let mut properties = key_values::collect(options, file, single)?;
    let servers = options.text("bootstrap-server")?.unwrap_or_default();
    properties.insert("bootstrap.servers".to_owned(), servers.to_owned());
    let codec = match options.text("compression-codec")? {
        _ if !options.has("compression-codec") => "none",
        None | Some("") => "gzip",
        Some(codec) => codec,
    };
    properties.insert("compression.type".to_owned(), codec.to_owned());
    let client_id = properties.entry("client.id".to_owned());
    client_id.or_insert_with(|| "console-producer".to_owned());
    for (key, option) in [
        ("linger.ms", "timeout"),
        ("acks", "request-required-acks"),
        ("request.timeout.ms", "request-timeout-ms"),
        ("retries", "message-send-max-retries"),
        ("retry.backoff.ms", "retry-backoff-ms"),
        ("send.buffer.bytes", "socket-buffer-size"),
        ("buffer.memory", "max-memory-bytes"),
        ("batch.size", "batch-size"),
        ("batch.size", "max-partition-memory-bytes"),
        ("metadata.max.age.ms", "metadata-expiry-ms"),
        ("max.block.ms", "max-block-ms"),
    ] {
        key_values::merge(&mut properties, key, options, option)?;
    }
    Ok(properties)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<String> {
        line.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn options_become_properties() {
        let cases = [
            ("", "linger.ms", "1000"),
            ("--timeout 5", "linger.ms", "5"),
            ("--command-property linger.ms=7", "linger.ms", "7"),
            ("--command-property linger.ms=7 --timeout 5", "linger.ms", "5"),
            ("", "compression.type", "none"),
            ("--compression-codec", "compression.type", "gzip"),
            ("--compression-codec zstd --sync", "compression.type", "zstd"),
            ("--batch-size 1 --max-partition-memory-bytes 2", "batch.size", "2"),
            ("", "client.id", "console-producer"),
            ("--producer-property client.id=me", "client.id", "me"),
        ];
        let parser = parser();
        for (line, key, expected) in cases {
            let all = words(&format!("--topic t --bootstrap-server a:1 {line}"));
            let options = parser.parse(&all).expect("parsed");
            let declared = Declared::read(&options).expect("makes sense");
            assert_eq!(declared.producer.get(key).map(String::as_str), Some(expected), "{line}");
        }
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        let cases = [
            ("--bootstrap-server a:1", "Missing required argument \"[topic]\"\n"),
            ("--topic t", "Error while validating the bootstrap address\n\n"),
            (
                "--topic t --bootstrap-server a",
                "Please provide valid host:port like host1:9091,host2:9092\n\n",
            ),
            (
                "--topic t --bootstrap-server a:1 --property a=b --reader-property c=d",
                "Options --reader-property and --property cannot be specified together.\n",
            ),
            (
                "--topic t --bootstrap-server a:1 --line-reader com.Mine",
                "java.lang.ClassNotFoundException: com.Mine\n",
            ),
        ];
        let parser = parser();
        for (line, expected) in cases {
            let all = words(line);
            let options = parser.parse(&all).expect("parsed");
            let stop = Declared::read(&options).expect_err(line);
            assert!(stop.err.starts_with(expected), "{line}: {}", stop.err);
            assert_eq!(stop.code, 1);
        }
    }
}
