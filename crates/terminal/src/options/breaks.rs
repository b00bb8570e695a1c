//! Where a line of text may be broken, by the rules of Java's `BreakIterator.getLineInstance()`.
//!
//! Pure. A piece is an optional run of opening marks, a core (letters, or a number with its points),
//! a run of dashes or of closing marks, and the blanks behind. The longest piece wins, so all ways to
//! read a piece are followed at the same time. Only the classes of ASCII are told apart.

/// What a character is to the rules.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    /// Ends a piece: tab, line feed, form feed.
    Break,
    Return,
    Space,
    Dash,
    /// Opening marks, and currency.
    Before,
    /// The opening parenthesis, which also may follow a piece as part of `()`.
    Open,
    /// Closing marks and the ends of sentences.
    After,
    Close,
    /// Closing marks that may stand within a number.
    Point,
    Digit,
    /// Dollar and apostrophe join two words; both may also open one.
    Joint,
    /// The quotation mark opens and closes.
    Quote,
    Other,
}

fn class(character: char) -> Class {
    match character {
        '\t' | '\n' | '\u{c}' => Class::Break,
        '\r' => Class::Return,
        ' ' => Class::Space,
        '-' => Class::Dash,
        '[' | '{' => Class::Before,
        '(' => Class::Open,
        ')' => Class::Close,
        ']' | '}' | '!' | '%' | ':' | ';' | '?' => Class::After,
        '.' | ',' => Class::Point,
        '0'..='9' => Class::Digit,
        '$' | '\'' => Class::Joint,
        '"' => Class::Quote,
        _ => Class::Other,
    }
}

const BEFORE: u16 = 1;
const NUMBER_PREFIX: u16 = 1 << 1;
const CORE: u16 = 1 << 2;
const DIGITS: u16 = 1 << 3;
const POINT: u16 = 1 << 4;
const DASHES: u16 = 1 << 5;
const AFTER: u16 = 1 << 6;
const BLANKS: u16 = 1 << 7;
const OPEN: u16 = 1 << 8;
const CLOSED: u16 = 1 << 9;
const RETURN: u16 = 1 << 10;
const DONE: u16 = 1 << 11;

const STATES: [u16; 11] =
    [BEFORE, NUMBER_PREFIX, CORE, DIGITS, POINT, DASHES, AFTER, BLANKS, OPEN, CLOSED, RETURN];
const WORD_START: u16 = BEFORE | NUMBER_PREFIX;
/// Where a piece may end.
const ACCEPTING: u16 = BEFORE | CORE | DIGITS | DASHES | AFTER | BLANKS | CLOSED | RETURN | DONE;

fn opens(class: Class) -> bool {
    matches!(class, Class::Before | Class::Open | Class::Joint | Class::Quote)
}

fn closes(class: Class) -> bool {
    matches!(class, Class::After | Class::Close | Class::Point | Class::Quote)
}

/// What may follow a word.
fn behind(class: Class) -> u16 {
    match class {
        Class::Space => BLANKS,
        Class::Joint => WORD_START,
        Class::Open => OPEN,
        Class::Return => RETURN,
        Class::Break => DONE,
        _ => 0,
    }
}

fn suffix(class: Class) -> u16 {
    let dash = if class == Class::Dash { DASHES } else { 0 };
    let after = if closes(class) { AFTER } else { 0 };
    dash | after | behind(class)
}

fn step(state: u16, class: Class) -> u16 {
    let core = matches!(class, Class::Other | Class::Digit);
    let digit = class == Class::Digit;
    let when = |holds: bool, state: u16| if holds { state } else { 0 };
    match state {
        BEFORE => {
            when(opens(class), BEFORE) | when(core, CORE) | when(digit, DIGITS) | suffix(class)
        }
        NUMBER_PREFIX => {
            when(opens(class) || class == Class::Dash, NUMBER_PREFIX) | when(digit, DIGITS)
        }
        CORE => when(core, CORE) | suffix(class),
        DIGITS => when(digit, DIGITS) | when(class == Class::Point, POINT) | suffix(class),
        POINT => when(digit, DIGITS),
        DASHES => when(class == Class::Dash, DASHES) | behind(class),
        AFTER => when(closes(class), AFTER) | behind(class),
        BLANKS => behind(class) & !WORD_START,
        OPEN => when(class == Class::Close, CLOSED),
        CLOSED => when(closes(class), CLOSED) | behind(class) & (RETURN | DONE),
        RETURN => when(class == Class::Break, DONE),
        _ => 0,
    }
}

/// The text cut wherever a line may end.
pub(super) fn pieces(text: &str) -> Vec<&str> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let (piece, remainder) = rest.split_at(longest(rest));
        pieces.push(piece);
        rest = remainder;
    }
    pieces
}

/// How many bytes the first piece has; at least one character.
fn longest(text: &str) -> usize {
    let mut states = WORD_START;
    let mut end = text.chars().next().map_or(0, char::len_utf8);
    for (at, character) in text.char_indices() {
        let class = class(character);
        let live = STATES.iter().filter(|state| states & **state != 0);
        states = live.fold(0, |next, state| next | step(*state, class));
        if states == 0 {
            break;
        }
        if states & ACCEPTING != 0 {
            end = at + character.len_utf8();
        }
    }
    end
}

#[cfg(test)]
mod tests {
    use super::pieces;

    #[test]
    fn pieces_are_those_of_java() {
        for (text, expected) in [
            ("a b  c", &["a ", "b  ", "c"][..]),
            ("\tleader.replication", &["\t", "leader.", "replication"]),
            ("--release-version", &["--", "release-", "version"]),
            ("a(bbb) c()d", &["a", "(bbb) ", "c()", "d"]),
            ("-1 1,000.5 v4.3", &["-1 ", "1,000.5 ", "v4.", "3"]),
            ("k=[v1,v2]", &["k=", "[v1,", "v2]"]),
            ("\"send\" it's", &["\"send\" ", "it's"]),
            ("4abc.", &["4abc."]),
            ("a/b", &["a/b"]),
        ] {
            assert_eq!(pieces(text), expected, "{text}");
        }
    }
}
