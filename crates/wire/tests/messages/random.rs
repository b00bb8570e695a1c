//! Random messages from seeds.

use crate::schema::{Field, Kind, Schema};
use crate::value::{Structure, Value, default};
use std::hash::{BuildHasher, RandomState};

/// The seed of this run: `OTTLA_TEST_SEED`, or a new one. Failures print it.
pub fn seed() -> u64 {
    match std::env::var("OTTLA_TEST_SEED") {
        Ok(seed) => seed.parse().expect("OTTLA_TEST_SEED is a number"),
        Err(_) => RandomState::new().hash_one(0),
    }
}

/// A small generator (SplitMix64, Steele and others, 2014).
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    pub fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    pub fn one_in(&mut self, bound: usize) -> bool {
        self.below(bound) == 0
    }
}

/// A message with all that `version` can carry; what it can't is at its default.
pub fn message(schema: &Schema, version: i16, random: &mut Random) -> Value {
    structure(schema, &schema.fields, version, random)
}

fn structure(schema: &Schema, fields: &[Field], version: i16, random: &mut Random) -> Value {
    let values = fields.iter().map(|field| match field.versions.has(version) {
        true => field_value(schema, field, version, random),
        false => default(schema, field),
    });
    let values = values.collect();
    let mut unknown = Vec::new();
    if schema.flexible.has(version) && random.one_in(4) {
        for index in 0..random.below(3) {
            unknown.push((1000 + 1000 * index as u32, bytes(random)));
        }
    }
    Value::Structure(Structure { values, unknown })
}

fn field_value(schema: &Schema, field: &Field, version: i16, random: &mut Random) -> Value {
    let nullable = field.nullable.has(version);
    if nullable && random.one_in(4) {
        return Value::Null;
    }
    if random.one_in(4) {
        let default = default(schema, field);
        if nullable || default != Value::Null {
            return default;
        }
    }
    plain(schema, &field.kind, version, random)
}

fn plain(schema: &Schema, kind: &Kind, version: i16, random: &mut Random) -> Value {
    match kind {
        Kind::Bool => Value::Bool(random.one_in(2)),
        Kind::Integer(width, signed) => {
            let shift = 64 - 8 * width;
            let drawn = match random.below(4) {
                0 => 0,
                1 => u64::MAX >> 1,
                2 => random.next() % 100,
                _ => random.next(),
            };
            let signed_value = ((drawn << shift) as i64) >> shift;
            let unsigned_value = ((drawn << shift) >> shift) as i64;
            Value::Integer(if *signed { signed_value } else { unsigned_value })
        }
        Kind::Float => Value::Float(random.next() as i32 as f64 / 8.0),
        Kind::Uuid => {
            let (high, low) = (random.next().to_be_bytes(), random.next().to_be_bytes());
            Value::Uuid([high, low].concat().try_into().expect("sixteen bytes"))
        }
        Kind::Text => Value::Text(text(random)),
        Kind::Bytes | Kind::Records => Value::Bytes(bytes(random)),
        Kind::List(element) => {
            let count = random.below(4);
            Value::List((0..count).map(|_| plain(schema, element, version, random)).collect())
        }
        Kind::Structure(name) => structure(schema, &schema.structures[name], version, random),
    }
}

fn text(random: &mut Random) -> String {
    const ALPHABET: [char; 8] = ['a', 'Z', '0', '.', '-', 'ß', '水', '🦦'];
    let length = if random.one_in(20) { 150 } else { random.below(8) };
    (0..length).map(|_| ALPHABET[random.below(ALPHABET.len())]).collect()
}

fn bytes(random: &mut Random) -> Vec<u8> {
    // Some are long enough to be chunks of their own.
    let length = if random.one_in(30) { 4096 + random.below(100) } else { random.below(8) };
    (0..length).map(|_| random.next() as u8).collect()
}
