//! Names: what directories hold, what of it is durable, and what a crash leaves.
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use super::SeededRandom;
use crate::Random;

/// What a name stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Node {
    Directory,
    File(u64),
}

#[derive(Clone, Debug)]
pub(super) enum NameChange {
    Add(PathBuf, Node),
    Remove(PathBuf),
    Rename(PathBuf, PathBuf),
}

/// Every name of the disk.
#[derive(Debug)]
pub(super) struct Names {
    current: BTreeMap<PathBuf, Node>,
    durable: BTreeMap<PathBuf, Node>,
    /// Changes that no directory sync has made durable, in the order in which they happened.
    pending: Vec<NameChange>,
    /// Once one is lost, so is all that came later.
    in_order: bool,
}

impl Names {
    pub(super) fn new() -> Names {
        let root = BTreeMap::from([(PathBuf::from("/"), Node::Directory)]);
        Names { durable: root.clone(), current: root, pending: Vec::new(), in_order: false }
    }

    pub(super) fn keep_order(&mut self) {
        self.in_order = true;
    }

    pub(super) fn find(&self, path: &Path) -> Option<Node> {
        self.current.get(path).copied()
    }

    pub(super) fn node(&self, path: &Path) -> io::Result<Node> {
        self.find(path).ok_or_else(|| ErrorKind::NotFound.into())
    }

    pub(super) fn require_parent(&self, path: &Path) -> io::Result<()> {
        match path.parent().and_then(|parent| self.current.get(parent)) {
            Some(Node::Directory) => Ok(()),
            Some(Node::File(_)) => Err(ErrorKind::NotADirectory.into()),
            None => Err(ErrorKind::NotFound.into()),
        }
    }

    pub(super) fn children(&self, path: &Path) -> Vec<(PathBuf, Node)> {
        let below = self.current.range(path.to_owned()..);
        below
            .take_while(|(name, _)| name.starts_with(path))
            .filter(|(name, _)| name.parent() == Some(path))
            .map(|(name, node)| (name.clone(), *node))
            .collect()
    }

    pub(super) fn change(&mut self, change: NameChange) {
        change.apply(&mut self.current);
        self.pending.push(change);
    }

    /// Makes the names in a directory durable.
    pub(super) fn sync(&mut self, directory: &Path) {
        let (durable, pending): (Vec<_>, Vec<_>) = std::mem::take(&mut self.pending)
            .into_iter()
            .partition(|change| change.concerns(directory));
        for change in &durable {
            change.apply(&mut self.durable);
        }
        self.pending = pending;
    }

    /// Power fails: of the changes that are not durable any may be lost, and with one those that came
    /// later and concern the same names. A rename is kept or lost as a whole.
    pub(super) fn crash(&mut self, random: &SeededRandom) {
        let kept_of_eight = [0, 4, 7, 8][random.below(4) as usize];
        let mut lost: Vec<NameChange> = Vec::new();
        for change in std::mem::take(&mut self.pending) {
            let depends = lost.iter().any(|earlier| self.in_order || earlier.touches(&change));
            if depends || random.below(8) >= kept_of_eight {
                lost.push(change);
            } else {
                change.apply(&mut self.durable);
            }
        }
        drop_orphans(&mut self.durable);
        self.current = self.durable.clone();
    }

    /// Files that a name stands for, or stood for and may again after a crash.
    pub(super) fn files(&self) -> BTreeSet<u64> {
        let added = self.pending.iter().filter_map(|change| match change {
            NameChange::Add(_, node) => Some(node),
            _ => None,
        });
        let nodes = self.current.values().chain(self.durable.values()).chain(added);
        nodes
            .filter_map(|node| match node {
                Node::File(id) => Some(*id),
                Node::Directory => None,
            })
            .collect()
    }
}

impl NameChange {
    fn apply(&self, names: &mut BTreeMap<PathBuf, Node>) {
        match self {
            NameChange::Add(path, node) => {
                names.insert(path.clone(), *node);
            }
            NameChange::Remove(path) => names.retain(|name, _| !name.starts_with(path)),
            NameChange::Rename(from, to) => {
                let moved: Vec<(PathBuf, Node)> = (names.iter())
                    .filter(|(name, _)| name.starts_with(from))
                    .map(|(name, node)| (name.clone(), *node))
                    .collect();
                for (name, node) in moved {
                    names.remove(&name);
                    let rest = name.strip_prefix(from).expect("filtered on this prefix");
                    let target =
                        if rest.as_os_str().is_empty() { to.clone() } else { to.join(rest) };
                    names.insert(target, node);
                }
            }
        }
    }

    fn paths(&self) -> impl Iterator<Item = &Path> {
        let (one, other) = match self {
            NameChange::Add(path, _) | NameChange::Remove(path) => (path, None),
            NameChange::Rename(from, to) => (from, Some(to)),
        };
        std::iter::once(one.as_path()).chain(other.map(PathBuf::as_path))
    }

    fn concerns(&self, directory: &Path) -> bool {
        self.paths().any(|path| path.parent() == Some(directory))
    }

    /// Whether both concern one name, or a name and what is below it.
    fn touches(&self, other: &NameChange) -> bool {
        let related = |one: &Path, other: &Path| one.starts_with(other) || other.starts_with(one);
        self.paths().any(|one| other.paths().any(|other| related(one, other)))
    }
}

/// A name is reachable only through its directories.
fn drop_orphans(names: &mut BTreeMap<PathBuf, Node>) {
    let known: BTreeSet<PathBuf> = names.keys().cloned().collect();
    names.retain(|name, _| name.ancestors().all(|ancestor| known.contains(ancestor)));
}
