//! A request must not make a broker allocate more than its bytes justify.
//!
//! One test, because the allocator that counts belongs to the whole process.
#![allow(unsafe_code)] // A counting allocator cannot be written without.
use bytes::Bytes;
use ottla_wire::Reader;
use ottla_wire::api::{ApiKey, RequestBody, ResponseBody};
use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};

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

fn peak(work: impl FnOnce()) -> usize {
    let before = LIVE.load(Ordering::Relaxed);
    PEAK.store(before, Ordering::Relaxed);
    work();
    PEAK.load(Ordering::Relaxed) - before
}

/// Room for the first elements of a few nested arrays, which is made before they are read.
const RESERVED_BYTES_MAX: usize = 2 << 20;

/// The structure with the most memory for a byte on the wire takes this many times as much.
const MEMORY_PER_BYTE_MAX: usize = 300;

#[test]
fn memory_follows_the_bytes_that_are_there() {
    // Bytes that count as large counts and as small elements in all formats.
    let fillings = [0x00, 0x01, 0x02, 0x7f, 0x80, 0xff, 0x0f];
    for filling in fillings {
        for start in [&[][..], &[0, 0, 0x0f, 0xff], &[0, 0, 0, 1], &[0x7f, 0xff, 0xff, 0xff]] {
            let mut bytes = vec![filling; 20_000];
            bytes[..start.len()].copy_from_slice(start);
            let bytes = Bytes::from(bytes);
            let bound = RESERVED_BYTES_MAX + bytes.len() * MEMORY_PER_BYTE_MAX;
            for api in ApiKey::ALL {
                for version in api.versions() {
                    let used = peak(|| {
                        let _ = RequestBody::decode(*api, &mut Reader::new(&bytes), version);
                        let _ = ResponseBody::decode(*api, &mut Reader::new(&bytes), version);
                    });
                    assert!(used < bound, "{api} v{version} took {used} of {filling:#x}");
                }
            }
        }
    }
}
