//! Members that join, each a group of its own, and their heartbeats at a fixed rate.

use crate::lanes::open;
use crate::membership::{Kind, Member, Protocol, find, for_each, join};
use crate::pace::{Frames, Pace, open_loop};
use crate::peer::encoded;
use anyhow::{Context, Result, ensure};
use ottla_wire::messages::{ConsumerGroupHeartbeatRequest, HeartbeatRequest};
use serde_json::{Value, json};
use std::fs;
use std::path::PathBuf;

const CLASSIC_VERSION: i16 = 4;
const CONSUMER_VERSION: i16 = 1;
/// Length, API, version.
const CORRELATION_ID_AT: usize = 8;
/// Correlation id, tagged fields, throttle time: answers of both protocols begin like this.
const ERROR_CODE_AT: usize = 4 + 1 + 4;

/// Options of `join`.
#[derive(Debug, clap::Args)]
pub struct Joining {
    /// host:port
    #[arg(long)]
    bootstrap: String,
    /// The topic that everybody subscribes to
    #[arg(long)]
    topic: String,
    #[arg(long, value_enum)]
    protocol: Protocol,
    /// Begins the names of the groups
    #[arg(long)]
    group: String,
    #[arg(long, default_value_t = 1000)]
    members: usize,
    #[arg(long, default_value_t = 64)]
    connections: usize,
}

/// Options of `beat`.
#[derive(Debug, clap::Args)]
pub struct Beating {
    /// host:port
    #[arg(long)]
    bootstrap: String,
    /// What `join` has reported
    #[arg(long)]
    members: PathBuf,
    #[arg(long, value_enum)]
    protocol: Protocol,
    #[arg(long, default_value_t = 64)]
    connections: usize,
    #[command(flatten)]
    pace: Pace,
}

/// Members join; says who they are.
pub fn join_all(options: &Joining) -> Result<Value> {
    let names: Vec<String> =
        (0..options.members).map(|index| format!("{}-{index}", options.group)).collect();
    let members = for_each(&options.bootstrap, options.connections, &names, |peer, group| {
        find(peer, Kind::Group, group)?;
        join(peer, options.protocol, group, &options.topic)
    })?;
    let told = members.iter().map(|member| json!([member.group, member.id, member.epoch]));
    Ok(Value::Array(told.collect()))
}

/// They beat; says how long the answers took.
pub fn beat(options: &Beating) -> Result<Value> {
    let told: Vec<(String, String, i32)> = serde_json::from_slice(&fs::read(&options.members)?)?;
    let members = told.into_iter().map(|(group, id, epoch)| Member { group, id, epoch });
    let frames = members.map(|member| frame(options.protocol, &member));
    let beats = Beats(frames.collect::<Result<_>>()?);
    ensure!(!beats.0.is_empty() && options.pace.rate > 0, "nobody beats");
    let lanes = open(&options.bootstrap, options.connections)?;
    Ok(open_loop(&options.pace, lanes, beats, check)?.report())
}

/// Heartbeats by turns, built beforehand.
struct Beats(Vec<Vec<u8>>);

impl Frames for Beats {
    fn frame(&mut self, number: u64, _due_ns: u64) -> Result<&[u8]> {
        let place = usize::try_from(number)? % self.0.len();
        let frame = &mut self.0[place];
        let id = (number as u32).to_be_bytes();
        frame[CORRELATION_ID_AT..CORRELATION_ID_AT + id.len()].copy_from_slice(&id);
        Ok(frame)
    }
}

/// What a member says that has nothing to tell.
fn frame(protocol: Protocol, member: &Member) -> Result<Vec<u8>> {
    let (group_id, member_id) = (member.group.clone(), member.id.clone());
    match protocol {
        Protocol::Classic => {
            let generation_id = member.epoch;
            let request =
                HeartbeatRequest { group_id, member_id, generation_id, ..Default::default() };
            encoded(&request, CLASSIC_VERSION, 0)
        }
        Protocol::Consumer => {
            let request = ConsumerGroupHeartbeatRequest {
                group_id,
                member_id,
                member_epoch: member.epoch,
                ..ConsumerGroupHeartbeatRequest::default()
            };
            encoded(&request, CONSUMER_VERSION, 0)
        }
    }
}

fn check(answer: &[u8]) -> Result<u32> {
    let (id, code) = (answer.first_chunk::<4>(), answer.get(ERROR_CODE_AT..ERROR_CODE_AT + 2));
    let id = id.context("an answer without an id")?;
    ensure!(code == Some(&[0, 0]), "a heartbeat is refused: {code:?}");
    Ok(u32::from_be_bytes(*id))
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use ottla_wire::header::decode_request_header;
    use ottla_wire::{Message, Reader};

    #[test]
    fn a_beat_says_whose_it_is_and_carries_its_number() {
        let member = Member { group: "group".to_owned(), id: "member".to_owned(), epoch: 5 };
        let mut beats = Beats(vec![frame(Protocol::Classic, &member).expect("encodes")]);
        let frame =
            Bytes::copy_from_slice(beats.frame(0x0102_0304, 0).expect("a frame")).slice(4..);
        let mut reader = Reader::new(&frame);
        let start = decode_request_header(&mut reader).expect("a header");
        assert_eq!(start.header.correlation_id, 0x0102_0304);
        let request = HeartbeatRequest::decode(&mut reader, CLASSIC_VERSION).expect("a heartbeat");
        assert_eq!((request.member_id.as_str(), request.generation_id), ("member", 5));
    }
}
