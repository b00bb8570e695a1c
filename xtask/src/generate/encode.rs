//! The code that writes a structure.

use super::decode::flexible_argument;
use super::structs::{Shape, StructField, Structure};
use super::versions::Condition;
use anyhow::Result;
use std::fmt::Write;

/// The body of `encode(&self, writer, version)`.
pub fn body(structure: &Structure) -> Result<String> {
    let mut statements = String::new();
    for field in &structure.fields {
        let present = field.versions.condition(structure.versions);
        let write = match field.tag {
            Some(_) => String::new(),
            None => present_field(structure, field)?,
        };
        let refuse = match field.ignorable {
            true => String::new(),
            false => format!(
                "if {} {{ return Err(EncodeError::UnsupportedField {{ field: {:?}, version }}); }}",
                field.differs_from_default()?,
                field.kafka_name
            ),
        };
        let statement = match (&present, write.is_empty(), refuse.is_empty()) {
            (Condition::When(test), true, false) => {
                let condition = field.differs_from_default()?;
                format!(
                    "if {} && {condition} {{ return Err(EncodeError::UnsupportedField {{ field: {:?}, version }}); }}",
                    Condition::negated(test),
                    field.kafka_name
                )
            }
            (Condition::When(_), true, true) => String::new(),
            (Condition::When(test), false, true) => format!("if {test} {{ {write} }}"),
            (Condition::When(test), false, false) => {
                format!("if {test} {{ {write} }} else {refuse}")
            }
            _ => present.choose(&write, &refuse),
        };
        writeln!(statements, "{statement}")?;
    }
    if structure.has_tagged_section() {
        statements += &structure.flexible_condition().choose(
            &tagged_section(structure)?,
            "writer.no_tagged_fields(&self.unknown_tagged_fields, version)?;",
        );
    }
    let mut body = String::new();
    if let Condition::When(test) = structure.flexible_condition()
        && statements.contains("flexible,")
    {
        writeln!(body, "let flexible = {test};")?;
    }
    Ok(body + &statements + "Ok(())")
}

fn tagged_section(structure: &Structure) -> Result<String> {
    let within = structure.versions.intersect(structure.flexible);
    let mut known = String::new();
    for field in structure.tagged() {
        let mut present = field.differs_from_default()?;
        if let Condition::When(test) = field.versions.condition(within) {
            present = format!("{test} && {present}");
        }
        let write = with_flexible(structure, field, "true")?;
        writeln!(
            known,
            "KnownTaggedField {{ tag: {}, present: {present}, encode: &|writer| {{ {write} Ok(()) }} }},",
            field.tag.unwrap_or_default()
        )?;
    }
    Ok(format!("writer.tagged_fields(&self.unknown_tagged_fields, &[{known}])?;"))
}

fn present_field(structure: &Structure, field: &StructField) -> Result<String> {
    with_flexible(structure, field, &flexible_argument(structure, field))
}

fn with_flexible(structure: &Structure, field: &StructField, flexible: &str) -> Result<String> {
    let value = format!("self.{}", field.rust_name);
    if !field.optional {
        return Ok(write(&field.shape, flexible, &value, false));
    }
    let versions = structure.versions.intersect(field.versions);
    let borrowed = match field.shape {
        Shape::String | Shape::Array(_) => format!("{value}.as_deref()"),
        _ => format!("{value}.as_ref()"),
    };
    let mut nullable = write(&field.shape, flexible, &borrowed, true);
    if field.tag.is_some() {
        nullable = nullable.replace("nullable_struct", "nullable_tagged_struct");
    }
    let required = format!("Writer::required({borrowed}, {:?}, version)?", field.kafka_name);
    let plain = write_borrowed(&field.shape, flexible, &required);
    Ok(field.nullable.condition(versions).choose(&nullable, &plain))
}

/// Writes a value that is owned, or an `Option` of a borrowed one if `nullable`.
fn write(shape: &Shape, flexible: &str, value: &str, nullable: bool) -> String {
    match shape {
        Shape::Bool | Shape::Number(_) | Shape::Uuid => {
            format!("writer.{}({value});", shape.method())
        }
        _ if nullable => match shape {
            Shape::Struct(_) => format!(
                "writer.nullable_struct({value}, |writer, value| value.encode(writer, version))?;"
            ),
            Shape::Array(element) => format!(
                "writer.nullable_array({flexible}, {value}, {})?;",
                element_writer(element, flexible)
            ),
            _ => format!("writer.nullable_{}({flexible}, {value})?;", shape.method()),
        },
        Shape::Struct(_) => format!("{value}.encode(writer, version)?;"),
        _ => write_borrowed(shape, flexible, &format!("&{value}")),
    }
}

/// Writes a value that is borrowed.
fn write_borrowed(shape: &Shape, flexible: &str, value: &str) -> String {
    match shape {
        Shape::Struct(_) => format!("{value}.encode(writer, version)?;"),
        Shape::Array(element) => {
            format!("writer.array({flexible}, {value}, {})?;", element_writer(element, flexible))
        }
        _ => format!("writer.{}({flexible}, {value})?;", shape.method()),
    }
}

fn element_writer(element: &Shape, flexible: &str) -> String {
    match element {
        plain if plain.is_plain() => {
            format!("|writer, element| {{ writer.{}(*element); Ok(()) }}", plain.method())
        }
        Shape::Struct(_) => "|writer, element| element.encode(writer, version)".to_owned(),
        other => {
            let write = write_borrowed(other, flexible, "element");
            format!("|writer, element| {}", write.trim_end_matches("?;"))
        }
    }
}
