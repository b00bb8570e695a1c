//! DescribeGroups.
//!
//! v3: authorized operations.  v4: static members.  v6: GROUP_ID_NOT_FOUND instead of a dead group.

use ottla_coordinator::{Body, Response};
use ottla_wire::messages::describe_groups_response::DescribedGroup;
use ottla_wire::messages::{DescribeGroupsRequest, DescribeGroupsResponse};

use super::group_call::{Explanations, ask};
use crate::api::access::GROUP_OPERATIONS;
use crate::broker::Broker;
use crate::request::Caller;

pub(crate) async fn describe_groups(
    broker: &Broker,
    caller: &Caller,
    request: DescribeGroupsRequest,
) -> DescribeGroupsResponse {
    let mut response = DescribeGroupsResponse::default();
    let mut explanations = Explanations::of(&request.unknown_tagged_fields);
    for group_id in request.groups {
        let explained = explanations.of_group(broker, caller, &group_id).await;
        let one = DescribeGroupsRequest { groups: vec![group_id.clone()], ..Default::default() };
        match ask(broker, caller, &group_id, Body::DescribeGroups(one)).await {
            Ok(Response::DescribeGroups(mut part)) => {
                part.groups
                    .iter_mut()
                    .for_each(|group| explained.add_to(&mut group.unknown_tagged_fields));
                response.groups.extend(part.groups);
            }
            Ok(other) => unreachable!("a coordinator answers what it was asked, not {other:?}"),
            Err(code) => response.groups.push(DescribedGroup {
                error_code: code.code(),
                group_id,
                ..DescribedGroup::default()
            }),
        }
    }
    if request.include_authorized_operations {
        for group in response.groups.iter_mut().filter(|group| group.error_code == 0) {
            group.authorized_operations = GROUP_OPERATIONS;
        }
    }
    response
}
