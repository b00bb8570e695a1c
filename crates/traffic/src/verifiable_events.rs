//! The lines of the verifiable producer and consumer: one event each, as JSON.

use std::time::{SystemTime, UNIX_EPOCH};

use ottla_client::TopicPartition;
use ottla_terminal::message_json::json_string;
use ottla_terminal::options::Stop;
use ottla_terminal::output;

/// Prints an event; `rest` are its other fields, each with a comma before it.
pub(crate) fn event(name: &str, rest: &str) -> Result<(), Stop> {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    output::line(format_args!("{{\"timestamp\":{},\"name\":\"{name}\"{rest}}}", since.as_millis()))
}

/// A text, or null.
pub(crate) fn text(bytes: Option<&[u8]>) -> String {
    bytes.map_or_else(|| "null".to_owned(), |bytes| json_string(&String::from_utf8_lossy(bytes)))
}

/// A list of partitions.
pub(crate) fn partitions(partitions: &[TopicPartition]) -> String {
    let shown: Vec<String> = partitions.iter().map(|key| format!("{{{}}}", fields(key))).collect();
    format!("[{}]", shown.join(","))
}

/// Topic and partition, without braces.
pub(crate) fn fields(key: &TopicPartition) -> String {
    format!("\"topic\":{},\"partition\":{}", json_string(&key.topic), key.partition)
}
