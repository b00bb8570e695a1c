//! The options of `kafka-verifiable-producer.sh`, and what follows from them.

use std::time::Duration;

use ottla_client::producer::ProducerRecord;
use ottla_terminal::connect::Properties;
use ottla_terminal::options::{Argument, Command, Stop};

use crate::verifiable_options;

/// Being ahead of the wanted pace by less than this is no reason to sleep.
const PAUSE_MIN: Duration = Duration::from_millis(2);

/// What the command line asks for.
#[derive(Debug)]
pub(super) struct Declared {
    pub(super) topic: String,
    /// Without end if there is none.
    pub(super) message_count: Option<u64>,
    /// Messages a second; no limit below zero.
    pub(super) throughput: i64,
    /// The time of the first message, in milliseconds.
    created_at: Option<i64>,
    prefix: Option<i32>,
    repeating_keys: Option<u64>,
    pub(super) producer: Properties,
}

fn command() -> Command {
    let command = Command::new("verifiable-producer")
        .show_defaults()
        .help_code(1)
        .description(
            "This tool produces increasing integers to the specified topic and prints JSON metadata to \
             stdout on each \"send\" request, making externally visible which messages have been acked and \
             which have not.",
        )
        .argument(Argument::new(&["--topic"], "Produce messages to this topic.").required())
        .argument(
            Argument::new(
                &["--max-messages"],
                "Produce this many messages. If -1, produce messages until the process is killed \
                 externally.",
            )
            .placeholder("MAX-MESSAGES")
            .number::<i32>("Integer")
            .default(-1),
        )
        .argument(
            Argument::new(
                &["--throughput"],
                "If set >= 0, throttle maximum message throughput to *approximately* THROUGHPUT \
                 messages/sec.",
            )
            .number::<i32>("Integer")
            .default(-1),
        )
        .argument(
            Argument::new(
                &["--acks"],
                "Acks required on each produced message. See Kafka docs on acks for details.",
            )
            .number::<i32>("Integer")
            .choices(&["0", "1", "-1"])
            .default(-1),
        )
        .argument(
            Argument::new(
                &["--producer.config"],
                "(DEPRECATED) Producer config properties file. This option will be removed in a future \
                 version. Use --command-config instead.",
            )
            .placeholder("CONFIG-FILE"),
        )
;
    records_and_servers(command)
}

/// What records look like, and where they go.
fn records_and_servers(command: Command) -> Command {
    let command = command
        .argument(
            Argument::new(
                &["--message-create-time"],
                "Send messages with creation time starting at the arguments value, in milliseconds since \
                 epoch",
            )
            .placeholder("CREATE-TIME")
            .number::<i64>("Long")
            .default(-1),
        )
        .argument(
            Argument::new(
                &["--value-prefix"],
                "If specified, each produced value will have this prefix with a dot separator",
            )
            .placeholder("VALUE-PREFIX")
            .number::<i32>("Integer"),
        )
        .argument(
            Argument::new(
                &["--repeating-keys"],
                "If specified, each produced record will have a key starting at 0 increment by 1 up to \
                 the number specified (exclusive), then the key is set to 0 again",
            )
            .placeholder("REPEATING-KEYS")
            .number::<i32>("Integer"),
        );
    let servers = "REQUIRED: The server(s) to connect to. Comma-separated list of Kafka brokers in the form \
                   HOST1:PORT1,HOST2:PORT2,...";
    let server = verifiable_options::bootstrap_server(servers).required_group();
    verifiable_options::connecting(command, server)
}

impl Declared {
    pub(super) fn read(arguments: &[String]) -> Result<Self, Stop> {
        let (parsed, mut producer) =
            verifiable_options::read(&command(), arguments, "producer.config")?;
        // What is not acknowledged shall be seen, not sent again.
        producer.insert("retries".to_owned(), "0".to_owned());
        producer.insert("acks".to_owned(), parsed.text("acks").unwrap_or("-1").to_owned());
        let servers = parsed.text("bootstrap-server").unwrap_or_default();
        producer.insert("bootstrap.servers".to_owned(), servers.to_owned());
        let count = parsed.number::<i32>("max-messages").unwrap_or(-1);
        let created_at = parsed.number::<i64>("message-create-time");
        let keys = parsed.number::<i32>("repeating-keys");
        Ok(Self {
            topic: parsed.text("topic").unwrap_or_default().to_owned(),
            message_count: u64::try_from(count).ok(),
            throughput: i64::from(parsed.number::<i32>("throughput").unwrap_or(-1)),
            created_at: created_at.filter(|at| *at >= 0),
            prefix: parsed.number("value-prefix"),
            repeating_keys: keys.and_then(|keys| u64::try_from(keys).ok()).filter(|keys| *keys > 0),
            producer,
        })
    }

    /// The record with this number, this long after the start.
    pub(super) fn record(&self, number: u64, elapsed: Duration) -> ProducerRecord {
        let value = match self.prefix {
            Some(prefix) => format!("{prefix}.{number}"),
            None => number.to_string(),
        };
        let elapsed = i64::try_from(elapsed.as_millis()).unwrap_or(i64::MAX);
        ProducerRecord {
            timestamp: self.created_at.map(|at| at.saturating_add(elapsed)),
            key: self.repeating_keys.map(|keys| (number % keys).to_string().into()),
            ..ProducerRecord::new(&*self.topic, value)
        }
    }

    /// How long to sleep so that no more than `--throughput` are sent.
    pub(super) fn ahead(&self, sent: u64, elapsed: Duration) -> Option<Duration> {
        let pace = u64::try_from(self.throughput).ok()?;
        if pace == 0 {
            // None at all are wanted.
            return Some(Duration::from_hours(1));
        }
        let due = Duration::from_millis(sent.saturating_mul(1000) / pace);
        Some(due.saturating_sub(elapsed)).filter(|ahead| *ahead >= PAUSE_MIN)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn declared(line: &str) -> Declared {
        let line = format!("--topic t --bootstrap-server a:1 {line}");
        let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        Declared::read(&words).expect("valid")
    }

    #[test]
    fn records_carry_what_is_asked_for() {
        let second = Duration::from_secs(1);
        let record = declared("--value-prefix 3 --repeating-keys 2 --message-create-time 500")
            .record(5, second);
        assert_eq!(record.value.as_deref(), Some(&b"3.5"[..]));
        assert_eq!(record.key.as_deref(), Some(&b"1"[..]));
        assert_eq!(record.timestamp, Some(1500));
        let bare = declared("").record(5, second);
        assert_eq!((bare.key, bare.timestamp), (None, None));
    }

    #[test]
    fn pace_is_kept() {
        let slow = declared("--throughput 10");
        assert_eq!(slow.ahead(10, Duration::from_millis(400)), Some(Duration::from_millis(600)));
        assert_eq!(slow.ahead(10, Duration::from_secs(2)), None);
        assert_eq!(declared("").ahead(10, Duration::ZERO), None);
    }
}
