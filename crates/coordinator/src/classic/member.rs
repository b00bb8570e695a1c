//! A member of a classic group.

use std::collections::HashSet;

use bytes::Bytes;
use ottla_machine::{Millis, Token};
use ottla_wire::messages::JoinGroupRequest;
use ottla_wire::messages::group_metadata_value::MemberMetadata;

use crate::request::Caller;

/// A request that is answered by a later decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Waiting {
    pub(crate) token: Token,
    /// The version of the request: it shapes the answer.
    pub(crate) api_version: i16,
}

/// One way of sharing out work that a member supports, with what the leader must know to do so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Protocol {
    pub(crate) name: String,
    pub(crate) metadata: Bytes,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Member {
    pub(crate) id: String,
    pub(crate) instance_id: Option<String>,
    pub(crate) client_id: String,
    pub(crate) client_host: String,
    pub(crate) rebalance_timeout_ms: i32,
    pub(crate) session_timeout_ms: i32,
    /// In the member's order of preference, no name twice.
    pub(crate) protocols: Vec<Protocol>,
    pub(crate) assignment: Bytes,
    /// Has not taken part in a completed join phase yet.
    pub(crate) is_new: bool,
    /// When the session ends. None before the coordinator has started, and while a wait keeps the member alive.
    pub(crate) session_deadline: Option<Millis>,
    pub(crate) awaiting_join: Option<Waiting>,
    pub(crate) awaiting_sync: Option<Waiting>,
}

impl Member {
    /// A member that has never been in the group.
    pub(crate) fn joining(id: String, caller: &Caller, request: &JoinGroupRequest) -> Self {
        Self {
            id,
            instance_id: request.group_instance_id.clone(),
            client_id: caller.client_id.clone(),
            client_host: caller.client_host.clone(),
            rebalance_timeout_ms: rebalance_timeout_ms(caller, request),
            session_timeout_ms: request.session_timeout_ms,
            protocols: protocols_of(request),
            assignment: Bytes::new(),
            is_new: true,
            session_deadline: None,
            awaiting_join: None,
            awaiting_sync: None,
        }
    }

    /// The member that a record tells of. It supports the one protocol that the record knows.
    pub(crate) fn from_record(value: &MemberMetadata, protocol: Option<&str>) -> Self {
        let metadata = detached(&value.subscription);
        Self {
            id: value.member_id.clone(),
            instance_id: value.group_instance_id.clone(),
            client_id: value.client_id.clone(),
            client_host: value.client_host.clone(),
            rebalance_timeout_ms: match value.rebalance_timeout {
                -1 => value.session_timeout,
                timeout => timeout,
            },
            session_timeout_ms: value.session_timeout,
            protocols: protocol
                .map(|name| Protocol { name: name.to_owned(), metadata })
                .into_iter()
                .collect(),
            assignment: detached(&value.assignment),
            is_new: false,
            session_deadline: None,
            awaiting_join: None,
            awaiting_sync: None,
        }
    }

    /// What a join request changes in a member that is known already.
    pub(crate) fn rejoin(&mut self, caller: &Caller, request: &JoinGroupRequest) {
        self.protocols = protocols_of(request);
        self.rebalance_timeout_ms = rebalance_timeout_ms(caller, request);
        self.session_timeout_ms = request.session_timeout_ms;
    }

    /// Whether a join request brings the protocols that the member has, in the same order.
    pub(crate) fn matches(&self, request: &JoinGroupRequest) -> bool {
        self.protocols == protocols_of(request)
    }

    /// What the member says about `protocol`; empty when it doesn't support it.
    pub(crate) fn metadata(&self, protocol: Option<&str>) -> Bytes {
        self.protocols
            .iter()
            .find(|candidate| Some(candidate.name.as_str()) == protocol)
            .map(|found| found.metadata.clone())
            .unwrap_or_default()
    }

    /// Whether a wait in the coordinator proves that the member is alive. A new member's join may be a leftover of a
    /// connection that is gone, so it proves nothing.
    pub(crate) fn is_kept_alive(&self) -> bool {
        !self.is_new && (self.awaiting_join.is_some() || self.awaiting_sync.is_some())
    }
}

/// Version 0 has no rebalance timeout: the session timeout stands for both.
fn rebalance_timeout_ms(caller: &Caller, request: &JoinGroupRequest) -> i32 {
    match caller.api_version {
        0 => request.session_timeout_ms,
        _ => request.rebalance_timeout_ms,
    }
}

fn protocols_of(request: &JoinGroupRequest) -> Vec<Protocol> {
    let mut protocols: Vec<Protocol> = Vec::with_capacity(request.protocols.len());
    let mut names = HashSet::new();
    for protocol in &request.protocols {
        if names.insert(protocol.name.as_str()) {
            protocols.push(Protocol {
                name: protocol.name.clone(),
                metadata: detached(&protocol.metadata),
            });
        }
    }
    protocols
}

/// A copy that does not keep the whole request in memory for as long as the group lives.
pub(crate) fn detached(bytes: &Bytes) -> Bytes {
    Bytes::copy_from_slice(bytes)
}
