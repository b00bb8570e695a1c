//! What everybody may do while there is no authorizer, as bits by `AclOperation` code (KIP-430).

/// `AclOperation` codes.
const READ: i32 = 3;
const WRITE: i32 = 4;
const CREATE: i32 = 5;
const DELETE: i32 = 6;
const ALTER: i32 = 7;
const DESCRIBE: i32 = 8;
const CLUSTER_ACTION: i32 = 9;
const DESCRIBE_CONFIGS: i32 = 10;
const ALTER_CONFIGS: i32 = 11;
const IDEMPOTENT_WRITE: i32 = 12;

/// Every operation on a topic.
pub(crate) const TOPIC_OPERATIONS: i32 = 1 << READ
    | 1 << WRITE
    | 1 << CREATE
    | 1 << DELETE
    | 1 << ALTER
    | 1 << DESCRIBE
    | 1 << DESCRIBE_CONFIGS
    | 1 << ALTER_CONFIGS;

/// Every operation on a group.
pub(crate) const GROUP_OPERATIONS: i32 =
    1 << READ | 1 << DELETE | 1 << DESCRIBE | 1 << DESCRIBE_CONFIGS | 1 << ALTER_CONFIGS;

/// Every operation on the cluster.
pub(crate) const CLUSTER_OPERATIONS: i32 = 1 << CREATE
    | 1 << ALTER
    | 1 << DESCRIBE
    | 1 << CLUSTER_ACTION
    | 1 << DESCRIBE_CONFIGS
    | 1 << ALTER_CONFIGS
    | 1 << IDEMPOTENT_WRITE;

/// What a request to change access rules is told.
pub(crate) const NO_AUTHORIZER: &str = "No Authorizer is configured.";

/// The code of an enumeration's value that nobody knows.
const UNKNOWN: i8 = 0;

/// Refuses a rule or filter whose codes (of resource, pattern, operation or permission) say "unknown": Kafka can't
/// read such a request.
///
/// # Errors
/// Why the connection ends.
pub(super) fn check_known(codes: [i8; 4]) -> Result<(), String> {
    match codes.contains(&UNKNOWN) {
        true => Err(format!("an access rule contains unknown elements: {codes:?}")),
        false => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::check_known;

    #[test]
    fn what_is_unknown_is_refused() {
        for (codes, expected) in [
            ([2, 3, 3, 3], true),
            ([99, -1, 1, 1], true),
            ([0, 3, 3, 3], false),
            ([2, 0, 3, 3], false),
            ([2, 3, 0, 3], false),
            ([2, 3, 3, 0], false),
        ] {
            assert_eq!(check_known(codes).is_ok(), expected, "{codes:?}");
        }
    }
}
