//! The formatter classes of Kafka's tools.

use ottla_client::consumer::ConsumerRecord;
use ottla_terminal::connect::Properties;
use ottla_wire::records::TimestampType;

use super::internal_topics::InternalTopic;
use super::plain::Plain;

/// The class that is meant when none is named.
pub(in crate::console_consumer) const DEFAULT_FORMATTER: &str =
    "org.apache.kafka.tools.consumer.DefaultMessageFormatter";

const PACKAGE: &str = "org.apache.kafka.tools.consumer.";

/// Why a record can't be written: Java's exception, class and message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::console_consumer) struct Unwritable(pub(in crate::console_consumer) String);

/// How records are written.
#[derive(Debug)]
pub(in crate::console_consumer) enum Formatter {
    Plain(Plain),
    /// As plain, and once more in the log.
    Logging(Plain),
    /// Not at all.
    Nothing,
    Internal(InternalTopic),
}

impl Formatter {
    /// The formatter of a Java class; none if the class is not known.
    pub(in crate::console_consumer) fn new(class: &str, properties: &Properties) -> Option<Self> {
        // Kafka 3 had them in another package, where Kafka's tools still find them.
        let name = class.strip_prefix(PACKAGE).or_else(|| class.strip_prefix("kafka.tools."));
        Some(match name? {
            "DefaultMessageFormatter" => Self::Plain(Plain::new(properties)),
            "LoggingMessageFormatter" => Self::Logging(Plain::new(properties)),
            "NoOpMessageFormatter" => Self::Nothing,
            other => Self::Internal(InternalTopic::of_class(other)?),
        })
    }

    /// Appends a record to `out`; what was appended before a failure stays there, as in Java.
    pub(in crate::console_consumer) fn write(
        &self,
        record: &ConsumerRecord,
        out: &mut Vec<u8>,
    ) -> Result<(), Unwritable> {
        match self {
            Self::Plain(plain) => plain.write(record, out),
            Self::Logging(plain) => {
                plain.write(record, out)?;
                log(record);
                Ok(())
            }
            Self::Nothing => Ok(()),
            Self::Internal(topic) => topic.write(record, out),
        }
    }
}

fn log(record: &ConsumerRecord) {
    let text = |bytes: &Option<bytes::Bytes>| {
        let bytes = bytes.as_deref().unwrap_or(b"null");
        String::from_utf8_lossy(bytes).into_owned()
    };
    let (key, value) = (text(&record.key), text(&record.value));
    let timestamp = match record.timestamp_type {
        _ if record.timestamp < 0 => String::new(),
        TimestampType::CreateTime => format!("CreateTime:{}, ", record.timestamp),
        TimestampType::LogAppendTime => format!("LogAppendTime:{}, ", record.timestamp),
    };
    // As Kafka's tools do by default, the log leaves it out unless it is asked for.
    tracing::info!("{timestamp}key:{key}, value:{value}");
}
