//! DescribeTransactions and ListTransactions.

use super::terms::*;
use crate::differ::book::Case;
use crate::differ::cases::terms::text;
use ottla_wire::messages::{DescribeTransactionsRequest, ListTransactionsRequest};

pub fn cases() -> Vec<Case> {
    vec![described(), listed()]
}

fn described() -> Case {
    let mut case = Case::new("transactions described");
    case.topic("txn-described", 2, &[]);
    init(&mut case, "described");
    let lists: [&'static [&'static str]; 6] = [
        &[],
        &[""],
        &["no-such-transaction"],
        &["described"],
        &["described", "described"],
        &["described", "no-such-transaction", "", "first-of-all"],
    ];
    for when in ["empty", "open", "ended"] {
        if when == "open" {
            add(&mut case, "described", &[("txn-described", &[1, 0])]);
        }
        if when == "ended" {
            end(&mut case, "described", true);
        }
        for ids in lists {
            case.ask(0, &format!("{ids:?} {when}"), move |_| DescribeTransactionsRequest {
                transactional_ids: ids.iter().map(|id| text(id)).collect(),
                ..Default::default()
            });
        }
    }
    case
}

fn listed() -> Case {
    let mut case = Case::new("transactions listed");
    init(&mut case, "listed");
    add(&mut case, "listed", &[("txn-described", &[1])]);
    let none = || ListTransactionsRequest { duration_filter: -1, ..Default::default() };
    case.versions("all of them", move |_, version| ListTransactionsRequest {
        duration_filter: if version == 0 { -1 } else { 0 },
        ..Default::default()
    });
    let states: [&'static [&'static str]; 8] = [
        &["Ongoing"],
        &["ongoing"],
        &["CompleteCommit", "CompleteAbort"],
        &["Empty"],
        &["PrepareCommit", "PrepareAbort", "PrepareEpochFence", "Dead"],
        &["nonsense"],
        &["Ongoing", "nonsense", "nonsense", ""],
        &["Ongoing", "Ongoing"],
    ];
    for states in states {
        case.versions(&format!("states {states:?}"), move |_, _| ListTransactionsRequest {
            state_filters: states.iter().map(|state| text(state)).collect(),
            ..none()
        });
    }
    case.versions("a producer id", move |known, _| ListTransactionsRequest {
        producer_id_filters: vec![producer_id(known, "listed"), 99_999],
        ..none()
    });
    for producer_id in [-1, 99_999] {
        case.versions(&format!("producer id {producer_id}"), move |_, _| ListTransactionsRequest {
            producer_id_filters: vec![producer_id],
            ..none()
        });
    }
    for duration_filter in [0, 1, 1_000_000, i64::MAX, -2, i64::MIN] {
        case.versions(&format!("longer than {duration_filter}"), move |_, _| {
            ListTransactionsRequest { duration_filter, ..none() }
        });
    }
    for pattern in [
        "listed",
        "list",
        "list.*",
        ".*d",
        "",
        "[",
        "(?i)LISTED",
        "new-v[0-2]",
        "a|listed",
        "\\Qlisted\\E",
        "*",
    ] {
        case.ask(2, &format!("pattern {pattern:?}"), move |_| ListTransactionsRequest {
            transactional_id_pattern: Some(text(pattern)),
            ..none()
        });
    }
    end(&mut case, "listed", true);
    case
}
