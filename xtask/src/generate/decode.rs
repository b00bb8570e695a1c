//! The code that reads a structure.

use super::structs::{Schema, Shape, StructField, Structure};
use super::versions::{Condition, Versions};
use anyhow::Result;
use std::fmt::Write;

/// The body of `decode(reader, version)`.
pub fn body(schema: &Schema<'_>, structure: &Structure) -> Result<String> {
    let mut fields = String::new();
    let flexible = structure.flexible_condition();
    for field in &structure.fields {
        let value = match field.tag {
            Some(_) => field.default_expression()?,
            None => field_value(schema, structure, field)?,
        };
        writeln!(fields, "{}: {value},", field.rust_name)?;
    }
    let tagged = structure.tagged();
    if structure.has_tagged_section() {
        let unknown = match tagged.is_empty() {
            true => flexible.choose("reader.unknown_tagged_fields()?", "Vec::new()"),
            false => "Vec::new()".to_owned(),
        };
        writeln!(fields, "unknown_tagged_fields: {unknown},")?;
    }
    let mut body = String::new();
    if let Condition::When(test) = &flexible
        && fields.contains("flexible")
    {
        writeln!(body, "let flexible = {test};")?;
    }
    if tagged.is_empty() {
        write!(body, "Ok(Self {{ {fields} }})")?;
        return Ok(body);
    }
    writeln!(body, "let mut message = Self {{ {fields} }};")?;
    let section = tagged_section(schema, structure, &tagged)?;
    body += &flexible.choose(&section, "");
    body += "Ok(message)";
    Ok(body)
}

fn tagged_section(
    schema: &Schema<'_>,
    structure: &Structure,
    tagged: &[&StructField],
) -> Result<String> {
    let within = structure.versions.intersect(structure.flexible);
    let mut arms = String::new();
    for field in tagged {
        let tag = field.tag.unwrap_or_default();
        let value = present_value(schema, structure, field, "true")?;
        let read = format!("message.{} = {value}", field.rust_name);
        match field.versions.condition(within) {
            Condition::When(test) => writeln!(
                arms,
                "{tag} if {test} => {read}, {tag} => return Err(reader.tag_not_valid({tag}, version)),"
            )?,
            _ => writeln!(arms, "{tag} => {read},")?,
        }
    }
    Ok(format!(
        "message.unknown_tagged_fields = reader.tagged_fields(&mut |tag, reader| {{
            match tag {{ {arms} _ => return Ok(false), }}
            Ok(true)
        }})?;"
    ))
}

fn field_value(schema: &Schema<'_>, structure: &Structure, field: &StructField) -> Result<String> {
    let present = field.versions.condition(structure.versions);
    let flexible = flexible_argument(structure, field);
    let value = present_value(schema, structure, field, &flexible)?;
    Ok(present.choose(&value, &field.default_expression()?))
}

/// The word for "is the version flexible" inside the structure.
pub fn flexible_argument(structure: &Structure, field: &StructField) -> String {
    if field.never_flexible {
        return "false".to_owned();
    }
    match structure.flexible_condition() {
        Condition::When(_) => "flexible".to_owned(),
        known => known.expression(),
    }
}

/// Reads a field that is there.
fn present_value(
    schema: &Schema<'_>,
    structure: &Structure,
    field: &StructField,
    flexible: &str,
) -> Result<String> {
    let versions = structure.versions.intersect(field.versions);
    let plain = read(schema, &field.shape, flexible, versions, false)?;
    if !field.optional {
        return Ok(plain);
    }
    let mut nullable = read(schema, &field.shape, flexible, versions, true)?;
    if field.tag.is_some() {
        nullable = nullable.replace("nullable_struct", "nullable_tagged_struct");
    }
    Ok(field.nullable.condition(versions).choose(&nullable, &format!("Some({plain})")))
}

fn read(
    schema: &Schema<'_>,
    shape: &Shape,
    flexible: &str,
    versions: Versions,
    nullable: bool,
) -> Result<String> {
    let prefix = if nullable { "nullable_" } else { "" };
    Ok(match shape {
        Shape::Bool | Shape::Number(_) | Shape::Uuid => format!("reader.{}()?", shape.method()),
        Shape::String | Shape::Bytes | Shape::Records => {
            format!("reader.{prefix}{}({flexible})?", shape.method())
        }
        Shape::Struct(name) if nullable => {
            format!("reader.nullable_struct(|reader| {name}::decode(reader, version))?")
        }
        Shape::Struct(name) => format!("{name}::decode(reader, version)?"),
        Shape::Array(element) => {
            let bytes_min = schema.bytes_min(element, versions)?;
            let inner = match &**element {
                plain if plain.is_plain() => format!("Reader::{}", plain.method()),
                Shape::Struct(name) => format!("|reader| {name}::decode(reader, version)"),
                other => {
                    let read = read(schema, other, flexible, versions, false)?;
                    format!("|reader| {}", read.trim_end_matches('?'))
                }
            };
            format!("reader.{prefix}array({flexible}, {bytes_min}, {inner})?")
        }
    })
}
