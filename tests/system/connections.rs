//! Many connections, and the limits on them.

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

use ottla_wire::messages::incremental_alter_configs_request::{
    AlterConfigsResource, AlterableConfig, IncrementalAlterConfigsRequest,
};
use ottla_wire::messages::{ApiVersionsRequest, ProduceRequest};
use socket2::{Domain, Socket, Type};

use crate::descriptors::claim;
use crate::harness::client::{Client, batch, framed, produce_request};
use crate::harness::node::Setup;
use crate::harness::wait::{PATIENCE, until_true};

/// A connection from another loopback address.
fn from(source: Ipv4Addr, address: SocketAddr) -> Client {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    socket.bind(&SocketAddr::from((source, 0)).into()).expect("a loopback address");
    socket.connect(&address.into()).expect("taken");
    let mut client = Client::to(address);
    client.stream = socket.into();
    client.stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    client
}

#[test]
fn two_thousand_connections_are_all_served() {
    const COUNT: usize = 2_000;
    if claim() < 2 * COUNT as u64 {
        println!("left out: this process may not open {COUNT} connections (ulimit -n)");
        return;
    }
    let setup = Setup::new();
    let node = setup.start();
    let mut first = Client::to(node.address);
    first.create_topic("shared", 1, &[]);
    let before = node.memory();
    let mut clients: Vec<Client> = (0..COUNT).map(|_| Client::to(node.address)).collect();
    for round in 0..2 {
        for client in &mut clients {
            client.send(&ApiVersionsRequest::default(), 0).expect("sent");
        }
        for client in &mut clients {
            client.receive::<ApiVersionsRequest>(0).expect("answered");
        }
        assert_eq!(first.produce("shared", &[b"value"]).expect("served"), Ok(round));
    }
    for (number, client) in clients.iter_mut().enumerate() {
        let offset = client.produce("shared", &[b"value"]).expect("served");
        assert_eq!(offset, Ok(2 + number as i64));
    }
    let grown = node.memory().saturating_sub(before);
    assert!(grown < 20_000 * COUNT as u64, "{grown} bytes for {COUNT} idle connections");
    drop(clients);
    until_true("connections are given back", || node.descriptors() < 100);
    assert!(first.is_answered());
    node.stop();
}

#[test]
fn an_answer_does_not_wait_for_a_request_that_has_only_begun() {
    let setup = Setup::new();
    let node = setup.start();
    let mut client = Client::to(node.address);
    let first = framed(&ApiVersionsRequest::default(), 0, 0);
    client.stream.write_all(&[&first, &first[..5]].concat()).expect("sent");
    client.receive_frame().expect("answered before the rest of the second is there");
    client.stream.write_all(&first[5..]).expect("sent");
    client.receive_frame().expect("answered");
    node.stop();
}

#[test]
fn over_max_connections_new_ones_wait_for_room() {
    let setup = Setup::new().set("max.connections", 5);
    let node = setup.start();
    let mut clients: Vec<Client> = (0..5).map(|_| Client::to(node.address)).collect();
    assert!(clients.iter_mut().all(Client::is_answered));
    // The system takes the connection; the node does not look at it.
    let mut waiting = Client::to(node.address);
    waiting.send(&ApiVersionsRequest::default(), 0).expect("sent");
    waiting.stream.set_read_timeout(Some(Duration::from_millis(300))).expect("a timeout");
    assert!(waiting.receive::<ApiVersionsRequest>(0).is_err(), "answered over the limit");
    assert!(clients.iter_mut().all(Client::is_answered), "those within the limit are served");
    clients.pop();
    waiting.stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    waiting.receive::<ApiVersionsRequest>(0).expect("answered once there is room");
    node.stop();
}

#[test]
fn over_max_connections_per_ip_a_connection_is_closed_at_once() {
    let favoured = Ipv4Addr::new(127, 9, 9, 9);
    let setup = Setup::new()
        .set("max.connections.per.ip", 3)
        .set("max.connections.per.ip.overrides", format!("{favoured}:1"));
    let node = setup.start();
    let mut clients: Vec<Client> = (0..3).map(|_| Client::to(node.address)).collect();
    assert!(clients.iter_mut().all(Client::is_answered));
    let mut refused = Client::to(node.address);
    assert!(refused.read_to_end().expect("closed").is_empty());
    // Another address has a share of its own.
    clients.pop();
    until_true("the place is given back", || Client::to(node.address).is_answered());
    let mut other = from(favoured, node.address);
    assert!(other.is_answered());
    let mut second = from(favoured, node.address);
    assert!(second.read_to_end().expect("closed").is_empty());
    assert!(other.is_answered());
    node.stop();
}

#[test]
fn limits_change_while_the_node_runs() {
    let setup = Setup::new().set("max.connections.per.ip", 1000);
    let node = setup.start();
    let mut client = Client::to(node.address);
    let request = IncrementalAlterConfigsRequest {
        resources: vec![AlterConfigsResource {
            // A broker.
            resource_type: 4,
            resource_name: String::new(),
            configs: vec![AlterableConfig {
                name: "max.connections.per.ip".to_owned(),
                value: Some("2".to_owned()),
                ..AlterableConfig::default()
            }],
            ..AlterConfigsResource::default()
        }],
        ..IncrementalAlterConfigsRequest::default()
    };
    let answer = client.call(&request, 1).expect("an answer");
    let answer = &answer.responses[0];
    assert_eq!(answer.error_code, 0, "{:?}", answer.error_message);
    let mut second = Client::to(node.address);
    assert!(second.is_answered());
    assert!(Client::to(node.address).read_to_end().expect("closed").is_empty());
    assert!(client.is_answered() && second.is_answered());
    assert!(matches!(node.address.ip(), IpAddr::V4(_)));
    node.stop();
}

/// What a producer has in flight waits for the disk together, and is answered in its order.
#[test]
fn requests_in_flight_share_syncs_and_are_answered_in_order() {
    const COUNT: i32 = 2_000;
    let setup = Setup::new().set("ottla.durability", "fsync");
    let metrics = SocketAddr::new((*setup.address().ip()).into(), 9464);
    let setup = setup.set("ottla.http.listener", metrics);
    let node = setup.start();
    let mut client = Client::to(node.address);
    client.create_topic("in-flight", 1, &[]);
    client.create_topic("other", 1, &[("ottla.durability", "os")]);
    let mut sending = client.stream.try_clone().expect("a descriptor");
    // Every seventh is answered at once, by a log that waits for nothing, and yet in its turn.
    let topic = |number: i32| if number % 7 == 0 { "other" } else { "in-flight" };
    let sender = std::thread::spawn(move || {
        for number in 0..COUNT {
            let value = number.to_string();
            let request = produce_request(topic(number), batch(&[value.as_bytes()]));
            sending.write_all(&framed(&request, 8, number)).expect("sent");
        }
        // Whatever else is asked waits until they are answered.
        sending.write_all(&framed(&ApiVersionsRequest::default(), 0, COUNT)).expect("sent");
    });
    let mut offsets = std::collections::BTreeMap::from([("other", 0), ("in-flight", 0)]);
    for number in 0..COUNT {
        let mut frame = client.receive_frame().expect("an answer");
        assert_eq!(frame.split_to(4)[..], number.to_be_bytes(), "not in order");
        let answer = response::<ProduceRequest>(&frame, 8);
        let partition = &answer.responses[0].partition_responses[0];
        let next = offsets.get_mut(topic(number)).expect("one of two");
        assert_eq!((partition.error_code, partition.base_offset), (0, *next), "{number}");
        *next += 1;
    }
    let last = client.receive_frame().expect("an answer");
    assert_eq!(last[..4], COUNT.to_be_bytes());
    sender.join().expect("no panic");
    let commits = metric(metrics, "ottla_log_journal_commits_total");
    let journaled = offsets["in-flight"] as f64;
    assert!(commits < 0.8 * journaled, "{commits} commits for {journaled} requests");
    node.stop();
}

fn response<R: ottla_wire::api::Request>(body: &bytes::Bytes, version: i16) -> R::Response {
    let mut reader = ottla_wire::codec::Reader::new(body);
    ottla_wire::Message::decode(&mut reader, version).expect("a whole answer")
}

/// The sum of a metric's values.
fn metric(address: SocketAddr, name: &str) -> f64 {
    let mut stream = TcpStream::connect(address).expect("it listens");
    stream.write_all(b"GET /metrics HTTP/1.1\r\nConnection: close\r\n\r\n").expect("sent");
    let mut page = String::new();
    stream.read_to_string(&mut page).expect("a page");
    let lines = page.lines().filter(|line| line.starts_with(name));
    let values = lines.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok());
    values.sum()
}
