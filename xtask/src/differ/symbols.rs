//! What differs by nature becomes a symbol: the same value has the same symbol, on both sides.

use super::known::Known;
use ottla_wire::Uuid;
use ottla_wire::codec::Tree;
use std::collections::BTreeMap;
use std::str::FromStr;
use std::time::{SystemTime, UNIX_EPOCH};

/// Times that lie this close to the clock are taken for the clock's.
const NOW_TOLERANCE_MS: u64 = 2 * 60 * 60 * 1_000;

/// Fields whose numbers each side chooses as it likes, from the value on that means something.
const CHOSEN: [(&str, i64); 5] = [
    ("producerId", 0),
    ("sessionId", 1),
    ("totalBytes", 0),
    ("usableBytes", 0),
    ("brokerEpoch", 0),
];

/// The symbols that one side's values have got.
#[derive(Clone, Debug, Default)]
pub struct Symbols {
    /// Texts that stand for where the side lives: its address, its directory, its cluster's id.
    places: Vec<(String, &'static str)>,
    port: i64,
    given: BTreeMap<(&'static str, String), usize>,
    counts: BTreeMap<&'static str, usize>,
}

impl Symbols {
    /// The symbols of a side that lives at a port, whose texts mean these places.
    pub fn new(port: u16, places: Vec<(String, &'static str)>) -> Symbols {
        Symbols { places, port: i64::from(port), ..Symbols::default() }
    }

    /// Starts to count again.
    pub fn forget(&mut self) {
        self.given.clear();
        self.counts.clear();
    }

    /// The tree with symbols in it.
    pub fn apply(&mut self, known: &Known, tree: &Tree) -> Tree {
        self.field(known, "", tree)
    }

    fn field(&mut self, known: &Known, name: &'static str, tree: &Tree) -> Tree {
        match tree {
            Tree::Struct(fields) => Tree::Struct(
                fields
                    .iter()
                    .map(|(name, field)| (*name, self.field(known, name, field)))
                    .collect(),
            ),
            Tree::List(elements) => Tree::List(
                elements.iter().map(|element| self.field(known, name, element)).collect(),
            ),
            Tree::Uuid(id) if !id.is_zero() => match known.name_of("topicId", tree) {
                Some(name) => Tree::Text(format!("<id of {name}>")),
                None => self.symbol("id", id.to_string()),
            },
            Tree::Integer(number) => self.number(known, name, *number),
            // A random member id of the consumer protocol.
            Tree::Text(text)
                if matches!(name, "memberId" | "leader") && Uuid::from_str(text).is_ok() =>
            {
                self.symbol("member", text.clone())
            }
            Tree::Text(text) => Tree::Text(self.text(text)),
            leaf => leaf.clone(),
        }
    }

    fn number(&mut self, known: &Known, name: &'static str, number: i64) -> Tree {
        if name == "port" && number == self.port {
            return Tree::Text("<port>".to_owned());
        }
        // The offset of the metadata log, which each side fills in its own way.
        if name == "finalizedFeaturesEpoch" && number >= 0 {
            return Tree::Text("<epoch>".to_owned());
        }
        if let Some((field, first)) = CHOSEN.iter().find(|(field, _)| *field == name)
            && number >= *first
        {
            let value = Tree::Integer(number);
            return match known.name_of(field, &value) {
                Some(name) => Tree::Text(format!("<{field} {name}>")),
                None => self.symbol(field, number.to_string()),
            };
        }
        match is_now(number) {
            true => Tree::Text("<now>".to_owned()),
            false => Tree::Integer(number),
        }
    }

    fn text(&mut self, text: &str) -> String {
        let mut text = text.to_owned();
        for (place, symbol) in &self.places {
            text = text.replace(place, symbol);
        }
        text = without_times(&text);
        while let Some(at) = find_guid(&text) {
            let guid = text[at..at + GUID_BYTES].to_owned();
            let number = self.number_of("guid", guid);
            text.replace_range(at..at + GUID_BYTES, &format!("<guid {number}>"));
        }
        text
    }

    fn symbol(&mut self, kind: &'static str, value: String) -> Tree {
        Tree::Text(format!("<{kind} {}>", self.number_of(kind, value)))
    }

    fn number_of(&mut self, kind: &'static str, value: String) -> usize {
        let count = self.counts.entry(kind).or_default();
        *self.given.entry((kind, value)).or_insert_with(|| {
            *count += 1;
            *count
        })
    }
}

/// Whether a number is a time of this run, or as far from one as numbers go.
fn is_now(number: i64) -> bool {
    [number, number.wrapping_add(i64::MAX)]
        .iter()
        .any(|time| (time.wrapping_sub(now_ms())).unsigned_abs() <= NOW_TOLERANCE_MS)
}

/// The text with `<now>` for every time of this run.
fn without_times(text: &str) -> String {
    let mut found = String::new();
    let mut digits = String::new();
    let is_number = |character: char| character.is_ascii_digit() || character == '-';
    for character in text.chars().chain(['\0']) {
        if is_number(character) {
            digits.push(character);
            continue;
        }
        match digits.parse() {
            Ok(number) if is_now(number) => found.push_str("<now>"),
            _ => found.push_str(&digits),
        }
        digits.clear();
        if character != '\0' {
            found.push(character);
        }
    }
    found
}

const GUID_BYTES: usize = 36;

/// Where a text holds `8-4-4-4-12` hexadecimal digits.
fn find_guid(text: &str) -> Option<usize> {
    let is_guid = |window: &[u8]| {
        window.iter().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => *byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
    };
    text.as_bytes().windows(GUID_BYTES).position(is_guid)
}

fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ottla_wire::Uuid;

    #[test]
    fn times_in_texts() {
        let text = format!("in [{}, {}] not 1700000000000 of a-1", now_ms() - 5, now_ms() + 5);
        assert_eq!(without_times(&text), "in [<now>, <now>] not 1700000000000 of a-1");
    }

    #[test]
    fn the_same_value_has_the_same_symbol() {
        let mut known = Known::default();
        known.learn("t", "topicId", Tree::Uuid(Uuid::from_bytes([1; 16])));
        let mut symbols = Symbols::new(9092, vec![("localhost:9092".to_owned(), "<address>")]);
        let tree = |fields| Tree::Struct(fields);
        let other = Uuid::from_bytes([2; 16]);
        let member = "c-0a1b2c3d-0a1b-0a1b-0a1b-0123456789ab";
        let found = symbols.apply(
            &known,
            &tree(vec![
                ("topicId", Tree::Uuid(Uuid::from_bytes([1; 16]))),
                ("other", Tree::Uuid(other)),
                ("again", Tree::Uuid(other)),
                ("none", Tree::Uuid(Uuid::ZERO)),
                ("memberId", Tree::Text(member.to_owned())),
                ("message", Tree::Text("at localhost:9092".to_owned())),
                ("port", Tree::Integer(9092)),
                ("producerId", Tree::Integer(4000)),
                ("sessionId", Tree::Integer(0)),
                ("timestamp", Tree::Integer(now_ms())),
                ("offset", Tree::Integer(12)),
            ]),
        );
        let text = |text: &str| Tree::Text(text.to_owned());
        let wanted = tree(vec![
            ("topicId", text("<id of t>")),
            ("other", text("<id 1>")),
            ("again", text("<id 1>")),
            ("none", Tree::Uuid(Uuid::ZERO)),
            ("memberId", text("c-<guid 1>")),
            ("message", text("at <address>")),
            ("port", text("<port>")),
            ("producerId", text("<producerId 1>")),
            ("sessionId", Tree::Integer(0)),
            ("timestamp", text("<now>")),
            ("offset", Tree::Integer(12)),
        ]);
        assert_eq!(found, wanted);
    }
}
