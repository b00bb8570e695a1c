//! DeleteAcls: each filter refused, because no authorizer is configured.

use ottla_wire::ErrorCode;
use ottla_wire::messages::delete_acls_response::DeleteAclsFilterResult;
use ottla_wire::messages::{DeleteAclsRequest, DeleteAclsResponse};

use super::access::NO_AUTHORIZER;

pub(crate) fn delete_acls(request: &DeleteAclsRequest) -> DeleteAclsResponse {
    let refused = request.filters.iter().map(|_| DeleteAclsFilterResult {
        error_code: ErrorCode::SecurityDisabled.code(),
        error_message: Some(NO_AUTHORIZER.to_owned()),
        ..DeleteAclsFilterResult::default()
    });
    DeleteAclsResponse { filter_results: refused.collect(), ..DeleteAclsResponse::default() }
}
