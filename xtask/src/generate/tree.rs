//! The code that shows a structure as names and values.

use super::structs::{Shape, StructField, Structure};
use super::versions::Condition;
use anyhow::Result;
use std::fmt::Write;

/// The body of `tree(&self, version)`.
pub fn body(structure: &Structure) -> Result<String> {
    let always = |field: &&StructField| {
        field.tag.is_none() && field.versions.condition(structure.versions) == Condition::Always
    };
    // The fields that are always there and come first are one literal, the rest is pushed.
    let leading = structure.fields.iter().take_while(always);
    let count = leading.clone().count();
    let mut literal = String::from("vec![");
    for field in leading {
        write!(literal, "({:?}, {}),", field.kafka_name, value(field))?;
    }
    literal += "]";
    if count == structure.fields.len() {
        return Ok(format!("Tree::Struct({literal})"));
    }
    let first = if count == 0 { "Vec::new()" } else { &literal };
    let mut body = format!("let mut fields = {first};\n");
    for field in &structure.fields[count..] {
        let push = format!("fields.push(({:?}, {}));", field.kafka_name, value(field));
        let mut conditions = Vec::new();
        match field.versions.condition(structure.versions) {
            Condition::Never => continue,
            Condition::When(test) => conditions.push(test),
            Condition::Always => {}
        }
        if field.tag.is_some() {
            conditions.push(field.differs_from_default()?);
        }
        match conditions.is_empty() {
            true => writeln!(body, "{push}")?,
            false => writeln!(body, "if {} {{ {push} }}", conditions.join(" && "))?,
        }
    }
    Ok(body + "Tree::Struct(fields)")
}

fn value(field: &StructField) -> String {
    let place = format!("self.{}", field.rust_name);
    if field.optional {
        return format!(
            "Tree::nullable({place}.as_ref(), |value| {})",
            borrowed(&field.shape, "value")
        );
    }
    match &field.shape {
        plain if plain.is_plain() => format!("Tree::from({place})"),
        Shape::Struct(_) => format!("{place}.tree(version)"),
        other => borrowed(other, &format!("&{place}")),
    }
}

fn borrowed(shape: &Shape, value: &str) -> String {
    match shape {
        plain if plain.is_plain() => format!("Tree::from(*{value})"),
        Shape::Struct(_) => format!("{value}.tree(version)"),
        Shape::Array(element) => {
            format!("Tree::list({value}, |element| {})", borrowed(element, "element"))
        }
        _ => format!("Tree::from({value})"),
    }
}
