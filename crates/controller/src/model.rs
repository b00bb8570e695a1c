//! Random requests, good and bad, from seeds: no record is ever wrong, and what the index says is
//! what the image says (the fixture asserts both after every step).

use ottla_metadata::NO_LEADER;
use ottla_wire::messages::create_partitions_request::CreatePartitionsTopic;
use ottla_wire::messages::create_topics_request::CreatableTopic;
use ottla_wire::messages::delete_topics_request::DeleteTopicState;
use ottla_wire::messages::{CreatePartitionsRequest, CreateTopicsRequest, DeleteTopicsRequest};

use crate::draw::Draw;
use crate::fixture::Lab;

fn step(lab: &mut Lab, draw: &mut Draw) {
    let broker = draw.below(4) as i32;
    let name = ["a", "b", "c.d", "c_d", "!"][draw.below(5)].to_owned();
    match draw.below(9) {
        0 => {
            let incarnation = draw.below(1_000) as u64;
            let previous = if draw.below(2) == 0 { lab.epoch(broker) } else { -1 };
            lab.register(broker, incarnation, previous);
        }
        1 | 2 => {
            lab.heartbeat(broker, false);
        }
        3 => {
            lab.heartbeat(broker, true);
        }
        4 => {
            let topic = CreatableTopic {
                name,
                num_partitions: draw.below(5) as i32 - 1,
                replication_factor: draw.below(5) as i16 - 1,
                ..Default::default()
            };
            lab.call(CreateTopicsRequest { topics: vec![topic], ..Default::default() }, 7);
        }
        5 if draw.below(4) == 0 => {
            let state = DeleteTopicState { name: Some(name), ..Default::default() };
            lab.call(DeleteTopicsRequest { topics: vec![state], ..Default::default() }, 6);
        }
        6 => {
            let topic =
                CreatePartitionsTopic { name, count: draw.below(9) as i32, ..Default::default() };
            lab.call(CreatePartitionsRequest { topics: vec![topic], ..Default::default() }, 3);
        }
        7 => {
            let value = ["1", "2", "true", "x"][draw.below(4)];
            let key = ["min.insync.replicas", "unclean.leader.election.enable"][draw.below(2)];
            lab.set_topic_config(&name, key, value);
        }
        _ => {
            lab.now += draw.below(5_000) as i64;
            lab.expire();
        }
    }
}

fn check(lab: &Lab, seed: u64) {
    for topic in lab.controller.image().topics.iter() {
        for (index, partition) in &topic.partitions {
            let at = format!("seed {seed}: {}-{index}: {partition:?}", topic.name);
            assert_eq!(partition.replicas.len(), partition.directories.len(), "{at}");
            if partition.leader != NO_LEADER {
                assert!(partition.isr.contains(&partition.leader), "{at}");
                let leader = lab.controller.image().broker(partition.leader);
                assert!(leader.is_some_and(|leader| !leader.fenced), "{at}");
            }
            let both = partition.elr.iter().any(|id| partition.isr.contains(id));
            assert!(!both, "{at}");
        }
    }
}

#[test]
fn random_requests_never_lead_astray() {
    for seed in 0..60 {
        let mut draw = Draw::new([seed, !seed]);
        let mut lab = Lab::with_brokers(&[0, 1, 2]);
        for _ in 0..150 {
            step(&mut lab, &mut draw);
            check(&lab, seed);
        }
    }
}
