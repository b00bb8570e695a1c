//! CreateAcls: each refused, because no authorizer is configured.

use ottla_wire::ErrorCode;
use ottla_wire::messages::create_acls_response::AclCreationResult;
use ottla_wire::messages::{CreateAclsRequest, CreateAclsResponse};

use super::access::NO_AUTHORIZER;

pub(crate) fn create_acls(request: &CreateAclsRequest) -> CreateAclsResponse {
    let refused = request.creations.iter().map(|_| AclCreationResult {
        error_code: ErrorCode::SecurityDisabled.code(),
        error_message: Some(NO_AUTHORIZER.to_owned()),
        ..AclCreationResult::default()
    });
    CreateAclsResponse { results: refused.collect(), ..CreateAclsResponse::default() }
}
