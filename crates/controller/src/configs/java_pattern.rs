//! Pure. Whether a text is a regular expression of `java.util.regex`.
//!
//! What Java has and the library here lacks (look-around, references, quotes, possessive quantifiers) is
//! replaced by something of the same shape, and the library judges the rest.

use std::iter::Peekable;
use std::str::Chars;

/// Stands for an element whose contents do not matter.
const ELEMENT: char = 'x';

/// Escapes of Java that match something and that the library does not know.
const FOREIGN_ESCAPES: &str = "hHvVRXGZzeE";

/// Whether Java would compile it.
pub(super) fn is_valid(pattern: &str) -> bool {
    let mut rewriting = Rewriting { rest: pattern.chars().peekable(), plain: String::new() };
    rewriting.run().is_some()
        && match regex::Regex::new(&rewriting.plain) {
            Ok(_) | Err(regex::Error::CompiledTooBig(_)) => true,
            Err(_) => false,
        }
}

struct Rewriting<'a> {
    rest: Peekable<Chars<'a>>,
    plain: String,
}

impl Rewriting<'_> {
    /// `None` where Java refuses what the library would take.
    fn run(&mut self) -> Option<()> {
        let mut is_quantified = false;
        let mut classes = 0_usize;
        while let Some(character) = self.rest.next() {
            let was_quantified = std::mem::take(&mut is_quantified);
            match character {
                '\\' => self.escape()?,
                '[' => {
                    classes += 1;
                    self.plain.push('[');
                }
                ']' if classes > 0 => {
                    classes -= 1;
                    self.plain.push(']');
                }
                '(' if classes == 0 => self.group(),
                '*' | '+' | '?' if classes == 0 => {
                    if was_quantified {
                        return None;
                    }
                    self.plain.push(character);
                    self.modifier();
                    is_quantified = true;
                }
                '{' if classes == 0 => {
                    if was_quantified {
                        return None;
                    }
                    self.plain.push('{');
                    self.through('}');
                    self.modifier();
                    is_quantified = true;
                }
                other => self.plain.push(other),
            }
        }
        Some(())
    }

    /// Takes over everything up to an end, and the end.
    fn through(&mut self, end: char) {
        for character in self.rest.by_ref() {
            self.plain.push(character);
            if character == end {
                return;
            }
        }
    }

    /// What makes a quantifier reluctant or possessive.
    fn modifier(&mut self) {
        self.rest.next_if(|next| matches!(next, '?' | '+'));
    }

    /// A group; what it looks for and keeps is no matter of syntax.
    fn group(&mut self) {
        self.plain.push('(');
        let rest: String = self.rest.clone().collect();
        let strange =
            ["?=", "?!", "?<=", "?<!", "?>"].into_iter().find(|start| rest.starts_with(start));
        if let Some(start) = strange {
            self.rest.by_ref().take(start.len()).for_each(drop);
            self.plain.push_str("?:");
        }
    }

    fn escape(&mut self) -> Option<()> {
        match self.rest.next()? {
            'Q' => {
                let rest: String = self.rest.clone().collect();
                let quoted = rest.find("\\E").map_or(rest.len(), |end| end + 2);
                let characters = rest[..quoted].chars().count();
                self.rest.by_ref().take(characters).for_each(drop);
                if quoted > 2 {
                    self.plain.push(ELEMENT);
                }
            }
            'k' => {
                self.rest.next_if_eq(&'<')?;
                self.rest.by_ref().find(|character| *character == '>')?;
                self.plain.push(ELEMENT);
            }
            'c' => {
                self.rest.next()?;
                self.plain.push(ELEMENT);
            }
            digit if digit.is_ascii_digit() => self.plain.push(ELEMENT),
            foreign if FOREIGN_ESCAPES.contains(foreign) => self.plain.push(ELEMENT),
            known => {
                self.plain.push('\\');
                self.plain.push(known);
                if matches!(known, 'p' | 'P' | 'x') && self.rest.peek() == Some(&'{') {
                    self.through('}');
                }
            }
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::is_valid;

    #[test]
    fn what_java_compiles() {
        let valid = [
            "",
            ".*",
            "a+?",
            "a++",
            "a*+b",
            "a{2}",
            "a{2,}",
            "a{2,3}?",
            r"\d+\.\d",
            r"\p{Alpha}",
            "(?!a)b",
            "(?<=a)b",
            "(?>a|b)",
            r"(?<x>a)\k<x>",
            r"(a)\1",
            r"\Qa.b(\E",
            r"\Q*",
            "[a-z&&[^b]]",
            "[*+?{]",
            "a}",
            r"\h\R",
            r"\cA",
            "(?i)a",
        ];
        let invalid = [
            "(",
            "a)",
            "*",
            "a**",
            "a+++",
            "a?*",
            "a{2,1}",
            "a{",
            "{1}",
            r"\",
            r"\p{Nonsense}",
            "[a-",
            "[z-a]",
            "(?<1>a)",
            "[0-9+",
            r"\k<x",
            "(?",
            "a{2",
        ];
        for pattern in valid {
            assert!(is_valid(pattern), "{pattern}");
        }
        for pattern in invalid {
            assert!(!is_valid(pattern), "{pattern}");
        }
    }
}
