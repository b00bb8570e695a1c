//! The two servers under comparison, each with its connections and what it has told.

use super::answer::{Answer, correlation_id};
use super::book::{Mode, Step};
use super::connection::{Connection, Received};
use super::known::Known;
use super::symbols::Symbols;
use crate::conformance::{Clients, Server, cache_folder};
use anyhow::{Context, Result, anyhow};
use ottla_wire::codec::{Reader, Tree};
use ottla_wire::header::{decode_response_header, encode_request_header};
use ottla_wire::messages::{ApiVersionsResponse, DescribeClusterResponse};
use ottla_wire::{ApiKey, Message, Writer};
use std::collections::{BTreeMap, VecDeque};
use std::ops::RangeInclusive;
use std::path::Path;

/// Records of the cases are years old, and none may go before it was compared.
const SETTINGS: &str = "log.retention.ms=-1\n";

/// Apache Kafka and Ottla.
pub struct Pair {
    pub kafka: Side,
    pub ottla: Side,
}

/// One server.
pub struct Side {
    server: Server,
    connections: BTreeMap<String, Connection>,
    /// Correlation ids of what was begun on a connection and not finished.
    begun: BTreeMap<String, VecDeque<i32>>,
    correlation_id: i32,
    pub known: Known,
    pub symbols: Symbols,
    /// The versions that the server lists.
    pub versions: BTreeMap<i16, RangeInclusive<i16>>,
}

impl Pair {
    /// Starts both with the same settings, these among them.
    pub fn start(root: &Path, binary: Option<&Path>, more: &str) -> Result<Pair> {
        let clients = Clients { root: root.to_owned(), cache: cache_folder()? };
        let release = root.join("target/release/ottla");
        let (kafka, ottla) =
            Server::pair(&clients, binary.unwrap_or(&release), &format!("{SETTINGS}{more}"))?;
        Ok(Pair { kafka: Side::new(kafka)?, ottla: Side::new(ottla)? })
    }

    pub fn stop(self) -> Result<()> {
        self.kafka.server.stop()?;
        self.ottla.server.stop()
    }
}

impl Side {
    fn new(server: Server) -> Result<Side> {
        let address = server.bootstrap().to_owned();
        let port: u16 =
            address.rsplit(':').next().and_then(|port| port.parse().ok()).context("no port")?;
        let mut side = Side {
            server,
            connections: BTreeMap::new(),
            begun: BTreeMap::new(),
            correlation_id: 0,
            known: Known::default(),
            symbols: Symbols::default(),
            versions: BTreeMap::new(),
        };
        let listed: ApiVersionsResponse = side.plain(ApiKey::ApiVersions, 0, &[])?;
        for api in listed.api_keys {
            side.versions.insert(api.api_key, api.min_version..=api.max_version);
        }
        let cluster: DescribeClusterResponse = side.plain(ApiKey::DescribeCluster, 0, &[0, 0])?;
        side.symbols = Symbols::new(
            port,
            vec![
                (address.clone(), "<address>"),
                (side.server.folder().display().to_string(), "<folder>"),
                (side.server.controller().to_owned(), "<controller>"),
                (cluster.cluster_id, "<cluster>"),
            ],
        );
        Ok(side)
    }

    /// Sends a step's request. `None` when its version can't carry it.
    pub fn send(&mut self, step: &Step) -> Result<Option<()>> {
        if step.mode == Mode::Finish {
            return Ok(Some(()));
        }
        self.correlation_id += 1;
        let id = self.correlation_id;
        let frame = match (step.frame)(&self.known, id) {
            Ok(frame) => frame,
            Err(_) if step.may_not_fit => return Ok(None),
            Err(error) => return Err(anyhow!("{}: {error}", step.name)),
        };
        self.connection(&step.connection).send(&frame)?;
        self.begun.entry(step.connection.clone()).or_default().push_back(id);
        if step.mode == Mode::Probe {
            self.correlation_id += 1;
            let probe = request(ApiKey::ApiVersions, 0, self.correlation_id, &[])?;
            self.connection(&step.connection).send(&probe)?;
        }
        Ok(Some(()))
    }

    /// Waits for a step's answer.
    pub fn receive(&mut self, step: &Step) -> Result<Answer> {
        let begun = self.begun.entry(step.connection.clone()).or_default();
        let id = begun.pop_front().context("nothing was begun on this connection")?;
        let received = self.connection(&step.connection).receive()?;
        if let (Mode::Probe, Received::Frame(frame)) = (step.mode, &received) {
            if correlation_id(frame) == Some(id + 1) {
                return Ok(Answer::Silent);
            }
            self.connection(&step.connection).receive()?;
        }
        if received == Received::Closed {
            self.begun.remove(&step.connection);
        }
        Ok(Answer::read(received, step.api, step.version, step.correlation_id.unwrap_or(id)))
    }

    /// Remembers what the step wants to be remembered, the ids of topics by their names, and those of
    /// producers by their transactional ids.
    pub fn learn(&mut self, step: &Step, tree: &Tree) -> Result<(), String> {
        let leaves = tree.leaves();
        for (name, path) in &step.learn {
            let Some((_, value)) = leaves.iter().find(|(place, _)| place == path) else {
                return Err(format!("there is no {path} to learn {name} from"));
            };
            let field = path.rsplit('.').next().unwrap_or(path);
            self.known.learn(name, field, (*value).clone());
        }
        for (path, value) in &leaves {
            let named = |field: &str, names: &[&str]| {
                let start = path.strip_suffix(field)?;
                let is_name =
                    |place: &str| names.iter().any(|name| place == format!("{start}{name}"));
                leaves.iter().find(|(place, _)| is_name(place))
            };
            let topic = named("topicId", &["name", "topic", "topicName"]);
            if let (Tree::Uuid(id), Some((_, Tree::Text(name)))) = (value, topic)
                && !id.is_zero()
            {
                self.known.learn(name, "topicId", (*value).clone());
            }
            let transaction = named("producerId", &["transactionalId"]);
            if let (Tree::Integer(0..), Some((_, Tree::Text(name)))) = (value, transaction) {
                self.known.learn(&format!("{name}.id"), "producerId", (*value).clone());
            }
        }
        Ok(())
    }

    /// Whether the process still runs.
    pub fn alive(&self) -> bool {
        self.server.alive()
    }

    /// The end of what the server logged.
    pub fn log(&self) -> String {
        self.server.log()
    }

    fn connection(&mut self, name: &str) -> &mut Connection {
        let address = self.server.bootstrap();
        self.connections.entry(name.to_owned()).or_insert_with(|| Connection::new(address))
    }

    /// A request of the harness itself.
    fn plain<M: Message>(&mut self, api: ApiKey, version: i16, body: &[u8]) -> Result<M> {
        self.correlation_id += 1;
        let frame = request(api, version, self.correlation_id, body)?;
        let connection = self.connection("harness");
        connection.send(&frame)?;
        let Received::Frame(frame) = connection.receive()? else {
            return Err(anyhow!("{api} was not answered"));
        };
        let mut reader = Reader::new(&frame);
        decode_response_header(&mut reader, api, version)?;
        Ok(M::decode(&mut reader, version)?)
    }
}

fn request(api: ApiKey, version: i16, correlation_id: i32, body: &[u8]) -> Result<Vec<u8>> {
    let mut writer = Writer::contiguous(64);
    encode_request_header(&mut writer, api, version, correlation_id, Some("differ"))?;
    let mut frame = writer.into_bytes().to_vec();
    frame.extend_from_slice(body);
    Ok(frame)
}
