//! What one side has told so far, by the names that a case gave it.

use ottla_wire::Uuid;
use ottla_wire::codec::Tree;
use std::cell::RefCell;
use std::collections::BTreeMap;

/// Values out of earlier answers of one side. A name that was never learned is noted: the case or
/// an answer is wrong then.
#[derive(Debug, Default)]
pub struct Known {
    values: BTreeMap<String, Learned>,
    missing: RefCell<Vec<String>>,
}

#[derive(Debug)]
struct Learned {
    field: String,
    value: Tree,
}

impl Known {
    /// Remembers the value of a field by a name.
    pub fn learn(&mut self, name: &str, field: &str, value: Tree) {
        self.values.insert(name.to_owned(), Learned { field: field.to_owned(), value });
    }

    /// A text; empty when it is not known.
    pub fn text(&self, name: &str) -> String {
        match self.value(name) {
            Some(Tree::Text(text)) => text.clone(),
            _ => self.miss(name),
        }
    }

    /// A number of any width; 0 when it is not known or does not fit.
    pub fn number<N: TryFrom<i64> + Default>(&self, name: &str) -> N {
        match self.value(name) {
            Some(Tree::Integer(number)) => N::try_from(*number).unwrap_or_default(),
            _ => self.miss(name),
        }
    }

    /// An id, of a topic for example; zero when it is not known.
    pub fn id(&self, name: &str) -> Uuid {
        match self.value(name) {
            Some(Tree::Uuid(id)) => *id,
            _ => {
                self.miss::<()>(name);
                Uuid::ZERO
            }
        }
    }

    /// The name of a field's value, if it has one.
    pub fn name_of(&self, field: &str, value: &Tree) -> Option<&str> {
        let is_it = |known: &Learned| known.field == field && known.value == *value;
        self.values.iter().find(|(_, known)| is_it(known)).map(|(name, _)| name.as_str())
    }

    /// Names that were asked for and not known, since the last call.
    pub fn take_missing(&self) -> Vec<String> {
        std::mem::take(&mut self.missing.borrow_mut())
    }

    fn value(&self, name: &str) -> Option<&Tree> {
        self.values.get(name).map(|known| &known.value)
    }

    fn miss<T: Default>(&self, name: &str) -> T {
        self.missing.borrow_mut().push(name.to_owned());
        T::default()
    }
}
