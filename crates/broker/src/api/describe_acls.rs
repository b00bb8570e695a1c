//! DescribeAcls: refused, because no authorizer is configured.

use ottla_wire::ErrorCode;
use ottla_wire::messages::{DescribeAclsRequest, DescribeAclsResponse};

pub(crate) fn describe_acls(_request: &DescribeAclsRequest) -> DescribeAclsResponse {
    DescribeAclsResponse {
        error_code: ErrorCode::SecurityDisabled.code(),
        error_message: Some("No Authorizer is configured on the broker".to_owned()),
        ..DescribeAclsResponse::default()
    }
}
