//! FindCoordinator: which broker keeps a group's or a transactional id's state.
//!
//! v0–3: one key.  v1: key types, messages.  v4: many keys, each without a message unless the type of
//! all of them is wrong.  v6: share groups.
//!
//! The topic behind the coordinator is created when it is first asked for.

use ottla_coordinator::partition_for;
use ottla_wire::messages::find_coordinator_response::Coordinator;
use ottla_wire::messages::{FindCoordinatorRequest, FindCoordinatorResponse};
use ottla_wire::{ErrorCode, Uuid};

use super::metadata::listener;
use crate::broker::Broker;
use crate::internal_topics::{self, OFFSETS_TOPIC, TRANSACTIONS_TOPIC};
use crate::request::Caller;

/// `CoordinatorType` codes.
const GROUP: i8 = 0;
const TRANSACTION: i8 = 1;
const SHARE: i8 = 2;

pub(crate) async fn find_coordinator(
    broker: &Broker,
    caller: &Caller,
    request: FindCoordinatorRequest,
) -> FindCoordinatorResponse {
    if caller.version < 4 {
        let found = find(broker, caller, request.key_type, &request.key).await;
        return FindCoordinatorResponse {
            error_code: found.error_code,
            error_message: found.error_message,
            node_id: found.node_id,
            host: found.host,
            port: found.port,
            ..FindCoordinatorResponse::default()
        };
    }
    let has_type = [GROUP, TRANSACTION, SHARE].contains(&request.key_type);
    let mut coordinators = Vec::with_capacity(request.coordinator_keys.len());
    for key in &request.coordinator_keys {
        let mut found = find(broker, caller, request.key_type, key).await;
        if has_type {
            found.error_message = Some(String::new());
        }
        coordinators.push(found);
    }
    FindCoordinatorResponse { coordinators, ..FindCoordinatorResponse::default() }
}

async fn find(broker: &Broker, caller: &Caller, key_type: i8, key: &str) -> Coordinator {
    let name = match key_type {
        GROUP => OFFSETS_TOPIC,
        TRANSACTION => TRANSACTIONS_TOPIC,
        SHARE if caller.version < 6 || !is_share_key(key) => {
            return refused(key, ErrorCode::InvalidRequest);
        }
        // Share coordinators are not built yet: to a client they are never available.
        SHARE => return refused(key, ErrorCode::CoordinatorNotAvailable),
        _ => return refused(key, ErrorCode::InvalidRequest),
    };
    if broker.image().topics.by_name(name).is_none() {
        let names = [name.to_owned()];
        internal_topics::create(broker, &names, &caller.connection.principal).await;
    }
    let image = broker.image();
    let Some(topic) = image.topics.by_name(name) else {
        return refused(key, ErrorCode::CoordinatorNotAvailable);
    };
    let count = i32::try_from(topic.partitions.len()).unwrap_or(i32::MAX);
    let endpoint = topic
        .partition(partition_for(key, count))
        .and_then(|partition| image.broker(partition.leader))
        .filter(|leader| leader.is_active())
        // Recovery may take longer than the start: there is no coordinator before the log is open.
        .filter(|leader| leader.id != broker.node_id || is_here(broker, key_type, key))
        .and_then(|leader| Some((leader.id, listener(leader, caller)?)));
    match endpoint {
        None => refused(key, ErrorCode::CoordinatorNotAvailable),
        Some((node_id, endpoint)) => Coordinator {
            key: key.to_owned(),
            node_id,
            host: endpoint.host.clone(),
            port: i32::from(endpoint.port),
            error_message: Some(ErrorCode::None.message().to_owned()),
            ..Coordinator::default()
        },
    }
}

fn is_here(broker: &Broker, key_type: i8, key: &str) -> bool {
    if key_type == GROUP { broker.groups.has(key) } else { broker.transactions.has(key) }
}

/// `group:topic id:partition`.
fn is_share_key(key: &str) -> bool {
    let mut parts = key.rsplitn(3, ':');
    let partition = parts.next().is_some_and(|part| part.parse::<i32>().is_ok());
    let topic = parts.next().is_some_and(|part| part.parse::<Uuid>().is_ok());
    partition && topic && parts.next().is_some_and(|group| !group.is_empty())
}

fn refused(key: &str, code: ErrorCode) -> Coordinator {
    Coordinator {
        key: key.to_owned(),
        node_id: -1,
        host: String::new(),
        port: -1,
        error_code: code.code(),
        error_message: Some(code.message().to_owned()),
        ..Coordinator::default()
    }
}
