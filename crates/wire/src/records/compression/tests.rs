use super::*;

fn compressed(kind: CompressionType, input: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    compress(Compression::of(kind), input, &mut out).expect("memory takes every byte");
    out
}

/// Text that repeats, longer than one block of every codec.
fn text() -> Vec<u8> {
    (0..30_000u32).flat_map(|number| (number / 7).to_string().into_bytes()).collect()
}

#[test]
fn names_ids_and_levels() {
    for (id, kind) in CompressionType::ALL.into_iter().enumerate() {
        assert_eq!(usize::from(kind.id()), id);
        assert_eq!(CompressionType::from_id(id as u8), Some(kind));
        assert_eq!(CompressionType::from_name(kind.name()), Some(kind));
    }
    assert_eq!(CompressionType::from_id(5), None);
    // codec, level, whether Kafka's configuration takes it
    let cases = [
        (CompressionType::None, 0, false),
        (CompressionType::Snappy, 1, false),
        (CompressionType::Gzip, -1, true),
        (CompressionType::Gzip, 0, false),
        (CompressionType::Gzip, 9, true),
        (CompressionType::Gzip, 10, false),
        (CompressionType::Lz4, 0, false),
        (CompressionType::Lz4, 17, true),
        (CompressionType::Lz4, 18, false),
        (CompressionType::Zstd, -131_072, true),
        (CompressionType::Zstd, -131_073, false),
        (CompressionType::Zstd, 22, true),
        (CompressionType::Zstd, 23, false),
    ];
    for (kind, level, is_allowed) in cases {
        assert_eq!(Compression::with_level(kind, level).is_some(), is_allowed, "{kind} {level}");
    }
}

#[test]
fn every_level_round_trips() {
    let text = text();
    for kind in [CompressionType::Gzip, CompressionType::Lz4, CompressionType::Zstd] {
        for level in [-131_072, -7, -1, 1, 2, 3, 6, 9, 12, 17, 22] {
            let Some(compression) = Compression::with_level(kind, level) else { continue };
            let mut out = b"in front".to_vec();
            compress(compression, &text, &mut out).expect("memory takes every byte");
            let (front, stream) = out.split_at(8);
            assert_eq!(front, b"in front");
            assert_eq!(
                decompress(kind, stream, text.len()).as_deref(),
                Ok(&*text),
                "{kind} {level}"
            );
        }
    }
}

#[test]
fn streams_may_follow_one_another() {
    let text = text();
    for kind in CompressionType::ALL {
        for parts in [[&text[..], b"tail"], [b"", &text], [b"", b""]] {
            let stream = parts.map(|part| compressed(kind, part)).concat();
            let whole = parts.concat();
            assert_eq!(decompress(kind, &stream, whole.len()), Ok(whole), "{kind}");
        }
    }
}

#[test]
fn limits_are_exact() {
    let text = text();
    for kind in CompressionType::ALL {
        let stream = compressed(kind, &text);
        assert!(decompress(kind, &stream, text.len()).is_ok(), "{kind}");
        let bytes_max = text.len() - 1;
        assert_eq!(
            decompress(kind, &stream, bytes_max),
            Err(CompressionError::TooLarge { bytes_max }),
            "{kind}"
        );
    }
}

#[test]
fn streams_that_are_cut_off_are_refused() {
    let text = text();
    for kind in CompressionType::ALL.into_iter().skip(1) {
        let stream = compressed(kind, &text);
        for cut in [1, 2, 5, stream.len() / 2] {
            let outcome = decompress(kind, &stream[..stream.len() - cut], text.len());
            assert!(outcome.is_err(), "{kind} without its last {cut} bytes");
        }
    }
}

#[test]
fn bare_snappy_is_read() {
    let text = text();
    let bare = snap::raw::Encoder::new().compress_vec(&text).expect("text compresses");
    assert_eq!(decompress(CompressionType::Snappy, &bare, text.len()), Ok(text));
}

#[test]
fn snappy_blocks_that_claim_too_much_are_refused() {
    // A varint of 4 GiB less one, and a byte.
    let bare = [0xff, 0xff, 0xff, 0xff, 0x0f, 0x00];
    let framed = [&compressed(CompressionType::Snappy, b"")[..], &[0, 0, 0, 6], &bare].concat();
    for stream in [&bare[..], &framed] {
        let error = decompress(CompressionType::Snappy, stream, 100).expect_err("a lie");
        assert!(error.to_string().contains("claims"), "{error}");
    }
}

#[test]
fn the_densest_snappy_block_is_read() {
    let zeros = vec![0; 1 << 20];
    let bare = snap::raw::Encoder::new().compress_vec(&zeros).expect("zeros compress");
    assert_eq!(decompress(CompressionType::Snappy, &bare, zeros.len()), Ok(zeros));
}

#[test]
fn lz4_frames_that_kafka_cannot_read_are_refused() {
    let good = compressed(CompressionType::Lz4, b"text");
    // flags, and what is wrong with them
    for (flags, reason) in
        [(0x40, "BLOCK_INDEPENDENCE"), (0xa0, "version 2"), (0x61, "dictionaries")]
    {
        let mut bad = good.clone();
        bad[4] = flags;
        let error = decompress(CompressionType::Lz4, &bad, 100).expect_err(reason);
        assert!(error.to_string().contains(reason), "{error}");
    }
    let mut bad = good;
    bad[0] = 0;
    let error = decompress(CompressionType::Lz4, &bad, 100).expect_err("no magic");
    assert!(error.to_string().contains("magic"), "{error}");
}

#[test]
fn lz4_frames_of_other_writers_are_read() {
    use lz4_flex::frame::{BlockSize, FrameEncoder, FrameInfo};
    use std::io::Write;
    let text = text();
    let info = FrameInfo::new()
        .block_size(BlockSize::Max256KB)
        .block_checksums(true)
        .content_checksum(true)
        .content_size(Some(text.len() as u64));
    let mut encoder = FrameEncoder::with_frame_info(info, Vec::new());
    encoder.write_all(&text).expect("memory takes every byte");
    let stream = encoder.finish().expect("memory takes every byte");
    assert_eq!(decompress(CompressionType::Lz4, &stream, text.len()), Ok(text));
}
