//! The facts of Kafka's message definitions, without their prose.

use super::versions::Versions;
use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One message.
#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Definition {
    pub name: String,
    /// The artifact that the definition was found in, without its version.
    #[serde(default)]
    pub artifact: String,
    #[serde(rename = "type")]
    pub kind: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub api_key: Option<i16>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub listeners: Vec<String>,
    pub valid_versions: String,
    #[serde(default = "none")]
    pub flexible_versions: String,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub latest_version_unstable: bool,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub common_structs: Vec<CommonStruct>,
    #[serde(default)]
    pub fields: Vec<Field>,
}

/// A structure that several fields of a message have as their type.
#[derive(Debug, Deserialize, Serialize)]
pub struct CommonStruct {
    pub name: String,
    pub versions: String,
    pub fields: Vec<Field>,
}

/// One field.
#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Field {
    pub name: String,
    #[serde(rename = "type")]
    pub type_name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub versions: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nullable_versions: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tagged_versions: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tag: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flexible_versions: Option<String>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub ignorable: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<Value>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<Field>,
}

fn none() -> String {
    "none".to_owned()
}

impl Definition {
    pub fn valid(&self) -> Result<Versions> {
        Versions::parse(&self.valid_versions).with_context(|| self.name.clone())
    }

    pub fn flexible(&self) -> Result<Versions> {
        Versions::parse(&self.flexible_versions).with_context(|| self.name.clone())
    }
}

impl Field {
    /// A tagged field may leave its versions out; they are those in which it is tagged then.
    pub fn versions(&self) -> Result<Versions> {
        match self.versions.as_ref().or(self.tagged_versions.as_ref()) {
            Some(versions) => Versions::parse(versions),
            None => bail!("field {} has no versions", self.name),
        }
    }

    pub fn nullable(&self) -> Result<Versions> {
        self.nullable_versions.as_deref().map_or(Ok(Versions::NONE), Versions::parse)
    }

    pub fn tagged(&self) -> Result<Versions> {
        self.tagged_versions.as_deref().map_or(Ok(Versions::NONE), Versions::parse)
    }

    /// The default as text; JSON's own null counts as none given, as it does for Kafka.
    pub fn default_text(&self) -> Option<String> {
        match self.default.as_ref()? {
            Value::Null => None,
            Value::String(text) if text.is_empty() => None,
            Value::String(text) => Some(text.clone()),
            other => Some(other.to_string()),
        }
    }
}

/// Reads a resource of an artifact, which has whole lines of comments.
pub fn from_resource(text: &str, artifact: &str) -> Result<Definition> {
    let without_comments: Vec<&str> =
        text.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
    let mut definition: Definition = serde_json::from_str(&without_comments.join("\n"))?;
    definition.artifact = artifact.to_owned();
    Ok(definition)
}

/// Reads the committed definitions.
pub fn from_json(text: &str) -> Result<Vec<Definition>> {
    Ok(serde_json::from_str(text)?)
}

/// Writes definitions for people to compare: one field a line.
pub fn to_json(definitions: &[Definition]) -> Result<String> {
    let mut text = String::from("[\n");
    for (index, definition) in definitions.iter().enumerate() {
        let Value::Object(mut head) = serde_json::to_value(definition)? else {
            bail!("{} is not an object", definition.name);
        };
        head.remove("fields");
        head.remove("commonStructs");
        let head = serde_json::to_string(&head)?;
        text += head.trim_end_matches('}');
        if !definition.common_structs.is_empty() {
            text += ",\n \"commonStructs\": [";
            for (index, common) in definition.common_structs.iter().enumerate() {
                text += if index == 0 { "\n" } else { ",\n" };
                text +=
                    &format!("  {{\"name\":{:?},\"versions\":{:?},", common.name, common.versions);
                write_fields(&mut text, &common.fields, 2)?;
                text += "}";
            }
            text += "]";
        }
        text += ",\n ";
        write_fields(&mut text, &definition.fields, 1)?;
        text += if index + 1 == definitions.len() { "}\n" } else { "},\n" };
    }
    Ok(text + "]\n")
}

fn write_fields(text: &mut String, fields: &[Field], depth: usize) -> Result<()> {
    *text += "\"fields\":[";
    for (index, field) in fields.iter().enumerate() {
        *text += if index == 0 { "\n" } else { ",\n" };
        *text += &" ".repeat(depth + 1);
        let Value::Object(mut head) = serde_json::to_value(field)? else {
            bail!("{} is not an object", field.name);
        };
        head.remove("fields");
        let head = serde_json::to_string(&head)?;
        if field.fields.is_empty() {
            *text += &head;
        } else {
            *text += head.trim_end_matches('}');
            *text += ",";
            write_fields(text, &field.fields, depth + 1)?;
            *text += "}";
        }
    }
    *text += "]";
    Ok(())
}
