//! DescribeCluster.
//!
//! v1: endpoint type (brokers or controllers).  v2: fenced brokers on request.

use ottla_wire::ErrorCode;
use ottla_wire::messages::describe_cluster_response::DescribeClusterBroker;
use ottla_wire::messages::{DescribeClusterRequest, DescribeClusterResponse};

use super::metadata::{any_active, listener};
use crate::api::access::CLUSTER_OPERATIONS;
use crate::broker::Broker;
use crate::request::Caller;

/// `EndpointType` codes.
const BROKERS: i8 = 1;
const CONTROLLERS: i8 = 2;

pub(crate) fn describe_cluster(
    broker: &Broker,
    caller: &Caller,
    request: &DescribeClusterRequest,
) -> DescribeClusterResponse {
    let expected = if caller.connection.is_controller_listener { CONTROLLERS } else { BROKERS };
    if request.endpoint_type != expected {
        return refused(request.endpoint_type, expected);
    }
    let image = broker.image();
    let brokers = image
        .brokers
        .values()
        .filter(|known| request.include_fenced_brokers || known.is_active())
        .filter_map(|known| {
            let endpoint = listener(known, caller)?;
            Some(DescribeClusterBroker {
                broker_id: known.id,
                host: endpoint.host.clone(),
                port: i32::from(endpoint.port),
                rack: known.rack.clone(),
                is_fenced: known.fenced,
                ..DescribeClusterBroker::default()
            })
        });
    let mut response = DescribeClusterResponse {
        endpoint_type: expected,
        cluster_id: broker.cluster_id.clone(),
        controller_id: any_active(broker, &image),
        brokers: brokers.collect(),
        ..DescribeClusterResponse::default()
    };
    if request.include_cluster_authorized_operations {
        response.cluster_authorized_operations = CLUSTER_OPERATIONS;
    }
    response
}

fn refused(asked: i8, expected: i8) -> DescribeClusterResponse {
    let (code, message) = match asked {
        BROKERS | CONTROLLERS => {
            let name = |endpoint| if endpoint == BROKERS { "BROKER" } else { "CONTROLLER" };
            let message = format!(
                "The request was sent to an endpoint of type {}, but we wanted an endpoint of type {}",
                name(expected),
                name(asked)
            );
            (ErrorCode::MismatchedEndpointType, message)
        }
        _ => (ErrorCode::UnsupportedEndpointType, format!("Unsupported endpoint type {asked}")),
    };
    DescribeClusterResponse {
        error_code: code.code(),
        error_message: Some(message),
        endpoint_type: expected,
        ..DescribeClusterResponse::default()
    }
}
