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

/// Each thing where its name comes first, and whether that comes again.
pub(crate) fn once_each<Thing, Name: Clone + Ord>(
    things: &[Thing],
    name: impl Fn(&Thing) -> Name,
) -> impl Iterator<Item = (&Thing, bool)> {
    let repeated = repeated(things.iter().map(&name)).set;
    let mut passed = BTreeSet::new();
    things.iter().filter_map(move |thing| {
        let name = name(thing);
        let is_repeated = repeated.contains(&name);
        (!is_repeated || passed.insert(name)).then_some((thing, is_repeated))
    })
}

#[cfg(test)]
mod tests {
    use super::{once_each, repeated};

    #[test]
    fn names_are_noticed_when_they_come_again() {
        let found = repeated(["a", "b", "c", "b", "a", "b"].into_iter());
        assert_eq!(found.order, ["b", "a"]);
        assert!(found.set.contains("a") && !found.set.contains("c"));
    }

    #[test]
    fn what_comes_again_is_passed_on_once() {
        let things = ["a", "b", "c", "b", "a", "b"];
        let passed: Vec<_> = once_each(&things, |thing| *thing).collect();
        assert_eq!(passed, [(&"a", true), (&"b", true), (&"c", false)]);
    }
}
