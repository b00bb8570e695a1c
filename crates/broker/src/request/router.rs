//! From a frame to its answer: one `match` from API to handler.
//!
//! What can't be understood ends the connection, as Kafka does: an unknown API, a version that is
//! not served, a malformed body. ApiVersions alone answers any version.

use std::pin::pin;
use std::sync::Arc;

use bytes::Bytes;
use ottla_log::FileSlice;
use ottla_wire::api::{ApiKey, Request, RequestBody};
use ottla_wire::codec::{Message, Reader};
use ottla_wire::header::decode_request_header;
use ottla_wire::messages::{
    ConsumerGroupDescribeRequest, DescribeGroupsRequest, DescribeProducersRequest,
    DescribeTransactionsRequest, OffsetFetchRequest,
};

use super::caller::{Caller, Connection};
use super::pending::PendingAnswer;
use super::reply::{Address, Answer, Outcome};
use crate::api::records::fetch::FetchAnswer;
use crate::api::{self, SERVED, SERVED_BY_CONTROLLER};
use crate::broker::Broker;

/// The memory that the elements of one request's arrays may take: most of a million partitions.
const REQUEST_ELEMENT_BYTES_MAX: usize = 64 << 20;

/// Answers one frame.
pub(crate) async fn handle(broker: &Broker, connection: &Arc<Connection>, frame: Bytes) -> Answer {
    let mut reader = Reader::bounded(&frame, REQUEST_ELEMENT_BYTES_MAX);
    let start = match decode_request_header(&mut reader) {
        Ok(start) => start,
        Err(error) => return Answer::close(error.to_string()),
    };
    let api = start.api_key;
    let correlation_id = start.header.correlation_id;
    let caller = Caller {
        connection: Arc::clone(connection),
        client_id: start.header.client_id,
        version: start.header.request_api_version,
    };
    let address = Address { api, version: caller.version, correlation_id };
    let call = Call { broker, caller: &caller, api, address };
    let served = if connection.is_controller_listener { SERVED_BY_CONTROLLER } else { SERVED };
    if !served.contains(&api) {
        return Answer::close(format!("{api} is not served on {}", connection.listener));
    }
    if !api::cluster::api_versions::versions(broker, api).contains(&caller.version) {
        if api == ApiKey::ApiVersions {
            let address = Address { version: 0, ..address };
            return Answer::Now(address.reply(&api::cluster::api_versions::unsupported()));
        }
        let version = caller.version;
        return Answer::close(format!("version {version} of {api} is not served"));
    }
    let answer = pin!(async { call.route(&mut reader).await.unwrap_or_else(Answer::close) });
    broker.requests.timed(api, broker.clock.as_ref(), answer).await
}

/// One request on its way to its handler.
struct Call<'a> {
    broker: &'a Broker,
    caller: &'a Caller,
    api: ApiKey,
    address: Address,
}

impl Call<'_> {
    async fn route(&self, reader: &mut Reader<'_>) -> Result<Answer, String> {
        let (broker, caller) = (self.broker, self.caller);
        Ok(Answer::Now(match self.api {
            ApiKey::Produce => {
                let request = self.read(reader)?;
                let verified =
                    api::records::produce_verify::verified(broker, caller, &request).await;
                let mut accepted =
                    api::records::produce::accept(broker, caller, request, &verified);
                if !accepted.is_settled() {
                    let connection = Arc::clone(&caller.connection);
                    let pending = PendingAnswer::new(self.address, connection, accepted);
                    return Ok(Answer::Later(Box::new(pending)));
                }
                self.address.produced(accepted.answer(broker, &caller.connection.listener))
            }
            ApiKey::Fetch => {
                let FetchAnswer { response, slices } =
                    api::records::fetch(broker, caller, self.read(reader)?).await;
                self.reply_with(&response, &slices)
            }
            // A future is as large as the largest it may become: what is rare gets its own memory, so
            // that every connection takes less.
            _ => Box::pin(self.route_rarer(reader)).await?,
        }))
    }

    async fn route_rarer(&self, reader: &mut Reader<'_>) -> Result<Outcome, String> {
        let (broker, caller) = (self.broker, self.caller);
        Ok(match self.api {
            ApiKey::ListOffsets => {
                self.reply(&api::records::list_offsets(broker, caller, self.read(reader)?).await)
            }
            ApiKey::Metadata => {
                self.reply(&api::cluster::metadata(broker, caller, self.read(reader)?).await)
            }
            ApiKey::OffsetCommit => {
                self.reply(&api::groups::offset_commit(broker, caller, self.read(reader)?).await)
            }
            ApiKey::OffsetFetch => {
                let request: OffsetFetchRequest = self.read(reader)?;
                api::groups::check_repeats(&request)?;
                self.reply(&api::groups::offset_fetch(broker, caller, request).await)
            }
            ApiKey::FindCoordinator => {
                let request = self.read(reader)?;
                self.reply(&api::cluster::find_coordinator(broker, caller, request).await)
            }
            _ => return self.route_groups(reader).await,
        })
    }

    async fn route_groups(&self, reader: &mut Reader<'_>) -> Result<Outcome, String> {
        let (broker, caller) = (self.broker, self.caller);
        Ok(match self.api {
            ApiKey::JoinGroup => {
                self.reply(&api::groups::join_group(broker, caller, self.read(reader)?).await)
            }
            ApiKey::Heartbeat => {
                self.reply(&api::groups::heartbeat(broker, caller, self.read(reader)?).await)
            }
            ApiKey::ConsumerGroupHeartbeat => {
                let request = self.read(reader)?;
                self.reply(&api::groups::consumer_group_heartbeat(broker, caller, request).await)
            }
            ApiKey::ConsumerGroupDescribe => {
                let request: ConsumerGroupDescribeRequest = self.read(reader)?;
                api::repeats::check(&request.group_ids)?;
                self.reply(&api::groups::consumer_group_describe(broker, caller, request).await)
            }
            ApiKey::LeaveGroup => {
                self.reply(&api::groups::leave_group(broker, caller, self.read(reader)?).await)
            }
            ApiKey::SyncGroup => {
                self.reply(&api::groups::sync_group(broker, caller, self.read(reader)?).await)
            }
            ApiKey::DescribeGroups => {
                let request: DescribeGroupsRequest = self.read(reader)?;
                api::repeats::check(&request.groups)?;
                self.reply(&api::groups::describe_groups(broker, caller, request).await)
            }
            ApiKey::ListGroups => {
                self.reply(&api::groups::list_groups(broker, caller, self.read(reader)?).await)
            }
            ApiKey::DeleteGroups => {
                self.reply(&api::groups::delete_groups(broker, caller, self.read(reader)?).await)
            }
            ApiKey::OffsetDelete => {
                self.reply(&api::groups::offset_delete(broker, caller, self.read(reader)?).await)
            }
            _ => return self.route_transactions(reader).await,
        })
    }

    async fn route_transactions(&self, reader: &mut Reader<'_>) -> Result<Outcome, String> {
        let (broker, caller) = (self.broker, self.caller);
        Ok(match self.api {
            ApiKey::InitProducerId => {
                let request = self.read(reader)?;
                self.reply(&api::transactions::init_producer_id(broker, caller, request).await)
            }
            ApiKey::AddPartitionsToTxn => {
                let request = self.read(reader)?;
                let answer = api::transactions::add_partitions_to_txn(broker, caller, request);
                self.reply(&answer.await)
            }
            ApiKey::AddOffsetsToTxn => {
                let request = self.read(reader)?;
                let answer = api::transactions::add_offsets_to_txn(broker, caller, request);
                self.reply(&answer.await)
            }
            ApiKey::EndTxn => {
                self.reply(&api::transactions::end_txn(broker, caller, self.read(reader)?).await)
            }
            ApiKey::WriteTxnMarkers => {
                let request = self.read(reader)?;
                let answer = api::transactions::write_txn_markers(broker, caller, request);
                self.reply(&answer.await)
            }
            ApiKey::TxnOffsetCommit => {
                let request = self.read(reader)?;
                let answer = api::transactions::txn_offset_commit(broker, caller, request);
                self.reply(&answer.await)
            }
            ApiKey::DescribeTransactions => {
                let request: DescribeTransactionsRequest = self.read(reader)?;
                api::repeats::check(&request.transactional_ids)?;
                let answer = api::transactions::describe_transactions(broker, caller, request);
                self.reply(&answer.await)
            }
            ApiKey::ListTransactions => {
                let request = self.read(reader)?;
                let answer = api::transactions::list_transactions(broker, caller, request);
                self.reply(&answer.await)
            }
            _ => return self.route_admin(reader).await,
        })
    }

    async fn route_admin(&self, reader: &mut Reader<'_>) -> Result<Outcome, String> {
        let (broker, caller) = (self.broker, self.caller);
        Ok(match self.api {
            ApiKey::ApiVersions => {
                let request = self.read(reader)?;
                self.reply(&api::cluster::api_versions(broker, caller, &request))
            }
            ApiKey::DeleteRecords => {
                let request = self.read(reader)?;
                self.reply(&api::records::delete_records(broker, caller, request).await)
            }
            ApiKey::OffsetForLeaderEpoch => {
                let request = self.read(reader)?;
                let answer = api::records::offset_for_leader_epoch(broker, caller, request);
                self.reply(&answer.await)
            }
            ApiKey::DescribeAcls => self.reply(&api::cluster::describe_acls(&self.read(reader)?)?),
            ApiKey::CreateAcls => self.reply(&api::cluster::create_acls(&self.read(reader)?)?),
            ApiKey::DeleteAcls => self.reply(&api::cluster::delete_acls(&self.read(reader)?)?),
            ApiKey::DescribeConfigs => {
                self.reply(&api::configs::describe_configs(broker, &self.read(reader)?)?)
            }
            ApiKey::AlterReplicaLogDirs => {
                let request = self.read(reader)?;
                let answer = api::cluster::alter_replica_log_dirs(broker, caller, request);
                self.reply(&answer.await)
            }
            ApiKey::DescribeLogDirs => {
                let request = self.read(reader)?;
                self.reply(&api::cluster::describe_log_dirs(broker, caller, request).await)
            }
            ApiKey::DescribeCluster => {
                let request = self.read(reader)?;
                self.reply(&api::cluster::describe_cluster(broker, caller, &request))
            }
            ApiKey::DescribeProducers => {
                let request: DescribeProducersRequest = self.read(reader)?;
                let topics = request.topics.iter();
                api::repeats::check(topics.flat_map(|topic| {
                    topic.partition_indexes.iter().map(|index| (topic.name.as_str(), *index))
                }))?;
                self.reply(&api::records::describe_producers(broker, caller, request).await)
            }
            ApiKey::ListConfigResources => {
                let request = self.read(reader)?;
                self.reply(&api::configs::list_config_resources(broker, caller, &request))
            }
            ApiKey::DescribeTopicPartitions => {
                let request = self.read(reader)?;
                self.reply(&api::cluster::describe_topic_partitions(broker, caller, &request))
            }
            _ => return self.forward(reader).await,
        })
    }

    /// Everything else that is served is the controller's to decide.
    async fn forward(&self, reader: &mut Reader<'_>) -> Result<Outcome, String> {
        let request = RequestBody::decode(self.api, reader, self.caller.version)
            .map_err(|error| self.malformed(&error))?;
        let answer = api::forwarded::forwarded(self.broker, self.caller, request).await;
        let response = answer.ok_or_else(|| format!("{} could not be forwarded", self.api))?;
        Ok(self.address.encode(&[], |writer| response.encode(writer, self.caller.version)))
    }

    fn read<R: Request>(&self, reader: &mut Reader<'_>) -> Result<R, String> {
        R::decode(reader, self.caller.version).map_err(|error| self.malformed(&error))
    }

    fn malformed(&self, error: &dyn std::fmt::Display) -> String {
        format!("malformed {} request, version {}: {error}", self.api, self.caller.version)
    }

    fn reply(&self, response: &impl Message) -> Outcome {
        self.address.reply(response)
    }

    fn reply_with(&self, response: &impl Message, slices: &[FileSlice]) -> Outcome {
        self.address.encode(slices, |writer| response.encode(writer, self.caller.version))
    }
}
