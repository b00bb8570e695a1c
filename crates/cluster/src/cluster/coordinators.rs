//! Who coordinates a group or a transactional id: FindCoordinator, remembered until someone doubts it.

use std::collections::HashMap;

use ottla_wire::messages::{FindCoordinatorRequest, FindCoordinatorResponse};
use parking_lot::Mutex;

use super::{Cluster, Node, Target};
use crate::error::{ApiError, Error};

/// Coordinators that are remembered at once; more groups than this are looked up again.
const REMEMBERED_MAX: usize = 10_000;

/// From here on several keys can be asked for at once (KIP-699).
const BATCHED_FROM: i16 = 4;

/// The kinds of keys on the wire.
const GROUP: i8 = 0;
const TRANSACTION: i8 = 1;

#[derive(Default)]
pub(super) struct Coordinators {
    known: Mutex<HashMap<Target, Node>>,
}

impl Coordinators {
    pub(super) fn forget(&self, target: &Target) {
        self.known.lock().remove(target);
    }

    fn get(&self, target: &Target) -> Option<Node> {
        self.known.lock().get(target).cloned()
    }

    fn remember(&self, target: &Target, node: Node) {
        let mut known = self.known.lock();
        if known.len() >= REMEMBERED_MAX {
            known.clear();
        }
        known.insert(target.clone(), node);
    }
}

impl Cluster {
    /// The coordinator of a group or a transactional id, looked up once if it is not known.
    pub async fn coordinator(&self, target: &Target) -> Result<Node, Error> {
        let (key_type, key) = match target {
            Target::Group(group) => (GROUP, group.as_str()),
            Target::Transaction(id) => (TRANSACTION, id.as_str()),
            other => {
                return Err(Error::Misuse { detail: format!("{other:?} has no coordinator") });
            }
        };
        if let Some(node) = self.inner.coordinators.get(target) {
            return Ok(node);
        }
        let (response, version) = self.ask_any(&|version| find(version, key_type, key)).await?;
        let node = found(response, version, key)?;
        self.inner.coordinators.remember(target, node.clone());
        Ok(node)
    }

    /// As [`coordinator`](Self::coordinator), tried again until `default.api.timeout.ms` has passed.
    pub async fn find_coordinator(&self, target: &Target) -> Result<Node, Error> {
        let mut retry = self.retry("FindCoordinator");
        loop {
            match self.coordinator(target).await {
                Ok(node) => return Ok(node),
                Err(error) => retry.again(error).await?,
            }
        }
    }
}

fn find(version: i16, key_type: i8, key: &str) -> FindCoordinatorRequest {
    let batched = version >= BATCHED_FROM;
    FindCoordinatorRequest {
        key: if batched { String::new() } else { key.to_owned() },
        key_type,
        coordinator_keys: if batched { vec![key.to_owned()] } else { Vec::new() },
        ..FindCoordinatorRequest::default()
    }
}

fn found(response: FindCoordinatorResponse, version: i16, key: &str) -> Result<Node, Error> {
    if version < BATCHED_FROM {
        ApiError::check(response.error_code, response.error_message)?;
        let (id, port) = (response.node_id, response.port);
        return Ok(Node { id, host: response.host, port, rack: None });
    }
    let answer = response.coordinators.into_iter().find(|answer| answer.key == key);
    let answer = answer.ok_or(ottla_wire::ErrorCode::CoordinatorNotAvailable)?;
    ApiError::check(answer.error_code, answer.error_message)?;
    Ok(Node { id: answer.node_id, host: answer.host, port: answer.port, rack: None })
}
