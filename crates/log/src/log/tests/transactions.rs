//! Transactions: the last stable offset, markers, the aborted ones a reader must skip.
use bytes::Bytes;
use ottla_wire::ErrorCode;
use ottla_wire::records::{BatchOptions, EndTransactionMarker};
use ottla_world::memory::MemoryDisk;

use super::*;
use crate::{AbortedTransaction, VerificationGuard, Verifying};

fn transactional(producer_id: i64, base_sequence: i32) -> Bytes {
    batch_with(in_transaction(producer_id, base_sequence), &[NOW, NOW])
}

fn end(log: &mut Log, producer_id: i64, is_commit: bool) -> i64 {
    let marker = EndTransactionMarker { is_commit, coordinator_epoch: 5 };
    let records = marker.batch(producer_id, 0, NOW).unwrap().freeze();
    log.append(records, AppendOrigin::Coordinator, leader(0)).unwrap().base_offset
}

fn committed(log: &Log, start_offset: i64) -> (usize, Vec<AbortedTransaction>) {
    let options =
        ReadOptions { isolation: Isolation::TransactionCommitted, ..everything(start_offset) };
    let read = log.read(options).unwrap();
    (read.slice.len(), read.aborted_transactions.unwrap())
}

/// Two producers: 1 aborts its first transaction and commits its second, 2 stays open in between.
fn history(log: &mut Log) {
    append(log, transactional(1, 0));
    append(log, transactional(2, 0));
    assert_eq!(end(log, 1, false), 4);
    append(log, transactional(1, 2));
    assert_eq!(end(log, 1, true), 7);
}

#[test]
fn open_transactions_hold_readers_back() {
    let mut log = log_with(|_| {});
    history(&mut log);
    log.update_high_watermark(8).unwrap();
    assert_eq!(log.last_stable_offset(), 2);
    assert!(log.has_open_transaction(2, 0) && !log.has_open_transaction(1, 0));
    let one = AbortedTransaction { producer_id: 1, first_offset: 0 };
    let (bytes, aborted) = committed(&log, 0);
    assert!(bytes > 0);
    assert_eq!(aborted, [one]);
    end(&mut log, 2, false);
    assert_eq!(log.last_stable_offset(), 2, "the marker is not committed yet");
    log.update_high_watermark(9).unwrap();
    assert_eq!(log.last_stable_offset(), 9);
    let two = AbortedTransaction { producer_id: 2, first_offset: 2 };
    assert_eq!(committed(&log, 0).1, [one, two]);
    assert_eq!(committed(&log, 5).1, [two]);
}

#[test]
fn transactions_survive_clean_and_unclean_restarts() {
    for clean in [true, false] {
        let disk = MemoryDisk::new(1);
        let mut log = open(&disk);
        history(&mut log);
        let before = log.active_producers();
        if clean {
            log.close(NOW).unwrap();
        } else {
            log.flush(NOW).unwrap();
            disk.crash();
        }
        let mut log = open_with(&disk, |options, _| options.clean = clean);
        log.update_high_watermark(8).unwrap();
        assert_eq!((log.log_end_offset(), log.last_stable_offset()), (8, 2), "clean {clean}");
        assert_eq!(log.active_producers(), before, "clean {clean}");
        assert_eq!(committed(&log, 0).1, [AbortedTransaction { producer_id: 1, first_offset: 0 }]);
        let again = append(&mut log, transactional(2, 0));
        assert!(again.duplicate, "clean {clean}");
    }
}

#[test]
fn markers_are_fenced() {
    let mut log = log_with(|_| {});
    history(&mut log);
    let refuse = |log: &mut Log, coordinator_epoch, producer_epoch, transaction_version| {
        let marker = EndTransactionMarker { is_commit: true, coordinator_epoch };
        let records = marker.batch(2, producer_epoch, NOW).unwrap().freeze();
        let options = LeaderAppend { transaction_version, ..leader(0) };
        match log.append(records, AppendOrigin::Coordinator, options) {
            Err(AppendError::Refused(refusal)) => Some(refusal.code),
            Err(AppendError::Fault(error)) => panic!("{error}"),
            Ok(_) => None,
        }
    };
    assert_eq!(refuse(&mut log, 5, 0, 2), Some(ErrorCode::InvalidProducerEpoch));
    assert_eq!(refuse(&mut log, 5, 1, 2), None);
    assert_eq!(refuse(&mut log, 5, 1, 2), None, "the same marker again");
    assert_eq!(refuse(&mut log, 4, 1, 2), Some(ErrorCode::TransactionCoordinatorFenced));
    assert_eq!(refuse(&mut log, 5, 0, 0), Some(ErrorCode::InvalidProducerEpoch));
}

#[test]
fn a_plain_batch_within_a_transaction_is_refused() {
    let mut log = log_with(|_| {});
    append(&mut log, transactional(1, 0));
    assert_eq!(refused(&mut log, produced(1, 0, 2, 1)).code, ErrorCode::InvalidTxnState);
    let marker = EndTransactionMarker { is_commit: true, coordinator_epoch: 0 };
    let control = marker.batch(1, 0, NOW).unwrap().freeze();
    assert_eq!(refused(&mut log, control).code, ErrorCode::InvalidRecord);
}

fn verifying(producer_epoch: i16, base_sequence: i32) -> Verifying {
    Verifying { producer_id: 9, producer_epoch, base_sequence, starts_at_zero: true }
}

fn try_append(
    log: &mut Log,
    producer_epoch: i16,
    base_sequence: i32,
    guard: Option<VerificationGuard>,
) -> Result<bool, ErrorCode> {
    let options = BatchOptions {
        producer_id: 9,
        producer_epoch,
        base_sequence,
        is_transactional: true,
        ..BatchOptions::default()
    };
    let verification = Verification::Required(guard);
    let options = (batch_with(options, &[NOW]), LeaderAppend { verification, ..leader(0) });
    match log.append(options.0, AppendOrigin::Client, options.1) {
        Ok(appended) => Ok(appended.duplicate),
        Err(AppendError::Refused(refusal)) => Err(refusal.code),
        Err(AppendError::Fault(error)) => panic!("{error}"),
    }
}

#[test]
fn a_transaction_begins_with_a_guard() {
    let mut log = log_with(|_| {});
    assert_eq!(try_append(&mut log, 0, 0, None), Err(ErrorCode::InvalidTxnState));
    let guard = log.verify(verifying(0, 0), NOW);
    assert!(guard.is_some());
    assert_eq!(log.verify(verifying(0, 1), NOW), guard, "one question is enough");
    assert_eq!(try_append(&mut log, 0, 1, guard), Err(ErrorCode::OutOfOrderSequenceNumber));
    assert_eq!(try_append(&mut log, 0, 0, guard), Ok(false));
    assert_eq!(try_append(&mut log, 0, 1, None), Ok(false), "the transaction is open");
    assert_eq!(try_append(&mut log, 0, 1, None), Ok(true), "a duplicate");
    assert_eq!(log.verify(verifying(0, 2), NOW), None);

    let marker = EndTransactionMarker { is_commit: true, coordinator_epoch: 5 };
    let records = marker.batch(9, 1, NOW).unwrap().freeze();
    let options = LeaderAppend { transaction_version: 2, ..leader(0) };
    log.append(records.clone(), AppendOrigin::Coordinator, options).unwrap();
    assert_eq!(try_append(&mut log, 1, 0, guard), Err(ErrorCode::InvalidTxnState));
    let next = log.verify(verifying(1, 0), NOW);
    assert_ne!(next, guard);
    // Its marker comes while the coordinator is asked: what it will say is of the past.
    log.append(records, AppendOrigin::Coordinator, options).unwrap();
    assert_eq!(try_append(&mut log, 1, 0, next), Err(ErrorCode::InvalidTxnState));
}

#[test]
fn a_guard_keeps_the_first_batch_first_and_does_not_last() {
    let mut log = log_with(|config| config.producer_id_expiration_ms = 1_000);
    let guard = log.verify(verifying(0, 5), NOW);
    assert_eq!(try_append(&mut log, 0, 5, guard), Err(ErrorCode::OutOfOrderSequenceNumber));
    assert_eq!(log.verify(verifying(1, 0), NOW), guard, "a newer epoch takes over");
    assert_eq!(try_append(&mut log, 0, 5, guard), Err(ErrorCode::OutOfOrderSequenceNumber));
    log.expire_producers(NOW + 1_000);
    assert_eq!(try_append(&mut log, 1, 0, guard), Err(ErrorCode::InvalidTxnState));
}

/// A batch that comes late or twice asks for a guard as well; what runs does not wait for it.
#[test]
fn a_late_batch_holds_nobody_up() {
    let mut log = log_with(|_| {});
    let begin = |log: &mut Log, epoch, sequence| {
        let guard = log.verify(verifying(epoch, sequence), NOW);
        assert_eq!(try_append(log, epoch, sequence, guard), Ok(false), "{epoch} {sequence}");
    };
    begin(&mut log, 0, 0);
    let marker = EndTransactionMarker { is_commit: true, coordinator_epoch: 5 };
    let marker = |epoch| marker.batch(9, epoch, NOW).unwrap().freeze();
    log.append(marker(0), AppendOrigin::Coordinator, leader(0)).unwrap();
    log.verify(verifying(0, 0), NOW);
    begin(&mut log, 0, 1);
    log.append(marker(1), AppendOrigin::Coordinator, leader(0)).unwrap();
    begin(&mut log, 1, 0);
    log.verify(verifying(0, 0), NOW);
    assert_eq!(try_append(&mut log, 1, 1, None), Ok(false), "its transaction is open");
    // Of what the log does not know the lowest comes first, still.
    log.verify(verifying(2, 0), NOW);
    let guard = log.verify(verifying(2, 1), NOW);
    assert_eq!(try_append(&mut log, 2, 1, guard), Err(ErrorCode::OutOfOrderSequenceNumber));
}
