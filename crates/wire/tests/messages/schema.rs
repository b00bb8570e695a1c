//! The definitions, read again: not with the generator's code, so that the two can disagree.

use serde_json::Value as Json;
use std::collections::HashMap;
use std::sync::LazyLock;

/// The committed definitions that have valid versions.
pub static SCHEMAS: LazyLock<Vec<Schema>> = LazyLock::new(|| {
    let text = include_str!("../../definitions.json");
    let definitions: Vec<Json> = serde_json::from_str(text).expect("definitions are JSON");
    let schemas: Vec<Schema> = definitions.iter().filter_map(Schema::parse).collect();
    assert!(schemas.len() > 250, "only {} definitions", schemas.len());
    schemas
});

pub struct Schema {
    pub name: String,
    pub artifact: String,
    pub kind: String,
    pub api_key: Option<i16>,
    pub first: i16,
    pub last: i16,
    pub flexible: Range,
    pub fields: Vec<Field>,
    pub structures: HashMap<String, Vec<Field>>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Range(pub i16, pub i16);

#[derive(Clone, Debug)]
pub struct Field {
    pub name: String,
    pub kind: Kind,
    pub versions: Range,
    pub nullable: Range,
    pub tag: Option<u32>,
    pub ignorable: bool,
    pub default: Option<String>,
    pub never_flexible: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Kind {
    Bool,
    /// Bytes, signed.
    Integer(u32, bool),
    Float,
    Uuid,
    Text,
    Bytes,
    Records,
    Structure(String),
    List(Box<Kind>),
}

impl Range {
    fn parse(text: &str) -> Range {
        let number = |text: &str| text.parse().expect("a version is a number");
        match text.split_once('-') {
            _ if text == "none" => Range(1, 0),
            Some((first, last)) => Range(number(first), number(last)),
            None => match text.strip_suffix('+') {
                Some(first) => Range(number(first), i16::MAX),
                None => Range(number(text), number(text)),
            },
        }
    }

    pub fn has(self, version: i16) -> bool {
        self.0 <= version && version <= self.1
    }
}

impl Schema {
    fn parse(json: &Json) -> Option<Schema> {
        let Range(first, last) = Range::parse(json["validVersions"].as_str()?);
        if first > last {
            return None;
        }
        let mut structures = HashMap::new();
        for common in json["commonStructs"].as_array().into_iter().flatten() {
            let fields = Field::parse_all(&common["fields"], &mut structures);
            structures.insert(common["name"].as_str()?.to_owned(), fields);
        }
        Some(Schema {
            name: json["name"].as_str()?.to_owned(),
            artifact: json["artifact"].as_str()?.to_owned(),
            kind: json["type"].as_str()?.to_owned(),
            api_key: json["apiKey"].as_i64().map(|key| key as i16),
            first,
            last,
            flexible: Range::parse(json["flexibleVersions"].as_str()?),
            fields: Field::parse_all(&json["fields"], &mut structures),
            structures,
        })
    }
}

impl Field {
    fn parse_all(json: &Json, structures: &mut HashMap<String, Vec<Field>>) -> Vec<Field> {
        let fields = json.as_array().into_iter().flatten();
        fields.map(|field| Field::parse(field, structures).expect("a field is complete")).collect()
    }

    fn parse(json: &Json, structures: &mut HashMap<String, Vec<Field>>) -> Option<Field> {
        let kind_name = json["type"].as_str()?;
        let inner = Field::parse_all(&json["fields"], structures);
        if !inner.is_empty() {
            structures.insert(kind_name.trim_start_matches("[]").to_owned(), inner);
        }
        let range = |key: &str| json[key].as_str().map(Range::parse);
        let name = json["name"].as_str()?;
        Some(Field {
            name: name[..1].to_lowercase() + &name[1..],
            kind: Kind::parse(kind_name),
            versions: range("versions").or(range("taggedVersions"))?,
            nullable: range("nullableVersions").unwrap_or(Range(1, 0)),
            tag: json["tag"].as_u64().map(|tag| tag as u32),
            ignorable: json["ignorable"].as_bool().unwrap_or(false),
            default: match &json["default"] {
                Json::Null => None,
                Json::String(text) => Some(text.clone()),
                other => Some(other.to_string()),
            },
            never_flexible: json["flexibleVersions"] == "none",
        })
    }
}

impl Kind {
    fn parse(text: &str) -> Kind {
        if let Some(element) = text.strip_prefix("[]") {
            return Kind::List(Box::new(Kind::parse(element)));
        }
        match text {
            "bool" => Kind::Bool,
            "int8" => Kind::Integer(1, true),
            "int16" => Kind::Integer(2, true),
            "uint16" => Kind::Integer(2, false),
            "int32" => Kind::Integer(4, true),
            "uint32" => Kind::Integer(4, false),
            "int64" => Kind::Integer(8, true),
            "float64" => Kind::Float,
            "uuid" => Kind::Uuid,
            "string" => Kind::Text,
            "bytes" => Kind::Bytes,
            "records" => Kind::Records,
            name => Kind::Structure(name.to_owned()),
        }
    }
}
