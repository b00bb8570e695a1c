//! Hostile batches must not make a broker allocate: claims are checked, and what decompresses streams.
//!
//! One test, because the allocator that counts belongs to the whole process.
#![allow(unsafe_code)] // A counting allocator cannot be written without.
use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::{BufMut, BytesMut};
use ottla_wire::records::compression::{compress, decompress};
use ottla_wire::records::{
    Attributes, BatchError, BatchHeader, BatchView, Compression, CompressionError, CompressionType,
    RecordRules, TimestampType, check_records,
};

struct Counting;

static LIVE: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every call goes to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let live = LIVE.fetch_add(layout.size(), Ordering::Relaxed) + layout.size();
        PEAK.fetch_max(live, Ordering::Relaxed);
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        LIVE.fetch_sub(layout.size(), Ordering::Relaxed);
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// The most that was allocated at once, beyond what was there before.
fn peak(work: impl FnOnce()) -> usize {
    let before = LIVE.load(Ordering::Relaxed);
    PEAK.store(before, Ordering::Relaxed);
    work();
    PEAK.load(Ordering::Relaxed) - before
}

fn wrapped(kind: CompressionType, count: i32, records: &[u8]) -> Vec<u8> {
    let mut batch = vec![0; 61];
    compress(Compression::of(kind), records, &mut batch).expect("memory takes every byte");
    let header = BatchHeader {
        base_offset: 0,
        length: batch.len() as i32 - 12,
        partition_leader_epoch: -1,
        crc: 0,
        attributes: Attributes::default().with_compression(kind),
        last_offset_delta: count - 1,
        base_timestamp: 0,
        max_timestamp: 0,
        producer_id: -1,
        producer_epoch: -1,
        base_sequence: -1,
        count,
    };
    batch[..61].copy_from_slice(&header.encode());
    batch
}

fn varint(out: &mut BytesMut, value: i32) {
    let mut value = ((value << 1) ^ (value >> 31)) as u32;
    while value >= 0x80 {
        out.put_u8(value as u8 | 0x80);
        value >>= 7;
    }
    out.put_u8(value as u8);
}

/// A record whose value is `length` zeros, or claims to be.
fn record(length: i32, zeros: usize) -> BytesMut {
    let mut tail = BytesMut::new();
    tail.put_slice(&[0, 0, 0]);
    varint(&mut tail, -1);
    varint(&mut tail, length);
    let mut record = BytesMut::with_capacity(zeros + 32);
    varint(&mut record, tail.len() as i32 + length + 1);
    record.unsplit(tail);
    record.put_bytes(0, zeros + 1);
    record
}

#[test]
fn memory_stays_bounded() {
    const BOMB: usize = 24 << 20;
    const SMALL: usize = 1 << 20;
    let rules = |needs_key| RecordRules {
        now_ms: 0,
        timestamp_type: TimestampType::CreateTime,
        before_max_ms: i64::MAX,
        after_max_ms: i64::MAX,
        needs_key,
    };
    for kind in CompressionType::ALL.into_iter().skip(1) {
        let bomb = wrapped(kind, 1, &record(BOMB as i32, BOMB));
        let view = BatchView::first(&bomb).expect("a batch");
        let used = peak(|| {
            let summary = check_records(&view, &rules(false)).expect("large, but well-formed");
            assert!(summary.records_bytes > BOMB);
        });
        assert!(used < SMALL, "validating {kind} took {used} bytes");

        let used = peak(|| {
            let outcome = view.records(1000).expect_err("more than the limit");
            assert_eq!(
                outcome,
                BatchError::Compression(CompressionError::TooLarge { bytes_max: 1000 })
            );
        });
        assert!(used < SMALL, "refusing {kind} took {used} bytes");

        let lie = wrapped(kind, i32::MAX, &record(i32::MAX - 100, 10));
        let view = BatchView::first(&lie).expect("a batch");
        let used = peak(|| {
            check_records(&view, &rules(false)).expect_err("a lie");
            for record in view.records(1000).expect("records").views() {
                record.expect_err("a lie");
            }
        });
        assert!(used < SMALL, "believing {kind} took {used} bytes");

        // Millions of records that each deserve a complaint.
        let one = record(0, 0);
        let many = one.repeat(400_000);
        let batch = wrapped(kind, 400_000, &many);
        drop(many);
        let view = BatchView::first(&batch).expect("a batch");
        let used = peak(|| {
            check_records(&view, &rules(true)).expect_err("no keys");
        });
        assert!(used < 8 * SMALL, "complaining about {kind} took {used} bytes");
    }
    let claims = [0xff, 0xff, 0xff, 0xff, 0x0f, 0x00];
    let used = peak(|| {
        decompress(CompressionType::Snappy, &claims, usize::MAX).expect_err("a lie");
    });
    assert!(used < SMALL, "believing snappy took {used} bytes");
}
