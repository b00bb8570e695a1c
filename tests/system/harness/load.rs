//! Producers that write until the node goes away, and remember what was acknowledged.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use ottla_wire::messages::offset_commit_request::{
    OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use ottla_wire::messages::offset_fetch_request::OffsetFetchRequestTopic;
use ottla_wire::messages::{OffsetCommitRequest, OffsetFetchRequest};

use crate::harness::client::Client;
use crate::harness::node::Node;
use crate::harness::wait::until;

/// Who writes where: one topic, one producer and one group each.
const TOPICS: [&str; 3] = ["load-a", "load-b", "load-c"];

/// What one topic's producer was promised.
struct Promises {
    /// Values by offset.
    values: Vec<(i64, String)>,
    sent: usize,
    committed: i64,
    created: Vec<String>,
}

impl Default for Promises {
    fn default() -> Self {
        Promises { values: Vec::new(), sent: 0, committed: -1, created: Vec::new() }
    }
}

/// Load, and all that was ever acknowledged under it.
#[derive(Default)]
pub struct Load {
    topics: [Mutex<Promises>; TOPICS.len()],
    acknowledged: AtomicUsize,
}

impl Load {
    /// Makes the topics, with segments so small that they roll all the time.
    pub fn prepare(node: &Node) -> Load {
        let mut client = Client::to(node.address);
        for topic in TOPICS {
            client.create_topic(topic, 1, &[("segment.bytes", "1048576")]);
        }
        Load::default()
    }

    /// Writes from several threads until the connections end; meanwhile `during` runs, and may look
    /// at how much was acknowledged since the beginning.
    pub fn run(&self, node: Node, during: impl FnOnce(&AtomicUsize, Node)) {
        self.acknowledged.store(0, Ordering::Relaxed);
        let address = node.address;
        std::thread::scope(|scope| {
            for (topic, promises) in TOPICS.iter().zip(&self.topics) {
                let acknowledged = &self.acknowledged;
                scope.spawn(move || {
                    let mut client = Client::to(address);
                    let mut promises = promises.lock().expect("no panic");
                    while write(&mut client, topic, &mut promises).is_some() {
                        acknowledged.fetch_add(1, Ordering::Relaxed);
                    }
                });
            }
            during(&self.acknowledged, node);
        });
    }

    /// Everything that was acknowledged is there, in its place, and nothing that was never sent.
    #[track_caller]
    pub fn verify(&self, node: &Node) {
        let mut client = Client::to(node.address);
        for (topic, promises) in TOPICS.iter().zip(&self.topics) {
            let promises = promises.lock().expect("no panic");
            let values = client.read_all(topic);
            for (offset, value) in &promises.values {
                let found = usize::try_from(*offset).ok().and_then(|offset| values.get(offset));
                assert_eq!(
                    found.map(|value| &value[..]),
                    Some(value.as_bytes()),
                    "{topic} {offset}"
                );
            }
            let mut last = None;
            for value in &values {
                let text = std::str::from_utf8(value).expect("text");
                let number: usize = text.split('.').next().expect("a number").parse().expect("one");
                assert!(number < promises.sent, "{topic} holds {number}, which was never sent");
                assert!(last.is_none_or(|last| last < number), "{topic}: {number} after {last:?}");
                last = Some(number);
            }
            let committed = committed(&mut client, topic);
            assert!(committed >= promises.committed, "{topic}: {committed} is committed");
            for created in &promises.created {
                assert_eq!(client.end_offset(created), 0, "{created}");
            }
        }
    }
}

/// One round of writing; `None` when the connection has ended.
fn write(client: &mut Client, topic: &str, promises: &mut Promises) -> Option<()> {
    // Long enough for many segments, and not all of one length.
    let number = promises.sent;
    let value = format!("{number}.{}", "x".repeat(2_000 + number % 5_000));
    promises.sent += 1;
    let written = client.produce(topic, &[value.as_bytes()]).ok()?;
    match written {
        Ok(offset) => promises.values.push((offset, value)),
        // NOT_LEADER_OR_FOLLOWER: a node that stops has handed its partitions over.
        Err(6) => return None,
        Err(code) => panic!("{topic} refused a record with error code {code}"),
    }
    if number % 10 == 3 {
        commit(client, topic, number as i64)?;
        promises.committed = number as i64;
    }
    if number % 50 == 7 {
        let name = format!("{topic}-{number}");
        if !client.try_create_topic(&name).ok()? {
            return None;
        }
        promises.created.push(name);
    }
    Some(())
}

fn commit(client: &mut Client, topic: &str, offset: i64) -> Option<()> {
    let request = OffsetCommitRequest {
        group_id: topic.to_owned(),
        generation_id_or_member_epoch: -1,
        topics: vec![OffsetCommitRequestTopic {
            name: topic.to_owned(),
            partitions: vec![OffsetCommitRequestPartition {
                committed_offset: offset,
                ..OffsetCommitRequestPartition::default()
            }],
            ..OffsetCommitRequestTopic::default()
        }],
        ..OffsetCommitRequest::default()
    };
    // A coordinator that is loaded, or made just now, asks to be asked again.
    until("the coordinator takes a commit", || {
        let response = match client.call(&request, 7) {
            Ok(response) => response,
            Err(_) => return Some(None),
        };
        match response.topics[0].partitions[0].error_code {
            0 => Some(Some(())),
            14..=16 => find_coordinator(client, topic).err().map(|_| None),
            code => panic!("a commit of {topic} was refused with error code {code}"),
        }
    })
}

/// Has the offsets topic made, where it is not there yet.
fn find_coordinator(client: &mut Client, group: &str) -> std::io::Result<()> {
    let request = ottla_wire::messages::FindCoordinatorRequest {
        key: group.to_owned(),
        ..Default::default()
    };
    client.call(&request, 2).map(|_| ())
}

fn committed(client: &mut Client, topic: &str) -> i64 {
    let request = OffsetFetchRequest {
        group_id: topic.to_owned(),
        topics: Some(vec![OffsetFetchRequestTopic {
            name: topic.to_owned(),
            partition_indexes: vec![0],
            ..OffsetFetchRequestTopic::default()
        }]),
        ..OffsetFetchRequest::default()
    };
    until("the coordinator tells", || {
        let response = client.call(&request, 5).expect("an answer");
        match response.error_code {
            0 => Some(response.topics[0].partitions[0].committed_offset),
            14..=16 => {
                find_coordinator(client, topic).expect("an answer");
                None
            }
            code => panic!("{topic}: error code {code}"),
        }
    })
}
