//! Bytes that are no requests. Each ends its own connection at most; the node goes on for everyone
//! else, and its memory stays in proportion to what it was sent.

use std::io::Write;
use std::net::{Shutdown, SocketAddr};

use bytes::{Bytes, BytesMut};
use ottla_wire::ApiKey;
use ottla_wire::messages::offset_commit_request::{
    OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use ottla_wire::messages::{
    ApiVersionsRequest, CreateTopicsRequest, FetchRequest, FindCoordinatorRequest,
    ListOffsetsRequest, MetadataRequest, OffsetCommitRequest, ProduceRequest,
};
use ottla_wire::records::{BatchBuilder, BatchOptions, Compression, CompressionType};

use crate::harness::client::{Client, batch, fetch_request, framed, now_ms, produce_request};
use crate::harness::node::{Node, Setup};
use crate::harness::random::Random;
use crate::harness::wait::until_true;

const MEGABYTE: u64 = 1 << 20;

/// A node with one topic, and a neighbour that must not notice anything.
struct Victim {
    node: Node,
    _setup: Setup,
    neighbour: Client,
    written: i64,
}

impl Victim {
    fn new(setup: Setup) -> Victim {
        let node = setup.start();
        let mut neighbour = Client::to(node.address);
        neighbour.create_topic("kept", 1, &[]);
        Victim { node, _setup: setup, neighbour, written: 0 }
    }

    fn address(&self) -> SocketAddr {
        self.node.address
    }

    /// The neighbour still writes and reads.
    #[track_caller]
    fn still_serves(&mut self) {
        let answer = self.neighbour.produce("kept", &[b"value"]).expect("the neighbour is served");
        assert_eq!(answer, Ok(self.written));
        self.written += 1;
    }

    /// A group's coordinator is there, and keeps a commit with much metadata.
    #[track_caller]
    fn commits(&mut self, group: &str) {
        let commit = OffsetCommitRequest {
            group_id: group.to_owned(),
            generation_id_or_member_epoch: -1,
            topics: vec![OffsetCommitRequestTopic {
                name: "kept".to_owned(),
                partitions: vec![OffsetCommitRequestPartition {
                    committed_offset: 1,
                    committed_metadata: Some("x".repeat(4000)),
                    ..OffsetCommitRequestPartition::default()
                }],
                ..OffsetCommitRequestTopic::default()
            }],
            ..OffsetCommitRequest::default()
        };
        let find = FindCoordinatorRequest { key: group.to_owned(), ..Default::default() };
        until_true("the coordinator takes a commit", || {
            self.neighbour.call(&find, 2).expect("an answer");
            let answer = self.neighbour.call(&commit, 7).expect("an answer");
            answer.topics[0].partitions[0].error_code == 0
        });
    }

    /// Nothing was lost, and the node stops in order.
    #[track_caller]
    fn ends_well(mut self) {
        self.still_serves();
        assert_eq!(self.neighbour.read_all("kept").len() as i64, self.written);
        let ended = self.node.stop();
        assert!(!ended.output.contains("panicked"), "{}", ended.output);
    }
}

/// Sends bytes and waits until the node closes the connection; returns what it answered.
#[track_caller]
fn sent(address: SocketAddr, bytes: &[u8]) -> Vec<u8> {
    let mut client = Client::to(address);
    // The node may hang up before it has seen everything.
    let _ = client.stream.write_all(bytes);
    client.read_to_end().expect("the node closes the connection")
}

/// A frame around `body`, behind a header of this API and version.
fn frame(api: ApiKey, version: i16, body: &[u8]) -> Vec<u8> {
    let mut frame = BytesMut::new();
    frame.extend_from_slice(&api.number().to_be_bytes());
    frame.extend_from_slice(&version.to_be_bytes());
    frame.extend_from_slice(&7i32.to_be_bytes());
    frame.extend_from_slice(&(-1i16).to_be_bytes());
    if api.request_header_version(version) >= 2 {
        frame.extend_from_slice(&[0]);
    }
    frame.extend_from_slice(body);
    let mut bytes = (frame.len() as u32).to_be_bytes().to_vec();
    bytes.extend_from_slice(&frame);
    bytes
}

#[test]
fn lengths_that_lie() {
    let mut victim = Victim::new(Setup::new().set("socket.request.max.bytes", 1 << 20));
    for length in [i32::MIN, -1, (1 << 20) + 1, i32::MAX] {
        assert!(sent(victim.address(), &length.to_be_bytes()).is_empty(), "{length}");
        victim.node.says(&format!("a request of {length} bytes was announced"));
        victim.still_serves();
    }
    // Nothing, and less than a header.
    for length in [0u32, 1, 7] {
        let mut bytes = length.to_be_bytes().to_vec();
        bytes.resize(4 + length as usize, 0);
        assert!(sent(victim.address(), &bytes).is_empty(), "{length}");
        victim.still_serves();
    }
    // A client id and a topic longer than the frame.
    for body in [&[0x7f, 0xff][..], &[0, 0, 0, 1, 0x7f, 0xff, b'x']] {
        assert!(sent(victim.address(), &frame(ApiKey::Metadata, 0, body)).is_empty());
        victim.still_serves();
    }
    victim.ends_well();
}

#[test]
fn unknown_apis_and_versions() {
    let mut victim = Victim::new(Setup::new());
    let header = |key: i16, version: i16| {
        let mut bytes = 10u32.to_be_bytes().to_vec();
        bytes.extend_from_slice(&key.to_be_bytes());
        bytes.extend_from_slice(&version.to_be_bytes());
        bytes.extend_from_slice(&[0, 0, 0, 1, 0xff, 0xff]);
        bytes
    };
    for (key, version) in [(-1, 0), (999, 0), (i16::MAX, 3), (0, -1), (0, 99), (1, 2), (3, 14)] {
        assert!(sent(victim.address(), &header(key, version)).is_empty(), "{key} v{version}");
        victim.still_serves();
    }
    // ApiVersions alone answers any version: in version 0, with UNSUPPORTED_VERSION.
    let mut client = Client::to(victim.address());
    client.stream.write_all(&frame(ApiKey::ApiVersions, 99, &[1, 1])).expect("sent");
    let answer = client.receive_frame().expect("an answer");
    assert_eq!(&answer[..6], [0, 0, 0, 7, 0, 35]);
    assert!(client.is_answered(), "the connection goes on");
    victim.ends_well();
}

#[test]
fn counts_that_lie() {
    let mut victim = Victim::new(Setup::new());
    let before = victim.node.memory();
    let most = i32::MAX.to_be_bytes();
    let compact = [0xff, 0xff, 0xff, 0xff, 0x0f];
    for (api, version, body) in [
        (ApiKey::Metadata, 0, most.to_vec()),
        (ApiKey::Metadata, 12, compact.to_vec()),
        (ApiKey::CreateTopics, 5, compact.to_vec()),
        (ApiKey::Produce, 3, [&[0xff, 0xff, 0, 1, 0, 0, 0, 1][..], &most].concat()),
        (ApiKey::OffsetFetch, 1, [&[0, 0][..], &most].concat()),
        // Tagged fields: their number, and the length of one.
        (ApiKey::ApiVersions, 3, [&[2, b'x', 2, b'y'][..], &compact].concat()),
        (ApiKey::ApiVersions, 3, [&[2, b'x', 2, b'y', 1, 0][..], &compact].concat()),
    ] {
        assert!(sent(victim.address(), &frame(api, version, &body)).is_empty(), "{api} v{version}");
        victim.still_serves();
    }
    let grown = victim.node.memory_peak().saturating_sub(before);
    assert!(grown < 32 * MEGABYTE, "{grown} bytes for frames of a few");
    victim.ends_well();
}

/// Two bytes of a frame can stand for a structure of a hundred, and an answer of as much.
#[test]
fn a_frame_of_many_small_things_costs_no_more_than_is_bounded() {
    let mut victim = Victim::new(Setup::new());
    let count = 40_000_000usize;
    let names = [&(count as u32).to_be_bytes()[..], &vec![0; 2 * count]].concat();
    assert!(sent(victim.address(), &frame(ApiKey::Metadata, 0, &names)).is_empty());
    victim.still_serves();
    // The same, nested: one topic with as many partitions as fit.
    let count = 20_000_000usize;
    let topic = [&[0, 0, 0, 1, 0, 1, b't'][..], &(count as u32).to_be_bytes()].concat();
    let partitions = [&(-1i32).to_be_bytes()[..], &topic, &vec![0; 4 * count]].concat();
    let mut client = Client::to(victim.address());
    let _ = client.stream.write_all(&frame(ApiKey::ListOffsets, 1, &partitions));
    drop(client);
    victim.still_serves();
    let peak = victim.node.memory_peak();
    assert!(peak < 600 * MEGABYTE, "{peak} bytes at most");
    victim.ends_well();
}

#[test]
fn frames_that_end_too_early() {
    let victim = Victim::new(Setup::new());
    let whole = framed(&produce_request("kept", batch(&[b"never"])), 9, 1);
    let before = victim.node.descriptors();
    for end in (0..whole.len()).step_by(7).chain([1, 3, 4, 5]) {
        let mut client = Client::to(victim.address());
        client.stream.write_all(&whole[..end]).expect("sent");
        client.stream.shutdown(Shutdown::Write).expect("half closed");
        assert!(client.read_to_end().expect("closed").is_empty());
    }
    // A body that is shorter than it says, in a frame that is whole.
    for end in (14..whole.len()).step_by(11) {
        let mut cut = whole[..end].to_vec();
        cut[..4].copy_from_slice(&((end - 4) as u32).to_be_bytes());
        let mut client = Client::to(victim.address());
        client.stream.write_all(&cut).expect("sent");
        client.stream.shutdown(Shutdown::Write).expect("half closed");
        client.read_to_end().expect("closed");
    }
    until_true("connections are given back", || victim.node.descriptors() <= before);
    victim.ends_well();
}

#[test]
fn random_bytes() {
    let mut random = Random::new();
    let mut victim = Victim::new(Setup::new().set("group.max.session.timeout.ms", 6_000));
    let before = victim.node.memory();
    for round in 0..600 {
        let bytes = hostile(&mut random);
        let mut client = Client::to(victim.address());
        let _ = client.stream.write_all(&bytes);
        if random.one_in(2) {
            let _ = client.stream.shutdown(Shutdown::Write);
        }
        drop(client);
        if round % 50 == 0 {
            victim.still_serves();
        }
    }
    let grown = victim.node.memory_peak().saturating_sub(before);
    assert!(grown < 128 * MEGABYTE, "{grown} bytes");
    victim.ends_well();
}

/// Noise alone, noise behind a length, noise behind a header, or a good request with some of its
/// bytes changed.
fn hostile(random: &mut Random) -> Vec<u8> {
    let count = random.below(600);
    let noise = random.bytes(count);
    let framed_noise = |noise: &[u8]| [&(noise.len() as u32).to_be_bytes()[..], noise].concat();
    match random.below(4) {
        0 => noise,
        1 => framed_noise(&noise),
        2 => {
            let keys: Vec<ApiKey> =
                (0..100i16).filter_map(|key| ApiKey::try_from(key).ok()).collect();
            let api = keys[random.below(keys.len())];
            let versions = api.versions();
            let count = (versions.end() - versions.start() + 1).max(1) as usize;
            let version = versions.start() + random.below(count) as i16;
            frame(api, version, &noise)
        }
        _ => {
            let mut bytes = good(random);
            for _ in 0..=random.below(4) {
                let at = 4 + random.below(bytes.len() - 4);
                bytes[at] = match random.below(3) {
                    0 => 0xff,
                    1 => 0x7f,
                    _ => random.next() as u8,
                };
            }
            bytes
        }
    }
}

fn good(random: &mut Random) -> Vec<u8> {
    fn default<R: ottla_wire::api::Request>(random: &mut Random) -> Bytes {
        let versions = R::API_KEY.versions();
        let count = (versions.end() - versions.start() + 1) as usize;
        let version = versions.start() + random.below(count) as i16;
        let request = R::default();
        // What a version can't carry at all is left to another draw.
        match request.encoded_len(version) {
            Ok(_) => framed(&request, version, 1),
            Err(_) => framed(&ApiVersionsRequest::default(), 0, 1),
        }
    }
    let bytes = match random.below(8) {
        0 => framed(&produce_request("other", batch(&[b"a", b"b"])), 9, 1),
        1 => framed(&fetch_request("kept", 0, 10), 12, 1),
        2 => default::<ProduceRequest>(random),
        3 => default::<FetchRequest>(random),
        4 => default::<MetadataRequest>(random),
        5 => default::<CreateTopicsRequest>(random),
        6 => default::<ListOffsetsRequest>(random),
        _ => default::<OffsetCommitRequest>(random),
    };
    bytes.to_vec()
}

/// A batch of a few kilobytes that holds gigabytes when it is decompressed.
#[test]
fn batches_that_grow_without_end() {
    let mut victim = Victim::new(Setup::new());
    victim.neighbour.create_topic("bombed", 1, &[("compression.type", "gzip")]);
    for kind in [CompressionType::Gzip, CompressionType::Lz4, CompressionType::Zstd] {
        let mut builder = BatchBuilder::new(BatchOptions {
            compression: Compression::of(kind),
            ..BatchOptions::default()
        });
        let value = vec![0; 1 << 20];
        for _ in 0..100 {
            builder.append(now_ms(), None, Some(&value), &[]).expect("a good record");
        }
        let bomb = builder.build().expect("a batch").freeze();
        assert!(bomb.len() < 1_000_000, "{} bytes of {kind}", bomb.len());
        let mut client = Client::to(victim.address());
        // Refused or written, both are answers.
        client.call(&produce_request("bombed", bomb), 9).expect("an answer");
        victim.still_serves();
    }
    let peak = victim.node.memory_peak();
    assert!(peak < 400 * MEGABYTE, "{peak} bytes at most");
    victim.ends_well();
}

/// Four bytes ask for the kilobytes of a commit's metadata, or for all that is known of a topic.
#[test]
fn one_thing_named_without_end() {
    let mut victim = Victim::new(Setup::new());
    victim.commits("g");
    let before = victim.node.memory();
    const TIMES: usize = 500_000;
    let topic = |partitions: usize| {
        let mut bytes = [&[0, 0, 0, 1, 0, 4][..], b"kept"].concat();
        bytes.extend((partitions as u32).to_be_bytes());
        bytes.resize(bytes.len() + 4 * partitions, 0);
        bytes
    };
    let name = [0, 4, b'k', b'e', b'p', b't'];
    let names = [&(TIMES as u32).to_be_bytes()[..], &name.repeat(TIMES)].concat();
    let configs = [&[2][..], &name, &[0xff; 4]].concat().repeat(TIMES / 10);
    let offsets = [&[0, 1, b'g'][..], &topic(TIMES)].concat();
    let listed =
        [&(-1i32).to_be_bytes()[..], &[0, 0, 0, 1][..], &name, &(TIMES as u32).to_be_bytes()]
            .concat();
    for (api, version, body) in [
        (ApiKey::OffsetFetch, 1, offsets),
        (ApiKey::Metadata, 4, [&names[..], &[0]].concat()),
        (
            ApiKey::DescribeConfigs,
            1,
            [&((TIMES / 10) as u32).to_be_bytes()[..], &configs, &[1]].concat(),
        ),
        (ApiKey::DescribeGroups, 0, names.clone()),
        (ApiKey::ListOffsets, 1, [listed, [0; 12].repeat(TIMES)].concat()),
    ] {
        let mut client = Client::to(victim.address());
        let _ = client.stream.write_all(&frame(api, version, &body));
        // Refused or answered once for all, both will do.
        let _ = client.receive_frame();
        victim.still_serves();
        let grown = victim.node.memory_peak().saturating_sub(before);
        assert!(grown < 250 * MEGABYTE, "{api}: {grown} bytes for a request of {}", body.len());
    }
    victim.ends_well();
}

/// However many names a request has, it keeps nobody else waiting.
#[test]
fn as_many_names_as_fit() {
    let mut victim = Victim::new(Setup::new());
    victim.commits("g");
    const COUNT: u32 = 300_000;
    let names = |item: &dyn Fn(&[u8], u32) -> Vec<u8>| {
        let items = (0..COUNT).flat_map(|number| item(format!("{number:06}").as_bytes(), number));
        COUNT.to_be_bytes().into_iter().chain(items).collect::<Vec<u8>>()
    };
    let named = |name: &[u8]| [&(name.len() as u16).to_be_bytes()[..], name].concat();
    let bare = names(&|name, _| named(name));
    let timeout = 10_000u32.to_be_bytes();
    let grown = names(&|name, _| [named(name), vec![0, 0, 0, 5, 0xff, 0xff, 0xff, 0xff]].concat());
    let altered = names(&|name, number| {
        [vec![if number % 2 == 0 { 2 } else { 7 }], named(name), vec![0; 4]].concat()
    });
    let joined = names(&|name, _| [named(name), vec![0; 4]].concat());
    let join = [&[0, 1, b'g'][..], &timeout, &[0, 0], &named(b"consumer"), &joined].concat();
    for (api, version, body) in [
        (ApiKey::DeleteTopics, 1, [&bare[..], &timeout].concat()),
        (ApiKey::CreatePartitions, 0, [&grown[..], &timeout, &[0]].concat()),
        (ApiKey::AlterConfigs, 0, [&altered[..], &[0]].concat()),
        (ApiKey::IncrementalAlterConfigs, 0, [&altered[..], &[0]].concat()),
        (ApiKey::DeleteGroups, 0, bare.clone()),
        (ApiKey::JoinGroup, 0, join),
    ] {
        let mut client = Client::to(victim.address());
        client.stream.write_all(&frame(api, version, &body)).expect("sent");
        let answer = client.receive_frame().expect("an answer in time");
        assert_eq!(&answer[..4], [0, 0, 0, 7], "{api}");
        victim.still_serves();
    }
    victim.ends_well();
}

/// Neither many bad requests nor names of any length fill the disk with lines of the log, or forge one.
#[test]
fn lines_without_end() {
    let victim = Victim::new(Setup::new());
    const TIMES: u32 = 3_000;
    for _ in 0..TIMES {
        assert!(sent(victim.address(), &(-1i32).to_be_bytes()).is_empty());
    }
    let named = |name: &[u8]| [&(name.len() as u16).to_be_bytes()[..], name].concat();
    let path = named(&b"/nowhere".repeat(2_000));
    let topics = (0..TIMES).flat_map(|number| {
        let name = format!("{number}\n2026-01-01T00:00:00Z ERROR forged");
        [named(name.as_bytes()), vec![0, 0, 0, 1, 0, 0, 0, 0]].concat()
    });
    let dirs = [&[0, 0, 0, 1][..], &path, &TIMES.to_be_bytes()].concat();
    let moves: Vec<u8> = dirs.into_iter().chain(topics).collect();
    let mut client = Client::to(victim.address());
    client.stream.write_all(&frame(ApiKey::AlterReplicaLogDirs, 1, &moves)).expect("sent");
    client.receive_frame().expect("an answer");
    victim.node.says("lines like this are many");
    let output = victim.node.output();
    assert!(output.lines().count() < 2_500, "{} lines", output.lines().count());
    assert!(output.len() < 15 << 20, "{} bytes", output.len());
    assert!(!output.lines().any(|line| line.starts_with("2026-01-01")), "a forged line");
    for said in ["connection closed: bad request", "a log is not moved", "(cut off)"] {
        assert!(output.contains(said), "{said}");
    }
    victim.ends_well();
}

/// What the tests build around a body is what the node reads.
#[test]
fn the_frames_of_these_tests_are_good() {
    let victim = Victim::new(Setup::new());
    let mut client = Client::to(victim.address());
    client.stream.write_all(&frame(ApiKey::Metadata, 0, &[0, 0, 0, 0])).expect("sent");
    let answer = client.receive_frame().expect("an answer");
    assert_eq!(&answer[..4], [0, 0, 0, 7]);
    victim.ends_well();
}
