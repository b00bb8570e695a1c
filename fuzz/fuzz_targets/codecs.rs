//! Compressed streams from anywhere, and the way back. The first byte chooses the codec.
#![no_main]
use libfuzzer_sys::fuzz_target;
use ottla_wire::records::compression::{compress, decompress};
use ottla_wire::records::{Compression, CompressionType};

const BYTES_MAX: usize = 1 << 20;

fuzz_target!(|data: &[u8]| {
    let Some((&choice, input)) = data.split_first() else { return };
    let kind = CompressionType::ALL[usize::from(choice) % CompressionType::ALL.len()];
    if let Ok(out) = decompress(kind, input, BYTES_MAX) {
        assert!(out.len() <= BYTES_MAX);
    }
    let mut out = Vec::new();
    compress(Compression::of(kind), input, &mut out).expect("memory takes every byte");
    assert_eq!(decompress(kind, &out, input.len()).as_deref(), Ok(input));
});
