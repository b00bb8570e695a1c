//! The structures of one message, resolved: types, versions, defaults.

use super::definitions::{Definition, Field};
use super::naming;
use super::versions::{Condition, Versions};
use anyhow::{Context, Result, bail, ensure};

/// A message with all its structures.
pub struct Schema<'a> {
    pub definition: &'a Definition,
    pub module: String,
    /// The message itself first, then the structures inside it.
    pub structures: Vec<Structure>,
}

/// A Rust struct to be written.
pub struct Structure {
    pub name: String,
    /// The versions in which it is on the wire; closed.
    pub versions: Versions,
    pub flexible: Versions,
    pub fields: Vec<StructField>,
}

/// A field of a structure.
pub struct StructField {
    pub kafka_name: String,
    pub rust_name: String,
    pub shape: Shape,
    pub versions: Versions,
    pub nullable: Versions,
    /// Whether its Rust type is an `Option`.
    pub optional: bool,
    pub tag: Option<u32>,
    /// Whether it keeps the old length format in flexible versions.
    pub never_flexible: bool,
    pub ignorable: bool,
    pub default: Option<String>,
}

/// What a field holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shape {
    Bool,
    /// A number, by its Rust type.
    Number(&'static str),
    Uuid,
    String,
    Bytes,
    Records,
    Struct(String),
    Array(Box<Shape>),
}

impl<'a> Schema<'a> {
    pub fn new(definition: &'a Definition) -> Result<Schema<'a>> {
        let valid = definition.valid()?;
        ensure!(valid.last < i16::MAX, "{} has no last version", definition.name);
        let mut schema = Schema {
            definition,
            module: naming::snake_case(&definition.name),
            structures: Vec::new(),
        };
        schema.add(&definition.name, valid, &definition.fields)?;
        for common in &definition.common_structs {
            let versions = valid.intersect(Versions::parse(&common.versions)?);
            schema.add(&common.name, versions, &common.fields)?;
        }
        Ok(schema)
    }

    pub fn structure(&self, name: &str) -> Result<&Structure> {
        let found = self.structures.iter().find(|structure| structure.name == name);
        found.with_context(|| format!("{} has no structure {name}", self.definition.name))
    }

    /// The least number of bytes that an element takes in any of `versions`, at least one.
    pub fn bytes_min(&self, shape: &Shape, versions: Versions) -> Result<usize> {
        let sizes = versions.each().map(|version| self.bytes_min_at(shape, false, version));
        Ok(sizes.collect::<Result<Vec<usize>>>()?.into_iter().min().unwrap_or(1).max(1))
    }

    fn bytes_min_at(&self, shape: &Shape, nullable: bool, version: i16) -> Result<usize> {
        let flexible = self.definition.flexible()?.contains(version);
        Ok(match shape {
            Shape::Bool | Shape::Number("i8") => 1,
            Shape::Number("i16" | "u16") => 2,
            Shape::Number("i32" | "u32") => 4,
            Shape::Number(_) => 8,
            Shape::Uuid => 16,
            Shape::String | Shape::Bytes | Shape::Records | Shape::Array(_) if flexible => 1,
            Shape::String => 2,
            Shape::Bytes | Shape::Records | Shape::Array(_) => 4,
            Shape::Struct(_) if nullable => 1,
            Shape::Struct(name) => {
                let mut size = usize::from(flexible);
                for field in &self.structure(name)?.fields {
                    if field.tag.is_none() && field.versions.contains(version) {
                        let nullable = field.nullable.contains(version);
                        size += self.bytes_min_at(&field.shape, nullable, version)?;
                    }
                }
                size
            }
        })
    }

    fn add(&mut self, name: &str, versions: Versions, fields: &[Field]) -> Result<()> {
        if self.structure(name).is_ok() {
            bail!("{} has two structures {name}", self.definition.name);
        }
        let resolved = fields
            .iter()
            .map(|field| StructField::new(field).with_context(|| format!("{name}.{}", field.name)));
        self.structures.push(Structure {
            name: name.to_owned(),
            versions,
            flexible: self.definition.flexible()?,
            fields: resolved.collect::<Result<_>>()?,
        });
        for field in fields.iter().filter(|field| !field.fields.is_empty()) {
            let inner = field.type_name.trim_start_matches("[]");
            self.add(inner, versions.intersect(field.versions()?), &field.fields)?;
        }
        Ok(())
    }
}

impl Structure {
    /// An expression that says whether the version at hand is flexible.
    pub fn flexible_condition(&self) -> Condition {
        self.flexible.condition(self.versions)
    }

    pub fn has_tagged_section(&self) -> bool {
        self.flexible_condition() != Condition::Never
    }

    /// The fields of the tagged section, in ascending order of tag.
    pub fn tagged(&self) -> Vec<&StructField> {
        let present = |field: &&StructField| {
            field.tag.is_some() && !field.versions.intersect(self.versions).is_empty()
        };
        let mut tagged: Vec<&StructField> = self.fields.iter().filter(present).collect();
        tagged.sort_by_key(|field| field.tag);
        tagged
    }
}

impl StructField {
    fn new(field: &Field) -> Result<StructField> {
        let shape = Shape::parse(&field.type_name)?;
        let (versions, nullable, tagged) = (field.versions()?, field.nullable()?, field.tagged()?);
        ensure!(
            field.tag.is_some() != tagged.is_empty() && (tagged.is_empty() || tagged == versions),
            "a field has to be tagged in all of its versions or in none"
        );
        let never_flexible = match field.flexible_versions.as_deref() {
            None => false,
            Some("none") => true,
            Some(other) => bail!("flexible versions {other} of a field"),
        };
        Ok(StructField {
            kafka_name: naming::camel_case(&field.name),
            rust_name: naming::field(&field.name),
            optional: shape == Shape::Records || !nullable.is_empty(),
            nullable,
            shape,
            versions,
            tag: field.tag,
            never_flexible,
            ignorable: field.ignorable,
            default: field.default_text(),
        })
    }

    pub fn rust_type(&self) -> String {
        match self.optional {
            true => format!("Option<{}>", self.shape.rust_type()),
            false => self.shape.rust_type(),
        }
    }

    pub fn defaults_to_null(&self) -> bool {
        self.optional && (self.shape == Shape::Records || self.default.as_deref() == Some("null"))
    }

    /// The default as a Rust expression.
    pub fn default_expression(&self) -> Result<String> {
        if self.defaults_to_null() {
            return Ok("None".to_owned());
        }
        let plain = match (&self.shape, self.default.as_deref()) {
            (Shape::Bool, Some(text)) => text.to_lowercase(),
            (Shape::Bool, None) => "false".to_owned(),
            (Shape::Number("f64"), text) => format!("{:?}", text.unwrap_or("0").parse::<f64>()?),
            (Shape::Number(_), text) => integer(text.unwrap_or("0"))?,
            (Shape::String, Some(text)) => format!("{text:?}.to_owned()"),
            (_, Some(text)) => bail!("default {text} of a {:?}", self.shape),
            (Shape::String, None) => "String::new()".to_owned(),
            (Shape::Uuid, None) => "Uuid::ZERO".to_owned(),
            (Shape::Bytes, None) => "Bytes::new()".to_owned(),
            (Shape::Array(_), None) => "Vec::new()".to_owned(),
            (Shape::Struct(name), None) => format!("{name}::default()"),
            (Shape::Records, None) => bail!("record data is null by default"),
        };
        Ok(if self.optional { format!("Some({plain})") } else { plain })
    }

    /// Whether `#[derive(Default)]` gives the default.
    pub fn derives_default(&self) -> Result<bool> {
        if self.optional {
            return Ok(self.defaults_to_null());
        }
        let plain = self.default_expression()?;
        Ok(match self.shape {
            Shape::Bool => plain == "false",
            Shape::Number(_) => plain == "0" || plain == "0.0",
            Shape::String => plain == "String::new()",
            _ => true,
        })
    }

    /// A Rust condition: the field of `self` holds something else than its default.
    pub fn differs_from_default(&self) -> Result<String> {
        let value = format!("self.{}", self.rust_name);
        if self.defaults_to_null() {
            return Ok(format!("{value}.is_some()"));
        }
        let default = self.default_expression()?;
        Ok(match (&self.shape, self.optional) {
            (Shape::Bool, false) if default == "true" => format!("!{value}"),
            (Shape::Bool, false) => value,
            (Shape::String, false) if self.default.is_none() => format!("!{value}.is_empty()"),
            (Shape::String, false) => format!("{value} != {:?}", self.default),
            (Shape::Bytes | Shape::Array(_), false) => format!("!{value}.is_empty()"),
            (Shape::String | Shape::Bytes | Shape::Array(_), true) if self.default.is_none() => {
                format!("{value}.as_ref().is_none_or(|value| !value.is_empty())")
            }
            _ => format!("{value} != {default}"),
        })
    }

    /// The facts that a reader of the struct wants to know.
    pub fn facts(&self, versions: Versions) -> String {
        let mut facts = vec![match self.versions.condition(versions) {
            Condition::Always => "every version".to_owned(),
            Condition::Never => "no valid version".to_owned(),
            Condition::When(_) => format!("versions {}", spell(self.versions)),
        }];
        match self.nullable.condition(versions.intersect(self.versions)) {
            Condition::Always => facts.push("nullable".to_owned()),
            Condition::When(_) => facts.push(format!("nullable {}", spell(self.nullable))),
            Condition::Never => {}
        }
        facts.extend(self.tag.map(|tag| format!("tag {tag}")));
        facts.extend(self.ignorable.then(|| "ignorable".to_owned()));
        facts.extend(self.default.as_ref().map(|default| format!("default {default}")));
        facts.join(", ")
    }
}

/// A range as the definitions write it.
pub fn spell(versions: Versions) -> String {
    match versions {
        Versions { first, last } if first == last => first.to_string(),
        Versions { first, last: i16::MAX } => format!("{first}+"),
        Versions { first, last } => format!("{first}-{last}"),
    }
}

fn integer(text: &str) -> Result<String> {
    let value = match text.strip_prefix("0x") {
        Some(hexadecimal) => i64::from_str_radix(hexadecimal, 16),
        None => text.parse(),
    };
    Ok(value.with_context(|| format!("default {text} is no integer"))?.to_string())
}

impl Shape {
    fn parse(text: &str) -> Result<Shape> {
        if let Some(element) = text.strip_prefix("[]") {
            return Ok(Shape::Array(Box::new(Shape::parse(element)?)));
        }
        Ok(match text {
            "bool" => Shape::Bool,
            "int8" => Shape::Number("i8"),
            "int16" => Shape::Number("i16"),
            "uint16" => Shape::Number("u16"),
            "int32" => Shape::Number("i32"),
            "uint32" => Shape::Number("u32"),
            "int64" => Shape::Number("i64"),
            "float64" => Shape::Number("f64"),
            "uuid" => Shape::Uuid,
            "string" => Shape::String,
            "bytes" => Shape::Bytes,
            "records" => Shape::Records,
            name if name.starts_with(char::is_uppercase) => Shape::Struct(name.to_owned()),
            other => bail!("unknown type {other}"),
        })
    }

    pub fn rust_type(&self) -> String {
        match self {
            Shape::Bool => "bool".to_owned(),
            Shape::Number(name) => (*name).to_owned(),
            Shape::Uuid => "Uuid".to_owned(),
            Shape::String => "String".to_owned(),
            Shape::Bytes => "Bytes".to_owned(),
            Shape::Records => "Records".to_owned(),
            Shape::Struct(name) => name.clone(),
            Shape::Array(element) => format!("Vec<{}>", element.rust_type()),
        }
    }

    /// The method of reader and writer, for what has one.
    pub fn method(&self) -> &str {
        match self {
            Shape::Bool => "bool",
            Shape::Number(name) => name,
            Shape::Uuid => "uuid",
            Shape::String => "string",
            Shape::Bytes => "bytes",
            Shape::Records => "records",
            Shape::Struct(_) => "struct",
            Shape::Array(_) => "array",
        }
    }

    /// Whether values are copied rather than borrowed.
    pub fn is_plain(&self) -> bool {
        matches!(self, Shape::Bool | Shape::Number(_) | Shape::Uuid)
    }
}
