//! Messages as JSON text, character for character as Kafka's tools print them.
//!
//! Those write with Jackson: no spaces, control characters as `\u001F`, byte fields in base64, everything beyond
//! ASCII as it is.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ottla_wire::codec::Tree;

/// The JSON text of `tree`.
pub fn json(tree: &Tree) -> String {
    let mut text = String::new();
    write(&mut text, tree);
    text
}

/// `text` as a JSON string, quotes included.
pub fn json_string(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    write_string(&mut quoted, text);
    quoted
}

fn write(text: &mut String, tree: &Tree) {
    match tree {
        Tree::Null => text.push_str("null"),
        Tree::Bool(value) => text.push_str(if *value { "true" } else { "false" }),
        Tree::Integer(value) => text.push_str(&value.to_string()),
        Tree::Float(value) => text.push_str(&java_double(*value)),
        Tree::Text(value) => write_string(text, value),
        Tree::Bytes(value) => write_string(text, &STANDARD.encode(value)),
        Tree::Elsewhere(length) => text.push_str(&length.to_string()),
        Tree::Uuid(value) => write_string(text, &value.to_string()),
        Tree::List(elements) => {
            text.push('[');
            for (index, element) in elements.iter().enumerate() {
                if index > 0 {
                    text.push(',');
                }
                write(text, element);
            }
            text.push(']');
        }
        Tree::Struct(fields) => {
            text.push('{');
            for (index, (name, field)) in fields.iter().enumerate() {
                if index > 0 {
                    text.push(',');
                }
                write_string(text, name);
                text.push(':');
                write(text, field);
            }
            text.push('}');
        }
    }
}

fn write_string(text: &mut String, value: &str) {
    text.push('"');
    for character in value.chars() {
        match character {
            '"' => text.push_str("\\\""),
            '\\' => text.push_str("\\\\"),
            '\u{8}' => text.push_str("\\b"),
            '\u{c}' => text.push_str("\\f"),
            '\n' => text.push_str("\\n"),
            '\r' => text.push_str("\\r"),
            '\t' => text.push_str("\\t"),
            control if u32::from(control) < 0x20 => {
                // Writing to a string can't fail.
                let _ = write!(text, "\\u{:04X}", u32::from(control));
            }
            other => text.push(other),
        }
    }
    text.push('"');
}

/// A double as Java writes it: a decimal point always, powers of ten outside of 10^-3 to 10^7, and what is no number
/// as Jackson quotes it.
pub fn java_double(value: f64) -> String {
    if !value.is_finite() {
        let name = if value.is_nan() {
            "NaN"
        } else if value > 0.0 {
            "Infinity"
        } else {
            "-Infinity"
        };
        return format!("\"{name}\"");
    }
    let magnitude = value.abs();
    if magnitude == 0.0 || (1e-3..1e7).contains(&magnitude) {
        return format!("{value:?}");
    }
    let scientific = format!("{value:E}");
    match scientific.split_once('E') {
        Some((digits, exponent)) if !digits.contains('.') => format!("{digits}.0E{exponent}"),
        _ => scientific,
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use ottla_wire::Uuid;

    use super::*;

    #[test]
    fn trees_become_the_text_that_jackson_writes() {
        let tree = Tree::Struct(vec![
            ("none", Tree::Null),
            ("flags", Tree::List(vec![Tree::Bool(true), Tree::Bool(false)])),
            ("number", Tree::Integer(-5)),
            ("text", Tree::Text("a\"\\\u{1f}\n\t/é".to_owned())),
            ("bytes", Tree::Bytes(Bytes::from_static(&[0xff, 0xfe, 1]))),
            ("id", Tree::Uuid(Uuid::ZERO)),
            ("empty", Tree::Struct(Vec::new())),
        ]);
        assert_eq!(
            json(&tree),
            r#"{"none":null,"flags":[true,false],"number":-5,"text":"a\"\\\u001F\n\t/é","bytes":"//4B","id":"AAAAAAAAAAAAAAAAAAAAAA","empty":{}}"#
        );
    }

    #[test]
    fn doubles_look_as_java_writes_them() {
        let cases = [
            (0.0, "0.0"),
            (1000.0, "1000.0"),
            (0.5, "0.5"),
            (1e7, "1.0E7"),
            (12_345_678.9, "1.23456789E7"),
            (0.0001, "1.0E-4"),
            (f64::INFINITY, "\"Infinity\""),
        ];
        for (value, expected) in cases {
            assert_eq!(java_double(value), expected);
        }
    }
}
