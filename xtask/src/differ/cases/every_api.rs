//! What holds for every API: empty requests, versions that do not exist, bodies cut short.

use crate::differ::book::Case;
use ottla_wire::ApiKey;
use ottla_wire::api::Request;
use ottla_wire::messages::*;

/// Calls a function for each API that is served, with its request.
macro_rules! each_api {
    ($function:ident($case:expr): $($request:ident)*) => {$($function::<$request>($case);)*};
}

pub fn cases() -> Vec<Case> {
    let mut empty = Case::new("empty requests");
    let mut wrong = Case::new("versions that do not exist");
    let mut cut = Case::new("bodies cut short");
    let mut long = Case::new("bodies with more behind them");
    every(&mut empty, &mut wrong, &mut cut, &mut long);
    vec![empty, wrong, cut, long, unknown_keys(), malformed_headers()]
}

fn every(empty: &mut Case, wrong: &mut Case, cut: &mut Case, long: &mut Case) {
    macro_rules! all {
        ($function:ident, $case:expr) => {
            each_api! { $function($case):
                ListOffsetsRequest MetadataRequest OffsetCommitRequest OffsetFetchRequest
                FindCoordinatorRequest JoinGroupRequest HeartbeatRequest LeaveGroupRequest
                SyncGroupRequest DescribeGroupsRequest ListGroupsRequest ApiVersionsRequest
                CreateTopicsRequest DeleteTopicsRequest DeleteRecordsRequest
                InitProducerIdRequest OffsetForLeaderEpochRequest DescribeConfigsRequest
                AlterConfigsRequest DescribeLogDirsRequest CreatePartitionsRequest
                DeleteGroupsRequest ElectLeadersRequest IncrementalAlterConfigsRequest
                AlterPartitionReassignmentsRequest ListPartitionReassignmentsRequest
                OffsetDeleteRequest UpdateFeaturesRequest DescribeClusterRequest
                DescribeProducersRequest UnregisterBrokerRequest ListConfigResourcesRequest
                DescribeTopicPartitionsRequest FetchRequest
            }
        };
    }
    all!(ask_empty, empty);
    empty.versions("Produce", |_, _| ProduceRequest { acks: 1, ..Default::default() });
    empty.versions("Produce of all replicas", |_, _| ProduceRequest {
        acks: -1,
        timeout_ms: 1_000,
        ..Default::default()
    });
    all!(ask_wrong_versions, wrong);
    ask_wrong_versions::<ProduceRequest>(wrong);
    all!(cut_short, cut);
    cut_short::<ProduceRequest>(cut);
    all!(too_long, long);
}

fn ask_empty<R: Request>(case: &mut Case) {
    case.versions(R::API_KEY.name(), |_, _| R::default());
}

/// One below the first version, one above every version, and the ends of the number's range.
fn ask_wrong_versions<R: Request>(case: &mut Case) {
    let (first, last) = (*R::VERSIONS.start(), *R::VERSIONS.end());
    for version in [first - 1, last + 1, i16::MAX, i16::MIN] {
        case.raw(R::API_KEY, version, R::API_KEY.name(), vec![0; 8]);
    }
}

fn cut_short<R: Request>(case: &mut Case) {
    for version in R::API_KEY.stable_versions() {
        let Ok(body) = R::default().encode_to_bytes(version) else { continue };
        if !body.is_empty() {
            let short = body[..body.len() - 1].to_vec();
            case.raw(R::API_KEY, version, R::API_KEY.name(), short).any_version = false;
        }
    }
}

fn too_long<R: Request>(case: &mut Case) {
    for version in R::API_KEY.stable_versions() {
        let Ok(body) = R::default().encode_to_bytes(version) else { continue };
        let mut long = body.to_vec();
        long.extend_from_slice(&[0, 1, 2]);
        case.raw(R::API_KEY, version, R::API_KEY.name(), long).any_version = false;
    }
}

fn unknown_keys() -> Case {
    let mut case = Case::new("API keys without an API");
    for key in [4_i16, 5, 6, 7, 52, 58, 70, 94, 95, 1_000, -1, i16::MIN, i16::MAX] {
        let mut frame = key.to_be_bytes().to_vec();
        frame.extend_from_slice(&[0, 0, 0, 0, 0, 1, 0, 1, b'c', 0, 0]);
        let api = ApiKey::try_from(key).unwrap_or(ApiKey::ApiVersions);
        case.frame(api, 0, &format!("key {key}"), frame);
    }
    case
}

fn malformed_headers() -> Case {
    let mut case = Case::new("headers that are none");
    let frames: [(&str, &[u8]); 8] = [
        ("an empty frame", &[]),
        ("one byte", &[0]),
        ("a key alone", &[0, 18]),
        ("no correlation id", &[0, 18, 0, 0]),
        ("no client id", &[0, 18, 0, 0, 0, 0, 0, 1]),
        ("a client id of 32767 bytes that are not there", &[0, 18, 0, 0, 0, 0, 0, 1, 127, 255]),
        ("a client id of -2 bytes", &[0, 18, 0, 0, 0, 0, 0, 1, 255, 254]),
        ("a client id that is not UTF-8", &[0, 18, 0, 0, 0, 0, 0, 1, 0, 2, 0xff, 0xfe]),
    ];
    for (name, frame) in frames {
        case.frame(ApiKey::ApiVersions, 0, name, frame.to_vec());
    }
    case
}
