//! `--describe`: offsets and lag, members, or state of groups.

use std::collections::{HashMap, HashSet};
use std::io::Write as _;

use ottla_client::TopicPartition;
use ottla_client::admin::{Admin, CommittedOffset, GroupDescription, GroupMember, OffsetSpec};
use ottla_terminal::options::{Options, Stop};

use super::failure::{Failure, tell};
use super::tables::{self, Columns, MemberRow, OffsetRow, StateRow};
use super::{explained, list, partitions};

/// Runs the action.
pub(super) async fn describe(admin: &Admin, options: &Options<'_>) -> Result<(), Failure> {
    let chosen = list::chosen(admin, options).await?;
    let mut groups = Vec::new();
    let explains = ["rebalances", "expiry", "rates"].iter().any(|option| options.has(option));
    let described = match explains {
        true => admin.explain_groups(&chosen).await,
        false => admin.describe_groups(&chosen).await,
    };
    for (_, group) in described.map_err(Failure::named)? {
        groups.push(group.map_err(Failure::named)?);
    }
    groups.sort_by(|left, right| left.group_id.cmp(&right.group_id));
    if explains {
        for group in groups.iter().filter(|group| group.explanation.is_none()) {
            tell(&explained::untold(&group.group_id))?;
        }
    }
    let verbose = options.has("verbose");
    if options.has("rebalances") {
        for group in &groups {
            if let Some(explanation) = &group.explanation {
                print(&explained::rebalances(&group.group_id, explanation))?;
            }
        }
    } else if options.has("members") {
        for group in &groups {
            let rows: Vec<MemberRow> =
                group.members.iter().map(|member| member_row(group, member)).collect();
            let shows = tell_state(group, rows.len())?;
            let shown = if shows { rows } else { Vec::new() };
            print(&tables::members(&group.group_id, &shown, verbose))?;
        }
    } else if options.has("state") {
        for group in &groups {
            if tell_state(group, 1)? {
                let totals = group.explanation.as_ref().filter(|_| options.has("rates"));
                let totals = totals.map(explained::totals);
                let row = StateRow { totals, ..state_row(group) };
                print(&tables::state(&group.group_id, &row, verbose))?;
            }
        }
    } else {
        let mut found = Vec::new();
        for group in &groups {
            found.push(offset_rows(admin, group).await?);
        }
        for (group, rows) in groups.iter().zip(found) {
            if tell_state(group, rows.len())? {
                let is_told = group.explanation.is_some();
                let shown = Columns {
                    leader_epoch: verbose,
                    rate: is_told && options.has("rates"),
                    expiry: is_told && options.has("expiry"),
                };
                print(&tables::offsets(&group.group_id, &rows, shown))?;
            }
        }
    }
    Ok(())
}

fn print(table: &str) -> Result<(), Stop> {
    Ok(std::io::stdout().lock().write_all(table.as_bytes())?)
}

/// Says what is special about a group's state, and whether its `rows` are worth a table.
fn tell_state(group: &GroupDescription, rows: usize) -> Result<bool, Failure> {
    let id = &group.group_id;
    let warn = |text: String| {
        // Nobody can be told that standard error is closed.
        let _ = writeln!(std::io::stderr().lock(), "\n{text}");
    };
    match group.state.as_str() {
        "Dead" => tell(&format!("Consumer group '{id}' does not exist."))?,
        "Empty" => warn(format!("Consumer group '{id}' has no active members.")),
        "PreparingRebalance" | "CompletingRebalance" | "Assigning" | "Reconciling" => {
            warn(format!("Warning: Consumer group '{id}' is rebalancing."));
        }
        "Stable" => {}
        other => {
            return Err(Failure::Work(format!(
                "Expected a valid consumer group state, but found '{other}'."
            )));
        }
    }
    Ok(group.state != "Dead" && rows > 0)
}

fn member_row(group: &GroupDescription, member: &GroupMember) -> MemberRow {
    let target = member.target_assignment.as_ref();
    MemberRow {
        member_id: member.member_id.clone(),
        instance_id: member.instance_id.clone().unwrap_or_default(),
        host: member.host.clone(),
        client_id: member.client_id.clone(),
        epoch: member.member_epoch,
        assignment: member.assignment.partitions.clone(),
        target_epoch: group.assignment_epoch,
        target: target.map(|target| target.partitions.clone()).unwrap_or_default(),
        is_upgraded: member.is_classic.map(|is_classic| !is_classic),
    }
}

fn state_row(group: &GroupDescription) -> StateRow {
    let node = &group.coordinator;
    StateRow {
        coordinator: format!("{}:{}  ({})", node.host, node.port, node.id),
        assignor: group.assignor.clone(),
        state: group.state.clone(),
        epoch: group.group_epoch,
        assignment_epoch: group.assignment_epoch,
        members: group.members.len(),
        totals: None,
    }
}

/// Partitions that members read, those of the busiest member first, then partitions that nobody reads.
async fn offset_rows(admin: &Admin, group: &GroupDescription) -> Result<Vec<OffsetRow>, Failure> {
    let committed = partitions::committed(admin, &group.group_id).await?;
    let mut readers: Vec<&GroupMember> =
        group.members.iter().filter(|member| !member.assignment.partitions.is_empty()).collect();
    readers.sort_by_key(|member| std::cmp::Reverse(member.assignment.partitions.len()));
    let mut keys = Vec::new();
    for member in &readers {
        let who = (member.member_id.clone(), member.host.clone(), member.client_id.clone());
        let mut assigned = member.assignment.partitions.clone();
        assigned.sort();
        keys.extend(assigned.into_iter().map(|key| (key, Some(who.clone()))));
    }
    let assigned: HashSet<&TopicPartition> = keys.iter().map(|(key, _)| key).collect();
    let mut unread: Vec<TopicPartition> =
        committed.keys().filter(|key| !assigned.contains(key)).cloned().collect();
    unread.sort();
    keys.extend(unread.into_iter().map(|key| (key, None)));
    let ends = ends(admin, keys.iter().map(|(key, _)| key)).await?;
    let told = group.explanation.as_ref().map(explained::offsets).unwrap_or_default();
    let row = |(key, member): (TopicPartition, _)| {
        let known = told.get(&key);
        let offset: Option<&CommittedOffset> = committed.get(&key);
        OffsetRow {
            leader_epoch: offset.and_then(|offset| offset.leader_epoch),
            offset: offset.map(|offset| offset.offset),
            end: ends.get(&key).copied(),
            member,
            rate: known.map(|known| explained::rate(known.rate_millis)),
            expiry: known.map(explained::expiry),
            partition: Some(key),
        }
    };
    Ok(keys.into_iter().map(row).collect())
}

/// Where logs end; partitions without a leader have no answer.
async fn ends(
    admin: &Admin,
    keys: impl Iterator<Item = &TopicPartition> + Clone,
) -> Result<HashMap<TopicPartition, i64>, Failure> {
    let topics = keys.clone().map(|key| &*key.topic);
    let described = partitions::describe(admin, topics, Failure::wrapped).await?;
    let mut leaderless = HashSet::new();
    for (topic, partitions) in described {
        let without = partitions.into_iter().filter(|partition| partition.leader.is_none());
        leaderless.extend(without.map(|lost| TopicPartition::new(topic.as_str(), lost.partition)));
    }
    let led: Vec<TopicPartition> = keys.filter(|key| !leaderless.contains(key)).cloned().collect();
    partitions::offsets(admin, &led, OffsetSpec::Latest).await
}
