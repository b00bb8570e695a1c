//! ConsumerGroupDescribe (KIP-848).
//!
//! v1: the protocol of each member (KIP-1099).

use ottla_coordinator::{Body, Response};
use ottla_wire::ErrorCode;
use ottla_wire::messages::consumer_group_describe_response::DescribedGroup;
use ottla_wire::messages::{ConsumerGroupDescribeRequest, ConsumerGroupDescribeResponse};

use super::consumer_group_heartbeat::is_in_use;
use super::group_call::{Explanations, ask};
use crate::api::access::GROUP_OPERATIONS;
use crate::broker::Broker;
use crate::request::Caller;

pub(crate) async fn consumer_group_describe(
    broker: &Broker,
    caller: &Caller,
    request: ConsumerGroupDescribeRequest,
) -> ConsumerGroupDescribeResponse {
    let refused = |group_id: String, code: ErrorCode| DescribedGroup {
        error_code: code.code(),
        group_id,
        ..DescribedGroup::default()
    };
    let mut response = ConsumerGroupDescribeResponse::default();
    let is_in_use = is_in_use(broker);
    let mut explanations = Explanations::of(&request.unknown_tagged_fields);
    for group_id in request.group_ids {
        if !is_in_use {
            response.groups.push(refused(group_id, ErrorCode::UnsupportedVersion));
            continue;
        }
        if group_id.is_empty() {
            response.groups.push(refused(group_id, ErrorCode::InvalidGroupId));
            continue;
        }
        let explained = explanations.of_group(broker, caller, &group_id).await;
        let one = ConsumerGroupDescribeRequest {
            group_ids: vec![group_id.clone()],
            ..ConsumerGroupDescribeRequest::default()
        };
        match ask(broker, caller, &group_id, Body::ConsumerGroupDescribe(one)).await {
            Ok(Response::ConsumerGroupDescribe(mut part)) => {
                part.groups
                    .iter_mut()
                    .for_each(|group| explained.add_to(&mut group.unknown_tagged_fields));
                response.groups.extend(part.groups);
            }
            Ok(other) => unreachable!("a coordinator answers what it was asked, not {other:?}"),
            Err(code) => response.groups.push(refused(group_id, code)),
        }
    }
    if request.include_authorized_operations {
        for group in response.groups.iter_mut().filter(|group| group.error_code == 0) {
            group.authorized_operations = GROUP_OPERATIONS;
        }
    }
    response
}
