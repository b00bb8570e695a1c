//! A group's coordinator: both protocols, as far as members can tell, and committed offsets.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bytes::Bytes;
use ottla_wire::ErrorCode;
use tokio::time::Instant;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Phase {
    #[default]
    Stable,
    /// Members are to join again, until this moment.
    Joining(Instant),
    /// The leader is to share out.
    Sharing,
}

#[derive(Debug)]
pub struct Member {
    pub metadata: Bytes,
    pub protocols: Vec<String>,
    pub joined: bool,
    heard_at: Instant,
    session: Duration,
    pub assignment: Option<Bytes>,
    /// With the consumer protocol.
    pub epoch: i32,
    previous_epoch: i32,
    owned: BTreeSet<i32>,
    given: BTreeSet<i32>,
    told: Option<BTreeSet<i32>>,
}

#[derive(Debug, Default)]
pub struct Group {
    pub phase: Phase,
    pub generation: i32,
    pub leader: String,
    pub members: BTreeMap<String, Member>,
    pub committed: BTreeMap<i32, i64>,
    named: u32,
    pending: BTreeSet<String>,
}

impl Group {
    pub fn new_id(&mut self) -> String {
        self.named += 1;
        let id = format!("member-{}", self.named);
        self.pending.insert(id.clone());
        id
    }

    pub fn join(
        &mut self,
        id: &str,
        protocols: Vec<(String, Bytes)>,
        session: Duration,
        patience: Duration,
    ) -> Result<(), ErrorCode> {
        self.expire();
        if !self.pending.remove(id) && !self.members.contains_key(id) {
            return Err(ErrorCode::UnknownMemberId);
        }
        let metadata = protocols.first().map(|(_, metadata)| metadata.clone()).unwrap_or_default();
        let names = protocols.into_iter().map(|(name, _)| name).collect();
        let mut member = Member::new(metadata, session);
        member.protocols = names;
        member.joined = true;
        self.members.insert(id.to_owned(), member);
        self.begin(patience);
        Ok(())
    }

    /// Ends the joining phase once all are there, or time is up.
    pub fn settle(&mut self) {
        let Phase::Joining(until) = self.phase else { return };
        if Instant::now() >= until {
            self.members.retain(|_, member| member.joined);
        }
        if self.members.values().all(|member| member.joined) {
            self.generation += 1;
            self.phase = Phase::Sharing;
            if !self.members.contains_key(&self.leader) {
                self.leader = self.members.keys().next().cloned().unwrap_or_default();
            }
            for member in self.members.values_mut() {
                member.joined = false;
                member.assignment = None;
                member.heard_at = Instant::now();
            }
        }
    }

    pub fn check(&mut self, id: &str, generation: i32) -> Result<(), ErrorCode> {
        self.expire();
        let member = self.members.get_mut(id).ok_or(ErrorCode::UnknownMemberId)?;
        if generation != self.generation {
            return Err(ErrorCode::IllegalGeneration);
        }
        member.heard_at = Instant::now();
        match self.phase {
            Phase::Joining(_) => Err(ErrorCode::RebalanceInProgress),
            _ => Ok(()),
        }
    }

    pub fn leave(&mut self, id: &str) {
        if self.members.remove(id).is_some() {
            self.begin(Duration::from_secs(3));
        }
    }

    /// Whether a classic member may commit.
    pub fn may_commit(&mut self, id: &str, generation: i32) -> Result<(), ErrorCode> {
        match self.check(id, generation) {
            Err(ErrorCode::RebalanceInProgress) => Ok(()),
            Ok(()) if self.phase == Phase::Sharing => Err(ErrorCode::RebalanceInProgress),
            other => other,
        }
    }

    fn begin(&mut self, patience: Duration) {
        if !matches!(self.phase, Phase::Joining(_)) {
            self.phase = Phase::Joining(Instant::now() + patience);
        }
    }

    fn expire(&mut self) {
        let before = self.members.len();
        self.members
            .retain(|_, member| member.joined || member.heard_at.elapsed() < member.session);
        if self.members.len() != before {
            self.begin(Duration::from_secs(3));
        }
    }

    /// The consumer protocol's heartbeat: the member's epoch, and what it may read if that is news.
    pub fn heartbeat(
        &mut self,
        id: &str,
        epoch: i32,
        owned: Option<BTreeSet<i32>>,
        partitions: i32,
    ) -> Result<(i32, Option<BTreeSet<i32>>), ErrorCode> {
        let before = self.members.len();
        self.members.retain(|_, member| member.heard_at.elapsed() < member.session);
        let mut changed = before != self.members.len();
        if epoch < 0 {
            self.members.remove(id).ok_or(ErrorCode::UnknownMemberId)?;
            self.generation += 1;
            return Ok((epoch, None));
        }
        let is_full = owned.is_some();
        if epoch == 0 && self.members.get(id).is_none_or(|known| known.previous_epoch != 0) {
            self.members.insert(id.to_owned(), Member::new(Bytes::new(), Duration::from_secs(2)));
            changed = true;
        }
        if changed {
            self.generation += 1;
        }
        let target = self.target(id, partitions);
        let taken: BTreeSet<i32> = self
            .members
            .iter()
            .filter(|(other, _)| *other != id)
            .flat_map(|(_, other)| other.given.union(&other.owned).copied().collect::<Vec<_>>())
            .collect();
        let generation = self.generation;
        let member = self.members.get_mut(id).ok_or(ErrorCode::UnknownMemberId)?;
        if epoch != member.epoch && epoch != member.previous_epoch {
            return Err(ErrorCode::FencedMemberEpoch);
        }
        member.heard_at = Instant::now();
        if let Some(owned) = owned {
            member.owned = owned;
        }
        member.given.retain(|one| target.contains(one));
        if member.owned.is_subset(&member.given) {
            if member.epoch != generation {
                member.previous_epoch = member.epoch;
                member.epoch = generation;
            }
            member.given.extend(target.difference(&taken));
        }
        let news = is_full || member.told.as_ref() != Some(&member.given);
        member.told = Some(member.given.clone());
        Ok((member.epoch, news.then(|| member.given.clone())))
    }

    /// Whether a member of the consumer protocol may commit.
    pub fn may_commit_at(&self, id: &str, epoch: i32) -> Result<(), ErrorCode> {
        let member = self.members.get(id).ok_or(ErrorCode::UnknownMemberId)?;
        if member.epoch == epoch { Ok(()) } else { Err(ErrorCode::StaleMemberEpoch) }
    }

    fn target(&self, id: &str, partitions: i32) -> BTreeSet<i32> {
        let Some(at) = self.members.keys().position(|known| known == id) else {
            return BTreeSet::new();
        };
        let is_its = |one: &i32| *one as usize % self.members.len() == at;
        (0..partitions).filter(is_its).collect()
    }
}

impl Member {
    fn new(metadata: Bytes, session: Duration) -> Member {
        Member {
            metadata,
            protocols: Vec::new(),
            joined: false,
            heard_at: Instant::now(),
            session,
            assignment: None,
            epoch: 0,
            previous_epoch: 0,
            owned: BTreeSet::new(),
            given: BTreeSet::new(),
            told: None,
        }
    }
}
