//! DeleteAcls: each filter refused, because no authorizer is configured.

use ottla_wire::ErrorCode;
use ottla_wire::messages::delete_acls_response::DeleteAclsFilterResult;
use ottla_wire::messages::{DeleteAclsRequest, DeleteAclsResponse};

use crate::api::access::{NO_AUTHORIZER, check_known};

/// # Errors
/// Why the connection ends.
pub(crate) fn delete_acls(request: &DeleteAclsRequest) -> Result<DeleteAclsResponse, String> {
    for filter in &request.filters {
        let (resource, pattern) = (filter.resource_type_filter, filter.pattern_type_filter);
        check_known([resource, pattern, filter.operation, filter.permission_type])?;
    }
    let refused = request.filters.iter().map(|_| DeleteAclsFilterResult {
        error_code: ErrorCode::SecurityDisabled.code(),
        error_message: Some(NO_AUTHORIZER.to_owned()),
        ..DeleteAclsFilterResult::default()
    });
    Ok(DeleteAclsResponse { filter_results: refused.collect(), ..DeleteAclsResponse::default() })
}
