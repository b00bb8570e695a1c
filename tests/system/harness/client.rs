//! One connection, in blocking calls: what a test sends is what the node gets.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use ottla_wire::api::Request;
use ottla_wire::frame::write_request;
use ottla_wire::header::decode_response_header;
use ottla_wire::messages::create_topics_request::{CreatableTopic, CreatableTopicConfig};
use ottla_wire::messages::delete_records_request::{DeleteRecordsPartition, DeleteRecordsTopic};
use ottla_wire::messages::fetch_request::{FetchPartition, FetchTopic};
use ottla_wire::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
use ottla_wire::messages::produce_request::{PartitionProduceData, TopicProduceData};
use ottla_wire::messages::{
    ApiVersionsRequest, CreateTopicsRequest, DeleteRecordsRequest, FetchRequest,
    ListOffsetsRequest, ProduceRequest,
};
use ottla_wire::records::{BatchBuilder, BatchOptions, Batches};
use ottla_wire::{ErrorCode, Message as _, Reader, Records, Writer};

use crate::harness::wait::{PATIENCE, until};

/// The last versions that name topics rather than give their ids.
const PRODUCE_VERSION: i16 = 12;
const FETCH_VERSION: i16 = 12;

/// Bytes that one fetch asks for.
const FETCH_BYTES: i32 = 4 << 20;

/// A connection.
pub struct Client {
    pub stream: TcpStream,
    next_correlation_id: i32,
}

impl Client {
    /// Connects.
    ///
    /// # Errors
    /// The node does not take the connection.
    pub fn open(address: SocketAddr) -> io::Result<Client> {
        let stream = TcpStream::connect_timeout(&address, PATIENCE)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        stream.set_nodelay(true)?;
        Ok(Client { stream, next_correlation_id: 0 })
    }

    /// Connects to a node that must take it.
    #[track_caller]
    pub fn to(address: SocketAddr) -> Client {
        Client::open(address).unwrap_or_else(|error| panic!("cannot connect to {address}: {error}"))
    }

    /// Sends a request.
    ///
    /// # Errors
    /// The connection has ended.
    pub fn send<R: Request>(&mut self, request: &R, version: i16) -> io::Result<()> {
        self.next_correlation_id += 1;
        let bytes = framed(request, version, self.next_correlation_id);
        self.stream.write_all(&bytes)
    }

    /// Receives the answer to the request that was sent last.
    ///
    /// # Errors
    /// The connection has ended.
    pub fn receive<R: Request>(&mut self, version: i16) -> io::Result<R::Response> {
        let bytes = self.receive_frame()?;
        let mut reader = Reader::new(&bytes);
        let header = decode_response_header(&mut reader, R::API_KEY, version).expect("a header");
        assert_eq!(header.correlation_id, self.next_correlation_id);
        let response = R::Response::decode(&mut reader, version).expect("a response");
        assert_eq!(reader.remaining(), 0, "bytes after the response");
        Ok(response)
    }

    /// Receives whatever answer comes next.
    ///
    /// # Errors
    /// The connection has ended.
    pub fn receive_frame(&mut self) -> io::Result<Bytes> {
        let mut length = [0; 4];
        self.stream.read_exact(&mut length)?;
        let mut bytes = vec![0; u32::from_be_bytes(length) as usize];
        self.stream.read_exact(&mut bytes)?;
        Ok(bytes.into())
    }

    /// Sends a request and receives its answer.
    ///
    /// # Errors
    /// The connection has ended.
    pub fn call<R: Request>(&mut self, request: &R, version: i16) -> io::Result<R::Response> {
        self.send(request, version)?;
        self.receive::<R>(version)
    }

    /// Whether the node answers.
    pub fn is_answered(&mut self) -> bool {
        self.call(&ApiVersionsRequest::default(), 0).is_ok_and(|answer| answer.error_code == 0)
    }

    /// Waits until the node closes the connection.
    ///
    /// # Errors
    /// It does not in time.
    pub fn read_to_end(&mut self) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        match self.stream.read_to_end(&mut bytes) {
            // Closed while bytes of ours were on their way: a reset, and closed all the same.
            Err(error) if error.kind() != io::ErrorKind::ConnectionReset => Err(error),
            _ => Ok(bytes),
        }
    }

    /// Creates a topic.
    #[track_caller]
    pub fn create_topic(&mut self, name: &str, partitions: i32, configs: &[(&str, &str)]) {
        let (code, message) = self.created(name, partitions, configs).expect("an answer");
        assert_eq!(code, 0, "{name}: {message:?}");
    }

    /// Asks for a topic of one partition; whether there is one now.
    ///
    /// # Errors
    /// The connection has ended.
    pub fn try_create_topic(&mut self, name: &str) -> io::Result<bool> {
        Ok(self.created(name, 1, &[])?.0 == 0)
    }

    fn created(
        &mut self,
        name: &str,
        partitions: i32,
        configs: &[(&str, &str)],
    ) -> io::Result<(i16, Option<String>)> {
        let config = |&(name, value): &(&str, &str)| CreatableTopicConfig {
            name: name.to_owned(),
            value: Some(value.to_owned()),
            ..CreatableTopicConfig::default()
        };
        let topic = CreatableTopic {
            name: name.to_owned(),
            num_partitions: partitions,
            replication_factor: 1,
            configs: configs.iter().map(config).collect(),
            ..CreatableTopic::default()
        };
        let request = CreateTopicsRequest {
            topics: vec![topic],
            timeout_ms: 30_000,
            ..CreateTopicsRequest::default()
        };
        let mut response = self.call(&request, 5)?;
        let topic = response.topics.remove(0);
        Ok((topic.error_code, topic.error_message))
    }

    /// Appends values to partition 0 of a topic: its first offset, or an error code.
    ///
    /// # Errors
    /// The connection has ended: whether the values were appended is unknown.
    pub fn produce(&mut self, topic: &str, values: &[&[u8]]) -> io::Result<Result<i64, i16>> {
        let response = self.call(&produce_request(topic, batch(values)), PRODUCE_VERSION)?;
        let partition = &response.responses[0].partition_responses[0];
        match partition.error_code {
            0 => Ok(Ok(partition.base_offset)),
            code => Ok(Err(code)),
        }
    }

    /// The offset that the next record of partition 0 will get. As any client, it asks again while the
    /// log is being recovered.
    #[track_caller]
    pub fn end_offset(&mut self, topic: &str) -> i64 {
        let partition = ListOffsetsPartition { timestamp: -1, ..ListOffsetsPartition::default() };
        let request = ListOffsetsRequest {
            replica_id: -1,
            topics: vec![ListOffsetsTopic {
                name: topic.to_owned(),
                partitions: vec![partition],
                ..ListOffsetsTopic::default()
            }],
            ..ListOffsetsRequest::default()
        };
        until("the partition has a leader", || {
            let response = self.call(&request, 4).expect("an answer");
            let partition = &response.topics[0].partitions[0];
            let unled = [ErrorCode::NotLeaderOrFollower, ErrorCode::LeaderNotAvailable];
            let is_led = !unled.map(ErrorCode::code).contains(&partition.error_code);
            is_led.then(|| {
                assert_eq!(partition.error_code, 0, "{topic}");
                partition.offset
            })
        })
    }

    /// Deletes the records of partition 0 before `offset`.
    #[track_caller]
    pub fn delete_records(&mut self, topic: &str, offset: i64) {
        let partition = DeleteRecordsPartition { offset, ..DeleteRecordsPartition::default() };
        let request = DeleteRecordsRequest {
            topics: vec![DeleteRecordsTopic {
                name: topic.to_owned(),
                partitions: vec![partition],
                ..DeleteRecordsTopic::default()
            }],
            timeout_ms: 30_000,
            ..DeleteRecordsRequest::default()
        };
        let response = self.call(&request, 2).expect("an answer");
        assert_eq!(response.topics[0].partitions[0].error_code, 0, "{topic}");
    }

    /// The records of partition 0 from `offset` on that one fetch gives, or an error code.
    ///
    /// # Errors
    /// The connection has ended.
    pub fn fetch(&mut self, topic: &str, offset: i64) -> io::Result<Result<Vec<Bytes>, i16>> {
        let response = self.call(&fetch_request(topic, offset, 0), FETCH_VERSION)?;
        let partition = &response.responses[0].partitions[0];
        if partition.error_code != 0 {
            return Ok(Err(partition.error_code));
        }
        let bytes = partition.records.as_ref().and_then(Records::bytes).cloned();
        let mut values = Vec::new();
        for batch in Batches::new(bytes.unwrap_or_default()) {
            // A fetch may cut the last batch off.
            let Ok(batch) = batch else { break };
            batch.check_crc().expect("what is served is whole");
            for record in batch.records(1 << 26).expect("readable records").iter() {
                let record = record.expect("a readable record");
                if record.offset >= offset {
                    assert_eq!(record.offset, offset + values.len() as i64, "a gap in {topic}");
                    values.push(record.value.unwrap_or_default());
                }
            }
        }
        Ok(Ok(values))
    }

    /// Every value of partition 0, in order.
    #[track_caller]
    pub fn read_all(&mut self, topic: &str) -> Vec<Bytes> {
        let end = self.end_offset(topic);
        let mut values = Vec::new();
        while (values.len() as i64) < end {
            let next = self.fetch(topic, values.len() as i64).expect("an answer");
            let next = next.unwrap_or_else(|code| panic!("{topic} gives error code {code}"));
            assert!(!next.is_empty(), "{topic} ends at {} and not at {end}", values.len());
            values.extend(next);
        }
        values
    }
}

/// A request as it goes over the wire.
pub fn framed<R: Request>(request: &R, version: i16, correlation_id: i32) -> Bytes {
    let mut writer = Writer::contiguous(256);
    write_request(&mut writer, request, version, correlation_id, Some("system")).expect("fits");
    writer.into_bytes()
}

/// Now, as records have it: older ones are soon deleted.
pub fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
    i64::try_from(since.as_millis()).expect("before the year 292278994")
}

/// A batch of values.
pub fn batch(values: &[&[u8]]) -> Bytes {
    let mut builder = BatchBuilder::new(BatchOptions::default());
    for value in values {
        builder.append(now_ms(), None, Some(value), &[]).expect("a good record");
    }
    builder.build().expect("a batch").freeze()
}

/// A request that appends `records` to partition 0, acks=all.
pub fn produce_request(topic: &str, records: Bytes) -> ProduceRequest {
    ProduceRequest {
        acks: -1,
        timeout_ms: 30_000,
        topic_data: vec![TopicProduceData {
            name: topic.to_owned(),
            partition_data: vec![PartitionProduceData {
                index: 0,
                records: Some(Records::Bytes(records)),
                ..PartitionProduceData::default()
            }],
            ..TopicProduceData::default()
        }],
        ..ProduceRequest::default()
    }
}

/// A request for partition 0 from `offset` on, that waits `max_wait_ms` for a first byte.
pub fn fetch_request(topic: &str, offset: i64, max_wait_ms: i32) -> FetchRequest {
    let partition = FetchPartition {
        fetch_offset: offset,
        partition_max_bytes: FETCH_BYTES,
        ..FetchPartition::default()
    };
    FetchRequest {
        replica_id: -1,
        max_wait_ms,
        min_bytes: 1,
        max_bytes: FETCH_BYTES,
        session_epoch: -1,
        topics: vec![FetchTopic {
            topic: topic.to_owned(),
            partitions: vec![partition],
            ..FetchTopic::default()
        }],
        ..FetchRequest::default()
    }
}
