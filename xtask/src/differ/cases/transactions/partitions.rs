//! AddPartitionsToTxn and AddOffsetsToTxn: what may be added, and by whom.

use super::terms::*;
use crate::differ::book::Case;
use crate::differ::known::Known;
use ottla_wire::messages::add_partitions_to_txn_request::AddPartitionsToTxnTransaction;

pub fn cases() -> Vec<Case> {
    vec![wrong_producers(), wrong_places(), several(), verification(), groups()]
}

/// Every wrong way to be somebody.
fn strangers(known: &Known, name: &str) -> Vec<(&'static str, String, (i64, i16))> {
    let (id, epoch) = own(known, name);
    let text = str::to_owned;
    vec![
        ("nobody", text("no-such-transaction"), (id, epoch)),
        ("an empty id", text(""), (id, epoch)),
        ("another producer id", text(name), (id + 1_000, epoch)),
        ("producer id -1", text(name), (-1, epoch)),
        ("an epoch too new", text(name), (id, epoch + 1)),
        ("an epoch too old", text(name), (id, epoch - 1)),
        ("epoch -1", text(name), (id, -1)),
        ("both -1", text(name), (-1, -1)),
    ]
}

const STRANGERS: usize = 8;

fn wrong_producers() -> Case {
    let mut case = Case::new("partitions added by the wrong one");
    case.topic("txn-add", 2, &[]);
    init(&mut case, "adds");
    init(&mut case, "adds");
    for index in 0..STRANGERS {
        case.versions(&format!("partitions, wrong in way {index}"), move |known, version| {
            let (_, id, producer) = strangers(known, "adds").remove(index);
            add_request(version, &id, producer, &[("txn-add", &[0])])
        });
        case.versions(&format!("a group, wrong in way {index}"), move |known, _| {
            let (_, id, producer) = strangers(known, "adds").remove(index);
            add_offsets_request(&id, producer, "a-group")
        });
        case.ask(5, &format!("verified, wrong in way {index}"), move |known| {
            let (_, id, producer) = strangers(known, "adds").remove(index);
            verify(vec![transaction(&id, producer, &[("txn-add", &[0])])])
        });
    }
    describe(&mut case, "adds");
    case
}

fn wrong_places() -> Case {
    let mut case = Case::new("partitions that can't be added");
    init(&mut case, "places");
    let places: [Places<'static>; 14] = [
        &[("no-such-topic", &[0])],
        &[("txn-add", &[2])],
        &[("txn-add", &[-1])],
        &[("a/b", &[0])],
        &[("", &[0])],
        &[("__consumer_offsets", &[0])],
        &[("__transaction_state", &[0])],
        &[("__cluster_metadata", &[0])],
        &[("txn-add", &[0]), ("no-such-topic", &[0])],
        &[("txn-add", &[0, 7])],
        &[("txn-add", &[])],
        &[],
        &[("txn-add", &[0, 0])],
        &[("txn-add", &[0]), ("txn-add", &[1]), ("txn-add", &[0])],
    ];
    for places in places {
        case.versions(&format!("{places:?}"), move |known, version| {
            add_request(version, "places", own(known, "places"), places)
        });
        describe(&mut case, "places");
    }
    case
}

/// Version 4 is what brokers speak: several transactions at once.
fn several() -> Case {
    let mut case = Case::new("partitions of several transactions");
    case.topic("txn-several", 3, &[]);
    init(&mut case, "one");
    init(&mut case, "two");
    for version in [4, 5] {
        case.ask(version, "two of them", |known| {
            batched(vec![
                transaction("one", own(known, "one"), &[("txn-several", &[0])]),
                transaction("two", own(known, "two"), &[("txn-several", &[0])]),
            ])
        });
        case.ask(version, "good and bad ones", |known| {
            batched(vec![
                transaction("one", own(known, "one"), &[("txn-several", &[1])]),
                transaction("two", own(known, "two"), &[("no-such-topic", &[1])]),
                transaction("no-such-transaction", (1, 1), &[("txn-several", &[1])]),
            ])
        });
    }
    case.ask(4, "one of them twice", |known| {
        batched(vec![
            transaction("one", own(known, "one"), &[("txn-several", &[1])]),
            transaction("one", own(known, "one"), &[("txn-several", &[2])]),
        ])
    });
    describe(&mut case, "one");
    describe(&mut case, "two");
    end(&mut case, "one", true);
    end(&mut case, "two", false);
    case
}

fn verify(
    transactions: Vec<AddPartitionsToTxnTransaction>,
) -> ottla_wire::messages::AddPartitionsToTxnRequest {
    let only = |transaction| AddPartitionsToTxnTransaction { verify_only: true, ..transaction };
    batched(transactions.into_iter().map(only).collect())
}

fn verification() -> Case {
    let mut case = Case::new("partitions that are verified");
    init(&mut case, "verify");
    let places: [Places<'static>; 6] = [
        &[("txn-several", &[0])],
        &[("txn-several", &[0, 1])],
        &[("no-such-topic", &[0])],
        &[("txn-several", &[9])],
        &[("txn-several", &[])],
        &[],
    ];
    let ask = |case: &mut Case, when: &str| {
        for places in places {
            for version in [4, 5] {
                case.ask(version, &format!("{places:?} {when}"), move |known| {
                    verify(vec![transaction("verify", own(known, "verify"), places)])
                });
            }
        }
    };
    ask(&mut case, "before it began");
    add(&mut case, "verify", &[("txn-several", &[0])]);
    ask(&mut case, "while it is open");
    case.ask(5, "twice", |known| {
        let asked = transaction("verify", own(known, "verify"), &[("txn-several", &[0])]);
        verify(vec![asked.clone(), asked])
    });
    end(&mut case, "verify", true);
    ask(&mut case, "after its end");
    case
}

fn groups() -> Case {
    let mut case = Case::new("groups that are added");
    init(&mut case, "grouped");
    for group in ["", "a-group", "a/b", "with a space"] {
        case.versions(&format!("{group:?}"), move |known, _| {
            add_offsets_request("grouped", own(known, "grouped"), group)
        });
    }
    case.ask(4, "a long one", |known| {
        add_offsets_request("grouped", own(known, "grouped"), &"g".repeat(30_000))
    });
    case.ask(0, "what it has", |_| ottla_wire::messages::DescribeTransactionsRequest {
        transactional_ids: vec!["grouped".to_owned()],
        ..Default::default()
    });
    end(&mut case, "grouped", false);
    case
}
