//! Names that a request gives more than once. Looked up in sets: a request has a million names.

use std::collections::BTreeSet;

/// What came more than once.
pub(crate) struct Repeated<Name> {
    /// In the order in which it was noticed.
    pub(crate) order: Vec<Name>,
    pub(crate) set: BTreeSet<Name>,
}

pub(crate) fn repeated<Name: Clone + Ord>(names: impl Iterator<Item = Name>) -> Repeated<Name> {
    let mut seen = BTreeSet::new();
    let mut repeated = Repeated { order: Vec::new(), set: BTreeSet::new() };
    for name in names {
        if !seen.insert(name.clone()) && repeated.set.insert(name.clone()) {
            repeated.order.push(name);
        }
    }
    repeated
}

#[cfg(test)]
mod tests {
    use super::repeated;

    #[test]
    fn names_are_noticed_when_they_come_again() {
        let found = repeated(["a", "b", "c", "b", "a", "b"].into_iter());
        assert_eq!(found.order, ["b", "a"]);
        assert!(found.set.contains("a") && !found.set.contains("c"));
    }
}
