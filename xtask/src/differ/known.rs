//! What one side has told so far, by the names that a case gave it.

use ottla_wire::Uuid;
use ottla_wire::codec::Tree;
use std::cell::RefCell;
use std::collections::BTreeMap;

/// Values out of earlier answers of one side. A name that was never learned is noted: the case or
/// an answer is wrong then.
#[derive(Debug, Default)]
pub struct Known {
    values: BTreeMap<String, Tree>,
    missing: RefCell<Vec<String>>,
}

impl Known {
    /// Remembers a value by a name.
    pub fn learn(&mut self, name: &str, value: Tree) {
        self.values.insert(name.to_owned(), value);
    }

    /// A text; empty when it is not known.
    pub fn text(&self, name: &str) -> String {
        match self.values.get(name) {
            Some(Tree::Text(text)) => text.clone(),
            _ => self.miss(name),
        }
    }

    /// A number of any width; 0 when it is not known or does not fit.
    pub fn number<N: TryFrom<i64> + Default>(&self, name: &str) -> N {
        match self.values.get(name) {
            Some(Tree::Integer(number)) => N::try_from(*number).unwrap_or_default(),
            _ => self.miss(name),
        }
    }

    /// An id, of a topic for example; zero when it is not known.
    pub fn id(&self, name: &str) -> Uuid {
        match self.values.get(name) {
            Some(Tree::Uuid(id)) => *id,
            _ => {
                self.miss::<()>(name);
                Uuid::ZERO
            }
        }
    }

    /// The name of a value, if it has one.
    pub fn name_of(&self, value: &Tree) -> Option<&str> {
        self.values.iter().find(|(_, known)| *known == value).map(|(name, _)| name.as_str())
    }

    /// Names that were asked for and not known, since the last call.
    pub fn take_missing(&self) -> Vec<String> {
        std::mem::take(&mut self.missing.borrow_mut())
    }

    fn miss<T: Default>(&self, name: &str) -> T {
        self.missing.borrow_mut().push(name.to_owned());
        T::default()
    }
}
