//! What every group API does: wrap the request with what is known of the caller, ask the coordinator.

use std::collections::BTreeSet;

use ottla_coordinator::{Body, Request, Response};
use ottla_wire::codec::RawTaggedField;
use ottla_wire::{ErrorCode, GroupExplanation};

use crate::broker::Broker;
use crate::request::Caller;
use ottla_coordination::lag_behind;

/// Asks the coordinator of `group_id`.
pub(crate) async fn ask(
    broker: &Broker,
    caller: &Caller,
    group_id: &str,
    body: Body,
) -> Result<Response, ErrorCode> {
    broker.groups.ask(group_id, request(broker, caller, body)).await
}

/// A request as a coordinator takes it.
pub(in crate::api) fn request(broker: &Broker, caller: &Caller, body: Body) -> Request {
    let mut random = [0; 16];
    broker.random.fill(&mut random);
    Request {
        caller: ottla_coordinator::Caller {
            api_version: caller.version,
            client_id: caller.client_id().to_owned(),
            client_host: caller.client_host(),
            random: u128::from_le_bytes(random),
        },
        body,
    }
}

/// What is told of groups beyond the protocol, to who asks for it.
pub(super) struct Explanations {
    is_asked_for: bool,
    /// Each group is explained once, however often it is named.
    told: BTreeSet<String>,
}

/// What is told of one group.
pub(super) struct Explained(Option<RawTaggedField>);

impl Explanations {
    pub(super) fn of(fields: &[RawTaggedField]) -> Self {
        Self { is_asked_for: GroupExplanation::is_asked_for(fields), told: BTreeSet::new() }
    }

    pub(super) async fn of_group(
        &mut self,
        broker: &Broker,
        caller: &Caller,
        group_id: &str,
    ) -> Explained {
        if !self.is_asked_for || !self.told.insert(group_id.to_owned()) {
            return Explained(None);
        }
        let body = Body::ExplainGroup(group_id.to_owned());
        let Ok(Response::GroupExplained(Some(mut explanation))) =
            ask(broker, caller, group_id, body).await
        else {
            return Explained(None);
        };
        for topic in &mut explanation.topics {
            for offset in &mut topic.offsets {
                let (partition, committed) = (offset.partition, offset.offset);
                let lag = lag_behind(&broker.partitions, &topic.name, partition, committed);
                offset.lag = lag.unwrap_or(offset.lag);
            }
        }
        Explained(explanation.field().ok())
    }
}

impl Explained {
    /// Adds it to the group as it is described; a group of the other protocol is not described.
    pub(super) fn add_to(&self, fields: &mut Vec<RawTaggedField>) {
        fields.extend(self.0.clone());
    }
}
