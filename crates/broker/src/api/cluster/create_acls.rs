//! CreateAcls: each refused, because no authorizer is configured.

use ottla_wire::ErrorCode;
use ottla_wire::messages::create_acls_response::AclCreationResult;
use ottla_wire::messages::{CreateAclsRequest, CreateAclsResponse};

use crate::api::access::{NO_AUTHORIZER, check_known};

/// # Errors
/// Why the connection ends.
pub(crate) fn create_acls(request: &CreateAclsRequest) -> Result<CreateAclsResponse, String> {
    for rule in &request.creations {
        let pattern = rule.resource_pattern_type;
        check_known([rule.resource_type, pattern, rule.operation, rule.permission_type])?;
    }
    let refused = request.creations.iter().map(|_| AclCreationResult {
        error_code: ErrorCode::SecurityDisabled.code(),
        error_message: Some(NO_AUTHORIZER.to_owned()),
        ..AclCreationResult::default()
    });
    Ok(CreateAclsResponse { results: refused.collect(), ..CreateAclsResponse::default() })
}
