//! Batches that Apache Kafka's client library wrote, and Apache Kafka's verdicts on batches that are wrong.
//! `tests/golden/records/README.md` says where the files come from.
mod golden_batches;

use std::collections::BTreeMap;
use std::fmt::Write as _;

use golden_batches::{BYTES_MAX, described, read, read_text};
use ottla_wire::records::{
    BatchBuilder, BatchError, BatchLimits, BatchMut, BatchOptions, BatchView, BatchViews,
    Compression, CompressionType, ControlType, EndTransactionMarker, HeaderView, RecordFault,
    RecordRules, Summary, TimestampType, retain, validate_produce,
};

const NOW: i64 = 1_700_000_000_000;
#[test]
fn reads_what_kafka_writes() {
    let expected = read_text("batches.txt");
    let mut files = 0;
    for section in
        expected.split_inclusive('\n').fold(Vec::<String>::new(), |mut sections, line| {
            if line.starts_with("file ") {
                sections.push(String::new());
            }
            sections.last_mut().expect("the first line names a file").push_str(line);
            sections
        })
    {
        let name =
            section.lines().next().and_then(|line| line.strip_prefix("file ")).expect("a name");
        let actual = described(name, read(name));
        for (actual, expected) in actual.lines().zip(section.lines()) {
            assert_eq!(actual, expected, "{name}");
        }
        assert_eq!(actual.lines().count(), section.lines().count(), "{name}");
        files += 1;
    }
    assert_eq!(files, 32, "batches.txt lost files");
}

#[test]
fn reports_a_tail() {
    let bytes = read("several-and-a-tail.bin");
    let mut views = BatchViews::new(&bytes);
    assert_eq!(views.by_ref().filter(Result::is_ok).count(), 4);
    assert_eq!(views.rest().len(), 70);
}

/// Timestamp, key, value and headers of a record.
type Input<'a> = (i64, Option<&'a [u8]>, Option<&'a [u8]>, &'a [HeaderView<'a>]);

/// The records of `Generate.small`.
fn small(options: BatchOptions) -> BatchBuilder {
    let mut builder = BatchBuilder::new(options);
    let header = |key, value| HeaderView { key, value };
    let headers = [
        header(b"plain".as_slice(), Some(b"one".as_slice())),
        header(b"null", None),
        header(b"", Some(b"")),
        header("\u{fc}ml\u{e4}ut".as_bytes(), Some("\u{20ac}".as_bytes())),
        header(b"plain", Some(b"again")),
    ];
    let records: [Input<'_>; 5] = [
        (NOW, Some(b"key"), Some(b"value"), &[]),
        (NOW - 5, None, Some(b"no key"), &[]),
        (NOW + 9_000_000_000, Some(b"a tombstone"), None, &[]),
        (NOW, Some(b""), Some(b""), &[]),
        (NOW + 1, Some(b"headers"), Some(b"three"), &headers),
    ];
    for (timestamp, key, value, headers) in records {
        let before = builder.uncompressed_bytes();
        let size = builder.next_record_bytes(timestamp, key, value, headers);
        builder.append(timestamp, key, value, headers).expect("a good record");
        assert_eq!(builder.uncompressed_bytes(), before + size, "the estimate is exact");
    }
    builder
}

#[test]
fn writes_uncompressed_batches_byte_for_byte_as_kafka_does() {
    let producer = |id, epoch, sequence, is_transactional| {
        let mut builder = BatchBuilder::new(BatchOptions {
            producer_id: id,
            producer_epoch: epoch,
            base_sequence: sequence,
            is_transactional,
            ..BatchOptions::default()
        });
        for index in 0..4 {
            let (key, value) = (format!("k{index}"), format!("v{index}"));
            builder
                .append(NOW + index, Some(key.as_bytes()), Some(value.as_bytes()), &[])
                .expect("a good record");
        }
        builder
    };
    let gaps = || {
        let mut builder = BatchBuilder::new(BatchOptions {
            base_offset: 1000,
            partition_leader_epoch: 8,
            producer_id: 4714,
            producer_epoch: 1,
            base_sequence: 5,
            ..BatchOptions::default()
        });
        builder.append_at(1003, NOW, Some(b"a"), Some(b"1"), &[]).expect("in order");
        builder.append_at(1300, NOW + 3, Some(b"b"), Some(b"2"), &[]).expect("in order");
        builder.set_last_offset(70_000);
        builder
    };
    let append_time = BatchOptions { log_append_time: Some(NOW + 77), ..BatchOptions::default() };
    let cases = [
        ("small-none.bin", small(BatchOptions::default())),
        ("append-time.bin", small(append_time)),
        ("idempotent.bin", producer(4711, 3, 17, false)),
        ("transactional.bin", producer(4712, 4, 0, true)),
        ("sequence-wraps.bin", producer(4713, 0, i32::MAX - 1, false)),
        ("gaps.bin", gaps()),
    ];
    for (name, builder) in cases {
        assert_eq!(builder.build().expect("a batch").freeze(), read(name), "{name}");
    }
}

#[test]
fn writes_markers_byte_for_byte_as_kafka_does() {
    for (name, offset, is_commit, coordinator_epoch) in
        [("commit.bin", 40, true, 12), ("abort.bin", 41, false, 13)]
    {
        let marker = EndTransactionMarker { is_commit, coordinator_epoch };
        let mut batch = marker.batch(4711, 3, NOW).expect("a batch");
        let mut patch = BatchMut::first(&mut batch).expect("a whole batch");
        patch.set_base_offset(offset);
        patch.set_partition_leader_epoch(9);
        assert_eq!(batch.freeze(), read(name), "{name}");
    }
}

/// Name, what it was, the delete horizon, the records that are kept, whether bytes are equal.
type Retained = (&'static str, &'static str, Option<i64>, fn(i64) -> bool, bool);

#[test]
fn retains_records_as_kafkas_cleaner_does() {
    let horizon = Some(NOW + 86_400_000);
    let cases: [Retained; 3] = [
        ("retained-even.bin", "small-none.bin", horizon, |offset| offset % 2 == 0, true),
        ("retained-control.bin", "commit.bin", horizon, |_| true, true),
        // Another build of the codec may choose other bytes for the same records.
        ("retained-first.bin", "small-zstd.bin", None, |offset| offset < 1, false),
    ];
    for (name, source, horizon, is_kept, is_byte_for_byte) in cases {
        let bytes = read(source);
        let batch = BatchView::first(&bytes).expect("a batch");
        let kept = retain(&batch, horizon, BYTES_MAX, |record| is_kept(record.offset))
            .expect("a good batch")
            .expect("some records")
            .freeze();
        assert_eq!(described(name, kept.clone()), described(name, read(name)), "{name}");
        if is_byte_for_byte {
            assert_eq!(kept, read(name), "{name}");
        }
        let none = retain(&batch, horizon, BYTES_MAX, |_| false).expect("a good batch");
        assert_eq!(none, None, "{name}");
    }
}

#[test]
fn empties_batches_as_kafkas_cleaner_does() {
    for kind in CompressionType::ALL {
        let mut builder = BatchBuilder::new(BatchOptions {
            base_offset: 50,
            partition_leader_epoch: 9,
            compression: Compression::of(kind),
            producer_id: 4711,
            producer_epoch: 3,
            base_sequence: 17,
            is_transactional: true,
            ..BatchOptions::default()
        });
        for index in 0..4 {
            builder.append(NOW + index, Some(b"key"), None, &[]).expect("a good record");
        }
        let full = builder.build().expect("a batch");
        let header = *BatchView::first(&full).expect("a batch").header();
        assert_eq!(&header.emptied()[..], &read("emptied.bin"), "{kind}");
    }
}

#[test]
fn reads_control_records() {
    let cases = [
        ("commit.bin", ControlType::Commit),
        ("abort.bin", ControlType::Abort),
        ("leader-change.bin", ControlType::LeaderChange),
        ("snapshot-header.bin", ControlType::SnapshotHeader),
        ("snapshot-footer.bin", ControlType::SnapshotFooter),
        ("kraft-version.bin", ControlType::KRaftVersion),
        ("kraft-voters.bin", ControlType::KRaftVoters),
    ];
    for (name, expected) in cases {
        let bytes = read(name);
        let batch = BatchView::first(&bytes).expect("a batch");
        assert!(batch.is_control(), "{name}");
        let records = batch.plain_records().expect("records").expect("not compressed");
        let keys: Vec<_> =
            records.map(|record| ControlType::from_key(record.expect("a record").key)).collect();
        assert_eq!(keys, [Ok(Some(expected))], "{name}");
    }
}

#[test]
fn patches_timestamps_and_keeps_the_checksum_right() {
    let mut batch = small(BatchOptions::default()).build().expect("a batch");
    BatchMut::first(&mut batch)
        .expect("a whole batch")
        .set_max_timestamp(TimestampType::LogAppendTime, NOW + 77);
    assert_eq!(batch.freeze(), read("append-time.bin"));
}

#[test]
fn places_keys_as_kafka_does() {
    for line in read_text("murmur2.txt").lines() {
        let fields: Vec<&str> = line.split(' ').collect();
        let hex = &fields[0][1..];
        let key: Vec<u8> = (0..hex.len())
            .step_by(2)
            .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).expect("hexadecimal"))
            .collect();
        let hash = ottla_wire::murmur2::murmur2(&key);
        assert_eq!(hash.to_string(), fields[1], "{line}");
        let partition = ottla_wire::murmur2::partition_for_key(&key, 97);
        assert_eq!(partition.to_string(), fields[3], "{line}");
    }
}

/// Our verdict, in the words of `Generate.java`, and what it stands on.
fn verdict(
    batch: &[u8],
    rule: u8,
    version: i16,
    bytes_max: usize,
) -> (String, Result<Summary, BatchError>) {
    let rules = RecordRules {
        now_ms: NOW,
        timestamp_type: if rule == 1 {
            TimestampType::LogAppendTime
        } else {
            TimestampType::CreateTime
        },
        before_max_ms: if rule == 2 { 3 } else { i64::MAX },
        after_max_ms: if rule == 2 { 1000 } else { i64::MAX },
        needs_key: rule == 3,
    };
    let outcome = validate_produce(batch, version, &BatchLimits { bytes_max }, &rules)
        .map(|(_, summary)| summary);
    let text = match &outcome {
        Ok(summary) => {
            let max = if rule == 1 { NOW } else { summary.max_timestamp };
            format!("0 max={max} rebuilt=false")
        }
        Err(error) => {
            let mut text = error.error_code().code().to_string();
            if let BatchError::Records(faults) = error {
                let _ = write!(text, " {}", RecordFault::summary(faults, "golden-0"));
                for fault in faults {
                    let _ = write!(text, " / {}: {}", fault.index, fault.message("golden-0"));
                }
            }
            text
        }
    };
    (text, outcome)
}

/// Where Ottla differs from Kafka on purpose.
fn deliberate(expected: &str, outcome: &Result<Summary, BatchError>) -> Option<&'static str> {
    match outcome {
        // Kafka means to write such batches again, but has thrown their keys away by then, and fails.
        Ok(summary) if expected == "-1" && !summary.has_consecutive_offsets => Some("rebuilt"),
        // Kafka does not compare lengths inside compressed batches, and stores what no consumer can read.
        Err(BatchError::Record(_)) if expected.starts_with("0 ") => Some("strict"),
        // Kafka fails internally, Ottla names the record's fault.
        Err(BatchError::Record(_) | BatchError::BytesAfterLastRecord { .. })
            if expected == "-1" =>
        {
            Some("named")
        }
        _ => None,
    }
}

#[test]
fn judges_as_kafka_does() {
    let bytes = read("verdicts.bin");
    let mut rest: &[u8] = &bytes;
    let mut differences = Vec::new();
    let mut deliberately = BTreeMap::new();
    let expected = read_text("verdicts.txt");
    for (number, line) in expected.lines().enumerate() {
        let (length, tail) = rest.split_first_chunk().expect("a length");
        let (batch, tail) = tail.split_at(u32::from_be_bytes(*length) as usize);
        rest = tail;
        let (case, expected) = line.split_once(" | ").expect("a case and a verdict");
        let fields: Vec<&str> = case.splitn(4, ' ').collect();
        let (actual, outcome) = verdict(
            batch,
            fields[0].parse().expect("a rule"),
            fields[1].parse().expect("a version"),
            fields[2].parse().expect("a limit"),
        );
        if actual == expected {
            continue;
        }
        match deliberate(expected, &outcome) {
            Some(reason) => *deliberately.entry(reason).or_insert(0) += 1,
            None => differences
                .push(format!("{number}: {case}\n    Kafka: {expected}\n    Ottla: {actual}")),
        }
    }
    assert!(rest.is_empty());
    assert!(
        differences.is_empty(),
        "{} differences\n{}",
        differences.len(),
        differences.join("\n")
    );
    let deliberately: Vec<_> = deliberately.into_iter().collect();
    assert_eq!(deliberately, [("named", 5), ("rebuilt", 23), ("strict", 14)]);
}
