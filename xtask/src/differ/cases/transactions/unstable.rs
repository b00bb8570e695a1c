//! What unstable versions of APIs allow: transactions of two phases (KIP-939). And transactions that take too long.

use super::terms::*;
use crate::differ::book::Case;
use crate::differ::cases::terms::{Coordinated, coordinated, text};
use crate::differ::known::Known;
use ottla_wire::messages::txn_offset_commit_request::{
    TxnOffsetCommitRequestPartition, TxnOffsetCommitRequestTopic,
};
use ottla_wire::messages::{
    ApiVersionsRequest, InitProducerIdRequest, ListTransactionsRequest, TxnOffsetCommitRequest,
};

const INIT: i16 = 6;
const TOPIC: &str = "two-phases";

/// On servers with unstable versions and two phases, which look for late transactions all the time.
pub fn cases(settings: &'static str) -> Vec<Case> {
    vec![listed(settings), two_phases(settings), late(settings)]
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
    coordinated(&mut case, Coordinated::Transaction, "two");
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
    case.topic(LATE, 1, &[]);
    coordinated(&mut case, Coordinated::Transaction, "late-1");
    coordinated(&mut case, Coordinated::Group, "late-group");
    for (id, version, init_version) in [
        ("late-1", PRODUCE_V1, 5),
        ("late-2", PRODUCE_V2, 5),
        ("late-3", PRODUCE_V1, 3),
        ("late-4", PRODUCE_V2, 4),
    ] {
        case.ask(init_version, &format!("{id} gets its producer id"), move |_| {
            InitProducerIdRequest { transaction_timeout_ms: 1_000, ..init_request(id) }
        })
        .patient()
        .learn(&format!("{id}.id"), "producerId")
        .learn(&format!("{id}.epoch"), "producerEpoch");
        if version == PRODUCE_V1 {
            add(&mut case, id, &[(LATE, &[0])]);
        } else {
            write(&mut case, version, id, Spot { topic: LATE, index: 0, sequence: 0 });
        }
        ended(&mut case, id, false);
        too_late(&mut case, id, version);
        goes_on(&mut case, id, version, init_version);
    }
    for isolation in [0, 1] {
        case.ask(12, &format!("is read, isolation {isolation}"), move |_| {
            fetch_request(LATE, 0, 0, isolation)
        });
    }
    case.ask(1, "what takes long", |_| ListTransactionsRequest {
        duration_filter: 0,
        ..Default::default()
    });
    case
}

const LATE: &str = "late";

/// Whatever a producer may ask for that does not know yet.
fn too_late(case: &mut Case, id: &'static str, version: i16) {
    let sequence = if version == PRODUCE_V1 { 0 } else { 2 };
    for version in [3, 9, PRODUCE_V1, PRODUCE_V2] {
        write(case, version, id, Spot { topic: LATE, index: 0, sequence });
    }
    case.versions(&format!("{id} adds"), move |known, version| {
        add_request(version, id, own(known, id), &[(LATE, &[0])])
    });
    case.versions(&format!("{id} adds a group"), move |known, _| {
        add_offsets_request(id, own(known, id), "late-group")
    });
    for version in 0..=5 {
        case.ask(version, &format!("{id} commits offsets"), move |known| {
            let (producer_id, producer_epoch) = own(known, id);
            TxnOffsetCommitRequest {
                transactional_id: text(id),
                group_id: text("late-group"),
                producer_id,
                producer_epoch,
                generation_id_or_member_epoch: -1,
                topics: vec![TxnOffsetCommitRequestTopic {
                    name: text(LATE),
                    partitions: vec![TxnOffsetCommitRequestPartition::default()],
                    ..Default::default()
                }],
                ..Default::default()
            }
        });
    }
    for committed in [true, false] {
        case.versions(&format!("{id} ends, {committed}"), move |known, _| {
            end_request(id, own(known, id), committed)
        });
    }
}

/// It gets a new epoch, and writes; with the one that it had it gets nothing any longer.
fn goes_on(case: &mut Case, id: &'static str, version: i16, init_version: i16) {
    let with = move |known: &Known, behind: i16| {
        let (producer_id, producer_epoch) = own(known, id);
        InitProducerIdRequest {
            producer_id,
            producer_epoch: producer_epoch - behind,
            ..init_request(id)
        }
    };
    case.ask(init_version, &format!("{id} goes on"), move |known| with(known, 0))
        .learn(&format!("{id}.id"), "producerId")
        .learn(&format!("{id}.epoch"), "producerEpoch");
    describe(case, id);
    if version == PRODUCE_V1 {
        add(case, id, &[(LATE, &[0])]);
    }
    write(case, version, id, Spot { topic: LATE, index: 0, sequence: 0 });
    if version == PRODUCE_V1 {
        end(case, id, true);
    } else {
        end_and_bump(case, id, true);
    }
    for behind in [1, 2, 3] {
        for version in [3, 4, 5] {
            case.ask(version, &format!("{id} with an epoch {behind} behind"), move |known| {
                with(known, behind)
            });
        }
    }
    describe(case, id);
}
