//! Valid requests of every API and version, spoiled at random: whatever comes of it, the node serves
//! its neighbours, does not panic, and needs no more memory than it may.

use std::io::{ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use ottla_wire::messages::{
    ApiVersionsRequest, FindCoordinatorRequest, InitProducerIdRequest, MetadataRequest, RequestBody,
};
use ottla_wire::{ApiKey, Reader, Writer};

use crate::harness::client::{Client, batch, fetch_request, framed, produce_request};
use crate::harness::node::{Node, Setup};
use crate::harness::random::Random;

/// How many frames are spoiled and sent.
const FRAMES: usize = 20_000;

/// How many frames a connection is sent before another is opened, if it lives that long.
const FRAMES_PER_CONNECTION: usize = 40;

/// How many valid requests are made for each version of each API.
const REQUESTS_PER_VERSION: usize = 3;

/// The longest body that is made up, and how often it is tried.
const BODY_BYTES_MAX: usize = 200;
const ATTEMPTS: usize = 3_000;

/// What all of that may need.
const MEMORY_BYTES_MAX: u64 = 400 << 20;

/// Removes the node itself from its cluster, as it should.
const DEADLY: [ApiKey; 1] = [ApiKey::UnregisterBroker];

/// Values at which arithmetic goes wrong.
const EDGES: [&[u8]; 9] = [
    &[0xff],
    &[0x7f],
    &[0x80, 0],
    &[0x7f, 0xff],
    &[0xff, 0xff, 0xff, 0xff],
    &[0x7f, 0xff, 0xff, 0xff],
    &[0x80, 0, 0, 0],
    &[0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
    &[0xff, 0xff, 0xff, 0xff, 0x0f],
];

#[test]
fn spoiled_requests_of_every_api() {
    let mut random = Random::new();
    let setup = Setup::new().set("group.initial.rebalance.delay.ms", 0);
    let node = setup.start();
    let mut neighbour = Client::to(node.address);
    neighbour.create_topic("kept", 1, &[]);
    neighbour.create_topic("prey", 2, &[]);
    let frames = valid_frames(&mut neighbour, &mut random);
    let mut written = 0;
    let mut sent = 0;
    while sent < FRAMES {
        let mut target = Target::to(node.address);
        for _ in 0..FRAMES_PER_CONNECTION {
            let frame = &frames[random.below(frames.len())];
            sent += 1;
            if !target.takes(&spoiled(frame, &mut random)) {
                break;
            }
        }
        if sent % 500 < FRAMES_PER_CONNECTION {
            let answer = neighbour.produce("kept", &[b"value"]).expect("the neighbour is served");
            assert_eq!(answer, Ok(written), "after {sent} frames");
            written += 1;
        }
    }
    ends_well(node, neighbour, written);
}

fn ends_well(node: Node, mut neighbour: Client, written: i64) {
    assert_eq!(neighbour.read_all("kept").len() as i64, written);
    let peak = node.memory_peak();
    assert!(peak < MEMORY_BYTES_MAX, "{peak} bytes");
    let ended = node.stop();
    assert!(!ended.output.contains("panicked"), "{}", ended.output);
    assert!(ended.status.success(), "{}", ended.output);
}

/// A connection whose answers nobody reads.
struct Target(Client);

impl Target {
    fn to(address: SocketAddr) -> Target {
        let target = Client::to(address);
        let wait = Some(Duration::from_millis(5));
        target.stream.set_read_timeout(wait).expect("a socket");
        Target(target)
    }

    /// Sends a frame. Whether the connection takes another: some end, and some have to wait.
    fn takes(&mut self, frame: &[u8]) -> bool {
        if self.0.stream.write_all(frame).is_err() {
            return false;
        }
        let mut answer = [0; 1 << 12];
        match self.0.stream.read(&mut answer) {
            Ok(bytes) => bytes > 0,
            Err(error) => matches!(error.kind(), ErrorKind::Interrupted),
        }
    }
}

/// Valid requests, each with its length before it.
fn valid_frames(client: &mut Client, random: &mut Random) -> Vec<Bytes> {
    let listed = client.call(&ApiVersionsRequest::default(), 0).expect("an answer");
    let mut frames = vec![
        framed(&produce_request("prey", batch(&[b"value", b"another"])), 12, 1),
        framed(&produce_request("prey", batch(&[&[7; 3_000]])), 3, 1),
        framed(&fetch_request("prey", 0, 0), 12, 1),
        framed(&MetadataRequest { topics: None, ..MetadataRequest::default() }, 9, 1),
        framed(&FindCoordinatorRequest { key: "g".to_owned(), ..Default::default() }, 2, 1),
        framed(
            &InitProducerIdRequest {
                transactional_id: Some("t".to_owned()),
                transaction_timeout_ms: 1_000,
                ..Default::default()
            },
            4,
            1,
        ),
    ];
    for served in &listed.api_keys {
        let api = ApiKey::try_from(served.api_key).expect("an API of Kafka");
        if DEADLY.contains(&api) {
            continue;
        }
        let before = frames.len();
        for version in served.min_version..=served.max_version {
            frames.extend((0..REQUESTS_PER_VERSION).filter_map(|_| made_up(api, version, random)));
        }
        assert!(frames.len() > before || api == ApiKey::Produce, "{api}");
    }
    frames
}

/// A request that nobody meant, and that can be read: most fields are small.
fn made_up(api: ApiKey, version: i16, random: &mut Random) -> Option<Bytes> {
    // First with texts in it; then with little but empty lists, which in newer versions are ones.
    const RICH: [u8; 8] = [0, 0, 0, 0, 1, 1, 2, b'a'];
    const POOR: [u8; 4] = [0, 0, 1, 1];
    let body = (0..ATTEMPTS).find_map(|attempt| {
        let bytes: Vec<u8> = (0..BODY_BYTES_MAX)
            .map(|_| match attempt {
                0..200 => RICH[random.below(RICH.len())],
                _ => POOR[random.below(POOR.len())],
            })
            .collect();
        RequestBody::decode(api, &mut Reader::new(&bytes.into()), version).ok()
    })?;
    let mut writer = Writer::contiguous(256);
    writer.i16(api.number());
    writer.i16(version);
    writer.i32(7);
    writer.i16(-1);
    if api.request_header_version(version) >= 2 {
        writer.i8(0);
    }
    body.encode(&mut writer, version).ok()?;
    let frame = writer.into_bytes();
    let length = u32::try_from(frame.len()).expect("a short frame");
    Some([&length.to_be_bytes()[..], &frame].concat().into())
}

/// The frame with a few bytes changed, left out or put in. Its length is right most of the time.
fn spoiled(frame: &Bytes, random: &mut Random) -> Vec<u8> {
    const LENGTH: usize = 4;
    let mut bytes = frame[LENGTH..].to_vec();
    for _ in 0..random.below(4) {
        let at = random.below(bytes.len().max(1));
        match random.below(6) {
            0 => bytes.truncate(at),
            1 => {
                let edge = EDGES[random.below(EDGES.len())];
                let end = (at + edge.len()).min(bytes.len());
                bytes.splice(at..end, edge.iter().copied());
            }
            2 => {
                let edge = EDGES[random.below(EDGES.len())];
                bytes.splice(at..at, edge.iter().copied());
            }
            3 if !bytes.is_empty() => {
                bytes.remove(at);
            }
            4 => {
                let again: Vec<u8> = bytes[at..].iter().copied().take(random.below(40)).collect();
                bytes.splice(at..at, again);
            }
            _ => {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte ^= 1 << random.below(8);
                }
            }
        }
    }
    let length = match random.one_in(50) {
        true => random.next() as u32,
        false => bytes.len() as u32,
    };
    [&length.to_be_bytes()[..], &bytes].concat()
}
