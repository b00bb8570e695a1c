//! Against what Apache Kafka's own classes read and wrote (`tests/golden/wire`).

use crate::random::{self, Random};
use crate::schema::SCHEMAS;
use crate::table::probe;
use crate::value;
use bytes::Bytes;
use std::collections::BTreeSet;
use std::fmt::Write;

const MESSAGES: &str = include_str!("../../../../tests/golden/wire/messages.txt");

/// The seed of the committed candidates.
const SEED: u64 = 1;

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

/// Writes the candidates that `WireGolden.java` sends through Kafka's classes.
#[test]
#[ignore = "makes the input of the golden files"]
fn write_candidates() {
    let path = std::env::var("OTTLA_GOLDEN_CANDIDATES").expect("OTTLA_GOLDEN_CANDIDATES is a path");
    let mut text = String::new();
    let mut random = Random(SEED);
    for schema in SCHEMAS.iter() {
        for version in schema.first..=schema.last {
            writeln!(text, "{} {version} {version} -", schema.name).unwrap();
            let bytes = candidate(schema, version, &mut random);
            if bytes.is_empty() {
                continue;
            }
            writeln!(text, "{} {version} {version} {}", schema.name, hex(&bytes)).unwrap();
            if version == schema.last {
                for other in schema.first..schema.last {
                    writeln!(text, "{} {version} {other} {}", schema.name, hex(&bytes)).unwrap();
                }
            }
        }
    }
    std::fs::write(path, text).expect("the path can be written");
}

/// A small message: the files are read by people too.
fn candidate(schema: &crate::schema::Schema, version: i16, random: &mut Random) -> Vec<u8> {
    loop {
        let value = random::message(schema, version, random);
        let bytes = value::encode(schema, &value, version).expect("fits its version");
        if bytes.len() < 400 {
            return bytes;
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a string takes everything");
        text
    })
}

fn unhex(text: &str) -> Bytes {
    let digits = |at: usize| u8::from_str_radix(&text[at..at + 2], 16).expect("hexadecimal");
    (0..text.len()).step_by(2).map(digits).collect()
}
