//! A message as names and values, for tools that show or compare messages.

use super::Records;
use crate::Uuid;
use bytes::Bytes;

/// A value of a message.
#[derive(Clone, Debug, PartialEq)]
pub enum Tree {
    /// No value.
    Null,
    /// A boolean.
    Bool(bool),
    /// An integer of any width.
    Integer(i64),
    /// A floating-point number.
    Float(f64),
    /// A string.
    Text(String),
    /// A byte field, or records that are here.
    Bytes(Bytes),
    /// Records that are kept elsewhere, by their length.
    Elsewhere(usize),
    /// An id.
    Uuid(Uuid),
    /// An array.
    List(Vec<Tree>),
    /// A structure: Kafka's field names, in the order of the schema.
    Struct(Vec<(&'static str, Tree)>),
}

impl Tree {
    /// An array of elements.
    pub fn list<T>(elements: &[T], element: impl FnMut(&T) -> Tree) -> Tree {
        Tree::List(elements.iter().map(element).collect())
    }

    /// A value that may be null.
    pub fn nullable<T>(value: Option<&T>, tree: impl FnOnce(&T) -> Tree) -> Tree {
        value.map_or(Tree::Null, tree)
    }

    /// Every value that has no parts, with its path: `topics[0].name`.
    pub fn leaves(&self) -> Vec<(String, &Tree)> {
        let mut leaves = Vec::new();
        self.collect_leaves(String::new(), &mut leaves);
        leaves
    }

    fn collect_leaves<'a>(&'a self, path: String, leaves: &mut Vec<(String, &'a Tree)>) {
        match self {
            Tree::List(elements) if !elements.is_empty() => {
                for (index, element) in elements.iter().enumerate() {
                    element.collect_leaves(format!("{path}[{index}]"), leaves);
                }
            }
            Tree::Struct(fields) if !fields.is_empty() => {
                for (name, field) in fields {
                    let separator = if path.is_empty() { "" } else { "." };
                    field.collect_leaves(format!("{path}{separator}{name}"), leaves);
                }
            }
            leaf => leaves.push((path, leaf)),
        }
    }
}

macro_rules! integers {
    ($($integer:ty)*) => {$(
        impl From<$integer> for Tree {
            fn from(value: $integer) -> Self {
                Tree::Integer(i64::from(value))
            }
        }
    )*};
}

integers! { i8 i16 u16 i32 u32 i64 }

impl From<bool> for Tree {
    fn from(value: bool) -> Self {
        Tree::Bool(value)
    }
}

impl From<f64> for Tree {
    fn from(value: f64) -> Self {
        Tree::Float(value)
    }
}

impl From<Uuid> for Tree {
    fn from(value: Uuid) -> Self {
        Tree::Uuid(value)
    }
}

impl From<&String> for Tree {
    fn from(value: &String) -> Self {
        Tree::Text(value.clone())
    }
}

impl From<&Bytes> for Tree {
    fn from(value: &Bytes) -> Self {
        Tree::Bytes(value.clone())
    }
}

impl From<&Records> for Tree {
    fn from(value: &Records) -> Self {
        match value {
            Records::Bytes(bytes) => Tree::Bytes(bytes.clone()),
            Records::Slot { len, .. } => Tree::Elsewhere(*len as usize),
        }
    }
}
