//! Regular expressions of RE2, and what is wrong with one in the words of Kafka's RE2 library. Pure.

use regex::Regex;
use regex_syntax::ast::{Ast, ErrorKind, RepetitionKind, RepetitionRange};

/// The most that `{n}` may ask for.
const REPEAT_MAX: u32 = 1_000;

/// Whether `pattern` is an RE2 expression.
///
/// # Errors
/// What is wrong with it.
pub fn check(pattern: &str) -> Result<(), &'static str> {
    let parsed = regex_syntax::ast::parse::Parser::new().parse(pattern);
    let ast = parsed.map_err(|error| describe(error.kind()))?;
    check_repetitions(&ast)?;
    match regex_syntax::Parser::new().parse(pattern) {
        Ok(_) => Ok(()),
        Err(_) => Err("invalid character class range"),
    }
}

/// What matches a whole text with `pattern`.
///
/// # Errors
/// What is wrong with the pattern.
pub fn whole_match(pattern: &str) -> Result<Regex, &'static str> {
    check(pattern)?;
    Regex::new(&format!(r"\A(?:{pattern})\z")).map_err(|_| "expression too large")
}

/// RE2 knows no repetition of a repetition, and has a limit for counts.
fn check_repetitions(ast: &Ast) -> Result<(), &'static str> {
    match ast {
        Ast::Repetition(repetition) => {
            if matches!(*repetition.ast, Ast::Repetition(_)) {
                return Err("invalid nested repetition operator");
            }
            let largest = match &repetition.op.kind {
                RepetitionKind::Range(
                    RepetitionRange::Exactly(count)
                    | RepetitionRange::AtLeast(count)
                    | RepetitionRange::Bounded(_, count),
                ) => *count,
                _ => 0,
            };
            if largest > REPEAT_MAX {
                return Err("invalid repeat count");
            }
            check_repetitions(&repetition.ast)
        }
        Ast::Group(group) => check_repetitions(&group.ast),
        Ast::Alternation(alternation) => alternation.asts.iter().try_for_each(check_repetitions),
        Ast::Concat(concat) => concat.asts.iter().try_for_each(check_repetitions),
        _ => Ok(()),
    }
}

fn describe(kind: &ErrorKind) -> &'static str {
    match kind {
        ErrorKind::GroupUnclosed => "missing closing )",
        ErrorKind::GroupUnopened => "regexp/syntax: internal error",
        ErrorKind::ClassUnclosed => "missing closing ]",
        ErrorKind::RepetitionMissing => "missing argument to repetition operator",
        ErrorKind::RepetitionCountInvalid => "invalid repeat count",
        ErrorKind::EscapeUnexpectedEof => "trailing backslash at end of expression",
        ErrorKind::EscapeUnrecognized
        | ErrorKind::EscapeHexEmpty
        | ErrorKind::EscapeHexInvalid
        | ErrorKind::EscapeHexInvalidDigit
        | ErrorKind::UnsupportedBackreference => "invalid escape sequence",
        ErrorKind::GroupNameDuplicate { .. } => "duplicate capture group name",
        ErrorKind::GroupNameEmpty
        | ErrorKind::GroupNameInvalid
        | ErrorKind::GroupNameUnexpectedEof => "invalid named capture",
        ErrorKind::FlagDanglingNegation
        | ErrorKind::FlagDuplicate { .. }
        | ErrorKind::FlagRepeatedNegation { .. }
        | ErrorKind::FlagUnexpectedEof
        | ErrorKind::FlagUnrecognized
        | ErrorKind::UnsupportedLookAround => "invalid or unsupported Perl syntax",
        _ => "invalid character class range",
    }
}

#[cfg(test)]
mod tests {
    use super::{check, whole_match};

    #[test]
    fn a_match_is_of_the_whole_text() {
        let regex = whole_match("a|ab").expect("a pattern");
        let matched: Vec<&str> =
            ["a", "ab", "abc", "xa", ""].into_iter().filter(|text| regex.is_match(text)).collect();
        assert_eq!(matched, ["a", "ab"]);
        assert_eq!(whole_match("((a{1000}){100}){100}").err(), Some("expression too large"));
    }

    #[test]
    fn what_is_wrong_is_told_in_the_words_of_kafka() {
        // As `kafka-consumer-groups.sh --validate-regex` of Apache Kafka 4.3.1 gave them.
        for (pattern, expected) in [
            ("a.*", Ok(())),
            ("(a|b)+?[[:alpha:]]{2,3}", Ok(())),
            ("a(", Err("missing closing )")),
            ("[a", Err("missing closing ]")),
            ("*a", Err("missing argument to repetition operator")),
            ("a)", Err("regexp/syntax: internal error")),
            ("[b-a]", Err("invalid character class range")),
            ("a**", Err("invalid nested repetition operator")),
            ("a{1,2}{3}", Err("invalid nested repetition operator")),
            ("a{2,1}", Err("invalid repeat count")),
            ("(a{2000})", Err("invalid repeat count")),
            ("\\k", Err("invalid escape sequence")),
            ("\\", Err("trailing backslash at end of expression")),
            ("(?z)", Err("invalid or unsupported Perl syntax")),
            ("(?=a)", Err("invalid or unsupported Perl syntax")),
            ("(?P<n", Err("invalid named capture")),
            ("(?P<n>a)(?P<n>b)", Err("duplicate capture group name")),
            ("\\pX", Err("invalid character class range")),
        ] {
            assert_eq!(check(pattern), expected, "{pattern}");
        }
    }
}
