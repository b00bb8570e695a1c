//! Why a node does not start, said so that a person knows what to do; configurations of other days; and a node
//! that is known by the machine's own name.

use std::fs;
use std::io::Write as _;
use std::net::{IpAddr, TcpListener, ToSocketAddrs as _};
use std::path::Path;
use std::process::{Command, Output, Stdio};

use rustix::system::uname;

use crate::harness::client::Client;
use crate::harness::node::{Ended, Setup};

/// Every failed start says what, why and what next, and does so once.
#[track_caller]
fn tells(ended: &Ended, parts: &[&str]) {
    let output = &ended.output;
    let errors = output.lines().filter(|line| line.starts_with("error: ")).count();
    assert_eq!(errors, 1, "{output}");
    for part in parts.iter().chain(&["hint: "]) {
        assert!(output.contains(part), "no {part:?} in:\n{output}");
    }
    assert!(!output.contains("panicked"), "{output}");
}

#[test]
fn a_taken_port_is_found_before_anything_is_written() {
    let setup = Setup::new();
    let _taken = TcpListener::bind(setup.address()).expect("a free address");
    let address = setup.address().to_string();
    tells(&setup.fail(), &["cannot listen on", &address, "in use"]);
    assert!(!setup.data.exists(), "the directory was made");
}

#[test]
fn a_directory_that_cannot_be_written_to() {
    // A file stands in its place: root would be let into any directory.
    let setup = Setup::new();
    fs::write(&setup.data, "not a directory").expect("a writable folder");
    tells(&setup.fail(), &["cannot open log directory"]);
    assert_eq!(fs::read_to_string(&setup.data).expect("still there"), "not a directory");

    // A directory in the place of a file that has to be written.
    let setup = Setup::new();
    fs::create_dir_all(setup.data.join(".lock")).expect("a writable folder");
    tells(&setup.fail(), &["cannot open log directory", ".lock"]);

    // A file that can be read and never written, for root too.
    let setup = Setup::new().set("log.dirs", "/proc/self");
    tells(&setup.fail(), &["cannot open log directory", "/proc/self"]);
}

#[test]
fn a_directory_of_another_cluster_or_node() {
    let setup = Setup::new();
    setup.start().stop();
    let properties = setup.data.join("meta.properties");
    let own = fs::read_to_string(&properties).expect("a formatted directory");

    let other = setup.folder().join("other");
    fs::create_dir_all(&other).expect("a writable folder");
    let foreign = own
        .lines()
        .map(|line| match line.split_once('=') {
            Some(("cluster.id", _)) => "cluster.id=AAAAAAAAQACAAAAAAAAAAA".to_owned(),
            Some(("directory.id", _)) => "directory.id=AAAAAAAAQACAAAAAAAAAAB".to_owned(),
            _ => line.to_owned(),
        })
        .collect::<Vec<_>>()
        .join("\n");
    fs::write(other.join("meta.properties"), foreign).expect("a writable folder");
    let both = format!("{},{}", setup.data.display(), other.display());
    let setup = setup.set("log.dirs", both);
    tells(&setup.fail(), &["cannot open log directory", "belongs to cluster"]);

    let setup = setup.set("log.dirs", other.display()).set("node.id", 9);
    tells(&setup.fail(), &["cannot open log directory", "belongs to node 1", "this is node 9"]);

    fs::write(other.join("meta.properties"), "version=1\nnode.id=x\n").expect("a writable folder");
    tells(&setup.fail(), &["cannot open log directory", "meta.properties"]);
}

#[test]
fn a_second_process_is_kept_out_and_harms_nothing() {
    let setup = Setup::new();
    let node = setup.start();
    let mut client = Client::to(node.address);
    client.create_topic("kept", 1, &[]);
    client.produce("kept", &[b"one"]).expect("an answer").expect("written");
    let second = Setup::new().set("log.dirs", setup.data.display());
    tells(&second.fail(), &["cannot open log directory", ".lock", "another"]);
    client.produce("kept", &[b"two"]).expect("an answer").expect("written");
    assert_eq!(client.read_all("kept"), ["one", "two"]);
    node.stop();
    second.start().stop();
}

#[test]
fn values_that_cannot_be_are_all_named() {
    let setup = Setup::new().set("log.retention.hours", "soon").set("num.partitions", 0);
    tells(&setup.fail(), &["log.retention.hours", "num.partitions"]);
    let setup = Setup::new().set("listeners", "localhost:9092");
    tells(&setup.fail(), &["listeners", "PLAINTEXT://localhost:9092"]);
    let setup = Setup::new().set("process.roles", "broker");
    tells(&setup.fail(), &["process.roles=broker:", "broker,controller"]);
    let setup = Setup::new().set("controller.quorum.bootstrap.servers", "a:9093,b:9093");
    tells(
        &setup.fail(),
        &["controller.quorum.bootstrap.servers", "a:9093,b:9093", "quorum of one"],
    );
}

/// What the three files of Apache's distribution have beside their roles and listeners.
const SHIPPED: &str = "controller.listener.names=CONTROLLER\n\
     listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SSL:SSL,SASL_PLAINTEXT:SASL_PLAINTEXT,SASL_SSL:SASL_SSL\n\
     num.network.threads=3\nnum.io.threads=8\nsocket.send.buffer.bytes=102400\n\
     socket.receive.buffer.bytes=102400\nsocket.request.max.bytes=104857600\n\
     num.partitions=1\nnum.recovery.threads.per.data.dir=1\noffsets.topic.replication.factor=1\n\
     share.coordinator.state.topic.replication.factor=1\nshare.coordinator.state.topic.min.isr=1\n\
     transaction.state.log.replication.factor=1\ntransaction.state.log.min.isr=1\n\
     log.retention.hours=168\nlog.segment.bytes=1073741824\nlog.retention.check.interval.ms=300000\n";

#[test]
fn files_of_one_role_say_what_to_do_and_leave_nothing_behind() {
    let broker = "process.roles=broker\nnode.id=2\ncontroller.quorum.bootstrap.servers=HOST:9093\n\
                  listeners=PLAINTEXT://HOST:9092\ninter.broker.listener.name=PLAINTEXT\n\
                  advertised.listeners=PLAINTEXT://HOST:9092\n";
    let controller = "process.roles=controller\nnode.id=1\n\
                      controller.quorum.bootstrap.servers=HOST:9093\nlisteners=CONTROLLER://HOST:9093\n\
                      advertised.listeners=CONTROLLER://HOST:9093\n";
    for (role, own) in [("broker", broker), ("controller", controller)] {
        let setup = Setup::new();
        let host = setup.address().ip().to_string();
        let data = format!("log.dirs={}\n", setup.data.display());
        let setup = setup.file(&format!("{}{data}{SHIPPED}", own.replace("HOST", &host)));
        let parts = [
            &*format!("only a {role} cannot be started"),
            &format!("process.roles={role}, controller.quorum.bootstrap.servers={host}:9093"),
            "set process.roles=broker,controller",
            "config/server.properties",
        ];
        tells(&setup.fail(), &parts);
        assert!(!setup.data.exists(), "the directory was made");
    }
}

#[test]
fn a_configuration_file_that_is_not_there() {
    let setup = Setup::new().file("");
    fs::remove_file(setup.folder().join("server.properties")).expect("it was written");
    tells(&setup.fail(), &["server.properties"]);
}

#[test]
fn a_file_of_zookeeper_days_starts_and_each_old_key_is_explained() {
    let setup = Setup::new();
    let (host, data) = (setup.address().ip().to_string(), setup.data.display().to_string());
    let setup = setup.file(&format!(
        "# A copy of a 2.x server.properties\n\
         broker.id=7\nport=9092\nhost.name={host}\nadvertised.host.name={host}\n\
         num.network.threads=3\nlog.dirs={data}\nnum.partitions=1\n\
         zookeeper.connect=localhost:2181\nzookeeper.connection.timeout.ms=18000\n\
         offsets.topic.num.partitions=3\nlog.cleaner.enable=true\nlog.retentoin.hours=5\n"
    ));
    let node = setup.start();
    for text in ["broker.id", "zookeeper.connect", "host.name", "log.retention.hours"] {
        assert!(node.output().contains(text), "nothing of {text}:\n{}", node.output());
    }
    assert!(node.output().contains("node 7"), "{}", node.output());
    let mut client = Client::to(node.address);
    client.create_topic("old", 1, &[]);
    client.produce("old", &[b"works"]).expect("an answer").expect("written");
    assert_eq!(client.read_all("old"), ["works"]);
    node.stop();
    let properties = fs::read_to_string(setup.data.join("meta.properties")).expect("formatted");
    assert!(properties.contains("node.id=7\n"), "{properties}");
}

#[test]
fn a_file_of_kraft_days_starts_as_it_is() {
    let setup = Setup::new();
    let (host, data) = (setup.address().ip().to_string(), setup.data.display().to_string());
    let setup = setup.file(&format!(
        "process.roles=broker,controller\nnode.id=1\n\
         controller.quorum.bootstrap.servers={host}:9093\n\
         listeners=PLAINTEXT://{host}:9092,CONTROLLER://{host}:9093\n\
         inter.broker.listener.name=PLAINTEXT\n\
         advertised.listeners=PLAINTEXT://{host}:9092,CONTROLLER://{host}:9093\n\
         log.dirs={data}\n{SHIPPED}"
    ));
    let node = setup.start();
    // Keys of what is not there yet are told; everything else holds without a word.
    let is_surprising =
        |line: &&str| line.contains(" WARN ") && !line.contains("have no effect in this version");
    let warned: Vec<String> =
        node.output().lines().filter(is_surprising).map(str::to_owned).collect();
    assert!(warned.is_empty(), "{warned:#?}");
    assert!(Client::to(node.address).is_answered());
    node.stop();
}

#[test]
fn two_nodes_on_one_host_need_other_listeners_and_directories_and_nothing_more() {
    let (first, second) = (Setup::new(), Setup::new());
    let (one, two) = (first.start(), second.start());
    for node in [&one, &two] {
        let mut client = Client::to(node.address);
        client.create_topic("same-name", 1, &[]);
        let text = node.address.to_string();
        client.produce("same-name", &[text.as_bytes()]).expect("an answer").expect("written");
        assert_eq!(client.read_all("same-name"), [text]);
    }
    one.stop();
    assert!(Client::to(two.address).is_answered());
    two.stop();
}

const TOPIC: &str = "manhattan_message_refund";

/// The machine's name and the loopback address that it stands for, if it does.
fn own_name() -> Option<(String, IpAddr)> {
    let name = uname().nodename().to_str().ok()?.to_owned();
    let mut addresses = (name.as_str(), 0).to_socket_addrs().ok()?;
    let address = addresses.find(|address| address.ip().is_loopback() && address.is_ipv4())?;
    Some((name, address.ip()))
}

/// Runs a launcher as tutorials do, from the folder that holds it.
fn run(launcher: &str, arguments: &[&str], input: &str) -> Output {
    let bin = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../bin");
    let mut command = Command::new(format!("./{launcher}"));
    command.args(arguments).current_dir(bin).env("OTTLA_BINARY", env!("CARGO_BIN_EXE_ottla"));
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the launcher starts");
    let mut typed = child.stdin.take().expect("piped");
    typed.write_all(input.as_bytes()).expect("it reads");
    drop(typed);
    child.wait_with_output().expect("it ends")
}

#[test]
fn clients_come_by_the_advertised_name_and_are_sent_on_by_it() {
    let Some((name, address)) = own_name() else {
        println!("left out: the name of this machine stands for no loopback address");
        return;
    };
    let setup = Setup::new()
        .set("listeners", format!("PLAINTEXT://{address}:0"))
        .set("advertised.listeners", format!("PLAINTEXT://{name}:0"));
    let node = setup.start();
    let output = node.output();
    let (_, advertised) = output.split_once("(advertised as ").expect("it says so");
    let (advertised, _) = advertised.split_once(')').expect("it says so");
    let (host, port) = advertised.rsplit_once(':').expect("host and port");
    assert_eq!(host, name);

    // The producer begins at the address; metadata leads it to the name.
    let by_address = format!("{address}:{port}");
    let sent = run(
        "kafka-console-producer.sh",
        &["--topic", TOPIC, "--broker-list", &by_address],
        "one\ntwo\n",
    );
    assert!(sent.status.success(), "{sent:?}");
    let arguments = ["--bootstrap-server", advertised, "--from-beginning", "--topic", TOPIC];
    let limits = ["--max-messages", "2", "--timeout-ms", "60000"];
    let read = run("kafka-console-consumer.sh", &[&arguments[..], &limits[..]].concat(), "");
    assert_eq!(String::from_utf8_lossy(&read.stdout), "one\ntwo\n", "{read:?}");
    assert_eq!(String::from_utf8_lossy(&read.stderr), "Processed a total of 2 messages\n");

    // What a broker says of itself is the name, not the address.
    let told = run("kafka-broker-api-versions.sh", &["--bootstrap-server", &by_address], "");
    let told = String::from_utf8_lossy(&told.stdout).into_owned();
    assert!(told.starts_with(&format!("{name}:{port} (id: 1 ")), "{told}");
    node.stop();
}
