//! The steps of one transactional id, one after the other.

use bytes::Bytes;
use ottla_machine::Runner;
use ottla_wire::ErrorCode;
use ottla_wire::messages::ListTransactionsRequest;
use ottla_wire::records::Batches;

use super::request::InitProducerId;
use super::trial::{TIMEOUT_MS, Trial, named, topic};
use super::{Body, Config, ProducerEpoch, Record, Response, TransactionCoordinator};

const ID: &str = "payments";

fn epoch(producer: ProducerEpoch, by: i16) -> ProducerEpoch {
    ProducerEpoch { producer_epoch: producer.producer_epoch + by, ..producer }
}

/// A producer whose epoch is the last that a client may have.
fn exhausted(trial: &mut Trial) -> ProducerEpoch {
    let producer = trial.init(ID, None).expect("a new producer");
    let Some(Record::Transaction { value: Some(value), .. }) = trial.log.last_mut() else {
        panic!("a record was written")
    };
    value.producer_epoch = i16::MAX - 1;
    trial.reload();
    ProducerEpoch { producer_epoch: i16::MAX - 1, ..producer }
}

#[test]
fn the_last_epoch_is_no_producers() {
    for ends in [false, true] {
        let mut trial = Trial::new(Config::default());
        let producer = exhausted(&mut trial);
        assert_eq!(trial.add(ID, producer, 2, &[0]), ErrorCode::None);
        // It takes too long: the abort takes the last epoch.
        trial.pass(2 * TIMEOUT_MS);
        trial.write_markers();
        assert_eq!(trial.state(ID), Some("CompleteAbort"));
        let next = match ends {
            true => trial.end(ID, producer, 2, false),
            false => trial.init(ID, Some(producer)),
        };
        let next = next.expect("it goes on");
        assert_ne!(next.producer_id, producer.producer_id, "under another id");
        assert_eq!(next.producer_epoch, 0);
    }
}

#[test]
fn a_producer_is_new_or_resumed() {
    let mut trial = Trial::new(Config::default());
    let first = trial.init(ID, None).expect("a new producer");
    assert_eq!(first.producer_epoch, 0);
    assert_eq!(trial.init(ID, None), Ok(epoch(first, 1)), "the first one is fenced");
    assert_eq!(trial.init(ID, Some(first)), Err(ErrorCode::ProducerFenced));
    let current = epoch(first, 1);
    assert_eq!(trial.init(ID, Some(current)), Ok(epoch(first, 2)));
    assert_eq!(trial.init(ID, Some(current)), Ok(epoch(first, 2)), "the answer was lost");
    trial.reload();
    // As in Kafka, the last epoch is not in the log.
    assert_eq!(trial.init(ID, Some(current)), Err(ErrorCode::ProducerFenced));
    assert_eq!(
        trial.init(ID, Some(ProducerEpoch { producer_id: 7, producer_epoch: 0 })),
        Err(ErrorCode::ProducerFenced)
    );
    assert_ne!(trial.init("other", None).expect("another").producer_id, first.producer_id);
}

#[test]
fn what_init_producer_id_refuses() {
    let base = InitProducerId {
        transactional_id: ID.to_owned(),
        timeout_ms: TIMEOUT_MS,
        expected: None,
        enable_two_phase_commit: false,
        keep_prepared: false,
    };
    let timeout = |timeout_ms| InitProducerId { timeout_ms, ..base.clone() };
    let cases = [
        (
            InitProducerId { transactional_id: String::new(), ..base.clone() },
            ErrorCode::InvalidRequest,
        ),
        (timeout(0), ErrorCode::InvalidTransactionTimeout),
        (timeout(-1), ErrorCode::InvalidTransactionTimeout),
        (timeout(900_001), ErrorCode::InvalidTransactionTimeout),
        (
            InitProducerId { enable_two_phase_commit: true, ..base.clone() },
            ErrorCode::TransactionalIdAuthorizationFailed,
        ),
    ];
    for (request, code) in cases {
        let mut trial = Trial::new(Config::default());
        let answer = trial.ask(Body::InitProducerId(request.clone()));
        assert_eq!(answer, Some(Response::Producer(Err(code))), "{request:?}");
        assert!(trial.log.is_empty());
    }
    let mut trial = Trial::new(Config { two_phase_commit: true, ..Config::default() });
    let request = InitProducerId { enable_two_phase_commit: true, timeout_ms: 5, ..base };
    let Some(Response::Producer(Ok(producer))) = trial.ask(Body::InitProducerId(request)) else {
        panic!("two phases are allowed")
    };
    assert_eq!(trial.add(ID, producer, 2, &[0]), ErrorCode::None);
    trial.pass(i32::MAX);
    assert_eq!(trial.state(ID), Some("Ongoing"), "a prepared transaction has no time-out");
}

#[test]
fn what_keeps_a_transaction_needs_records_that_can_tell_of_it() {
    let config = Config { transaction_version: 1, ..Config::default() };
    let kept = Trial::new(config).keep(ID);
    assert_eq!(kept, Response::Producer(Err(ErrorCode::UnsupportedVersion)));
}

/// KIP-939: a producer that comes back finds its transaction and ends it as it has decided elsewhere.
#[test]
fn a_kept_transaction_is_ended_by_the_producer_that_came_back() {
    for (is_commit, done) in [(true, "CompleteCommit"), (false, "CompleteAbort")] {
        let mut trial = Trial::new(Config::default());
        let first = trial.init(ID, None).expect("a new producer");
        assert_eq!(trial.add(ID, first, 2, &[0, 1]), ErrorCode::None);
        let (mut before, mut client) = (first, first);
        for comes_back in 1..=3 {
            before = client;
            let Response::Kept { producer, ongoing } = trial.keep(ID) else { panic!("kept") };
            assert_eq!((producer, ongoing), (epoch(first, comes_back), first));
            client = producer;
            trial.reload();
            assert_eq!(trial.state(ID), Some("Ongoing"));
        }
        for late in [first, before] {
            assert_eq!(trial.end(ID, late, 2, true), Err(ErrorCode::ProducerFenced));
            assert_eq!(trial.add(ID, late, 2, &[2]), ErrorCode::ProducerFenced);
            assert_eq!(trial.init(ID, Some(late)), Err(ErrorCode::ProducerFenced));
        }
        assert_eq!(trial.add(ID, client, 2, &[2]), ErrorCode::InvalidTxnState);
        let next = trial.end(ID, client, 2, is_commit).expect("it ends");
        assert_eq!(next, epoch(client, 1));
        trial.reload();
        let markers = trial.write_markers();
        assert_eq!(
            (markers[0].producer_id, markers[0].producer_epoch),
            (first.producer_id, first.producer_epoch + 1)
        );
        assert_eq!((markers[0].is_commit, &markers[0].partitions), (is_commit, &topic(&[0, 1])));
        assert_eq!(trial.state(ID), Some(done));
        // The answer was lost, and the producer asks again.
        assert_eq!(trial.end(ID, client, 2, is_commit), Ok(next));
        assert_eq!(trial.add(ID, next, 2, &[0]), ErrorCode::None);
    }
}

#[test]
fn a_kept_transaction_is_aborted_by_a_producer_that_does_not_want_it() {
    let mut trial = Trial::new(Config::default());
    let first = trial.init(ID, None).expect("a new producer");
    trial.add(ID, first, 2, &[0]);
    let Response::Kept { producer: client, .. } = trial.keep(ID) else { panic!("kept") };
    assert_eq!(trial.init(ID, None), Err(ErrorCode::ConcurrentTransactions));
    assert_eq!(trial.end(ID, client, 2, true), Err(ErrorCode::ConcurrentTransactions));
    trial.write_markers();
    assert_eq!(trial.state(ID), Some("CompleteAbort"));
    assert_eq!(trial.end(ID, client, 2, true), Err(ErrorCode::InvalidTxnState));
    assert_eq!(trial.add(ID, client, 2, &[0]), ErrorCode::ProducerFenced);
    assert_eq!(trial.init(ID, None), Ok(epoch(client, 2)));
    // With nothing open there is nothing to keep.
    let Response::Producer(Ok(next)) = trial.keep(ID) else { panic!("nothing is kept") };
    assert_eq!(next, epoch(client, 3));
}

/// As Kafka's: three epochs from the first one on, over a new id wherever the old one is used up.
#[test]
fn a_kept_transaction_goes_over_to_a_new_id_when_epochs_are_used_up() {
    for start in [i16::MAX - 2, i16::MAX - 3] {
        let mut trial = Trial::new(Config::default());
        let mut first = trial.init(ID, None).expect("a new producer");
        while first.producer_epoch < start + 1 {
            first = trial.init(ID, None).expect("the next epoch");
        }
        trial.add(ID, first, 2, &[0]);
        let Response::Kept { producer: client, ongoing } = trial.keep(ID) else { panic!("kept") };
        assert_eq!(ongoing, first);
        let rotates = first.producer_epoch == i16::MAX - 1;
        assert_eq!(client.producer_id != first.producer_id, rotates, "{start}");
        assert_eq!(client.producer_epoch, if rotates { 0 } else { i16::MAX - 1 });
        let fenced = trial.end(ID, first, 2, true);
        assert_eq!(fenced, Err(ErrorCode::ProducerFenced), "{start}");
        let next = trial.end(ID, client, 2, true).expect("it ends");
        trial.reload();
        let markers = trial.write_markers();
        assert_eq!(markers[0].producer_epoch, first.producer_epoch + 1);
        assert_ne!(next.producer_id, first.producer_id);
        assert_eq!(next.producer_epoch, if rotates { 1 } else { 0 });
        assert_eq!(trial.end(ID, client, 2, true), Ok(next), "{start}: asked again");
        assert_eq!(trial.add(ID, next, 2, &[0]), ErrorCode::None, "{start}");
    }
}

#[test]
fn a_transaction_of_every_version_goes_its_way() {
    for (version, is_commit) in [(0, true), (0, false), (2, true), (2, false)] {
        let mut trial = Trial::new(Config { transaction_version: version, ..Config::default() });
        let mut producer = trial.init(ID, None).expect("a new producer");
        for round in 0..3 {
            assert_eq!(trial.add(ID, producer, version, &[0, 1]), ErrorCode::None);
            assert_eq!(trial.add(ID, producer, version, &[1, 2]), ErrorCode::None);
            let records = trial.log.len();
            assert_eq!(trial.add(ID, producer, version, &[0, 2]), ErrorCode::None);
            assert_eq!(trial.log.len(), records, "known partitions need no record");
            let ended = trial.end(ID, producer, version, is_commit).expect("it ends");
            let next = if version == 2 { epoch(producer, 1) } else { producer };
            assert_eq!(ended, if version == 2 { next } else { ProducerEpoch::NONE });
            assert_eq!(
                trial.state(ID),
                Some(if is_commit { "PrepareCommit" } else { "PrepareAbort" })
            );
            for code in [
                trial.add(ID, next, version, &[0]),
                trial.end(ID, producer, version, is_commit).expect_err("markers are missing"),
                trial.init(ID, None).expect_err("markers are missing"),
            ] {
                assert_eq!(code, ErrorCode::ConcurrentTransactions, "round {round}");
            }
            let markers = trial.write_markers();
            assert_eq!(markers.len(), 1);
            assert_eq!(markers[0].partitions, topic(&[0, 1, 2]));
            assert_eq!(
                (markers[0].is_commit, markers[0].producer_epoch),
                (is_commit, next.producer_epoch)
            );
            assert_eq!(
                trial.state(ID),
                Some(if is_commit { "CompleteCommit" } else { "CompleteAbort" })
            );
            // The answer was lost.
            assert_eq!(trial.end(ID, producer, version, is_commit), Ok(ended));
            assert_eq!(
                trial.end(ID, producer, version, !is_commit),
                Err(ErrorCode::InvalidTxnState)
            );
            producer = next;
        }
    }
}

/// Kafka's table for version 2: who may abort or commit what is not going on.
#[test]
fn ending_what_is_not_going_on() {
    let state = |trial: &mut Trial, state: &str| -> ProducerEpoch {
        let producer = trial.init(ID, None).expect("a new producer");
        if state == "Empty" {
            return producer;
        }
        assert_eq!(trial.add(ID, producer, 2, &[0]), ErrorCode::None);
        let next = trial.end(ID, producer, 2, state == "CompleteCommit").expect("it ends");
        trial.write_markers();
        assert_eq!(trial.state(ID), Some(state));
        next
    };
    let (fenced, invalid) = (Err(ErrorCode::ProducerFenced), Err(ErrorCode::InvalidTxnState));
    // What a repetition of an abort, an abort, a repetition of a commit and a commit lead to; by how much the epoch rises.
    let cases = [
        ("Empty", [fenced, Ok(1), fenced, invalid]),
        ("CompleteAbort", [Ok(0), Ok(1), invalid, invalid]),
        ("CompleteCommit", [invalid, Ok(1), Ok(0), invalid]),
    ];
    for (name, expected) in cases {
        for (index, expected) in expected.into_iter().enumerate() {
            let (is_repeated, is_commit) = (index % 2 == 0, index >= 2);
            let mut trial = Trial::new(Config::default());
            let current = state(&mut trial, name);
            let asked = if is_repeated { epoch(current, -1) } else { current };
            let answer = trial.end(ID, asked, 2, is_commit);
            let expected = expected.map(|by| epoch(current, by));
            assert_eq!(answer, expected, "{name}, repeated {is_repeated}, commit {is_commit}");
        }
    }
}

#[test]
fn strangers_are_told_so() {
    for version in [0, 2] {
        let mut trial = Trial::new(Config { transaction_version: version, ..Config::default() });
        let producer = trial.init(ID, None).expect("a new producer");
        let other = ProducerEpoch { producer_id: 3, ..producer };
        for (id, producer, code) in [
            ("", producer, ErrorCode::InvalidRequest),
            ("nobody", producer, ErrorCode::InvalidProducerIdMapping),
            (ID, other, ErrorCode::InvalidProducerIdMapping),
            (ID, epoch(producer, 1), ErrorCode::ProducerFenced),
            (ID, epoch(producer, -1), ErrorCode::ProducerFenced),
        ] {
            assert_eq!(trial.add(id, producer, version, &[0]), code, "{id} {producer:?}");
            assert_eq!(trial.end(id, producer, version, true), Err(code), "{id} {producer:?}");
            let body =
                Body::VerifyPartitions { producer: named(id, producer), partitions: topic(&[4]) };
            let Some(Response::Verified(codes)) = trial.ask(body) else { panic!("not verified") };
            assert_eq!(codes["topic"][&4], code);
        }
    }
}

#[test]
fn partitions_are_verified() {
    let mut trial = Trial::new(Config::default());
    let producer = trial.init(ID, None).expect("a new producer");
    assert_eq!(trial.add(ID, producer, 0, &[0]), ErrorCode::None);
    let body = Body::VerifyPartitions { producer: named(ID, producer), partitions: topic(&[0, 1]) };
    let Some(Response::Verified(codes)) = trial.ask(body.clone()) else { panic!("not verified") };
    assert_eq!(codes["topic"][&0], ErrorCode::None);
    assert_eq!(codes["topic"][&1], ErrorCode::TransactionAbortable);
    trial.end(ID, producer, 0, true).expect("it ends");
    let Some(Response::Verified(codes)) = trial.ask(body) else { panic!("not verified") };
    assert_eq!(codes["topic"][&0], ErrorCode::ConcurrentTransactions);
}

#[test]
fn a_new_producer_aborts_what_the_old_one_left() {
    for (version, epochs) in [(0, 2), (2, 2)] {
        let mut trial = Trial::new(Config { transaction_version: version, ..Config::default() });
        let old = trial.init(ID, None).expect("a new producer");
        assert_eq!(trial.add(ID, old, version, &[0]), ErrorCode::None);
        assert_eq!(trial.init(ID, None), Err(ErrorCode::ConcurrentTransactions));
        assert_eq!(trial.state(ID), Some("PrepareAbort"));
        assert_eq!(trial.init(ID, None), Err(ErrorCode::ConcurrentTransactions));
        assert_eq!(trial.write_markers()[0].producer_epoch, old.producer_epoch + 1);
        let refused =
            if version == 2 { ErrorCode::InvalidTxnState } else { ErrorCode::ProducerFenced };
        assert_eq!(trial.end(ID, old, version, true), Err(refused));
        assert_eq!(trial.init(ID, None), Ok(epoch(old, epochs)));
        assert_eq!(trial.end(ID, old, version, true), Err(ErrorCode::ProducerFenced));
        assert_eq!(trial.add(ID, old, version, &[0]), ErrorCode::ProducerFenced);
    }
}

#[test]
fn used_up_epochs_lead_to_another_producer_id() {
    let mut trial = Trial::new(Config::default());
    let last = exhausted(&mut trial);
    let fresh = trial.init(ID, None).expect("another id");
    assert!(fresh.producer_id != last.producer_id && fresh.producer_epoch == 0);

    let mut trial = Trial::new(Config::default());
    let last = exhausted(&mut trial);
    let fresh = trial.init(ID, Some(last)).expect("another id");
    assert_ne!(fresh.producer_id, last.producer_id);
    assert_eq!(trial.init(ID, Some(last)), Ok(fresh), "the answer was lost");

    let mut trial = Trial::new(Config::default());
    let last = exhausted(&mut trial);
    assert_eq!(trial.add(ID, last, 2, &[0]), ErrorCode::None);
    let fresh = trial.end(ID, last, 2, true).expect("another id");
    assert!(fresh.producer_id != last.producer_id && fresh.producer_epoch == 0);
    trial.reload();
    let markers = trial.write_markers();
    assert_eq!((markers[0].producer_id, markers[0].producer_epoch), (last.producer_id, i16::MAX));
    assert_eq!(trial.end(ID, last, 2, true), Ok(fresh), "the answer was lost");
    assert_eq!(trial.add(ID, fresh, 2, &[0]), ErrorCode::None);

    // Fencing takes the one epoch that no client has.
    let mut trial = Trial::new(Config::default());
    let last = exhausted(&mut trial);
    assert_eq!(trial.add(ID, last, 2, &[0]), ErrorCode::None);
    assert_eq!(trial.init(ID, None), Err(ErrorCode::ConcurrentTransactions));
    assert_eq!(trial.write_markers()[0].producer_epoch, i16::MAX);
    assert_eq!(trial.init(ID, None).expect("another id").producer_epoch, 0);
}

#[test]
fn time_aborts_and_forgets() {
    let mut trial = Trial::new(Config::default());
    let producer = trial.init(ID, None).expect("a new producer");
    assert_eq!(trial.add(ID, producer, 2, &[0]), ErrorCode::None);
    trial.pass(TIMEOUT_MS);
    assert_eq!(trial.state(ID), Some("Ongoing"));
    trial.pass(10_000);
    assert_eq!(trial.state(ID), Some("PrepareAbort"));
    trial.write_markers();
    assert_eq!(trial.add(ID, producer, 2, &[0]), ErrorCode::ProducerFenced);
    trial.pass(604_800_000 - 3_600_000);
    assert_eq!(trial.state(ID), Some("CompleteAbort"));
    trial.pass(2 * 3_600_000);
    assert_eq!(trial.state(ID), None);
    assert_eq!(trial.loaded().machine().transactions.len(), 0);
}

#[test]
fn a_reload_writes_the_markers_again() {
    let mut trial = Trial::new(Config::default());
    let producer = trial.init(ID, None).expect("a new producer");
    assert_eq!(trial.add(ID, producer, 2, &[0, 1]), ErrorCode::None);
    trial.end(ID, producer, 2, true).expect("it ends");
    let first = trial.markers();
    let one = Body::MarkersWritten {
        transactional_id: ID.to_owned(),
        prepared_at: first[0].prepared_at,
        partitions: topic(&[0]),
    };
    trial.ask(one);
    assert_eq!(trial.state(ID), Some("PrepareCommit"));
    trial.reload();
    assert_eq!(trial.markers(), first, "who wrote what is not known any more");
    let stale = Body::MarkersWritten {
        transactional_id: ID.to_owned(),
        prepared_at: 0,
        partitions: topic(&[0, 1]),
    };
    trial.ask(stale);
    assert_eq!(trial.state(ID), Some("PrepareCommit"), "news of another ending");
    for partition in [1, 0] {
        trial.ask(Body::MarkersWritten {
            transactional_id: ID.to_owned(),
            prepared_at: first[0].prepared_at,
            partitions: topic(&[partition]),
        });
    }
    assert_eq!(trial.state(ID), Some("CompleteCommit"));
}

#[test]
fn lists_are_filtered() {
    let mut trial = Trial::new(Config::default());
    for id in ["pay-1", "pay-2", "other"] {
        trial.init(id, None).expect("a new producer");
    }
    let second = trial.runner.machine().find("pay-2").expect("it exists").producer();
    assert_eq!(trial.add("pay-2", second, 2, &[0]), ErrorCode::None);
    trial.now += 1_000;
    let base = ListTransactionsRequest { duration_filter: -1, ..Default::default() };
    let states = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    let pattern = |text: &str| ListTransactionsRequest {
        transactional_id_pattern: Some(text.to_owned()),
        ..base.clone()
    };
    let cases: [(ListTransactionsRequest, &[&str]); 9] = [
        (base.clone(), &["other", "pay-1", "pay-2"]),
        (
            ListTransactionsRequest { state_filters: states(&["Ongoing"]), ..base.clone() },
            &["pay-2"],
        ),
        (ListTransactionsRequest { state_filters: states(&["Nothing"]), ..base.clone() }, &[]),
        (
            ListTransactionsRequest {
                producer_id_filters: vec![second.producer_id],
                ..base.clone()
            },
            &["pay-2"],
        ),
        (
            ListTransactionsRequest { duration_filter: 999, ..base.clone() },
            &["other", "pay-1", "pay-2"],
        ),
        (ListTransactionsRequest { duration_filter: 1_000, ..base.clone() }, &["other", "pay-1"]),
        (pattern("pay-."), &["pay-1", "pay-2"]),
        (pattern("pay"), &[]),
        (pattern(""), &["other", "pay-1", "pay-2"]),
    ];
    for (request, expected) in cases {
        let Some(Response::Listed(listed)) = trial.ask(Body::List(request.clone())) else {
            panic!("not listed")
        };
        let ids: Vec<&str> =
            listed.transaction_states.iter().map(|each| each.transactional_id.as_str()).collect();
        assert_eq!(ids, expected, "{request:?}");
    }
    let Some(Response::Listed(refused)) = trial.ask(Body::List(pattern("("))) else { panic!() };
    assert_eq!(refused.error_code, ErrorCode::InvalidRegularExpression.code());
}

#[test]
fn what_does_not_exist_is_not_described() {
    let mut trial = Trial::new(Config::default());
    let producer = trial.init(ID, None).expect("a new producer");
    assert_eq!(trial.add(ID, producer, 2, &[3, 1]), ErrorCode::None);
    for (id, code) in [
        ("", ErrorCode::InvalidRequest),
        ("nobody", ErrorCode::TransactionalIdNotFound),
        (ID, ErrorCode::None),
    ] {
        let Some(Response::Described(described)) =
            trial.ask(Body::Describe { transactional_id: id.to_owned() })
        else {
            panic!("not described")
        };
        assert_eq!(described.error_code, code.code(), "{id}");
        if code == ErrorCode::None {
            assert_eq!(described.transaction_state, "Ongoing");
            assert_eq!(described.topics[0].partitions, [1, 3]);
            assert_eq!(described.transaction_timeout_ms, TIMEOUT_MS);
        }
    }
}

/// What Kafka 4.3.1 wrote while a Java producer committed, aborted, committed with offsets, and was fenced within its
/// last transaction by another one, which committed.
const KAFKA_LOG: &[u8] = include_bytes!("../../../tests/golden/transactions/kafka-4.3.1.log");

#[test]
fn the_log_of_kafka_is_read_and_written_byte_for_byte() {
    let mut runner = Runner::new(TransactionCoordinator::new(Config::default()), 10);
    let mut records = 0;
    for batch in Batches::new(Bytes::from_static(KAFKA_LOG)) {
        let batch = batch.expect("a whole batch");
        for record in batch.records(1 << 20).expect("records").iter() {
            let record = record.expect("a record");
            let (key, value) = (record.key.expect("a key"), record.value);
            let decoded = Record::decode(key.clone(), value.clone()).expect("it is understood");
            let encoded = decoded.encode().expect("it is written");
            assert_eq!(encoded, (key, value), "offset {}", record.offset);
            runner.replay(record.offset, &decoded);
            records += 1;
        }
    }
    assert_eq!(records, 19);
    let machine = runner.machine();
    let transaction = machine.find("scene").expect("its transactional id");
    assert_eq!(transaction.state.name(), "CompleteCommit");
    let rerecorded =
        super::state::Transaction::from_record(transaction.recorded_at, &transaction.to_record());
    assert_eq!(rerecorded, *transaction);
}
