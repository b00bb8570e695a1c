//! Many offsets in one partition of the offsets' topic, and waiting until they are there again after a start.

use crate::membership::{Kind, ask, find, for_each};
use crate::peer::{PATIENCE, Peer};
use crate::template::now_ns;
use anyhow::{Context, Result, bail, ensure};
use ottla_wire::messages::offset_commit_request::{
    OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use ottla_wire::messages::offset_fetch_request::OffsetFetchRequestTopic;
use ottla_wire::messages::{OffsetCommitRequest, OffsetFetchRequest};
use serde_json::{Value, json};
use std::thread;
use std::time::{Duration, Instant};

const COMMIT_VERSION: i16 = 8;
const FETCH_VERSION: i16 = 7;
/// What everybody commits.
const OFFSET: i64 = 7;
/// `offsets.topic.num.partitions`, as brokers have it by themselves.
const OFFSETS_PARTITIONS: i32 = 50;
/// How often a server that is not there yet is asked again.
const PAUSE: Duration = Duration::from_millis(1);

/// Options of `commit`.
#[derive(Debug, clap::Args)]
pub struct Committing {
    /// host:port
    #[arg(long)]
    bootstrap: String,
    #[arg(long)]
    topic: String,
    /// Of as many partitions each group commits an offset
    #[arg(long)]
    partitions: i32,
    /// Groups whose offsets lie in the same partition; one more lies elsewhere
    #[arg(long)]
    groups: usize,
    #[arg(long, default_value_t = 8)]
    connections: usize,
}

/// Options of `await-offsets`.
#[derive(Debug, clap::Args)]
pub struct Awaiting {
    /// host:port
    #[arg(long)]
    bootstrap: String,
    #[arg(long)]
    topic: String,
    #[arg(long)]
    group: String,
}

/// A commit of somebody who is no member: an offset for each of the first partitions.
pub fn commit_request(group: &str, topic: &str, partitions: i32) -> OffsetCommitRequest {
    let partition = |partition_index| OffsetCommitRequestPartition {
        partition_index,
        committed_offset: OFFSET,
        ..OffsetCommitRequestPartition::default()
    };
    OffsetCommitRequest {
        group_id: group.to_owned(),
        generation_id_or_member_epoch: -1,
        topics: vec![OffsetCommitRequestTopic {
            name: topic.to_owned(),
            partitions: (0..partitions).map(partition).collect(),
            ..OffsetCommitRequestTopic::default()
        }],
        ..OffsetCommitRequest::default()
    }
}

/// Commits; says the names of the last group of the many and of the one elsewhere.
pub fn commit(options: &Committing) -> Result<Value> {
    let mut names = names_together(options.groups);
    let last = names.last().context("a group")?.clone();
    let place = place_of(&last);
    let mut elsewhere = (0..).map(|number: u64| format!("alone-{number}"));
    let alone = elsewhere.find(|name| place_of(name) != place).context("a name")?;
    names.push(alone.clone());
    for_each(&options.bootstrap, options.connections, &names, |peer, group| {
        find(peer, Kind::Group, group)?;
        let request = commit_request(group, &options.topic, options.partitions);
        ask(peer, &request, COMMIT_VERSION, |response| {
            let partitions = response.topics.iter().flat_map(|topic| &topic.partitions);
            partitions.map(|partition| partition.error_code).find(|code| *code != 0).unwrap_or(0)
        })
    })?;
    Ok(json!({ "last": last, "alone": alone }))
}

/// Asks until a group's offset is told; says when that was.
pub fn wait(options: &Awaiting) -> Result<Value> {
    let request = OffsetFetchRequest {
        group_id: options.group.clone(),
        topics: Some(vec![OffsetFetchRequestTopic {
            name: options.topic.clone(),
            partition_indexes: vec![0],
            ..OffsetFetchRequestTopic::default()
        }]),
        ..OffsetFetchRequest::default()
    };
    let deadline = Instant::now() + PATIENCE;
    let mut peer = None;
    loop {
        match told(&mut peer, &options.bootstrap, &request) {
            Ok(Some(OFFSET)) => return Ok(json!({ "answered_at_ns": now_ns() })),
            Ok(Some(other)) => bail!("{} has committed {other}", options.group),
            Ok(None) => {}
            Err(_) => peer = None,
        }
        ensure!(Instant::now() < deadline, "{} is not loaded within {PATIENCE:?}", options.group);
        thread::sleep(PAUSE);
    }
}

/// None: its coordinator is not ready.
fn told(
    peer: &mut Option<Peer>,
    bootstrap: &str,
    request: &OffsetFetchRequest,
) -> Result<Option<i64>> {
    let peer = match peer {
        Some(peer) => peer,
        None => peer.insert(Peer::connect(bootstrap)?),
    };
    let response = peer.call(request, FETCH_VERSION)?;
    let partition = response.topics.first().and_then(|topic| topic.partitions.first());
    Ok(partition.filter(|_| response.error_code == 0).map(|each| each.committed_offset))
}

/// Names whose groups are kept in one partition.
fn names_together(count: usize) -> Vec<String> {
    let all = (0..).map(|number: u64| format!("group-of-consumers-{number}"));
    let place = place_of("group-of-consumers-0");
    all.filter(|name| place_of(name) == place).take(count).collect()
}

/// The partition that keeps a group: what Java makes of its name.
fn place_of(group: &str) -> i32 {
    let hash = group
        .encode_utf16()
        .fold(0_i32, |hash, unit| hash.wrapping_mul(31).wrapping_add(i32::from(unit)));
    // The one hash without an absolute value counts as zero.
    hash.checked_abs().unwrap_or(0) % OFFSETS_PARTITIONS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_lie_where_kafka_puts_them() {
        // "group".hashCode() is 98629247.
        assert_eq!(place_of("group"), 98_629_247 % 50);
        assert_eq!(place_of(""), 0);
        let together = names_together(20);
        assert_eq!(together.len(), 20);
        assert!(together.iter().all(|name| place_of(name) == place_of(&together[0])));
    }
}
