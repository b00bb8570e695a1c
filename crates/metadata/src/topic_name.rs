//! What a topic may be called.

/// The longest name, in characters: a file name's limit less the partition suffix.
const LENGTH_MAX: usize = 249;

/// Checks a topic name.
///
/// # Errors
/// Why it is refused, in the words of Kafka.
pub fn check(name: &str) -> Result<(), String> {
    let reason = if name.is_empty() {
        "the empty string is not allowed".to_owned()
    } else if name == "." || name == ".." {
        format!("'{name}' is not allowed")
    } else if name.encode_utf16().count() > LENGTH_MAX {
        format!("the length of '{name}' is longer than the max allowed length {LENGTH_MAX}")
    } else if !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte)) {
        format!(
            "'{name}' contains one or more characters other than ASCII alphanumerics, '.', '_' and '-'"
        )
    } else {
        return Ok(());
    };
    Err(format!("Topic name is invalid: {reason}"))
}

#[cfg(test)]
mod tests {
    use super::check;

    #[test]
    fn names_are_checked_as_kafka_checks_them() {
        let long = "a".repeat(250);
        let cases = [
            ("a", None),
            ("A.b_c-9", None),
            ("...", None),
            ("", Some("the empty string is not allowed")),
            (".", Some("'.' is not allowed")),
            ("..", Some("'..' is not allowed")),
            (
                "a b",
                Some(
                    "'a b' contains one or more characters other than ASCII alphanumerics, '.', '_' and '-'",
                ),
            ),
            (
                "a/b",
                Some(
                    "'a/b' contains one or more characters other than ASCII alphanumerics, '.', '_' and '-'",
                ),
            ),
            (
                "é",
                Some(
                    "'é' contains one or more characters other than ASCII alphanumerics, '.', '_' and '-'",
                ),
            ),
        ];
        for (name, reason) in cases {
            let expected =
                reason.map_or(Ok(()), |reason| Err(format!("Topic name is invalid: {reason}")));
            assert_eq!(check(name), expected, "{name}");
        }
        assert!(check(&long).is_err());
        assert_eq!(check(&long[..249]), Ok(()));
    }
}
