//! Clients that stall: they cost a connection, and nobody else anything.

use std::io::{Read, Write};
use std::net::Shutdown;
use std::time::{Duration, Instant};

use ottla_wire::messages::ApiVersionsRequest;

use crate::harness::client::{Client, batch, fetch_request, framed, produce_request};
use crate::harness::node::Setup;

const MEGABYTE: u64 = 1 << 20;

#[test]
fn connections_that_say_nothing_or_half_a_thing_are_closed_when_idle() {
    let setup = Setup::new().set("connections.max.idle.ms", 1000);
    let node = setup.start();
    let whole = framed(&ApiVersionsRequest::default(), 0, 1);
    let begun = Instant::now();
    let mut stalled: Vec<Client> = (0..whole.len())
        .map(|end| {
            let mut client = Client::to(node.address);
            client.stream.write_all(&whole[..end]).expect("sent");
            client
        })
        .collect();
    for client in &mut stalled {
        assert!(client.read_to_end().expect("closed").is_empty());
    }
    assert!(begun.elapsed() >= Duration::from_millis(1000), "{:?}", begun.elapsed());
    // One that speaks now and then is not idle, however long it is there.
    let mut client = Client::to(node.address);
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_millis(2500) {
        assert!(client.is_answered());
    }
    node.stop();
}

#[test]
fn a_client_that_has_said_all_it_wants_still_gets_its_answer() {
    let setup = Setup::new();
    let node = setup.start();
    let mut client = Client::to(node.address);
    client.send(&ApiVersionsRequest::default(), 0).expect("sent");
    client.stream.shutdown(Shutdown::Write).expect("half closed");
    let answer = client.receive::<ApiVersionsRequest>(0).expect("an answer");
    assert_eq!(answer.error_code, 0);
    assert!(client.read_to_end().expect("then it is closed").is_empty());
    node.stop();
}

/// Requests that were announced and do not come hold what `queued.max.request.bytes` allows, until
/// somebody else needs it.
#[test]
fn stalled_requests_do_not_keep_others_out_of_memory() {
    let setup = Setup::new()
        .set("queued.max.request.bytes", 8 << 20)
        .set("socket.request.max.bytes", 4 << 20);
    let node = setup.start();
    let mut client = Client::to(node.address);
    client.create_topic("served", 1, &[]);
    // Some have only announced a request, some have begun to send it.
    let stalled: Vec<Client> = (0..16)
        .map(|number| {
            let mut stalled = Client::to(node.address);
            stalled.stream.write_all(&(4u32 << 20).to_be_bytes()).expect("sent");
            stalled.stream.write_all(&vec![0; (number % 2) * 40_000]).expect("sent");
            stalled
        })
        .collect();
    let small = client.produce("served", &[b"value"]).expect("served");
    assert_eq!(small, Ok(0));
    assert!(!node.output().contains("waited for memory"), "small requests wait for nobody");
    let value = vec![b'x'; 900_000];
    assert_eq!(client.produce("served", &[&value]).expect("served"), Ok(1));
    node.says("while others waited for memory");
    drop(stalled);
    node.stop();
}

/// A long poll holds a connection, not the room for requests.
#[test]
fn long_polls_do_not_keep_others_out_of_memory() {
    let setup = Setup::new().set("queued.max.request.bytes", 16 << 10);
    let node = setup.start();
    let mut client = Client::to(node.address);
    client.create_topic("polled", 1, &[]);
    let mut polls: Vec<Client> = (0..40).map(|_| Client::to(node.address)).collect();
    for poll in &mut polls {
        poll.send(&fetch_request("polled", 0, 60_000), 12).expect("sent");
    }
    let begun = Instant::now();
    let value = vec![b'x'; 30_000];
    assert_eq!(client.produce("polled", &[&value]).expect("served"), Ok(0));
    for poll in &mut polls {
        let answer = poll.receive_frame().expect("woken");
        assert!(answer.len() > 60);
    }
    assert!(begun.elapsed() < Duration::from_secs(30), "{:?}", begun.elapsed());
    node.stop();
}

/// One that asks for a lot and takes nothing.
#[test]
fn answers_that_nobody_takes_are_given_up() {
    let setup = Setup::new().set("connections.max.idle.ms", 2000);
    let node = setup.start();
    let mut client = Client::to(node.address);
    client.create_topic("large", 1, &[]);
    let value = vec![b'x'; 900_000];
    for _ in 0..4 {
        client.produce("large", &[&value]).expect("an answer").expect("written");
    }
    let before = (node.memory(), node.descriptors());
    let mut greedy: Vec<Client> = (0..20).map(|_| Client::to(node.address)).collect();
    for client in &mut greedy {
        for _ in 0..20 {
            client.send(&fetch_request("large", 0, 0), 12).expect("sent");
        }
    }
    crate::harness::wait::until_true("greedy connections are given up", || {
        assert!(client.is_answered());
        node.descriptors() <= before.1
    });
    let grown = node.memory_peak().saturating_sub(before.0);
    assert!(grown < 64 * MEGABYTE, "{grown} bytes");
    for client in &mut greedy {
        let mut bytes = Vec::new();
        // What was on its way arrives, then the connection ends.
        let _ = client.stream.read_to_end(&mut bytes);
        assert!(bytes.len() < 20 * 4 * value.len());
    }
    node.stop();
}

/// As many requests as large as they may be, all at once: memory stays at what was set.
#[test]
fn large_requests_wait_for_room() {
    const BUDGET: u64 = 16 * MEGABYTE;
    let setup = Setup::new()
        .set("queued.max.request.bytes", BUDGET)
        .set("socket.request.max.bytes", 4 << 20);
    let node = setup.start();
    let mut client = Client::to(node.address);
    client.create_topic("crowded", 1, &[("max.message.bytes", "4194304")]);
    let value = vec![b'x'; 4_000_000];
    let request = framed(&produce_request("crowded", batch(&[&value])), 9, 1);
    let before = node.memory();
    std::thread::scope(|scope| {
        let senders: Vec<_> = (0..60)
            .map(|_| {
                scope.spawn(|| {
                    let mut client = Client::to(node.address);
                    client.stream.write_all(&request).expect("sent");
                    client.receive_frame().expect("an answer")
                })
            })
            .collect();
        for sender in senders {
            let answer = sender.join().expect("no panic");
            assert!(answer.len() > 20);
        }
    });
    assert_eq!(client.end_offset("crowded"), 60);
    let grown = node.memory_peak().saturating_sub(before);
    // Twice: room grows by doubling, and the allocator keeps some.
    assert!(grown < 2 * BUDGET + 32 * MEGABYTE, "{grown} bytes");
    node.stop();
}
