//! Prints the messages that `WireGolden.java` sends through Kafka's classes (`tests/golden/wire`):
//! every message in every version, with nothing set and with random contents.

#[path = "../tests/messages/random.rs"]
#[allow(dead_code, reason = "the tests use the rest")]
mod random;
#[path = "../tests/messages/schema.rs"]
#[allow(dead_code, reason = "the tests use the rest")]
mod schema;
#[path = "../tests/messages/value.rs"]
#[allow(dead_code, reason = "the tests use the rest")]
mod value;

use std::fmt::Write as _;
use std::io::{self, Write as _};

use random::Random;
use schema::{SCHEMAS, Schema};

/// The seed of the committed candidates.
const SEED: u64 = 1;

/// The files are read by people too.
const BYTES_MAX: usize = 400;

fn main() -> io::Result<()> {
    let mut out = io::stdout().lock();
    let mut random = Random(SEED);
    for schema in SCHEMAS.iter() {
        for version in schema.first..=schema.last {
            writeln!(out, "{} {version} {version} -", schema.name)?;
            let bytes = candidate(schema, version, &mut random);
            if bytes.is_empty() {
                continue;
            }
            writeln!(out, "{} {version} {version} {}", schema.name, hex(&bytes))?;
            if version == schema.last {
                for other in schema.first..schema.last {
                    writeln!(out, "{} {version} {other} {}", schema.name, hex(&bytes))?;
                }
            }
        }
    }
    Ok(())
}

/// A small message.
fn candidate(schema: &Schema, version: i16, random: &mut Random) -> Vec<u8> {
    loop {
        let value = random::message(schema, version, random);
        let bytes = value::encode(schema, &value, version).expect("fits its version");
        if bytes.len() < BYTES_MAX {
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
