//! Which protocols the members of a group have in common, and which one they choose.

use std::collections::BTreeMap;

use super::{ClassicGroup, Member, State};

/// How many members support each protocol.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct SupportedProtocols(BTreeMap<String, usize>);

impl SupportedProtocols {
    pub(super) fn add(&mut self, member: &Member) {
        for protocol in &member.protocols {
            *self.0.entry(protocol.name.clone()).or_default() += 1;
        }
    }

    pub(super) fn remove(&mut self, member: &Member) {
        for protocol in &member.protocols {
            if let Some(count) = self.0.get_mut(&protocol.name) {
                *count -= 1;
                if *count == 0 {
                    self.0.remove(&protocol.name);
                }
            }
        }
    }

    fn is_supported_by(&self, name: &str, members: usize) -> bool {
        self.0.get(name).copied().unwrap_or(0) == members
    }
}

impl ClassicGroup {
    /// Whether a member of this type with these protocols could work with the others.
    pub(super) fn supports<'a>(
        &self,
        protocol_type: &str,
        mut protocols: impl Iterator<Item = &'a str>,
    ) -> bool {
        if self.state == State::Empty {
            return !protocol_type.is_empty() && protocols.next().is_some();
        }
        self.protocol_type.as_deref() == Some(protocol_type)
            && protocols.any(|name| self.supported.is_supported_by(name, self.members.len()))
    }

    /// The protocol with the most votes among those that every member supports. Each member votes for the first in
    /// its order; of two with as many votes the first by name wins.
    pub(super) fn choose_protocol(&self) -> Option<String> {
        let mut votes: BTreeMap<&str, usize> = BTreeMap::new();
        for member in self.members.values() {
            let vote = member.protocols.iter().find(|protocol| {
                self.supported.is_supported_by(&protocol.name, self.members.len())
            });
            if let Some(protocol) = vote {
                *votes.entry(&protocol.name).or_default() += 1;
            }
        }
        let most = votes.values().copied().max()?;
        votes.into_iter().find(|(_, count)| *count == most).map(|(name, _)| name.to_owned())
    }
}
