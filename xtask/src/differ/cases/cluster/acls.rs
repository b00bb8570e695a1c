//! DescribeAcls, CreateAcls and DeleteAcls of a cluster without an authorizer.

use crate::differ::book::Case;
use crate::differ::cases::terms::{some, text};
use ottla_wire::messages::create_acls_request::AclCreation;
use ottla_wire::messages::delete_acls_request::DeleteAclsFilter;
use ottla_wire::messages::{CreateAclsRequest, DeleteAclsRequest, DescribeAclsRequest};

/// Codes of resource types, pattern types, operations and permissions that say "any".
const ANY: i8 = 1;
const TOPIC: i8 = 2;
const LITERAL: i8 = 3;
const READ: i8 = 3;
const ALLOW: i8 = 3;

/// Each field at the ends of its range and beyond: what it is, resource type, pattern type,
/// operation, permission.
const CODES: &[(&str, i8, i8, i8, i8)] = &[
    ("good", TOPIC, LITERAL, READ, ALLOW),
    ("any", ANY, ANY, ANY, ANY),
    ("unknown resource type", 0, LITERAL, READ, ALLOW),
    ("resource type 99", 99, LITERAL, READ, ALLOW),
    ("resource type -1", -1, LITERAL, READ, ALLOW),
    ("pattern type unknown", TOPIC, 0, READ, ALLOW),
    ("pattern type match", TOPIC, 2, READ, ALLOW),
    ("pattern type prefixed", TOPIC, 4, READ, ALLOW),
    ("pattern type 9", TOPIC, 9, READ, ALLOW),
    ("operation unknown", TOPIC, LITERAL, 0, ALLOW),
    ("operation 99", TOPIC, LITERAL, 99, ALLOW),
    ("permission unknown", TOPIC, LITERAL, READ, 0),
    ("permission 9", TOPIC, LITERAL, READ, 9),
    ("the cluster", 4, LITERAL, 7, ALLOW),
];

pub fn cases() -> Vec<Case> {
    vec![describe(), create(), delete()]
}

fn describe() -> Case {
    let mut case = Case::new("describe acls");
    for (name, resource, pattern, operation, permission_type) in CODES {
        case.versions(name, move |_, _| DescribeAclsRequest {
            resource_type_filter: *resource,
            resource_name_filter: some("t"),
            pattern_type_filter: *pattern,
            principal_filter: some("User:a"),
            host_filter: some("*"),
            operation: *operation,
            permission_type: *permission_type,
            ..Default::default()
        });
    }
    case.versions("nulls", |_, _| DescribeAclsRequest {
        resource_type_filter: ANY,
        pattern_type_filter: ANY,
        operation: ANY,
        permission_type: ANY,
        ..Default::default()
    });
    case
}

fn creation(codes: (i8, i8, i8, i8), principal: &str, host: &str) -> AclCreation {
    let (resource_type, resource_pattern_type, operation, permission_type) = codes;
    AclCreation {
        resource_type,
        resource_name: text("t"),
        resource_pattern_type,
        principal: text(principal),
        host: text(host),
        operation,
        permission_type,
        ..Default::default()
    }
}

fn create() -> Case {
    let mut case = Case::new("create acls");
    let ask = |creations| CreateAclsRequest { creations, ..Default::default() };
    for (name, resource, pattern, operation, permission) in CODES {
        case.versions(name, move |_, _| {
            ask(vec![creation((*resource, *pattern, *operation, *permission), "User:a", "*")])
        });
    }
    let good = (TOPIC, LITERAL, READ, ALLOW);
    for (principal, host) in
        [("", "*"), ("a", "*"), ("User:", ""), (":", "nonsense"), ("User:*", "::1")]
    {
        case.ask(3, &format!("principal {principal:?} of {host:?}"), move |_| {
            ask(vec![creation(good, principal, host)])
        });
    }
    case.versions("none", move |_, _| ask(Vec::new()));
    case.versions("several", move |_, _| {
        ask(vec![
            creation(good, "User:a", "*"),
            creation(good, "User:a", "*"),
            creation(good, "User:b", "h"),
        ])
    });
    case
}

fn filter(codes: (i8, i8, i8, i8)) -> DeleteAclsFilter {
    let (resource_type_filter, pattern_type_filter, operation, permission_type) = codes;
    DeleteAclsFilter {
        resource_type_filter,
        resource_name_filter: some("t"),
        pattern_type_filter,
        principal_filter: some("User:a"),
        host_filter: some("*"),
        operation,
        permission_type,
        ..Default::default()
    }
}

fn delete() -> Case {
    let mut case = Case::new("delete acls");
    let ask = |filters| DeleteAclsRequest { filters, ..Default::default() };
    for (name, resource, pattern, operation, permission) in CODES {
        case.versions(name, move |_, _| {
            ask(vec![filter((*resource, *pattern, *operation, *permission))])
        });
    }
    case.versions("none", move |_, _| ask(Vec::new()));
    case.versions("several", move |_, _| {
        let good = filter((TOPIC, LITERAL, READ, ALLOW));
        let all = DeleteAclsFilter {
            resource_name_filter: None,
            principal_filter: None,
            host_filter: None,
            ..filter((ANY, ANY, ANY, ANY))
        };
        ask(vec![good.clone(), good, all])
    });
    case
}
