//! What unstable versions of APIs allow: transactions of two phases (KIP-939). And transactions that take too long.

use super::terms::*;
use crate::differ::book::Case;
use crate::differ::cases::terms::text;
use ottla_wire::messages::{
    ApiVersionsRequest, FindCoordinatorRequest, InitProducerIdRequest, ListTransactionsRequest,
};

const INIT: i16 = 6;
const TOPIC: &str = "two-phases";

/// On servers with unstable versions and two phases, which look for late transactions all the time.
pub fn cases(settings: &'static str) -> Vec<Case> {
    vec![listed(settings), two_phases(settings), late(settings)]
}

/// Has the topic of the coordinators created.
fn coordinated(case: &mut Case, id: &'static str) {
    case.ask(6, &format!("{id} has a coordinator"), move |_| FindCoordinatorRequest {
        coordinator_keys: vec![text(id)],
        key_type: 1,
        ..Default::default()
    })
    .patient();
}

fn listed(settings: &'static str) -> Case {
    let mut case = Case::under(settings, "api versions with unstable ones");
    case.versions("are listed", |_, version| ApiVersionsRequest {
        client_software_name: if version < 3 { String::new() } else { text("differ") },
        client_software_version: if version < 3 { String::new() } else { text("1") },
        ..Default::default()
    });
    case
}

fn two_phases(settings: &'static str) -> Case {
    let mut case = Case::under(settings, "transactions of two phases");
    case.topic(TOPIC, 1, &[]);
    let asked = |id: &str, timeout_ms, enable2_pc, keep_prepared_txn| InitProducerIdRequest {
        transaction_timeout_ms: timeout_ms,
        enable2_pc,
        keep_prepared_txn,
        ..init_request(id)
    };
    coordinated(&mut case, "two");
    for (timeout_ms, two) in
        [(60_000, false), (60_000, true), (0, true), (i32::MAX, true), (i32::MAX, false)]
    {
        let name = format!("in {timeout_ms} ms, two phases {two}");
        case.ask(INIT, &name, move |_| asked("two", timeout_ms, two, false)).patient();
    }
    case.ask(INIT, "keeps what an empty id has", move |_| asked("", 60_000, true, true));
    case.ask(INIT, "two phases", move |_| asked("two", 0, true, false))
        .patient()
        .learn("two.id", "producerId")
        .learn("two.epoch", "producerEpoch");
    describe(&mut case, "two");
    write(&mut case, PRODUCE_V2, "two", Spot { topic: TOPIC, index: 0, sequence: 0 });
    describe(&mut case, "two");
    end_and_bump(&mut case, "two", true);
    write(&mut case, PRODUCE_V2, "two", Spot { topic: TOPIC, index: 0, sequence: 0 });
    case.ask(INIT, "another comes", move |_| asked("two", 0, true, false));
    case.ask(INIT, "another has come", move |_| asked("two", 0, true, false))
        .patient()
        .learn("two.epoch", "producerEpoch");
    describe(&mut case, "two");
    case
}

/// KIP-588: the producer of a transaction that took too long goes on with a new epoch.
fn late(settings: &'static str) -> Case {
    let mut case = Case::under(settings, "transactions that take too long");
    case.topic("late", 1, &[]);
    coordinated(&mut case, "late-1");
    for (id, version) in [("late-1", PRODUCE_V1), ("late-2", PRODUCE_V2)] {
        case.ask(5, &format!("{id} gets its producer id"), move |_| InitProducerIdRequest {
            transaction_timeout_ms: 1_000,
            ..init_request(id)
        })
        .patient()
        .learn(&format!("{id}.id"), "producerId")
        .learn(&format!("{id}.epoch"), "producerEpoch");
        if version == PRODUCE_V1 {
            add(&mut case, id, &[("late", &[0])]);
        } else {
            write(&mut case, version, id, Spot { topic: "late", index: 0, sequence: 0 });
        }
        ended(&mut case, id, false);
        let spot =
            Spot { topic: "late", index: 0, sequence: if version == PRODUCE_V1 { 0 } else { 2 } };
        write(&mut case, version, id, spot);
        for version in [2, 3] {
            case.ask(version, &format!("{id} adds"), move |known| {
                add_request(version, id, own(known, id), &[("late", &[0])])
            });
        }
        for version in [1, END_V1, END_V2] {
            for committed in [true, false] {
                case.ask(version, &format!("{id} ends, {committed}"), move |known| {
                    end_request(id, own(known, id), committed)
                });
            }
        }
        let again = move |known: &crate::differ::known::Known| {
            let (producer_id, producer_epoch) = own(known, id);
            InitProducerIdRequest { producer_id, producer_epoch, ..init_request(id) }
        };
        case.ask(5, &format!("{id} goes on"), again)
            .learn(&format!("{id}.id"), "producerId")
            .learn(&format!("{id}.epoch"), "producerEpoch");
        describe(&mut case, id);
        let spot = Spot { topic: "late", index: 0, sequence: 0 };
        if version == PRODUCE_V1 {
            add(&mut case, id, &[("late", &[0])]);
        }
        write(&mut case, version, id, spot);
        if version == PRODUCE_V1 {
            end(&mut case, id, true);
        } else {
            end_and_bump(&mut case, id, true);
        }
    }
    for isolation in [0, 1] {
        case.ask(12, &format!("is read, isolation {isolation}"), move |_| {
            fetch_request("late", 0, 0, isolation)
        });
    }
    case.ask(1, "what takes long", |_| ListTransactionsRequest {
        duration_filter: 0,
        ..Default::default()
    });
    case
}
