//! DescribeAcls: refused, because no authorizer is configured.

use ottla_wire::ErrorCode;
use ottla_wire::messages::{DescribeAclsRequest, DescribeAclsResponse};

use crate::api::access::check_known;

/// # Errors
/// Why the connection ends.
pub(crate) fn describe_acls(request: &DescribeAclsRequest) -> Result<DescribeAclsResponse, String> {
    let (resource, pattern) = (request.resource_type_filter, request.pattern_type_filter);
    check_known([resource, pattern, request.operation, request.permission_type])?;
    Ok(DescribeAclsResponse {
        error_code: ErrorCode::SecurityDisabled.code(),
        error_message: Some("No Authorizer is configured on the broker".to_owned()),
        ..DescribeAclsResponse::default()
    })
}
