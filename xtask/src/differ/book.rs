//! The words in which cases are written: a case is a list of steps, a step is a request.

use super::known::Known;
use bytes::{BufMut, Bytes, BytesMut};
use ottla_wire::api::Request;
use ottla_wire::codec::{EncodeError, Writer};
use ottla_wire::header::encode_request_header;
use ottla_wire::messages::create_topics_request::{CreatableTopic, CreatableTopicConfig};
use ottla_wire::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
use ottla_wire::messages::{CreateTopicsRequest, ListOffsetsRequest};
use ottla_wire::{ApiKey, Uuid};

/// The client id of every request, unless a step has its own.
pub const CLIENT_ID: &str = "differ";

/// Writes the frame of a request, without its length, from what a side has told.
type Frame = Box<dyn Fn(&Known, i32) -> Result<Bytes, EncodeError>>;

/// Requests that build on each other, in order.
pub struct Case {
    pub name: String,
    /// Lines of `server.properties` that both servers start with; cases with the same ones are neighbours.
    pub settings: &'static str,
    pub steps: Vec<Step>,
}

/// What a step does with its connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Sends and waits for the answer.
    Ask,
    /// Sends; a later [`Mode::Finish`] waits.
    Begin,
    /// Sends, and finds out that there is no answer by a second request behind it.
    Probe,
    /// Waits for the answer to what was sent by [`Mode::Begin`].
    Finish,
}

/// One request.
pub struct Step {
    pub name: String,
    pub api: ApiKey,
    pub version: i16,
    pub connection: String,
    pub mode: Mode,
    pub frame: Frame,
    /// Names for values of the answer, by their path.
    pub learn: Vec<(String, String)>,
    /// Whether the request may go out in a version that the other side does not know.
    pub any_version: bool,
    /// Whether the step is left out when its version can't carry the request.
    pub may_not_fit: bool,
    /// The correlation id, when the frame has one of its own.
    pub correlation_id: Option<i32>,
    /// A field and the value that it has at last; the step is asked again until then.
    pub until: Option<(String, String)>,
    /// Whether the step is asked again as long as a coordinator is still at work.
    pub patient: bool,
}

impl Case {
    /// A case without steps.
    pub fn new(name: &str) -> Case {
        Case::under("", name)
    }

    /// A case for servers with settings of its own.
    pub fn under(settings: &'static str, name: &str) -> Case {
        Case { name: name.to_owned(), settings, steps: Vec::new() }
    }

    /// A request in one version.
    pub fn ask<R: Request>(
        &mut self,
        version: i16,
        name: &str,
        request: impl Fn(&Known) -> R + 'static,
    ) -> &mut Step {
        let frame = move |known: &Known, correlation_id: i32| {
            let mut writer = Writer::contiguous(256);
            start(&mut writer, R::API_KEY, version, correlation_id)?;
            request(known).encode(&mut writer, version)?;
            Ok(writer.into_bytes())
        };
        self.step(R::API_KEY, version, name, Box::new(frame))
    }

    /// A request in every version that can carry it.
    pub fn versions<R: Request>(
        &mut self,
        name: &str,
        request: impl Fn(&Known, i16) -> R + Clone + 'static,
    ) {
        for version in R::API_KEY.stable_versions() {
            let request = request.clone();
            self.ask(version, name, move |known| request(known, version)).may_not_fit = true;
        }
    }

    /// A frame as it is: a lying one, for example. `bytes` follow the header.
    pub fn raw(&mut self, api: ApiKey, version: i16, name: &str, bytes: Vec<u8>) -> &mut Step {
        let frame = move |_: &Known, correlation_id: i32| {
            let mut writer = Writer::contiguous(256);
            start(&mut writer, api, version, correlation_id)?;
            let mut frame = BytesMut::from(writer.into_bytes());
            frame.put_slice(&bytes);
            Ok(frame.freeze())
        };
        let step = self.step(api, version, name, Box::new(frame));
        step.any_version = true;
        step
    }

    /// A frame whose header is made up too, with 1 as its correlation id.
    pub fn frame(&mut self, api: ApiKey, version: i16, name: &str, bytes: Vec<u8>) -> &mut Step {
        let bytes = Bytes::from(bytes);
        let step = self.step(api, version, name, Box::new(move |_, _| Ok(bytes.clone())));
        step.any_version = true;
        step.correlation_id = Some(1);
        step
    }

    /// Waits for what was begun on a connection.
    pub fn finish(&mut self, api: ApiKey, version: i16, connection: &str) -> &mut Step {
        let name = format!("the answer on {connection}");
        let step = self.step(api, version, &name, Box::new(|_, _| Ok(Bytes::new())));
        step.mode = Mode::Finish;
        step.on(connection)
    }

    /// A topic that both sides have and serve. Its id has the topic's name.
    pub fn topic(&mut self, name: &'static str, partitions: i32, configs: &[(&str, &str)]) {
        let configs: Vec<CreatableTopicConfig> = configs
            .iter()
            .map(|(name, value)| CreatableTopicConfig {
                name: (*name).to_owned(),
                value: Some((*value).to_owned()),
                ..Default::default()
            })
            .collect();
        self.ask(7, "set up the topic", move |_| CreateTopicsRequest {
            topics: vec![CreatableTopic {
                name: name.to_owned(),
                num_partitions: partitions,
                replication_factor: 1,
                configs: configs.clone(),
                ..Default::default()
            }],
            timeout_ms: 10_000,
            ..Default::default()
        })
        .learn(name, "topics[0].topicId");
        self.ask(7, "every partition is served", move |_| ListOffsetsRequest {
            replica_id: -1,
            topics: vec![ListOffsetsTopic {
                name: name.to_owned(),
                partitions: (0..partitions)
                    .map(|partition_index| ListOffsetsPartition {
                        partition_index,
                        timestamp: -1,
                        ..Default::default()
                    })
                    .collect(),
                ..Default::default()
            }],
            ..Default::default()
        });
    }

    fn step(&mut self, api: ApiKey, version: i16, name: &str, frame: Frame) -> &mut Step {
        self.steps.push(Step {
            name: name.to_owned(),
            api,
            version,
            connection: "main".to_owned(),
            mode: Mode::Ask,
            frame,
            learn: Vec::new(),
            any_version: false,
            may_not_fit: false,
            correlation_id: None,
            until: None,
            patient: false,
        });
        self.steps.last_mut().expect("a step was just added")
    }
}

impl Step {
    /// On a connection of its own.
    pub fn on(&mut self, connection: &str) -> &mut Step {
        connection.clone_into(&mut self.connection);
        self
    }

    /// Does not wait for the answer.
    pub fn begin(&mut self) -> &mut Step {
        self.mode = Mode::Begin;
        self
    }

    /// Expects that there may be no answer.
    pub fn probe(&mut self) -> &mut Step {
        self.mode = Mode::Probe;
        self
    }

    /// Is asked again until a text, number or boolean of the answer reads so.
    pub fn until(&mut self, path: &str, text: &str) -> &mut Step {
        self.until = Some((path.to_owned(), text.to_owned()));
        self
    }

    /// Is asked again as long as a coordinator is still at work: it loads, or it ends a transaction.
    pub fn patient(&mut self) -> &mut Step {
        self.patient = true;
        self
    }

    /// Gives a value of the answer a name.
    pub fn learn(&mut self, name: &str, path: &str) -> &mut Step {
        self.learn.push((name.to_owned(), path.to_owned()));
        self
    }
}

fn start(
    writer: &mut Writer,
    api: ApiKey,
    version: i16,
    correlation_id: i32,
) -> Result<(), EncodeError> {
    encode_request_header(writer, api, version, correlation_id, Some(CLIENT_ID))
}

/// An id that nothing has.
pub fn unknown_id() -> Uuid {
    Uuid::from_bytes([7; 16])
}
