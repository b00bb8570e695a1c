//! InitProducerId of transactional ids, and EndTxn: epochs, fencing and what is refused.

use super::terms::*;
use crate::differ::book::Case;
use crate::differ::cases::batches::{Producer, transactional};
use crate::differ::cases::groups::alone;
use crate::differ::cases::terms::text;
use crate::differ::known::Known;
use ottla_wire::messages::{FindCoordinatorRequest, InitProducerIdRequest, TxnOffsetCommitRequest};

pub fn cases() -> Vec<Case> {
    vec![
        coordinators(),
        producer_ids(),
        returning(),
        every_version(),
        ends(),
        bumping_ends(),
        fencing(),
    ]
}

fn coordinators() -> Case {
    let mut case = Case::new("coordinators of transactions");
    case.versions("of a transactional id", |_, version| match version {
        0..=3 => FindCoordinatorRequest { key: text("t"), key_type: 1, ..Default::default() },
        _ => FindCoordinatorRequest {
            coordinator_keys: vec![text("t"), text("u"), text("t")],
            key_type: 1,
            ..Default::default()
        },
    });
    // The first ones create the topics of transactions and groups.
    init(&mut case, "first-of-all");
    case.ask(6, "of a group", |_| FindCoordinatorRequest {
        coordinator_keys: vec![text("first-of-all")],
        ..Default::default()
    })
    .patient();
    alone(&mut case, "first-of-all", "first");
    case
}

/// Has to come before any group: the topic of the groups is not there yet.
pub fn before_groups() -> Case {
    let mut case = Case::new("transactions before there are groups");
    init(&mut case, "early");
    for version in 0..=4 {
        case.ask(version, "adds a group", |known| {
            add_offsets_request("early", own(known, "early"), "early-group")
        })
        .patient();
    }
    for version in [0, 3, 5] {
        case.ask(version, "commits an offset", |known| {
            let (producer_id, producer_epoch) = own(known, "early");
            TxnOffsetCommitRequest {
                transactional_id: text("early"),
                group_id: text("early-group"),
                producer_id,
                producer_epoch,
                generation_id_or_member_epoch: -1,
                ..Default::default()
            }
        });
    }
    describe(&mut case, "early");
    end(&mut case, "early", true);
    case
}

fn producer_ids() -> Case {
    let mut case = Case::new("producer ids of transactional ids");
    case.versions("a new transactional id", |_, version| init_request(&format!("new-v{version}")));
    case.versions("the same again", |_, version| init_request(&format!("new-v{version}")));
    for timeout in [0, -1, 1, 900_000, 900_001, i32::MAX, i32::MIN] {
        case.ask(5, &format!("a time-out of {timeout}"), move |_| InitProducerIdRequest {
            transaction_timeout_ms: timeout,
            ..init_request(&format!("timeout{timeout}"))
        });
    }
    for (name, producer_id, producer_epoch) in [
        ("an id and epoch that it never had", 7_i64, 3_i16),
        ("an id alone", 7, -1),
        ("an epoch alone", -1, 3),
        ("numbers below -1", -2, -2),
        ("the largest epoch", 7, i16::MAX),
    ] {
        for version in [3, 4, 5] {
            case.ask(version, name, move |_| InitProducerIdRequest {
                producer_id,
                producer_epoch,
                ..init_request(&format!("guess {name} {version}"))
            });
        }
    }
    case.ask(5, "two phases", |_| InitProducerIdRequest {
        enable2_pc: true,
        ..init_request("two-phases")
    })
    .may_not_fit = true;
    case.ask(5, "a long transactional id", |_| init_request(&"t".repeat(30_000)));
    case.ask(5, "a transactional id of another alphabet", |_| init_request("\u{e9}\u{1f600}\n\0"));
    case
}

/// A producer that comes back with what it had (KIP-360).
fn returning() -> Case {
    let mut case = Case::new("a producer that comes back");
    init(&mut case, "back");
    let with = |known: &Known, delta_id: i64, delta_epoch: i16| {
        let (producer_id, producer_epoch) = own(known, "back");
        InitProducerIdRequest {
            producer_id: producer_id + delta_id,
            producer_epoch: producer_epoch + delta_epoch,
            ..init_request("back")
        }
    };
    for version in [2, 3, 4, 5] {
        let name = format!("with another producer id, version {version}");
        case.ask(version, &name, move |known| match version {
            2 => init_request("back"),
            _ => with(known, 1_000, 0),
        });
    }
    init(&mut case, "back");
    case.ask(5, "with an epoch to come", move |known| with(known, 0, 1));
    case.ask(5, "with an epoch far ahead", move |known| with(known, 0, 50));
    case.ask(5, "with its own", move |known| with(known, 0, 0)).patient();
    case.ask(3, "with the one before", move |known| with(known, 0, -1)).patient();
    case.ask(4, "with the one before", move |known| with(known, 0, -1)).patient();
    init(&mut case, "back");
    case.ask(3, "with one long gone", move |known| with(known, 0, -2));
    case.ask(4, "with one long gone", move |known| with(known, 0, -2));
    describe(&mut case, "back");
    case
}

fn every_version() -> Case {
    let mut case = Case::new("transactions in every version");
    case.topic("txn-every", 1, &[]);
    for version in 0..=5_i16 {
        let id: &'static str = EVERY[usize::from(version.unsigned_abs())];
        init(&mut case, id);
        describe(&mut case, id);
        case.ask(version, "adds a partition", move |known| {
            add_request(version, id, own(known, id), &[("txn-every", &[0])])
        })
        .patient();
        let spot = Spot { topic: "txn-every", index: 0, sequence: 0 };
        write(&mut case, version + 3, id, spot);
        case.ask(version.min(4), "adds a group", move |known| {
            add_offsets_request(id, own(known, id), "txn-every")
        })
        .patient();
        describe(&mut case, id);
        case.ask(version, "ends", move |known| end_request(id, own(known, id), version % 2 == 0))
            .patient();
        ended(&mut case, id, version % 2 == 0);
        for isolation in [0, 1] {
            case.ask(version + 4, &format!("is read, isolation {isolation}"), move |_| {
                fetch_request("txn-every", 0, 0, isolation)
            });
        }
    }
    case
}

const EVERY: [&str; 6] = ["every-0", "every-1", "every-2", "every-3", "every-4", "every-5"];

fn ends() -> Case {
    let mut case = Case::new("ends of transactions");
    case.topic("txn-ends", 1, &[]);
    init(&mut case, "ends");
    for committed in [true, false] {
        case.versions(&format!("of nobody, {committed}"), move |_, _| {
            end_request("no-such-transaction", (5, 0), committed)
        });
        case.versions(&format!("of an empty id, {committed}"), move |_, _| {
            end_request("", (5, 0), committed)
        });
        case.versions(&format!("of a stranger, {committed}"), move |known, _| {
            let (id, epoch) = own(known, "ends");
            end_request("ends", (id + 1_000, epoch), committed)
        });
        for epoch in [-1, 1, 9, i16::MAX, i16::MIN] {
            case.versions(&format!("of epoch {epoch}, {committed}"), move |known, _| {
                end_request("ends", (producer_id(known, "ends"), epoch), committed)
            });
        }
        for version in 0..=END_V1 {
            case.ask(version, &format!("before it began, {committed}"), move |known| {
                end_request("ends", own(known, "ends"), committed)
            });
        }
    }
    for committed in [true, false] {
        add(&mut case, "ends", &[("txn-ends", &[0])]);
        end(&mut case, "ends", committed);
        for again in [true, false] {
            for version in 0..=END_V1 {
                let name = format!("{again} after {committed}");
                case.ask(version, &name, move |known| {
                    end_request("ends", own(known, "ends"), again)
                })
                .patient();
            }
        }
    }
    case
}

/// KIP-890: each end has an epoch of its own.
fn bumping_ends() -> Case {
    let mut case = Case::new("ends that bump the epoch");
    case.topic("txn-bumps", 1, &[]);
    init(&mut case, "bumps");
    for committed in [true, false] {
        let name = if committed { "commits nothing" } else { "aborts nothing" };
        case.ask(END_V2, name, move |known| end_request("bumps", own(known, "bumps"), committed));
    }
    init(&mut case, "bumps");
    for committed in [true, false] {
        write(&mut case, PRODUCE_V2, "bumps", Spot { topic: "txn-bumps", index: 0, sequence: 0 });
        describe(&mut case, "bumps");
        end_and_bump(&mut case, "bumps", committed);
        for again in [true, false] {
            let before = format!("the epoch before ends again, {again} after {committed}");
            case.ask(END_V2, &before, move |known| {
                let (id, epoch) = own(known, "bumps");
                end_request("bumps", (id, epoch - 1), again)
            })
            .patient();
            let old = format!("the epoch before ends again, {again} after {committed}, old");
            case.ask(END_V1, &old, move |known| {
                let (id, epoch) = own(known, "bumps");
                end_request("bumps", (id, epoch - 1), again)
            })
            .patient();
        }
        let new = format!("commits nothing after {committed}");
        case.ask(END_V2, &new, move |known| end_request("bumps", own(known, "bumps"), true))
            .patient();
        init(&mut case, "bumps");
        let new = format!("aborts nothing after {committed}");
        case.ask(END_V2, &new, move |known| end_request("bumps", own(known, "bumps"), false))
            .patient()
            .learn("bumps.epoch", "producerEpoch");
        describe(&mut case, "bumps");
    }
    case.ask(3, "mixes the versions: adds", |known| {
        add_request(3, "bumps", own(known, "bumps"), &[("txn-bumps", &[0])])
    })
    .patient();
    end_and_bump(&mut case, "bumps", true);
    case
}

/// A second producer takes over a transactional id.
fn fencing() -> Case {
    let mut case = Case::new("fenced producers");
    case.topic("txn-fence", 1, &[]);
    init(&mut case, "fence");
    add(&mut case, "fence", &[("txn-fence", &[0])]);
    write(&mut case, PRODUCE_V1, "fence", Spot { topic: "txn-fence", index: 0, sequence: 0 });
    let old = |known: &Known| {
        let (id, epoch) = own(known, "fence");
        (id, epoch - 1)
    };
    case.ask(5, "the second comes while a transaction is open", |_| init_request("fence"));
    init(&mut case, "fence");
    describe(&mut case, "fence");
    for version in 0..=5_i16 {
        case.ask(version, "the first adds", move |known| {
            add_request(version, "fence", old(known), &[("txn-fence", &[0])])
        });
        case.ask(version.min(4), "the first adds a group", move |known| {
            add_offsets_request("fence", old(known), "fenced-group")
        });
        case.ask(version, "the first commits", move |known| end_request("fence", old(known), true));
        case.ask(version + 3, "the first writes", move |known| {
            let (id, epoch) = old(known);
            let batch = transactional(1, Producer { id, epoch, sequence: 2 });
            produce_request(Some("fence"), "txn-fence", 0, batch)
        });
        if version >= 3 {
            case.ask(version, "the first wants a new epoch", move |known| {
                let (producer_id, producer_epoch) = own(known, "fence");
                InitProducerIdRequest {
                    producer_id,
                    producer_epoch: producer_epoch - 2,
                    ..init_request("fence")
                }
            });
        }
    }
    for isolation in [0, 1] {
        case.ask(12, &format!("is read, isolation {isolation}"), move |_| {
            fetch_request("txn-fence", 0, 0, isolation)
        });
    }
    case
}
