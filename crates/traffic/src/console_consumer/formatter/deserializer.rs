//! Bytes into text, by Kafka's deserializer classes.

use std::fmt::Write as _;
use std::io::Write as _;

use ottla_terminal::connect::Properties;
use ottla_terminal::message_json;
use ottla_terminal::output;

use super::Unwritable;

const PACKAGE: &str = "org.apache.kafka.common.serialization.";

/// Which part of a record is deserialized.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Field {
    Key,
    Value,
    Headers,
}

/// A deserializer, and how Java shows what it gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Deserializer {
    /// None: the bytes as they are.
    Raw,
    Text(Encoding),
    Short,
    Integer,
    Long,
    Float,
    Double,
    Boolean,
    Uuid,
    Void,
    Bytes,
    ByteArray,
    ByteBuffer,
}

/// Encodings of text that Java has by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Encoding {
    Utf8,
    Latin1,
    Ascii,
    Utf16 { is_little: bool },
}

impl Deserializer {
    /// What the properties name for this field; a class that is not known is logged, and nothing is deserialized.
    pub(super) fn of(field: Field, properties: &Properties) -> Self {
        let key = match field {
            Field::Key => "key.deserializer",
            Field::Value => "value.deserializer",
            Field::Headers => "headers.deserializer",
        };
        let Some(class) = properties.get(key) else { return Self::Raw };
        let encoding = encoding(field, key, properties);
        Self::of_class(class, encoding).unwrap_or_else(|| {
            output::log_error(
                format_args!("Unable to instantiate a deserializer from {class}"),
                "org.apache.kafka.tools.consumer.DefaultMessageFormatter",
            );
            output::plain_error(format_args!("java.lang.ClassNotFoundException: {class}"));
            Self::Raw
        })
    }

    fn of_class(class: &str, encoding: Encoding) -> Option<Self> {
        Some(match class.strip_prefix(PACKAGE)?.strip_suffix("Deserializer")? {
            "String" => Self::Text(encoding),
            "Short" => Self::Short,
            "Integer" => Self::Integer,
            "Long" => Self::Long,
            "Float" => Self::Float,
            "Double" => Self::Double,
            "Boolean" => Self::Boolean,
            "UUID" => Self::Uuid,
            "Void" => Self::Void,
            "Bytes" => Self::Bytes,
            "ByteArray" => Self::ByteArray,
            "ByteBuffer" => Self::ByteBuffer,
            _ => return None,
        })
    }

    /// Appends what Java's `toString()` shows of the value.
    pub(super) fn write(self, bytes: &[u8], out: &mut Vec<u8>) -> Result<(), Unwritable> {
        // Writing to memory does not fail.
        let _ = match self {
            Self::Raw => out.write_all(bytes),
            Self::Text(encoding) => out.write_all(encoding.decode(bytes).as_bytes()),
            Self::Short => write!(out, "{}", i16::from_be_bytes(sized(bytes, "Short")?)),
            Self::Integer => write!(out, "{}", i32::from_be_bytes(sized(bytes, "Integer")?)),
            Self::Long => write!(out, "{}", i64::from_be_bytes(sized(bytes, "Long")?)),
            Self::Float => {
                let value = f32::from_be_bytes(sized(bytes, "Float")?);
                // The shortest digits that mean this float, read as a double, are shown as they are.
                let shortest = value.to_string().parse().unwrap_or(f64::NAN);
                out.write_all(message_json::java_double(shortest).as_bytes())
            }
            Self::Double => {
                let value = f64::from_be_bytes(sized(bytes, "Double")?);
                out.write_all(message_json::java_double(value).as_bytes())
            }
            Self::Boolean => match sized(bytes, "Boolean")? {
                [0] => out.write_all(b"false"),
                [1] => out.write_all(b"true"),
                [other] => {
                    return Err(serialization(&format!(
                        "Unexpected byte received by BooleanDeserializer: {}",
                        other.cast_signed()
                    )));
                }
            },
            Self::Uuid => out.write_all(uuid(bytes)?.as_bytes()),
            Self::Void => {
                return Err(Unwritable(
                    "java.lang.IllegalArgumentException: Data should be null for a VoidDeserializer."
                        .to_owned(),
                ));
            }
            Self::Bytes => out.write_all(escaped(bytes).as_bytes()),
            // Java shows the array's type and where it lies; the length says more than a number that changes.
            Self::ByteArray => write!(out, "[B@{:x}", bytes.len()),
            Self::ByteBuffer => {
                let size = bytes.len();
                write!(out, "java.nio.HeapByteBuffer[pos=0 lim={size} cap={size}]")
            }
        };
        Ok(())
    }
}

fn encoding(field: Field, prefix: &str, properties: &Properties) -> Encoding {
    // Headers are configured as values are.
    let own = if field == Field::Key { "key" } else { "value" };
    let specific = properties.get(&format!("{prefix}.{own}.deserializer.encoding"));
    let name = specific.or_else(|| properties.get(&format!("{prefix}.deserializer.encoding")));
    name.and_then(|name| Encoding::of_name(name)).unwrap_or(Encoding::Utf8)
}

impl Encoding {
    fn of_name(name: &str) -> Option<Self> {
        Some(match name.to_ascii_uppercase().as_str() {
            "UTF-8" | "UTF8" => Self::Utf8,
            "ISO-8859-1" | "ISO8859_1" | "LATIN1" => Self::Latin1,
            "US-ASCII" | "ASCII" => Self::Ascii,
            "UTF-16" | "UTF-16BE" => Self::Utf16 { is_little: false },
            "UTF-16LE" => Self::Utf16 { is_little: true },
            _ => return None,
        })
    }

    fn decode(self, bytes: &[u8]) -> String {
        match self {
            Self::Utf8 => String::from_utf8_lossy(bytes).into_owned(),
            Self::Latin1 => bytes.iter().copied().map(char::from).collect(),
            Self::Ascii => {
                let ascii =
                    |byte: &u8| if byte.is_ascii() { char::from(*byte) } else { '\u{fffd}' };
                bytes.iter().map(ascii).collect()
            }
            Self::Utf16 { is_little } => {
                let unit = |pair: &[u8]| match pair {
                    [first, second] if is_little => u16::from_le_bytes([*first, *second]),
                    [first, second] => u16::from_be_bytes([*first, *second]),
                    _ => 0xfffd,
                };
                let units: Vec<u16> = bytes.chunks(2).map(unit).collect();
                String::from_utf16_lossy(&units)
            }
        }
    }
}

fn serialization(message: &str) -> Unwritable {
    Unwritable(format!("org.apache.kafka.common.errors.SerializationException: {message}"))
}

fn sized<const N: usize>(bytes: &[u8], name: &str) -> Result<[u8; N], Unwritable> {
    bytes.try_into().map_err(|_| {
        let of = if name == "Float" || name == "Double" { "Deserializer" } else { name };
        let name = if of == "Deserializer" { of.to_owned() } else { format!("{name}Deserializer") };
        serialization(&format!("Size of data received by {name} is not {N}"))
    })
}

/// As Java's `UUID.fromString` reads and `toString` shows it: five numbers in hexadecimal.
fn uuid(bytes: &[u8]) -> Result<String, Unwritable> {
    let wrong = || serialization("Error parsing data into UUID");
    let text = std::str::from_utf8(bytes).map_err(|_| wrong())?;
    let parts: Vec<&str> = text.split('-').collect();
    if parts.len() != 5 || text.len() > 36 {
        return Err(wrong());
    }
    let widths = [8, 4, 4, 4, 12];
    let mut shown = String::new();
    for (index, (part, width)) in parts.iter().zip(widths).enumerate() {
        let number = u64::from_str_radix(part, 16).map_err(|_| wrong())?;
        let kept = number & ((1 << (4 * width)) - 1);
        let dash = if index == 0 { "" } else { "-" };
        // Writing to a string does not fail.
        let _ = write!(shown, "{dash}{kept:0width$x}");
    }
    Ok(shown)
}

/// As Kafka's `Bytes` shows itself: printable ASCII as it is, the rest in hexadecimal.
fn escaped(bytes: &[u8]) -> String {
    let mut shown = String::new();
    for byte in bytes {
        match byte {
            b' '..=b'~' if *byte != b'\\' => shown.push(char::from(*byte)),
            // Writing to a string does not fail.
            _ => {
                let _ = write!(shown, "\\x{byte:02X}");
            }
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(class: &str, bytes: &[u8]) -> Result<String, String> {
        let deserializer = Deserializer::of_class(&format!("{PACKAGE}{class}"), Encoding::Utf8);
        let mut out = Vec::new();
        let outcome = deserializer.expect("a known class").write(bytes, &mut out);
        let told = |Unwritable(text): Unwritable| {
            text.rsplit_once(": ").map_or(text.clone(), |(_, message)| message.to_owned())
        };
        outcome.map_err(told).map(|()| String::from_utf8_lossy(&out).into_owned())
    }

    #[test]
    fn values_read_as_java_shows_them() {
        let cases: [(&str, &[u8], Result<&str, &str>); 14] = [
            ("StringDeserializer", b"a\xff", Ok("a\u{fffd}")),
            ("ShortDeserializer", b"v1", Ok("30257")),
            ("IntegerDeserializer", &[0xff, 0xff, 0xff, 0xff], Ok("-1")),
            ("LongDeserializer", &[0, 0, 0, 0, 0, 0, 1, 0], Ok("256")),
            ("LongDeserializer", b"v1", Err("Size of data received by LongDeserializer is not 8")),
            ("DoubleDeserializer", &1.5f64.to_be_bytes(), Ok("1.5")),
            ("FloatDeserializer", &0.1f32.to_be_bytes(), Ok("0.1")),
            ("DoubleDeserializer", b"v", Err("Size of data received by Deserializer is not 8")),
            ("BooleanDeserializer", &[1], Ok("true")),
            ("BooleanDeserializer", &[7], Err("7")),
            ("UUIDDeserializer", b"1-2-3-4-5", Ok("00000001-0002-0003-0004-000000000005")),
            ("UUIDDeserializer", b"v1", Err("Error parsing data into UUID")),
            ("BytesDeserializer", b"a\\\x00\xff", Ok("a\\x5C\\x00\\xFF")),
            ("ByteBufferDeserializer", b"v1", Ok("java.nio.HeapByteBuffer[pos=0 lim=2 cap=2]")),
        ];
        for (class, bytes, expected) in cases {
            let expected = expected.map(str::to_owned).map_err(str::to_owned);
            assert_eq!(shown(class, bytes), expected, "{class} {bytes:?}");
        }
    }

    #[test]
    fn encodings_are_javas() {
        let cases = [
            ("ISO-8859-1", &b"\xe9"[..], "é"),
            ("us-ascii", b"a\xe9", "a\u{fffd}"),
            ("UTF-16BE", b"\x00a", "a"),
            ("UTF-16LE", b"a\x00", "a"),
        ];
        for (name, bytes, expected) in cases {
            assert_eq!(Encoding::of_name(name).expect("known").decode(bytes), expected, "{name}");
        }
        assert_eq!(Encoding::of_name("klingon"), None);
    }
}
