//! Finding positions: committed offsets first, then `auto.offset.reset`.

use std::collections::HashMap;
use std::time::Duration;

use ottla_cluster::admin::{
    Admin, CommittedOffset, IsolationLevel, OffsetSpec, fetch_offsets, fetched_offsets,
};
use ottla_cluster::{Cluster, Error, Target, TopicPartition};
use ottla_wire::ErrorCode;

use super::config::OffsetReset;
use super::positions::{Need, Position};

/// Positions that were found, each with the version it was asked for.
pub(super) type Found = Vec<(TopicPartition, u64, Position)>;

/// What to go by.
#[derive(Clone)]
pub(super) struct Search {
    pub(super) cluster: Cluster,
    pub(super) group: Option<String>,
    pub(super) offset_reset: OffsetReset,
    pub(super) isolation: IsolationLevel,
}

impl Search {
    /// Finds positions for what needs one; each comes with the version it was asked for.
    pub(super) async fn find(
        self,
        needy: Vec<(TopicPartition, Need, u64)>,
    ) -> Result<Found, Error> {
        let mut found = Vec::new();
        let mut resets = Vec::new();
        let mut uncommitted = Vec::new();
        for (key, need, version) in needy {
            match need {
                Need::Committed => uncommitted.push((key, version)),
                Need::Reset(rule) => resets.push((key, rule, version)),
            }
        }
        if !uncommitted.is_empty() {
            let keys: Vec<_> = uncommitted.iter().map(|(key, _)| key.clone()).collect();
            let mut committed = self.committed(&keys).await?;
            for (key, version) in uncommitted {
                match committed.remove(&key).flatten() {
                    Some(known) => {
                        let leader_epoch = known.leader_epoch;
                        let position = Position { offset: known.offset, leader_epoch };
                        found.push((key, version, position));
                    }
                    None => resets.push((key, self.offset_reset, version)),
                }
            }
        }
        found.extend(self.reset(resets).await?);
        Ok(found)
    }

    /// What the group committed for these partitions.
    pub(super) async fn committed(
        &self,
        partitions: &[TopicPartition],
    ) -> Result<HashMap<TopicPartition, Option<CommittedOffset>>, Error> {
        let Some(group) = &self.group else { return Ok(HashMap::new()) };
        let target = Target::Group(group.clone());
        // Offsets of a transaction that is not over are waited for (KIP-447).
        let build = |version| fetch_offsets(version, group, Some(partitions), true);
        let mut retry = self.cluster.retry("OffsetFetch");
        loop {
            let attempt = self.cluster.attempt(&target, &(2..=9), &build, None).await;
            let checked = attempt.and_then(|(response, version)| {
                let offsets = fetched_offsets(response, version)?;
                let checked = offsets.into_iter().map(|(key, committed)| Ok((key, committed?)));
                checked.collect::<Result<_, Error>>()
            });
            let error = match checked {
                Ok(committed) => return Ok(committed),
                Err(error) => error,
            };
            // An unstable offset is no reason to doubt the coordinator.
            if error.code() != Some(ErrorCode::UnstableOffsetCommit) {
                self.cluster.suspect(&target, &error);
            }
            retry.again(error).await?;
        }
    }

    async fn reset(&self, resets: Vec<(TopicPartition, OffsetReset, u64)>) -> Result<Found, Error> {
        let nowhere = resets.iter().filter(|(_, rule, _)| *rule == OffsetReset::None);
        let nowhere: Vec<_> = nowhere.map(|(key, ..)| key.clone()).collect();
        if !nowhere.is_empty() {
            return Err(Error::NoOffset { partitions: nowhere });
        }
        if resets.is_empty() {
            return Ok(Vec::new());
        }
        let queries: Vec<_> =
            resets.iter().map(|(key, rule, _)| (key.clone(), self.spec(*rule))).collect();
        let admin = Admin::new(self.cluster.clone());
        let mut offsets: HashMap<_, _> =
            admin.list_offsets(&queries, self.isolation).await?.into_iter().collect();
        // A timestamp after all records has no offset; the end is where its records will come.
        let at_end: Vec<_> = queries
            .iter()
            .filter(|(key, _)| matches!(offsets.get(key), Some(Ok(found)) if found.offset < 0))
            .map(|(key, _)| (key.clone(), OffsetSpec::Latest))
            .collect();
        if !at_end.is_empty() {
            offsets.extend(admin.list_offsets(&at_end, self.isolation).await?);
        }
        let mut found = Vec::new();
        for (key, _, version) in resets {
            if let Some(outcome) = offsets.remove(&key) {
                let resolved = outcome?;
                let leader_epoch = resolved.leader_epoch;
                found.push((key, version, Position { offset: resolved.offset, leader_epoch }));
            }
        }
        Ok(found)
    }

    fn spec(&self, rule: OffsetReset) -> OffsetSpec {
        match rule {
            OffsetReset::Earliest => OffsetSpec::Earliest,
            OffsetReset::Latest | OffsetReset::None => OffsetSpec::Latest,
            OffsetReset::ByDuration(age) => {
                OffsetSpec::Timestamp(before(self.cluster.now_ms(), age))
            }
        }
    }
}

fn before(now_ms: i64, age: Duration) -> i64 {
    let age = i64::try_from(age.as_millis()).unwrap_or(i64::MAX);
    now_ms.saturating_sub(age).max(0)
}
