//! Messages as plain values, and how Kafka writes them.

use crate::schema::{Field, Kind, Schema};
use bytes::Bytes;
use ottla_wire::Uuid;
use ottla_wire::codec::Tree;

/// A value of any kind.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    Null,
    Bool(bool),
    Integer(i64),
    Float(f64),
    Uuid([u8; 16]),
    Text(String),
    Bytes(Vec<u8>),
    List(Vec<Value>),
    Structure(Structure),
}

/// Values in the order of the schema's fields, and tagged fields that it does not have.
#[derive(Clone, Debug, PartialEq)]
pub struct Structure {
    pub values: Vec<Value>,
    pub unknown: Vec<(u32, Vec<u8>)>,
}

/// Why Kafka does not write a value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Refusal {
    UnsupportedField,
    Null,
    TaggedFields,
}

/// What Kafka has in a field that nobody set.
pub fn default(schema: &Schema, field: &Field) -> Value {
    if field.default.as_deref() == Some("null") || field.kind == Kind::Records {
        return Value::Null;
    }
    let text = field.default.as_deref().unwrap_or_default();
    match &field.kind {
        Kind::Bool => Value::Bool(text.eq_ignore_ascii_case("true")),
        Kind::Integer(..) => Value::Integer(match text.strip_prefix("0x") {
            _ if text.is_empty() => 0,
            Some(digits) => i64::from_str_radix(digits, 16).expect("a number"),
            None => text.parse().expect("a number"),
        }),
        Kind::Float => {
            Value::Float(if text.is_empty() { 0.0 } else { text.parse().expect("a number") })
        }
        Kind::Uuid => Value::Uuid([0; 16]),
        Kind::Text => Value::Text(text.to_owned()),
        Kind::Bytes | Kind::Records => Value::Bytes(Vec::new()),
        Kind::List(_) => Value::List(Vec::new()),
        Kind::Structure(name) => default_structure(schema, &schema.structures[name]),
    }
}

pub fn default_structure(schema: &Schema, fields: &[Field]) -> Value {
    let values = fields.iter().map(|field| default(schema, field)).collect();
    Value::Structure(Structure { values, unknown: Vec::new() })
}

/// The bytes of a message.
pub fn encode(schema: &Schema, value: &Value, version: i16) -> Result<Vec<u8>, Refusal> {
    let mut bytes = Vec::new();
    structure(schema, &schema.fields, value, version, &mut bytes)?;
    Ok(bytes)
}

fn structure(
    schema: &Schema,
    fields: &[Field],
    value: &Value,
    version: i16,
    out: &mut Vec<u8>,
) -> Result<(), Refusal> {
    let Value::Structure(Structure { values, unknown }) = value else { panic!("no structure") };
    let flexible = schema.flexible.has(version);
    let mut tagged = unknown.clone();
    for (field, value) in fields.iter().zip(values) {
        let differs = *value != default(schema, field);
        if !field.versions.has(version) {
            if differs && !field.ignorable {
                return Err(Refusal::UnsupportedField);
            }
        } else if let Some(tag) = field.tag {
            if differs {
                let mut content = Vec::new();
                one(schema, field, value, version, &mut content)?;
                tagged.push((tag, content));
            }
        } else {
            one(schema, field, value, version, out)?;
        }
    }
    if !flexible {
        return if tagged.is_empty() { Ok(()) } else { Err(Refusal::TaggedFields) };
    }
    tagged.sort();
    varint(tagged.len() as u64, out);
    for (tag, content) in tagged {
        varint(u64::from(tag), out);
        varint(content.len() as u64, out);
        out.extend(content);
    }
    Ok(())
}

fn one(
    schema: &Schema,
    field: &Field,
    value: &Value,
    version: i16,
    out: &mut Vec<u8>,
) -> Result<(), Refusal> {
    let flexible = schema.flexible.has(version) && !field.never_flexible;
    let nullable = field.nullable.has(version);
    if *value == Value::Null && !nullable {
        return Err(Refusal::Null);
    }
    if let Kind::Structure(_) = field.kind
        && nullable
    {
        let null = if field.tag.is_some() { 0 } else { 0xff };
        out.push(if *value == Value::Null { null } else { 1 });
    }
    plain(schema, &field.kind, value, (version, flexible), out)
}

fn plain(
    schema: &Schema,
    kind: &Kind,
    value: &Value,
    (version, flexible): (i16, bool),
    out: &mut Vec<u8>,
) -> Result<(), Refusal> {
    match (kind, value) {
        (Kind::Structure(_), Value::Null) => {}
        (_, Value::Null) => length(kind, None, flexible, out),
        (_, Value::Bool(value)) => out.push(u8::from(*value)),
        (Kind::Integer(width, _), Value::Integer(value)) => {
            out.extend_from_slice(&value.to_be_bytes()[8 - *width as usize..]);
        }
        (_, Value::Float(value)) => out.extend(value.to_be_bytes()),
        (_, Value::Uuid(value)) => out.extend(value),
        (_, Value::Text(text)) => {
            length(kind, Some(text.len()), flexible, out);
            out.extend(text.as_bytes());
        }
        (_, Value::Bytes(bytes)) => {
            length(kind, Some(bytes.len()), flexible, out);
            out.extend(bytes);
        }
        (Kind::List(element), Value::List(values)) => {
            length(kind, Some(values.len()), flexible, out);
            for value in values {
                plain(schema, element, value, (version, flexible), out)?;
            }
        }
        (Kind::Structure(name), value) => {
            structure(schema, &schema.structures[name], value, version, out)?;
        }
        other => panic!("{other:?} do not fit"),
    }
    Ok(())
}

fn length(kind: &Kind, length: Option<usize>, flexible: bool, out: &mut Vec<u8>) {
    match (flexible, kind) {
        (true, _) => varint(length.map_or(0, |length| length as u64 + 1), out),
        (false, Kind::Text) => {
            out.extend(length.map_or(-1, |length| length as i16).to_be_bytes());
        }
        (false, _) => out.extend(length.map_or(-1, |length| length as i32).to_be_bytes()),
    }
}

fn varint(mut value: u64, out: &mut Vec<u8>) {
    while value > 0x7f {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// What a message has to show in `version`.
pub fn tree(schema: &Schema, value: &Value, version: i16) -> Tree {
    structure_tree(schema, &schema.fields, value, version)
}

fn structure_tree(schema: &Schema, fields: &[Field], value: &Value, version: i16) -> Tree {
    let Value::Structure(Structure { values, .. }) = value else { panic!("no structure") };
    let shown = fields.iter().zip(values).filter(|(field, value)| {
        let set = field.tag.is_none() || **value != default(schema, field);
        field.versions.has(version) && set
    });
    let shown = shown.map(|(field, value)| {
        let name: &'static str = field.name.clone().leak();
        (name, plain_tree(schema, &field.kind, value, version))
    });
    Tree::Struct(shown.collect())
}

fn plain_tree(schema: &Schema, kind: &Kind, value: &Value, version: i16) -> Tree {
    match (kind, value) {
        (_, Value::Null) => Tree::Null,
        (_, Value::Bool(value)) => Tree::Bool(*value),
        (_, Value::Integer(value)) => Tree::Integer(*value),
        (_, Value::Float(value)) => Tree::Float(*value),
        (_, Value::Uuid(value)) => Tree::Uuid(Uuid::from_bytes(*value)),
        (_, Value::Text(value)) => Tree::Text(value.clone()),
        (_, Value::Bytes(value)) => Tree::Bytes(Bytes::from(value.clone())),
        (Kind::List(element), Value::List(values)) => {
            let trees = values.iter().map(|value| plain_tree(schema, element, value, version));
            Tree::List(trees.collect())
        }
        (Kind::Structure(name), value) => {
            structure_tree(schema, &schema.structures[name], value, version)
        }
        other => panic!("{other:?} do not fit"),
    }
}
