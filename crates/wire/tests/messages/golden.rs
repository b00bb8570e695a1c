//! Against what Apache Kafka's own classes read and wrote (`tests/golden/wire`).

use crate::schema::SCHEMAS;
use crate::table::probe;
use bytes::Bytes;
use std::collections::BTreeSet;

const MESSAGES: &str = include_str!("../../../../tests/golden/wire/messages.txt");

#[test]
fn kafka_reads_and_writes_the_same() {
    let mut seen = BTreeSet::new();
    for line in MESSAGES.lines().filter(|line| !line.starts_with('#')) {
        let words: Vec<&str> = line.split(' ').collect();
        let [name, read, write, input, expected] = words[..] else { panic!("{line}") };
        let (read, write): (i16, i16) = (read.parse().unwrap(), write.parse().unwrap());
        let probe = probe(name).unwrap_or_else(|| panic!("no message {name}"));
        let written = match input {
            "-" => (probe.encode_default)(write),
            _ => {
                let decoded = (probe.decode)(&unhex(input), read).expect(line);
                assert_eq!(decoded.remaining, 0, "{line}");
                (decoded.encode)(write)
            }
        };
        match expected {
            "refused" => assert!(written.is_err(), "{line}"),
            "empty" => assert_eq!(written, Ok(Bytes::new()), "{line}"),
            _ => assert_eq!(written, Ok(unhex(expected)), "{line}"),
        }
        seen.insert((name, write));
    }
    for schema in SCHEMAS.iter() {
        for version in schema.first..=schema.last {
            assert!(seen.contains(&(&*schema.name, version)), "no {} v{version}", schema.name);
        }
    }
}

fn unhex(text: &str) -> Bytes {
    let digits = |at: usize| u8::from_str_radix(&text[at..at + 2], 16).expect("hexadecimal");
    (0..text.len()).step_by(2).map(digits).collect()
}
