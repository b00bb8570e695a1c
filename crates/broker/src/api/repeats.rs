//! A bound on answers that repeat themselves. A few bytes of a request may name one thing again and again, each
//! time for an answer of any size: the connection of such a request ends.
//!
//! What is named once costs no more than the cluster holds; that has no bound here.

use std::collections::HashSet;
use std::hash::Hash;

/// How often one request may name what it has named before. Kafka's clients never do.
const NAMED_AGAIN_MAX: usize = 16;

/// What may be answered that neither the request nor the cluster has the bytes of.
const CONJURED_BYTES_MAX: usize = 64 << 20;

/// Refuses requests that name things again too often.
///
/// # Errors
/// Why the connection ends.
pub(crate) fn check<Name: Hash + Eq>(names: impl IntoIterator<Item = Name>) -> Result<(), String> {
    let mut seen = HashSet::new();
    let again = names.into_iter().filter_map(|name| (!seen.insert(name)).then_some(())).count();
    match again > NAMED_AGAIN_MAX {
        true => Err(format!("a request that names things again {again} times")),
        false => Ok(()),
    }
}

/// The bytes that an answer may still take for what was named before, or never existed.
#[derive(Debug)]
pub(super) struct Conjured {
    left: usize,
}

impl Conjured {
    pub(super) fn new() -> Self {
        Self { left: CONJURED_BYTES_MAX }
    }

    /// # Errors
    /// Why the connection ends.
    pub(super) fn take(&mut self, bytes: usize) -> Result<(), String> {
        self.left = self.left.checked_sub(bytes).ok_or_else(|| {
            format!("a request of few bytes for an answer of more than {CONJURED_BYTES_MAX}")
        })?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn things_may_be_named_again_but_not_without_end() {
        let different: Vec<usize> = (0..100_000).collect();
        assert_eq!(check(&different), Ok(()));
        assert_eq!(check(vec!["a"; NAMED_AGAIN_MAX + 1]), Ok(()));
        assert!(check(vec!["a"; NAMED_AGAIN_MAX + 2]).is_err());
        let mut conjured = Conjured::new();
        assert_eq!(conjured.take(CONJURED_BYTES_MAX), Ok(()));
        assert!(conjured.take(1).is_err());
    }
}
