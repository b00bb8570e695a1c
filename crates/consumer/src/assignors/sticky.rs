//! Sticky: as even as subscriptions allow, and as little moved as evenness allows.
//!
//! Everyone keeps what they have and still want; what nobody has goes to whoever has least; then partitions move
//! from those with more to those with at least two fewer, until none can.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use bytes::{BufMut, Bytes, BytesMut};
use ottla_cluster::{TopicPartition, by_topic};
use ottla_wire::Reader;

use super::{Assignment, Member, nobody_yet};

/// Partitions a member says it has, and the generation in which it got them.
type Owned = (Vec<TopicPartition>, i32);

pub(super) fn assign(
    members: &[&Member],
    partition_counts: &BTreeMap<String, i32>,
    owned: fn(&Member) -> Owned,
) -> Assignment {
    let mut assignment = nobody_yet(members);
    let kept = kept(members, partition_counts, owned);
    let mut free = Vec::new();
    for (topic, count) in partition_counts {
        let name: Arc<str> = topic.as_str().into();
        for index in 0..*count {
            let partition = TopicPartition::new(Arc::clone(&name), index);
            match kept.get(&partition) {
                Some(id) => assignment.entry((*id).to_owned()).or_default().push(partition),
                None => free.push(partition),
            }
        }
    }
    let takers: HashMap<&str, Vec<&Member>> = partition_counts
        .keys()
        .map(|topic| (topic.as_str(), super::subscribers(members, topic)))
        .collect();
    // What few want goes first, while there is still a choice for the rest.
    free.sort_by_key(|partition| takers.get(&*partition.topic).map_or(0, Vec::len));
    for partition in free {
        let Some(takers) = takers.get(&*partition.topic) else { continue };
        let load = |member: &&&Member| assignment.get(&member.id).map_or(0, Vec::len);
        let Some(taker) = takers.iter().min_by_key(load) else { continue };
        assignment.entry(taker.id.clone()).or_default().push(partition);
    }
    balance(&mut assignment, &takers);
    assignment
}

/// Who keeps what: the newest generation's word counts, and two who claim the same in it both lose it.
pub(super) fn kept<'a>(
    members: &[&'a Member],
    partition_counts: &BTreeMap<String, i32>,
    owned: fn(&Member) -> Owned,
) -> HashMap<TopicPartition, &'a str> {
    let mut claims: HashMap<TopicPartition, (i32, Option<&str>)> = HashMap::new();
    for member in members {
        let (partitions, generation) = owned(member);
        for partition in partitions {
            let exists = partition_counts
                .get(&*partition.topic)
                .is_some_and(|count| partition.partition < *count);
            let wanted = member.subscription.topics.iter().any(|topic| **topic == *partition.topic);
            if !exists || !wanted || partition.partition < 0 {
                continue;
            }
            let claim = claims.entry(partition).or_insert((generation, Some(&member.id)));
            if generation > claim.0 {
                *claim = (generation, Some(&member.id));
            } else if generation == claim.0 && claim.1 != Some(&member.id) {
                claim.1 = None;
            }
        }
    }
    claims.into_iter().filter_map(|(key, (_, id))| id.map(|id| (key, id))).collect()
}

/// Moves partitions until nobody who could take one has two fewer than its holder.
///
/// Each move lowers the sum of squared loads, so this ends.
fn balance(assignment: &mut Assignment, takers: &HashMap<&str, Vec<&Member>>) {
    loop {
        let mut best: Option<(usize, TopicPartition, String, String)> = None;
        for (holder, partitions) in assignment.iter() {
            for partition in partitions {
                let Some(takers) = takers.get(&*partition.topic) else { continue };
                let load = |id: &str| assignment.get(id).map_or(0, Vec::len);
                let Some(taker) = takers.iter().min_by_key(|member| load(&member.id)) else {
                    continue;
                };
                let gain = partitions.len().saturating_sub(load(&taker.id));
                if gain >= 2 && best.as_ref().is_none_or(|(known, ..)| gain > *known) {
                    best = Some((gain, partition.clone(), holder.clone(), taker.id.clone()));
                }
            }
        }
        let Some((_, partition, holder, taker)) = best else { return };
        if let Some(partitions) = assignment.get_mut(&holder) {
            partitions.retain(|held| *held != partition);
        }
        assignment.entry(taker).or_default().push(partition);
    }
}

/// What members of a cooperative group have: their subscription says it.
pub(super) fn owned_by_subscription(member: &Member) -> Owned {
    let subscription = &member.subscription;
    // Before subscriptions carried the generation, the assignor's own data did.
    let of_user_data =
        subscription.user_data.as_ref().and_then(|data| Reader::new(data).i32().ok());
    let generation = subscription.generation.or(of_user_data).unwrap_or(-1);
    (subscription.owned.clone(), generation)
}

/// What members of an eager group had: they let go of it, but remember it in the assignor's own data.
pub(super) fn owned_by_user_data(member: &Member) -> Owned {
    let nothing = (Vec::new(), -1);
    let Some(data) = &member.subscription.user_data else { return nothing };
    read_previous(data).unwrap_or(nothing)
}

fn read_previous(data: &Bytes) -> Option<Owned> {
    let mut reader = Reader::new(data);
    let topics = reader.array(false, 6, |reader| {
        let topic: Arc<str> = reader.string(false)?.into();
        let indexes = reader.array(false, 4, Reader::i32)?;
        Ok((topic, indexes))
    });
    let mut partitions = Vec::new();
    for (topic, indexes) in topics.ok()? {
        let named = indexes.into_iter().map(|index| TopicPartition::new(Arc::clone(&topic), index));
        partitions.extend(named);
    }
    // The oldest form has no generation.
    Some((partitions, reader.i32().unwrap_or(-1)))
}

/// What a member of an eager sticky group tells of its last assignment.
pub(super) fn previous_assignment(owned: &[TopicPartition], generation: i32) -> Option<Bytes> {
    if owned.is_empty() {
        return None;
    }
    let topics = by_topic(owned.iter().map(|key| (key.clone(), ())), |index, ()| index);
    let mut bytes = BytesMut::new();
    bytes.put_i32(i32::try_from(topics.len()).ok()?);
    for (topic, indexes) in topics {
        bytes.put_i16(i16::try_from(topic.len()).ok()?);
        bytes.put_slice(topic.as_bytes());
        bytes.put_i32(i32::try_from(indexes.len()).ok()?);
        indexes.into_iter().for_each(|index| bytes.put_i32(index));
    }
    bytes.put_i32(generation);
    Some(bytes.freeze())
}
