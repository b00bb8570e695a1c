//! Sessions as fetchers live them: asked, told, left out, evicted.

use std::sync::Arc;

use ottla_wire::{ErrorCode, Uuid};

use super::cache::{EVICTION_MS, PARTITIONS_MAX, SessionCounts};
use super::*;
use crate::partition::PartitionRequest;

const ID: Uuid = Uuid::from_bytes([7; 16]);

fn name(topic: &str, partition: i32) -> PartitionKey {
    PartitionKey { topic: TopicKey::Name(topic.into()), partition }
}

fn id(partition: i32) -> PartitionKey {
    PartitionKey { topic: TopicKey::Id(ID), partition }
}

fn at(fetch_offset: i64) -> PartitionRequest {
    PartitionRequest {
        fetch_offset,
        log_start_offset: -1,
        bytes_max: 1000,
        current_leader_epoch: None,
        last_fetched_epoch: None,
    }
}

fn request(session_id: i32, epoch: i32, partitions: &[(PartitionKey, i64)]) -> SessionRequest {
    let partitions =
        partitions.iter().map(|(key, offset)| (key.clone(), at(*offset))).collect::<Vec<_>>();
    SessionRequest {
        session_id,
        epoch,
        uses_topic_ids: partitions.first().is_some_and(|(key, _)| key.topic.is_id()),
        is_from_follower: false,
        partitions,
        forgotten: Vec::new(),
    }
}

fn resolve(topic: &TopicKey) -> Option<Arc<str>> {
    match topic {
        TopicKey::Name(name) => Some(Arc::clone(name)),
        TopicKey::Id(id) => (*id == ID).then(|| "seven".into()),
    }
}

const QUIET: Told = Told {
    high_watermark: 10,
    log_start_offset: 0,
    has_records: false,
    has_error: false,
    is_urgent: false,
};

/// Sends a request and answers every partition it asks for with what `tell` says; the session id
/// and the partitions that the response mentions.
fn round(
    sessions: &FetchSessions,
    request: SessionRequest,
    now_ms: i64,
    tell: impl Fn(&PartitionKey) -> Told,
) -> Result<(i32, Vec<PartitionKey>), ErrorCode> {
    let mut opened = sessions.open(request, now_ms, resolve)?;
    let asked = opened.take_asked();
    let mut answers: Vec<(PartitionKey, Told)> =
        asked.iter().map(|asked| (asked.key.clone(), tell(&asked.key))).collect();
    let mut next = now_ms.cast_unsigned() << 33;
    let random = || {
        next = next.wrapping_add(1 << 33);
        next
    };
    let closed = sessions.close(opened, &mut answers, |told| *told, now_ms, random);
    let keys = answers.into_iter().map(|(key, _)| key).collect();
    closed.map(|session_id| (session_id, keys)).map_err(|(code, _)| code)
}

fn counts(sessions: &FetchSessions) -> (usize, usize, u64) {
    let SessionCounts { sessions, partitions, evictions } = sessions.counts();
    (sessions, partitions, evictions)
}

#[test]
fn epochs_follow_each_other_and_wrap() {
    for (epoch, next) in [(0, 1), (1, 2), (i32::MAX - 1, i32::MAX), (i32::MAX, 1), (-1, -1)] {
        assert_eq!(next_epoch(epoch), next, "after {epoch}");
    }
}

#[test]
fn an_incremental_response_tells_only_what_is_new() {
    let news = [
        ("nothing", QUIET, false),
        ("records", Told { has_records: true, ..QUIET }, true),
        ("a high watermark", Told { high_watermark: 11, ..QUIET }, true),
        ("a log start", Told { log_start_offset: 1, ..QUIET }, true),
        ("an error", Told { has_error: true, ..QUIET }, true),
        ("a diverging epoch", Told { is_urgent: true, ..QUIET }, true),
    ];
    for (what, told, is_mentioned) in news {
        let sessions = FetchSessions::new(10);
        let full = request(0, 0, &[(name("a", 0), 0), (name("a", 1), 0)]);
        let (session, mentioned) = round(&sessions, full, 0, |_| QUIET).expect("a new session");
        assert_ne!(session, NO_SESSION);
        assert_eq!(mentioned, [name("a", 0), name("a", 1)]);
        let tell = |key: &PartitionKey| if key.partition == 1 { told } else { QUIET };
        let (same, mentioned) =
            round(&sessions, request(session, 1, &[]), 0, tell).expect("an open session");
        assert_eq!(same, session);
        let expected = if is_mentioned { vec![name("a", 1)] } else { vec![] };
        assert_eq!(mentioned, expected, "{what}");
    }
}

#[test]
fn after_an_error_the_partition_is_told_again() {
    let sessions = FetchSessions::new(10);
    let full = request(0, 0, &[(name("a", 0), 0)]);
    let (session, _) = round(&sessions, full, 0, |_| QUIET).expect("a new session");
    let error = |_: &PartitionKey| Told { has_error: true, ..QUIET };
    round(&sessions, request(session, 1, &[]), 0, error).expect("an open session");
    let (_, mentioned) =
        round(&sessions, request(session, 2, &[]), 0, |_| QUIET).expect("an open session");
    assert_eq!(mentioned, [name("a", 0)]);
}

#[test]
fn wrong_ids_epochs_and_kinds_of_names_are_refused() {
    let sessions = FetchSessions::new(10);
    let full = request(0, 0, &[(name("a", 0), 0)]);
    let (session, _) = round(&sessions, full, 0, |_| QUIET).expect("a new session");
    let by_id = SessionRequest { uses_topic_ids: true, ..request(session, 1, &[]) };
    let cases = [
        (request(session + 1, 1, &[]), ErrorCode::FetchSessionIdNotFound),
        (request(0, 1, &[]), ErrorCode::FetchSessionIdNotFound),
        (request(session, 2, &[]), ErrorCode::InvalidFetchSessionEpoch),
        (request(session, i32::MIN, &[]), ErrorCode::InvalidFetchSessionEpoch),
        (by_id, ErrorCode::FetchSessionTopicIdError),
    ];
    for (request, expected) in cases {
        assert_eq!(round(&sessions, request, 0, |_| QUIET), Err(expected));
    }
    // None of that moved the session's epoch.
    round(&sessions, request(session, 1, &[]), 0, |_| QUIET).expect("an open session");
    let again = round(&sessions, request(session, 1, &[]), 0, |_| QUIET);
    assert_eq!(again, Err(ErrorCode::InvalidFetchSessionEpoch));
}

#[test]
fn a_request_that_overtakes_another_wins() {
    let sessions = FetchSessions::new(10);
    let full = request(0, 0, &[(name("a", 0), 0)]);
    let (session, _) = round(&sessions, full, 0, |_| QUIET).expect("a new session");
    let first = sessions.open(request(session, 1, &[]), 0, resolve).expect("an open session");
    round(&sessions, request(session, 2, &[]), 0, |_| QUIET).expect("the next epoch");
    let mut answers: Vec<(PartitionKey, Told)> = Vec::new();
    let closed = sessions.close(first, &mut answers, |told| *told, 0, || 0);
    assert_eq!(closed, Err((ErrorCode::InvalidFetchSessionEpoch, session)));
}

#[test]
fn partitions_come_change_and_go() {
    let sessions = FetchSessions::new(10);
    let full = request(0, 0, &[(name("a", 0), 0), (name("a", 1), 0)]);
    let (session, _) = round(&sessions, full, 0, |_| QUIET).expect("a new session");
    let changed = request(session, 1, &[(name("a", 0), 5), (name("b", 0), 6)]);
    let mut opened = sessions.open(changed, 0, resolve).expect("an open session");
    let asked = opened.take_asked();
    let asked: Vec<_> =
        asked.into_iter().map(|asked| (asked.key, asked.request.fetch_offset)).collect();
    assert_eq!(asked, [(name("a", 0), 5), (name("a", 1), 0), (name("b", 0), 6)]);
    assert_eq!(counts(&sessions), (1, 3, 0));
    let forget = SessionRequest {
        forgotten: vec![name("a", 0), name("a", 1), name("nobody", 9)],
        ..request(session, 2, &[])
    };
    let (_, mentioned) = round(&sessions, forget, 0, |_| QUIET).expect("an open session");
    assert_eq!(mentioned, [name("b", 0)]);
    // Without partitions there is no session.
    let forget = SessionRequest { forgotten: vec![name("b", 0)], ..request(session, 3, &[]) };
    assert_eq!(round(&sessions, forget, 0, |_| QUIET), Ok((NO_SESSION, vec![])));
    assert_eq!(counts(&sessions), (0, 0, 0));
}

#[test]
fn a_full_request_closes_the_session_it_names() {
    let partitions = [(name("a", 0), 0)];
    for (epoch, opens_another) in [(INITIAL_EPOCH, true), (FINAL_EPOCH, false)] {
        let sessions = FetchSessions::new(10);
        let full = request(0, 0, &partitions);
        let (session, _) = round(&sessions, full, 0, |_| QUIET).expect("a new session");
        let closing = request(session, epoch, &partitions);
        let (next, _) = round(&sessions, closing, 1, |_| QUIET).expect("full requests work");
        assert_eq!(next != NO_SESSION, opens_another);
        let gone = round(&sessions, request(session, 1, &[]), 0, |_| QUIET);
        assert_eq!(gone, Err(ErrorCode::FetchSessionIdNotFound));
    }
}

#[test]
fn partitions_with_records_go_to_the_end_of_the_line() {
    let sessions = FetchSessions::new(10);
    let full = request(0, 0, &[(name("a", 0), 0), (name("a", 1), 0), (name("a", 2), 0)]);
    let (session, _) = round(&sessions, full, 0, |_| QUIET).expect("a new session");
    let tell = |key: &PartitionKey| Told { has_records: key.partition == 0, ..QUIET };
    round(&sessions, request(session, 1, &[]), 0, tell).expect("an open session");
    let mut opened = sessions.open(request(session, 2, &[]), 0, resolve).expect("open");
    let order: Vec<_> = opened.take_asked().into_iter().map(|asked| asked.key.partition).collect();
    assert_eq!(order, [1, 2, 0]);
}

#[test]
fn topics_by_id_are_named_once_they_are_known() {
    let unknown = PartitionKey { topic: TopicKey::Id(Uuid::from_bytes([9; 16])), partition: 0 };
    let sessions = FetchSessions::new(10);
    let full = request(0, 0, &[(id(0), 0), (unknown.clone(), 0)]);
    let mut opened = sessions.open(full, 0, resolve).expect("full requests work");
    let names: Vec<_> = opened.take_asked().into_iter().map(|asked| asked.topic).collect();
    assert_eq!(names, [Some("seven".into()), None]);
    let mut answers = vec![(id(0), QUIET), (unknown, Told { has_error: true, ..QUIET })];
    let session = sessions.close(opened, &mut answers, |told| *told, 0, || 5 << 33);
    let session = session.expect("a new session");
    let next = SessionRequest { uses_topic_ids: true, ..request(session, 1, &[]) };
    let mut opened = sessions.open(next, 0, |_| Some("found".into())).expect("open");
    let names: Vec<_> = opened.take_asked().into_iter().map(|asked| asked.topic).collect();
    assert_eq!(names, [Some("seven".into()), Some("found".into())]);
}

#[test]
fn the_last_word_about_a_partition_counts() {
    let sessions = FetchSessions::new(10);
    let twice = request(0, -1, &[(name("a", 0), 1), (name("a", 1), 2), (name("a", 0), 3)]);
    let mut opened = sessions.open(twice, 0, resolve).expect("full requests work");
    let asked = opened.take_asked();
    let asked: Vec<_> =
        asked.into_iter().map(|asked| (asked.key, asked.request.fetch_offset)).collect();
    assert_eq!(asked, [(name("a", 0), 3), (name("a", 1), 2)]);
}

/// A session with `size` partitions, opened at `now_ms` by a follower or a consumer.
fn open(sessions: &FetchSessions, size: i32, now_ms: i64, is_from_follower: bool) -> i32 {
    let partitions: Vec<_> = (0..size).map(|index| (name("a", index), 0)).collect();
    let full = SessionRequest { is_from_follower, ..request(0, 0, &partitions) };
    round(sessions, full, now_ms, |_| QUIET).expect("full requests work").0
}

#[test]
fn a_full_cache_evicts_what_is_stale_or_worth_less() {
    let old = EVICTION_MS + 1;
    // The sessions there are: partitions, follower, opened at, used at. Then who comes, and whether
    // it gets a session.
    let cases = [
        ("a young session stays", 1, false, 0, 0, (9, false, 10), false),
        ("a stale session goes", 9, false, 0, 0, (1, false, old), true),
        ("an old smaller one goes", 1, false, 0, old, (9, false, old + 1), true),
        ("an old larger one stays", 9, false, 0, old, (1, false, old + 1), false),
        ("a young consumer gives way to a follower", 9, false, 0, 0, (1, true, 10), true),
        ("a young follower stays for a follower", 1, true, 0, 0, (9, true, 10), false),
        ("an old follower stays for a consumer", 1, true, 0, old, (9, false, old + 1), false),
        ("an old smaller follower gives way", 1, true, 0, old, (9, true, old + 1), true),
    ];
    for (what, size, follower, opened_ms, used_ms, (next_size, next_follower, now), works) in cases
    {
        let sessions = FetchSessions::new(1);
        let first = open(&sessions, size, opened_ms, follower);
        assert_ne!(first, NO_SESSION);
        if used_ms > opened_ms {
            let again = request(first, 1, &[]);
            round(&sessions, again, used_ms, |_| QUIET).expect("an open session");
        }
        let second = open(&sessions, next_size, now, next_follower);
        assert_eq!(second != NO_SESSION, works, "{what}");
        let partitions = if works { next_size } else { size };
        let partitions = usize::try_from(partitions).expect("small");
        assert_eq!(counts(&sessions), (1, partitions, u64::from(works)), "{what}");
    }
}

#[test]
fn without_slots_there_are_no_sessions() {
    let sessions = FetchSessions::new(0);
    assert_eq!(open(&sessions, 1, 0, false), NO_SESSION);
}

#[test]
fn all_sessions_together_remember_so_many_partitions_and_no_more() {
    let sessions = FetchSessions::new(10);
    let half = i32::try_from(PARTITIONS_MAX / 2).expect("small");
    let first = open(&sessions, half, 0, false);
    assert_ne!(first, NO_SESSION);
    assert_eq!(open(&sessions, half + 1, 0, false), NO_SESSION);
    let second = open(&sessions, half, 0, false);
    assert_ne!(second, NO_SESSION);
    // The second one grows: it is answered and forgotten.
    let more = request(second, 1, &[(name("more", 0), 0)]);
    round(&sessions, more, 1, |_| QUIET).expect("an open session");
    assert_eq!(counts(&sessions), (1, PARTITIONS_MAX / 2, 1));
    let again = request(second, 2, &[]);
    assert_eq!(round(&sessions, again, 2, |_| QUIET), Err(ErrorCode::FetchSessionIdNotFound));
    // The first one is used on, and an idle one makes room.
    round(&sessions, request(first, 1, &[]), 3, |_| QUIET).expect("an open session");
    assert_ne!(open(&sessions, half + 1, EVICTION_MS + 4, false), NO_SESSION);
}
