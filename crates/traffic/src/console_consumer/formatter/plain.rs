//! The default formatter: chosen parts of a record, with separators between them. Pure.

use std::io::Write as _;

use ottla_client::consumer::ConsumerRecord;
use ottla_terminal::connect::Properties;
use ottla_wire::records::TimestampType;

use super::Unwritable;
use super::deserializer::{Deserializer, Field};

/// What is printed, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Timestamp,
    Partition,
    Offset,
    Delivery,
    Epoch,
    Headers,
    Key,
    Value,
}

const PARTS: [(Part, &str); 8] = [
    (Part::Timestamp, "print.timestamp"),
    (Part::Partition, "print.partition"),
    (Part::Offset, "print.offset"),
    (Part::Delivery, "print.delivery"),
    (Part::Epoch, "print.epoch"),
    (Part::Headers, "print.headers"),
    (Part::Key, "print.key"),
    (Part::Value, "print.value"),
];

/// Kafka's `DefaultMessageFormatter`.
#[derive(Debug)]
pub(in crate::console_consumer) struct Plain {
    parts: Vec<Part>,
    separator: Vec<u8>,
    line_separator: Vec<u8>,
    headers_separator: Vec<u8>,
    null_literal: Vec<u8>,
    key: Deserializer,
    value: Deserializer,
    headers: Deserializer,
}

impl Plain {
    pub(super) fn new(properties: &Properties) -> Self {
        let flag = |key: &str, default: bool| {
            let text = properties.get(key);
            text.map_or(default, |text| text.trim().eq_ignore_ascii_case("true"))
        };
        let bytes = |key: &str, default: &str| {
            properties.get(key).map_or(default, String::as_str).as_bytes().to_vec()
        };
        let parts = PARTS.into_iter().filter(|(part, key)| flag(key, *part == Part::Value));
        Self {
            parts: parts.map(|(part, _)| part).collect(),
            separator: bytes("key.separator", "\t"),
            line_separator: bytes("line.separator", "\n"),
            headers_separator: bytes("headers.separator", ","),
            null_literal: bytes("null.literal", "null"),
            key: Deserializer::of(Field::Key, properties),
            value: Deserializer::of(Field::Value, properties),
            headers: Deserializer::of(Field::Headers, properties),
        }
    }

    pub(super) fn write(
        &self,
        record: &ConsumerRecord,
        out: &mut Vec<u8>,
    ) -> Result<(), Unwritable> {
        for (index, part) in self.parts.iter().enumerate() {
            self.part(*part, record, out)?;
            let is_last = index + 1 == self.parts.len();
            out.extend_from_slice(if is_last { &self.line_separator } else { &self.separator });
        }
        Ok(())
    }

    fn part(
        &self,
        part: Part,
        record: &ConsumerRecord,
        out: &mut Vec<u8>,
    ) -> Result<(), Unwritable> {
        // Writing to memory does not fail.
        let _ = match part {
            Part::Timestamp => match record.timestamp_type {
                TimestampType::CreateTime => write!(out, "CreateTime:{}", record.timestamp),
                TimestampType::LogAppendTime => write!(out, "LogAppendTime:{}", record.timestamp),
            },
            Part::Partition => write!(out, "Partition:{}", record.partition),
            Part::Offset => write!(out, "Offset:{}", record.offset),
            // Only share groups count deliveries, and Kafka's tool does not pass the epoch on.
            Part::Delivery => write!(out, "Delivery:NOT_PRESENT"),
            Part::Epoch => write!(out, "Epoch:NOT_PRESENT"),
            Part::Headers => return self.all_headers(record, out),
            Part::Key => return self.key.write(self.or_null(record.key.as_deref()), out),
            Part::Value => return self.value.write(self.or_null(record.value.as_deref()), out),
        };
        Ok(())
    }

    fn all_headers(&self, record: &ConsumerRecord, out: &mut Vec<u8>) -> Result<(), Unwritable> {
        if record.headers.is_empty() {
            out.extend_from_slice(b"NO_HEADERS");
        }
        for (index, header) in record.headers.iter().enumerate() {
            if index > 0 {
                out.extend_from_slice(&self.headers_separator);
            }
            out.extend_from_slice(header.key_text().as_bytes());
            out.push(b':');
            self.headers.write(self.or_null(header.value.as_deref()), out)?;
        }
        Ok(())
    }

    /// Null is written as its literal, which goes through the deserializer like any other value.
    fn or_null<'a>(&'a self, bytes: Option<&'a [u8]>) -> &'a [u8] {
        bytes.unwrap_or(&self.null_literal)
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use ottla_wire::records::RecordHeader;

    use super::*;

    fn record() -> ConsumerRecord {
        let header = |key: &'static str, value: Option<&'static str>| RecordHeader {
            key: Bytes::from_static(key.as_bytes()),
            value: value.map(|value| Bytes::from_static(value.as_bytes())),
        };
        ConsumerRecord {
            topic: "t".into(),
            partition: 2,
            offset: 7,
            timestamp: 99,
            timestamp_type: TimestampType::CreateTime,
            leader_epoch: Some(4),
            key: Some(Bytes::from_static(b"k")),
            value: None,
            headers: vec![header("a", Some("1")), header("b", None)],
        }
    }

    fn properties(text: &str) -> Properties {
        let entries = text.split_whitespace().filter_map(|entry| entry.split_once('='));
        entries.map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
    }

    #[test]
    fn parts_stand_in_kafkas_order() {
        let cases = [
            ("", "null\n"),
            ("print.value=false", ""),
            ("print.key=true print.value=false", "k\n"),
            ("print.key=true key.separator=: null.literal=- line.separator=;", "k:-;"),
            (
                "print.epoch=true print.delivery=true print.offset=TRUE print.partition=true \
                 print.timestamp=true print.headers=true print.key=true headers.separator=|",
                "CreateTime:99\tPartition:2\tOffset:7\tDelivery:NOT_PRESENT\tEpoch:NOT_PRESENT\t\
                 a:1|b:null\tk\tnull\n",
            ),
        ];
        for (settings, expected) in cases {
            let mut out = Vec::new();
            Plain::new(&properties(settings)).write(&record(), &mut out).expect("plain");
            assert_eq!(String::from_utf8_lossy(&out), expected, "{settings}");
        }
        let mut out = Vec::new();
        let bare = ConsumerRecord { headers: Vec::new(), ..record() };
        Plain::new(&properties("print.headers=true")).write(&bare, &mut out).expect("plain");
        assert_eq!(out, b"NO_HEADERS\tnull\n");
    }
}
