//! Small definitions, and what has to come of them.

use super::definitions::{self, Definition};
use super::render;
use anyhow::Result;

fn definition(fields: &str) -> Definition {
    let text = format!(
        r#"// A comment of the resource.
        {{ "type": "data", "name": "Sample", "validVersions": "1-4", "flexibleVersions": "3+",
          "fields": [{fields}] }}"#
    );
    definitions::from_resource(&text, "kafka-clients").expect("the sample is JSON")
}

/// The generated code without its layout.
fn rendered(fields: &str) -> Result<String> {
    let files = render::files(&[definition(fields)])?;
    Ok(files["sample.rs"].split_whitespace().collect::<Vec<_>>().join(" "))
}

#[test]
fn fields_follow_their_versions() {
    for (field, expected) in [
        (r#"{"name": "A", "type": "int32", "versions": "0+"}"#, &["a: reader.i32()?,"][..]),
        (
            r#"{"name": "A", "type": "int32", "versions": "2+", "default": "-1"}"#,
            &[
                "a: if version >= 2 { reader.i32()? } else { -1 },",
                "if version >= 2 { writer.i32(self.a); } else if self.a != -1",
            ],
        ),
        (
            r#"{"name": "A", "type": "int32", "versions": "2+", "ignorable": true}"#,
            &["if version >= 2 { writer.i32(self.a); } if version >= 3 {"],
        ),
        (
            r#"{"name": "A", "type": "string", "versions": "1+", "nullableVersions": "2+"}"#,
            &[
                "pub a: Option<String>,",
                "a: Some(String::new()),",
                "if version >= 2 { reader.nullable_string(flexible)? } else { Some(reader.string(flexible)?) }",
                r#"Writer::required(self.a.as_deref(), "a", version)?"#,
            ],
        ),
        (
            r#"{"name": "A", "type": "string", "versions": "3+", "taggedVersions": "3+", "tag": 0,
                "nullableVersions": "3+", "default": "null"}"#,
            &[
                "0 => message.a = reader.nullable_string(true)?,",
                "KnownTaggedField { tag: 0, present: self.a.is_some(),",
            ],
        ),
        (
            r#"{"name": "Type", "type": "[]Part", "versions": "1+", "fields": [
                {"name": "B", "type": "int64", "versions": "1+"},
                {"name": "C", "type": "uuid", "versions": "4+"}]}"#,
            &["pub r#type: Vec<Part>,", "reader.array(flexible, 8,", "pub struct Part {"],
        ),
    ] {
        let code = rendered(field).expect(field);
        for part in expected {
            assert!(code.contains(part), "{field}\nlacks {part}\nin {code}");
        }
    }
}

#[test]
fn definitions_that_nobody_understands_are_refused() {
    for field in [
        r#"{"name": "A", "type": "int128", "versions": "0+"}"#,
        r#"{"name": "A", "type": "int32"}"#,
        r#"{"name": "A", "type": "int32", "versions": "x"}"#,
        r#"{"name": "A", "type": "int32", "versions": "0+", "tag": 1}"#,
        r#"{"name": "A", "type": "int32", "versions": "0+", "taggedVersions": "3+", "tag": 1}"#,
        r#"{"name": "A", "type": "int32", "versions": "0+", "default": "many"}"#,
        r#"{"name": "A", "type": "bytes", "versions": "0+", "default": "zero"}"#,
        r#"{"name": "A", "type": "[]Missing", "versions": "0+"}"#,
    ] {
        assert!(rendered(field).is_err(), "{field}");
    }
}

#[test]
fn the_committed_form_keeps_every_fact() {
    let fields = r#"{"name": "A", "type": "[]Part", "versions": "1+", "about": "prose", "fields": [
        {"name": "B", "type": "int8", "versions": "3+", "taggedVersions": "3+", "tag": 0,
         "default": 3, "ignorable": true}]}"#;
    let text = definitions::to_json(&[definition(fields)]).expect("facts are JSON");
    assert!(!text.contains("prose"));
    let again = definitions::from_json(&text).expect("what was written is read");
    assert_eq!(definitions::to_json(&again).expect("facts are JSON"), text);
    let code = |definitions: &[Definition]| render::files(definitions).expect("renders");
    assert_eq!(code(&again), code(&[definition(fields)]));
}
