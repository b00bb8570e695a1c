//! A line into key, value and headers, by the properties of Kafka's `LineMessageReader`. Pure.

use bytes::Bytes;
use ottla_client::producer::ProducerRecord;
use ottla_terminal::connect::Properties;
use ottla_terminal::options::Stop;
use ottla_wire::records::RecordHeader;
use regex::bytes::Regex;

/// How lines are read.
#[derive(Debug)]
pub(super) struct LineReader {
    topic: String,
    parse_key: bool,
    parse_headers: bool,
    ignore_error: bool,
    key_separator: String,
    headers_delimiter: String,
    /// A regular expression, as Java's `split` takes one.
    headers_separator: Regex,
    headers_key_separator: String,
    null_marker: Option<String>,
    line_number: u64,
}

/// A line that can't be read, in Kafka's words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Unreadable(pub(super) String);

impl LineReader {
    pub(super) fn new(topic: &str, properties: &Properties) -> Result<Self, Stop> {
        let text = |key: &str, default: &str| {
            properties.get(key).cloned().unwrap_or_else(|| default.to_owned())
        };
        let flag = |key: &str| text(key, "false").trim().eq_ignore_ascii_case("true");
        let separator = text("headers.separator", ",");
        let separators = [
            ("key.separator", text("key.separator", "\t")),
            ("headers.delimiter", text("headers.delimiter", "\t")),
            ("headers.separator", separator.clone()),
            ("headers.key.separator", text("headers.key.separator", ":")),
        ];
        let null_marker = properties.get("null.marker").cloned();
        check(&separators, null_marker.as_deref())?;
        let headers_separator = Regex::new(&separator).map_err(|error| {
            Stop::refused(format!("java.util.regex.PatternSyntaxException: {error}"))
        })?;
        let [key, delimiter, _, header_key] = separators.map(|(_, value)| value);
        Ok(Self {
            topic: properties.get("topic").cloned().unwrap_or_else(|| topic.to_owned()),
            parse_key: flag("parse.key"),
            parse_headers: flag("parse.headers"),
            ignore_error: flag("ignore.error"),
            key_separator: key,
            headers_delimiter: delimiter,
            headers_separator,
            headers_key_separator: header_key,
            null_marker,
            line_number: 0,
        })
    }

    /// The record that a line means.
    pub(super) fn record(&mut self, line: &Bytes) -> Result<ProducerRecord, Unreadable> {
        self.line_number += 1;
        let mut rest = line.clone();
        let headers = if self.parse_headers {
            self.cut(line, &mut rest, &self.headers_delimiter, "headers delimiter")?
        } else {
            None
        };
        let key = if self.parse_key {
            self.cut(line, &mut rest, &self.key_separator, "key separator")?
        } else {
            None
        };
        let headers = match headers.filter(|headers| !self.is_null(headers)) {
            Some(headers) => self.headers(&headers)?,
            None => Vec::new(),
        };
        Ok(ProducerRecord {
            topic: self.topic.clone(),
            partition: None,
            timestamp: None,
            key: key.filter(|key| !self.is_null(key)),
            value: Some(rest).filter(|value| !self.is_null(value)),
            headers,
        })
    }

    /// Cuts what stands before `separator` off `rest`; nothing where there is none and errors are ignored.
    fn cut(
        &self,
        line: &Bytes,
        rest: &mut Bytes,
        separator: &str,
        name: &str,
    ) -> Result<Option<Bytes>, Unreadable> {
        let Some(at) = find(rest, separator) else {
            if self.ignore_error {
                return Ok(None);
            }
            let line = String::from_utf8_lossy(line);
            let number = self.line_number;
            return Err(Unreadable(format!("No {name} found on line number {number}: '{line}'")));
        };
        let before = rest.split_to(at);
        let _ = rest.split_to(separator.len());
        Ok(Some(before))
    }

    fn headers(&self, text: &Bytes) -> Result<Vec<RecordHeader>, Unreadable> {
        let mut pairs: Vec<&[u8]> = self.headers_separator.split(text).collect();
        // Java's `split` leaves out empty strings at the end, but not an empty text.
        while pairs.len() > 1 && pairs.last().is_some_and(|pair| pair.is_empty()) {
            pairs.pop();
        }
        pairs.into_iter().map(|pair| self.header(&text.slice_ref(pair))).collect()
    }

    fn header(&self, pair: &Bytes) -> Result<RecordHeader, Unreadable> {
        let Some(at) = find(pair, &self.headers_key_separator) else {
            if self.ignore_error {
                return Ok(RecordHeader { key: pair.clone(), value: None });
            }
            let words = String::from_utf8_lossy(pair);
            return Err(Unreadable(format!(
                "No header key separator found in pair '{words}' on line number {}",
                self.line_number
            )));
        };
        let key = pair.slice(..at);
        if self.is_null(&key) {
            return Err(Unreadable(format!(
                "Header keys should not be equal to the null marker '{}' as they can't be null",
                self.null_marker.as_deref().unwrap_or_default()
            )));
        }
        let value = pair.slice(at + self.headers_key_separator.len()..);
        Ok(RecordHeader { key, value: Some(value).filter(|value| !self.is_null(value)) })
    }

    fn is_null(&self, field: &[u8]) -> bool {
        self.null_marker.as_ref().is_some_and(|marker| marker.as_bytes() == field)
    }
}

/// Refuses separators that can't be told apart.
fn check(separators: &[(&str, String); 4], null_marker: Option<&str>) -> Result<(), Stop> {
    let mut pairs = Vec::new();
    for (left, right) in [(1, 2), (1, 3), (2, 3)] {
        pairs.push((&separators[left], separators[right].0, separators[right].1.as_str()));
    }
    let clash = pairs.into_iter().find(|(left, _, right)| left.1 == *right);
    let clash = clash.map(|(left, right, _)| format!("{} and {right}", left.0));
    let marked = [0, 2, 1, 3].map(|at| &separators[at]);
    let marked = marked.into_iter().find(|(_, value)| Some(value.as_str()) == null_marker);
    let marked = marked.map(|(name, _)| format!("null.marker and {name}"));
    match clash.or(marked) {
        None => Ok(()),
        Some(names) => Err(Stop::refused(format!(
            "org.apache.kafka.common.KafkaException: {names} may not be equal"
        ))),
    }
}

/// Where `wanted` begins; an empty one is found at once, as in Java.
fn find(text: &[u8], wanted: &str) -> Option<usize> {
    let wanted = wanted.as_bytes();
    match wanted {
        [] => Some(0),
        [byte] => text.iter().position(|known| known == byte),
        _ => text.windows(wanted.len()).position(|window| window == wanted),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn properties(text: &str) -> Properties {
        let entries = text.split_whitespace().filter_map(|entry| entry.split_once('='));
        entries.map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
    }

    /// A record as `headers|key|value`, with `~` for null.
    fn shown(record: &ProducerRecord) -> String {
        let text = |field: &Option<Bytes>| {
            field
                .as_ref()
                .map_or("~".to_owned(), |field| String::from_utf8_lossy(field).into_owned())
        };
        let headers = record.headers.iter();
        let headers =
            headers.map(|header| format!("{}={}", header.key_text(), text(&header.value)));
        let headers: Vec<String> = headers.collect();
        format!("{}|{}|{}", headers.join(" "), text(&record.key), text(&record.value))
    }

    #[test]
    fn lines_become_records() {
        // Properties, line, what Kafka's reader makes of it.
        let cases = [
            ("", "k\tv", Ok("|~|k\tv")),
            ("parse.key=true", "k\tv\tw", Ok("|k|v\tw")),
            ("parse.key=TRUE key.separator=::", "k:v::w", Ok("|k:v|w")),
            ("parse.key=true key.separator=:", ":v", Ok("||v")),
            (
                "parse.key=true key.separator=:",
                "v",
                Err("No key separator found on line number 1: 'v'"),
            ),
            ("parse.key=true ignore.error=true", "v", Ok("|~|v")),
            ("parse.headers=true", "a:1,b:\tv", Ok("a=1 b=|~|v")),
            ("parse.headers=true parse.key=true", "a:1,b:2:3,,\tk\tv", Ok("a=1 b=2:3|k|v")),
            ("parse.headers=true", "a:1,\tv", Ok("a=1|~|v")),
            ("parse.headers=true headers.separator=\\| ", "a:1|b:2\tv", Ok("a=1 b=2|~|v")),
            (
                "parse.headers=true",
                "a\tv",
                Err("No header key separator found in pair 'a' on line number 1"),
            ),
            ("parse.headers=true ignore.error=true", "a\tv", Ok("a=~|~|v")),
            ("parse.headers=true", "v", Err("No headers delimiter found on line number 1: 'v'")),
            ("parse.key=true null.marker=N", "N\tN", Ok("|~|~")),
            ("parse.headers=true null.marker=N", "N\tv", Ok("|~|v")),
            ("parse.headers=true null.marker=N", "a:N\tv", Ok("a=~|~|v")),
            (
                "parse.headers=true null.marker=N",
                "N:1\tv",
                Err("Header keys should not be equal to the null marker 'N' as they can't be null"),
            ),
        ];
        for (settings, line, expected) in cases {
            let mut reader = LineReader::new("t", &properties(settings)).expect("valid");
            let found = reader.record(&Bytes::copy_from_slice(line.as_bytes()));
            let found = found.as_ref().map(shown).map_err(|Unreadable(words)| words.as_str());
            assert_eq!(found, expected.map(str::to_owned), "{settings} {line}");
        }
    }

    #[test]
    fn separators_must_differ() {
        let cases = [
            ("headers.separator=:", "headers.separator and headers.key.separator may not be equal"),
            ("headers.delimiter=,", "headers.delimiter and headers.separator may not be equal"),
            ("null.marker=:", "null.marker and headers.key.separator may not be equal"),
            ("key.separator=x null.marker=x", "null.marker and key.separator may not be equal"),
        ];
        for (settings, expected) in cases {
            let stop = LineReader::new("t", &properties(settings)).expect_err(settings);
            assert_eq!(stop.err, format!("org.apache.kafka.common.KafkaException: {expected}\n"));
        }
    }
}
