//! Coordinators of a machine that counts: what is gathered, what is written, what is known after a reload.

use std::error::Error;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use ottla_log::{Isolation, ReadOptions, Verification};
use ottla_machine::{Decision, Machine, Millis, Offset, Token};
use ottla_metadata::config::BrokerValues;
use ottla_wire::ErrorCode;
use ottla_wire::codec::EncodeError;
use ottla_wire::records::{BatchHeader, Batches, Compression, CompressionType, Record};
use tokio::sync::OwnedSemaphorePermit;

use super::writes::Writes;
use super::{Kind, Linger, LogTerms, Parts, Shard, Shards};
use crate::OFFSETS_TOPIC;
use ottla_hosting::fixture::{Fixture, START_MS, records_per_batch};

/// How often each word was said.
#[derive(Debug, Default)]
struct Words {
    count: i64,
    offsets: Vec<Offset>,
}

enum Ask {
    /// Says words, in one decision; answered with how many were said before.
    Say(Vec<&'static str>),
    Count,
    /// Never answered by itself.
    Wait,
}

impl Machine for Words {
    type Request = Ask;
    type Response = i64;
    /// A word; forgotten when it is empty.
    type Record = (Bytes, bool);
    type Touch = ();

    fn decide(&self, token: Token, request: Ask, _now: Millis) -> Decision<Self> {
        match request {
            Ask::Say(words) => {
                let mut decision = Decision::answer(token, self.count);
                let words =
                    words.into_iter().map(|word| (Bytes::from_static(word.as_bytes()), true));
                decision.records.extend(words);
                decision
            }
            Ask::Count => Decision::answer(token, self.count),
            Ask::Wait => Decision::nothing(),
        }
    }

    fn expire(&self, _now: Millis) -> Decision<Self> {
        Decision::nothing()
    }

    fn next_deadline(&self) -> Option<Millis> {
        None
    }

    fn apply(&mut self, offset: Offset, _record: &(Bytes, bool)) {
        self.count += 1;
        self.offsets.push(offset);
    }

    fn touch(&mut self, (): ()) {}
}

/// Remembers how far commits were told.
#[derive(Default)]
struct Told {
    committed: AtomicI64,
}

impl Kind for Told {
    type Machine = Words;

    const NAME: &'static str = "test";

    fn machine(&self) -> Words {
        Words::default()
    }

    fn decode(
        _header: &BatchHeader,
        record: Record,
    ) -> Result<Option<(Bytes, bool)>, Box<dyn Error + Send + Sync>> {
        match record.key {
            Some(key) if key == "unreadable" => Err("unreadable".into()),
            key => Ok(key.map(|key| (key, record.value.is_some()))),
        }
    }

    fn encode((word, said): &(Bytes, bool)) -> Result<(Bytes, Option<Bytes>), EncodeError> {
        Ok((word.clone(), said.then(Bytes::new)))
    }

    fn committed(shard: &Shard<Self>, _machine: &Words, newly: Range<i64>) {
        let before = shard.kind.committed.swap(newly.end, Ordering::SeqCst);
        // A machine that was loaded again is told of everything.
        assert!(newly.start == before || newly.start == 0, "{newly:?} after {before}");
    }
}

fn terms(linger: Linger) -> LogTerms {
    LogTerms { compression: Compression::NONE, load_bytes: 100, commit_timeout: None, linger }
}

fn shards(fixture: &Fixture, linger: Linger) -> Shards<Told> {
    let runtime = tokio::runtime::Handle::current();
    let parts = Parts { runtime, clock: fixture.clock.clone(), terms: terms(linger) };
    let shards = Shards::new(Told::default(), parts);
    shards.reconcile(1, &[fixture.partition(OFFSETS_TOPIC, 0)]);
    shards
}

fn fixture() -> Fixture {
    let mut fixture = Fixture::new();
    fixture.create(OFFSETS_TOPIC, 1, &[("max.message.bytes", "400")]);
    fixture
}

async fn ask(shards: &Shards<Told>, mut request: impl FnMut() -> Ask) -> Result<i64, ErrorCode> {
    loop {
        match shards.at(0)?.ask(request(), Verification::NotRequired).await {
            Err(ErrorCode::CoordinatorLoadInProgress) => tokio::task::yield_now().await,
            answer => return answer,
        }
    }
}

/// Coordinators that do not load before they are let.
fn held(fixture: &Fixture) -> (Shards<Told>, OwnedSemaphorePermit) {
    let shards = shards(fixture, Linger::Adaptive);
    let turns = Arc::clone(&shards.load_turns);
    let every = u32::try_from(turns.available_permits()).expect("few");
    let held = turns.try_acquire_many_owned(every).expect("nobody loads yet");
    (shards, held)
}

#[tokio::test]
async fn what_is_asked_while_a_coordinator_loads_waits_for_it() {
    let fixture = fixture();
    let (shards, held) = held(&fixture);
    let [first, second] = [(); 2].map(|()| {
        let queue = shards.at(0).expect("a task");
        tokio::spawn(queue.ask(Ask::Say(vec!["a"]), Verification::NotRequired))
    });
    for _ in 0..9 {
        tokio::task::yield_now().await;
    }
    drop(held);
    assert_eq!(first.await.expect("no panic"), Ok(0));
    assert_eq!(second.await.expect("no panic"), Ok(1));
}

#[tokio::test(start_paused = true)]
async fn whoever_has_waited_long_for_a_load_is_told_to_come_again() {
    let fixture = fixture();
    let (shards, held) = held(&fixture);
    for _ in 0..2 {
        let queue = shards.at(0).expect("a task");
        let answer = queue.ask(Ask::Count, Verification::NotRequired).await;
        assert_eq!(answer, Err(ErrorCode::CoordinatorLoadInProgress));
    }
    drop(held);
    assert_eq!(ask(&shards, || Ask::Count).await, Ok(0));
}

#[tokio::test]
async fn what_is_asked_together_is_written_together() {
    let fixture = fixture();
    let shards = shards(&fixture, Linger::Adaptive);
    assert_eq!(ask(&shards, || Ask::Say(vec!["alone"])).await, Ok(0));
    let together = [vec!["a"], vec!["b", "c"], vec!["d"]].map(|words| {
        let queue = shards.at(0).expect("a task");
        tokio::spawn(queue.ask(Ask::Say(words), Verification::NotRequired))
    });
    for (asked, expected) in together.into_iter().zip([1, 2, 4]) {
        assert_eq!(asked.await.expect("no panic"), Ok(expected));
    }
    assert_eq!(ask(&shards, || Ask::Count).await, Ok(5));
    let partition = fixture.partition(OFFSETS_TOPIC, 0);
    assert_eq!(records_per_batch(&partition), [1, 4]);
}

#[tokio::test]
async fn records_linger_and_a_read_of_them_waits_too() {
    let fixture = fixture();
    let linger = Duration::from_millis(5);
    let shards = shards(&fixture, Linger::For(linger));
    assert_eq!(ask(&shards, || Ask::Count).await, Ok(0));
    let partition = fixture.partition(OFFSETS_TOPIC, 0);
    let asked = [Ask::Say(vec!["a"]), Ask::Count, Ask::Say(vec!["b"])].map(|request| {
        let queue = shards.at(0).expect("a task");
        tokio::spawn(queue.ask(request, Verification::NotRequired))
    });
    // Time stands still: everything is decided, and nothing written.
    while seen_count(&shards).await < 2 {
        tokio::task::yield_now().await;
    }
    assert_eq!(records_per_batch(&partition), [] as [i32; 0]);
    assert!(asked.iter().all(|asked| !asked.is_finished()));
    fixture.clock.advance(linger);
    for (asked, expected) in asked.into_iter().zip([0, 1, 1]) {
        assert_eq!(asked.await.expect("no panic"), Ok(expected));
    }
    assert_eq!(records_per_batch(&partition), [2]);
}

async fn seen_count(shards: &Shards<Told>) -> i64 {
    let queue = shards.at(0).expect("a task");
    queue.look(|machine| machine.count).await.unwrap_or_default()
}

#[tokio::test]
async fn a_batch_ends_where_the_topic_takes_no_more_and_decisions_hold_together() {
    let fixture = fixture();
    let partition = fixture.partition(OFFSETS_TOPIC, 0);
    let mut writes = Writes::<Told>::new(Arc::clone(&partition), terms(Linger::Adaptive));
    let said = |words: usize| vec![(Bytes::from_static(b"word"), true); words];
    for words in [3, 3, 3, 3, 1] {
        writes.add(&said(words), START_MS).expect("small");
    }
    assert_eq!(writes.add(&said(100), START_MS), Err(ErrorCode::UnknownServerError));
    assert_eq!(writes.flush(), Ok(13));
    assert_eq!(records_per_batch(&partition), [9, 4]);
    let forgotten = vec![(Bytes::from_static(b"word"), false); 100];
    writes.add(&forgotten, START_MS).expect("tombstones can be divided");
    assert_eq!(writes.flush(), Ok(113));
    assert!(records_per_batch(&partition).len() > 4);
}

#[tokio::test]
async fn records_are_stored_in_the_codec_of_the_topic() {
    let fixture = fixture();
    let partition = fixture.partition(OFFSETS_TOPIC, 0);
    for codec in [CompressionType::None, CompressionType::Gzip, CompressionType::Zstd] {
        let terms = LogTerms { compression: Compression::of(codec), ..terms(Linger::Adaptive) };
        let mut writes = Writes::<Told>::new(Arc::clone(&partition), terms);
        writes.add(&vec![(Bytes::from_static(b"word"), true); 9], START_MS).expect("small");
        let end = writes.flush().expect("written");
        let options = ReadOptions {
            start_offset: end - 9,
            max_bytes: 1 << 20,
            min_one_batch: true,
            isolation: Isolation::LogEnd,
        };
        let read = partition.with_log(|log| log.read(options)).expect("open").expect("readable");
        let batch = Batches::new(read.slice.read().expect("readable")).next().expect("a batch");
        let attributes = batch.expect("whole").view().attributes;
        assert_eq!(attributes.compression().expect("known"), codec);
    }
}

#[tokio::test]
async fn a_reload_knows_what_was_written_and_what_was_noted_meanwhile() {
    let fixture = fixture();
    let first = shards(&fixture, Linger::Adaptive);
    for words in [vec!["a", "b"], vec!["unreadable"], vec!["c"]] {
        ask(&first, || Ask::Say(words.clone())).await.expect("written");
    }
    let queue = first.at(0).expect("a task");
    let waiting = tokio::spawn(queue.ask(Ask::Wait, Verification::NotRequired));
    tokio::task::yield_now().await;
    assert_eq!(ask(&first, || Ask::Count).await, Ok(4));
    first.shutdown();
    assert_eq!(waiting.await.expect("no panic"), Err(ErrorCode::NotCoordinator));
    assert_eq!(first.kind().committed.load(Ordering::SeqCst), 4);

    let second = shards(&fixture, Linger::Adaptive);
    // The task has not begun to load yet.
    assert!(second.at(0).expect("a task").note(Ask::Say(vec!["d"])));
    assert_eq!(ask(&second, || Ask::Count).await, Ok(4), "one can't be read, one was noted");
    let queue = second.at(0).expect("a task");
    let offsets = queue.look(|machine| machine.offsets.clone()).await;
    assert_eq!(offsets, Some(vec![0, 1, 3, 4]));
    assert_eq!(second.kind().committed.load(Ordering::SeqCst), 5);
}

#[tokio::test]
async fn a_log_that_is_gone_ends_the_waiting() {
    let mut fixture = fixture();
    let topic_id = fixture.partition(OFFSETS_TOPIC, 0).topic_id();
    let shards = shards(&fixture, Linger::For(Duration::from_secs(60)));
    assert_eq!(ask(&shards, || Ask::Count).await, Ok(0));
    let queue = shards.at(0).expect("a task");
    let asked = tokio::spawn(queue.ask(Ask::Say(vec!["a"]), Verification::NotRequired));
    while seen_count(&shards).await == 0 {
        tokio::task::yield_now().await;
    }
    fixture.delete(topic_id);
    shards.reconcile(0, &[]);
    assert_eq!(asked.await.expect("no panic"), Err(ErrorCode::NotCoordinator));
    assert!(matches!(shards.of("group"), Err(ErrorCode::NotCoordinator)));
}

#[test]
fn configuration_says_how_long_records_linger() {
    for (given, expected) in [
        (None, Linger::Adaptive),
        (Some("-1"), Linger::Adaptive),
        (Some("0"), Linger::For(Duration::ZERO)),
        (Some("5"), Linger::For(Duration::from_millis(5))),
    ] {
        let key = "group.coordinator.append.linger.ms".to_owned();
        let file = given.map(|value| (key, value.to_owned())).into_iter().collect();
        let image = ottla_metadata::MetadataImage::empty();
        let values = BrokerValues::new(Arc::new(file), 1, &image);
        assert_eq!(LogTerms::of_groups(&values).linger, expected, "{given:?}");
    }
}

#[tokio::test]
async fn a_large_partition_does_not_keep_a_small_one_from_loading() {
    let mut fixture = Fixture::new();
    fixture.create(OFFSETS_TOPIC, 2, &[]);
    let large = fixture.partition(OFFSETS_TOPIC, 0);
    let mut writes = Writes::<Told>::new(Arc::clone(&large), terms(Linger::Adaptive));
    for _ in 0..2_000 {
        writes.add(&[(Bytes::from_static(b"word"), true)], START_MS).expect("small");
        writes.flush().expect("written");
    }
    let runtime = tokio::runtime::Handle::current();
    let parts = Parts { runtime, clock: fixture.clock.clone(), terms: terms(Linger::Adaptive) };
    let shards = Shards::new(Told::default(), parts);
    shards.reconcile(2, &[large, fixture.partition(OFFSETS_TOPIC, 1)]);
    let small = shards.at(1).expect("a task");
    while small.look(|machine| machine.count).await.is_none() {
        tokio::task::yield_now().await;
    }
    assert_eq!(shards.at(0).expect("a task").look(|machine| machine.count).await, None);
    assert_eq!(ask(&shards, || Ask::Count).await, Ok(2_000));
}
