//! The `.properties` format of Java: `key=value`, `key:value` or `key value` lines, comments that
//! begin with `#` or `!`, a backslash at the end of a line to go on, and `\n`, `\t`, `\uXXXX` escapes.

/// One entry, in file order, with the line it began on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Property {
    pub line: usize,
    pub key: String,
    pub value: String,
}

/// Reads every entry of a properties text. A later entry of the same key is kept too: the caller
/// lets the last one win, as Java does.
#[must_use]
pub fn parse(text: &str) -> Vec<Property> {
    let mut properties = Vec::new();
    let mut lines = text.lines().enumerate();
    while let Some((index, line)) = lines.next() {
        let mut logical = line.trim_start_matches(is_blank).to_owned();
        if logical.is_empty() || logical.starts_with(['#', '!']) {
            continue;
        }
        while ends_with_continuation(&logical) {
            logical.pop();
            match lines.next() {
                Some((_, next)) => logical.push_str(next.trim_start_matches(is_blank)),
                None => break,
            }
        }
        let (key, value) = split(&logical);
        properties.push(Property { line: index + 1, key: unescape(key), value: unescape(value) });
    }
    properties
}

fn is_blank(character: char) -> bool {
    matches!(character, ' ' | '\t' | '\u{c}')
}

fn ends_with_continuation(line: &str) -> bool {
    line.chars().rev().take_while(|&character| character == '\\').count() % 2 == 1
}

fn split(line: &str) -> (&str, &str) {
    let mut escaped = false;
    for (at, character) in line.char_indices() {
        match character {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '=' | ':' => return (&line[..at], line[at + 1..].trim_start_matches(is_blank)),
            blank if is_blank(blank) => {
                let rest = line[at..].trim_start_matches(is_blank);
                let rest = rest.strip_prefix(['=', ':']).unwrap_or(rest);
                return (&line[..at], rest.trim_start_matches(is_blank));
            }
            _ => {}
        }
    }
    (line, "")
}

fn unescape(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        if character != '\\' {
            plain.push(character);
            continue;
        }
        match characters.next() {
            Some('n') => plain.push('\n'),
            Some('r') => plain.push('\r'),
            Some('t') => plain.push('\t'),
            Some('f') => plain.push('\u{c}'),
            Some('u') => {
                let digits: String = characters.by_ref().take(4).collect();
                let code = u32::from_str_radix(&digits, 16).ok().and_then(char::from_u32);
                plain.push(code.unwrap_or(char::REPLACEMENT_CHARACTER));
            }
            Some(other) => plain.push(other),
            None => {}
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_a_line_is_read() {
        let cases: [(&str, &[(&str, &str)]); 8] = [
            ("a=b", &[("a", "b")]),
            ("  a : b c \n", &[("a", "b c ")]),
            ("a b", &[("a", "b")]),
            ("# note\n! note\n\na", &[("a", "")]),
            ("a=1,\\\n   2", &[("a", "1,2")]),
            ("a\\=b=c\\u0041\\t", &[("a=b", "cA\t")]),
            ("a=\\\\", &[("a", "\\")]),
            ("a=x\\", &[("a", "x")]),
        ];
        for (text, expected) in cases {
            let read: Vec<_> = parse(text).into_iter().map(|p| (p.key, p.value)).collect();
            let expected: Vec<_> = expected
                .iter()
                .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
                .collect();
            assert_eq!(read, expected, "{text:?}");
        }
    }
}
