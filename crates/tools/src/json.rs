//! Values of a JSON file, refused in the words of Kafka's tools. Pure.

use serde_json::{Map, Value};

/// An object.
pub(crate) fn object(value: &Value) -> Result<&Map<String, Value>, String> {
    value.as_object().ok_or_else(|| format!("Expected JSON object, received {value}"))
}

/// A Java `int`.
pub(crate) fn integer(value: &Value) -> Result<i32, String> {
    let number = value.as_i64().and_then(|number| i32::try_from(number).ok());
    number.ok_or_else(|| expected("Integer", value))
}

/// That another kind of value is wanted.
pub(crate) fn expected(kind: &str, value: &Value) -> String {
    format!("Expected `{kind}` value, received {value}")
}

/// A field that must be there.
pub(crate) fn field<'a>(object: &'a Map<String, Value>, name: &str) -> Result<&'a Value, String> {
    object.get(name).ok_or_else(|| format!("No such field exists: `{name}`"))
}

/// A text.
pub(crate) fn text(value: &Value) -> Result<&str, String> {
    value.as_str().ok_or_else(|| expected("String", value))
}

/// An array.
pub(crate) fn array(value: &Value) -> Result<&[Value], String> {
    let array = value.as_array().map(Vec::as_slice);
    array.ok_or_else(|| format!("Expected JSON array, received {value}"))
}
