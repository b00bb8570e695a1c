//! A node as a process on a free port of the loopback, with its data in a temporary directory.

use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::thread;

use ottla_client::admin::{Admin, CreateTopicsOptions, NewPartitions, NewTopic, TopicRef};
use ottla_client::producer::{Producer, ProducerConfig, ProducerRecord};
use ottla_client::{ClientConfig, Cluster};
use tempfile::TempDir;

pub struct Node {
    child: Child,
    pub address: String,
    _folder: TempDir,
}

impl Node {
    /// Starts it, and waits until it says that it serves.
    pub fn start() -> Node {
        Node::start_with(&[])
    }

    /// The same with these settings too.
    pub fn start_with(settings: &[&str]) -> Node {
        let folder = TempDir::new().expect("a temporary directory");
        let free = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = free.local_addr().expect("bound").to_string();
        drop(free);
        let mut command = Command::new(env!("CARGO_BIN_EXE_ottla"));
        command.arg("start");
        for setting in [
            format!("listeners=PLAINTEXT://{address}"),
            format!("log.dirs={}", folder.path().join("data").display()),
            "group.initial.rebalance.delay.ms=0".to_owned(),
            "offsets.topic.num.partitions=3".to_owned(),
        ] {
            command.args(["--override", &setting]);
        }
        for setting in settings {
            command.args(["--override", setting]);
        }
        command.current_dir(folder.path()).stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = command.stderr(Stdio::inherit()).spawn().expect("the binary starts");
        let mut output = BufReader::new(child.stdout.take().expect("piped"));
        let mut said = String::new();
        while !said.contains("stop with") {
            let size = output.read_line(&mut said).expect("text");
            assert!(size > 0, "the node ended: {said}");
        }
        // What it says later is for nobody, but must not fill the pipe.
        thread::spawn(move || std::io::copy(&mut output, &mut std::io::sink()));
        Node { child, address, _folder: folder }
    }

    pub fn admin(&self) -> Admin {
        Admin::new(Cluster::new(ClientConfig::new(&self.address)).expect("an address"))
    }

    pub async fn create(&self, topic: &str, partitions: i32) {
        let (name, partitions) = (topic.to_owned(), Some(partitions));
        let topic = NewTopic { name, partitions, ..NewTopic::default() };
        let created = self.admin().create_topics(&[topic], CreateTopicsOptions::default()).await;
        for (name, outcome) in created.expect("answered") {
            outcome.unwrap_or_else(|error| panic!("{name}: {error}"));
        }
    }

    pub async fn grow(&self, topic: &str, partitions: i32) {
        let wanted =
            NewPartitions { topic: topic.to_owned(), total: partitions, assignments: None };
        let grown = self.admin().create_partitions(&[wanted], false).await;
        for (name, outcome) in grown.expect("answered") {
            outcome.unwrap_or_else(|error| panic!("{name}: {error}"));
        }
    }

    pub async fn delete(&self, topic: &str) {
        let gone = self.admin().delete_topics(&[TopicRef::Name(topic.to_owned())]).await;
        for (_, outcome) in gone.expect("answered") {
            outcome.unwrap_or_else(|error| panic!("{topic}: {error}"));
        }
    }

    /// Writes these values, in this order, with timestamps 1000, 2000, ...
    pub async fn write(&self, topic: &str, partition: i32, values: std::ops::Range<u32>) {
        let producer = Producer::new(ProducerConfig::new(&self.address)).expect("valid");
        for value in values {
            let record = ProducerRecord {
                partition: Some(partition),
                timestamp: Some(i64::from(value + 1) * 1000),
                ..ProducerRecord::new(topic, value.to_string())
            };
            let delivery = producer.send(record).await.expect("taken");
            drop(delivery);
        }
        producer.flush().await;
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
