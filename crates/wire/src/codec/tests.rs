//! What the codec reads, writes and refuses, one primitive at a time.

use bytes::Bytes;

use super::*;

fn read<T>(
    bytes: &[u8],
    read: impl FnOnce(&mut Reader<'static>) -> Result<T, DecodeError>,
) -> Result<T, DecodeError> {
    let bytes: &'static Bytes = Box::leak(Box::new(Bytes::copy_from_slice(bytes)));
    read(&mut Reader::new(bytes))
}

fn written(write: impl FnOnce(&mut Writer)) -> Vec<u8> {
    let mut writer = Writer::contiguous(0);
    write(&mut writer);
    writer.into_bytes().to_vec()
}

#[test]
fn unsigned_varints() {
    for (value, bytes) in [
        (0, &[0][..]),
        (127, &[0x7f]),
        (128, &[0x80, 1]),
        (300, &[0xac, 2]),
        (u32::MAX, &[0xff, 0xff, 0xff, 0xff, 0x0f]),
    ] {
        assert_eq!(read(bytes, Reader::unsigned_varint), Ok(value));
        assert_eq!(written(|writer| writer.unsigned_varint(value)), bytes);
    }
    // More bytes than needed are fine as long as they are not more than five.
    assert_eq!(read(&[0x80, 0], Reader::unsigned_varint), Ok(0));
    for too_long in [&[0xff, 0xff, 0xff, 0xff, 0x1f][..], &[0x80, 0x80, 0x80, 0x80, 0x80, 0]] {
        let refused = Err(DecodeError::VarintTooLong { offset: 0 });
        assert_eq!(read(too_long, Reader::unsigned_varint), refused);
    }
    let cut = Err(DecodeError::Truncated { offset: 1, needed: 1, remaining: 0 });
    assert_eq!(read(&[0x80], Reader::unsigned_varint), cut);
}

#[test]
fn zigzag_varints() {
    for (value, bytes) in
        [(0, &[0][..]), (-1, &[1]), (1, &[2]), (i32::MIN, &[0xff, 0xff, 0xff, 0xff, 0x0f])]
    {
        assert_eq!(read(bytes, Reader::varint), Ok(value));
        assert_eq!(written(|writer| writer.varint(value)), bytes);
    }
    for value in [0, -1, 1, 63, -64, 64, i64::MAX, i64::MIN] {
        let bytes = written(|writer| writer.varlong(value));
        assert_eq!(read(&bytes, Reader::varlong), Ok(value));
    }
    let eleven = [0x80; 11];
    assert_eq!(read(&eleven, Reader::varlong), Err(DecodeError::VarintTooLong { offset: 0 }));
    let overflow = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02];
    assert_eq!(read(&overflow, Reader::varlong), Err(DecodeError::VarintTooLong { offset: 0 }));
}

#[test]
fn strings_refuse_what_is_no_string() {
    let string = |bytes: &[u8], flexible| read(bytes, |reader| reader.nullable_string(flexible));
    assert_eq!(string(&[0, 2, b'o', b'k'], false), Ok(Some("ok".to_owned())));
    assert_eq!(string(&[3, b'o', b'k'], true), Ok(Some("ok".to_owned())));
    assert_eq!(string(&[0xff, 0xff], false), Ok(None));
    assert_eq!(string(&[0], true), Ok(None));
    // As Java reads them: any negative length is null, and what is not UTF-8 is replaced.
    assert_eq!(string(&[0xff, 0xfe], false), Ok(None));
    assert_eq!(string(&[3, b'a', 0xff], true), Ok(Some("a\u{fffd}".to_owned())));
    for (bytes, flexible, refused) in [
        (&[0, 3, 0][..], false, DecodeError::Truncated { offset: 2, needed: 3, remaining: 1 }),
        (&[0x81, 0x80, 2], true, DecodeError::StringTooLong { offset: 3, length: 32768 }),
    ] {
        assert_eq!(string(bytes, flexible), Err(refused));
    }
    let null = read(&[0], |reader| reader.string(true));
    assert_eq!(null, Err(DecodeError::Null { offset: 0 }));
    let long = "x".repeat(32768);
    let refused = Writer::counting().string(true, &long);
    assert_eq!(refused, Err(EncodeError::StringTooLong { length: 32768 }));
    assert_eq!(Writer::counting().string(false, &long[1..]), Ok(()));
}

#[test]
fn arrays_are_measured_before_they_are_made() {
    let array = |bytes: &[u8]| read(bytes, |reader| reader.nullable_array(false, 4, Reader::i32));
    assert_eq!(array(&[0, 0, 0, 1, 0, 0, 0, 7]), Ok(Some(vec![7])));
    assert_eq!(array(&[0xff; 4]), Ok(None));
    let refused = DecodeError::CountTooLarge { offset: 0, count: 2, remaining: 7 };
    assert_eq!(array(&[0, 0, 0, 2, 0, 0, 0, 7, 0, 0, 0]), Err(refused));
    assert_eq!(array(&[0x80, 0, 0, 0]), Ok(None));
}

#[test]
fn bytes_are_slices_of_the_buffer() {
    let buffer = Bytes::from_static(&[0, 4, 1, 2, 3, 9]);
    let mut reader = Reader::new(&buffer);
    reader.i8().unwrap();
    let bytes = reader.bytes(true).unwrap();
    assert_eq!(bytes.as_ptr(), buffer[2..].as_ptr());
    assert_eq!((reader.offset(), reader.remaining()), (5, 1));
    assert_eq!(reader.rest(), [9][..]);
    assert_eq!((reader.offset(), reader.remaining()), (6, 0));
}

#[test]
fn tags_have_to_ascend() {
    let unknown = |bytes: &[u8]| read(bytes, Reader::unknown_tagged_fields);
    let field = |tag, data: &'static [u8]| RawTaggedField { tag, data: Bytes::from_static(data) };
    assert_eq!(unknown(&[2, 1, 1, 9, 3, 0]), Ok(vec![field(1, &[9]), field(3, &[])]));
    for (second, first) in [(3, 3), (2, 3)] {
        let refused = DecodeError::TagOrder { offset: 3, tag: second, previous: first };
        assert_eq!(unknown(&[2, first as u8, 0, second as u8, 0]), Err(refused));
        let fields = [field(first, &[]), field(second, &[])];
        let refused = EncodeError::TagOrder { tag: second };
        assert_eq!(Writer::counting().tagged_fields(&fields, &[]), Err(refused));
    }
    let refused = DecodeError::CountTooLarge { offset: 0, count: 2, remaining: 3 };
    assert_eq!(unknown(&[2, 1, 1, 9]), Err(refused));
    let refused = DecodeError::Truncated { offset: 3, needed: 5, remaining: 1 };
    assert_eq!(unknown(&[1, 1, 5, 9]), Err(refused));
}

#[test]
fn known_tags_stand_between_unknown_ones() {
    let unknown = [1, 4].map(|tag| RawTaggedField { tag, data: Bytes::new() });
    let content = |writer: &mut Writer| {
        writer.i16(7);
        Ok(())
    };
    let known = |tag| KnownTaggedField { tag, present: true, encode: &content };
    let bytes = written(|writer| writer.tagged_fields(&unknown, &[known(0), known(2)]).unwrap());
    assert_eq!(bytes, [4, 0, 2, 0, 7, 1, 0, 2, 2, 0, 7, 4, 0]);
    let refused = Writer::counting().tagged_fields(&unknown, &[known(4)]);
    assert_eq!(refused, Err(EncodeError::TagOrder { tag: 4 }));
}

#[test]
fn a_known_tag_is_read_within_its_size() {
    let bytes = [2, 0, 3, 0, 7, 9, 5, 0];
    let outcome = read(&bytes, |reader| {
        reader.tagged_fields(&mut |tag, content| match tag {
            0 => content.i16().map(|_| true),
            _ => Ok(false),
        })
    });
    assert_eq!(outcome, Err(DecodeError::TaggedFieldSize { offset: 5, tag: 0, unread: 1 }));
    let outcome = read(&[1, 0, 1, 0, 7], |reader| {
        reader.tagged_fields(&mut |_, content| content.i16().map(|_| true))
    });
    assert_eq!(outcome, Err(DecodeError::Truncated { offset: 3, needed: 2, remaining: 1 }));
}

#[test]
fn elements_of_all_arrays_together_are_bounded() {
    let words =
        |reader: &mut Reader<'_>| reader.array(false, 1, |reader| reader.i8().map(i64::from));
    let bytes = Bytes::from_static(&[0, 0, 0, 2, 1, 2, 0, 0, 0, 1, 3, 2, 0, 1, 9, 1, 0]);
    let read = |bytes_max| {
        let mut reader = Reader::bounded(&bytes, bytes_max);
        words(&mut reader)?;
        words(&mut reader)?;
        reader.unknown_tagged_fields()
    };
    let tagged = 2 * size_of::<RawTaggedField>();
    assert_eq!(read(24 + tagged).map(|fields| fields.len()), Ok(2));
    assert_eq!(read(23), Err(DecodeError::TooMuchMemory { offset: 6, count: 1 }));
    assert_eq!(read(24 + tagged - 1), Err(DecodeError::TooMuchMemory { offset: 15, count: 1 }));
    // What a tagged field reads counts as well.
    let bytes = Bytes::from_static(&[1, 0, 6, 0, 0, 0, 2, 1, 2]);
    let mut reader = Reader::bounded(&bytes, 16);
    reader.tagged_fields(&mut |_, reader| words(reader).map(|_| true)).unwrap();
    assert_eq!(reader.element_bytes_left, 0);
}

#[test]
fn large_bytes_and_slots_are_chunks_of_their_own() {
    let large = Bytes::from(vec![7; 5000]);
    let mut writer = Writer::chunked();
    let frame = writer.start_frame();
    writer.bytes(false, &large).unwrap();
    writer.records(true, &Records::Slot { index: 3, len: 300 }).unwrap();
    writer.bytes(true, &Bytes::from_static(b"small")).unwrap();
    writer.end_frame(frame).unwrap();
    assert_eq!(writer.len(), 4 + 4 + 5000 + 2 + 300 + 6);
    let chunks = writer.into_chunks();
    let [Chunk::Bytes(head), Chunk::Bytes(body), Chunk::Bytes(length), slot, Chunk::Bytes(tail)] =
        &chunks[..]
    else {
        panic!("{chunks:?}")
    };
    assert_eq!(head[..], [0, 0, 0x14, 0xc0, 0, 0, 0x13, 0x88]);
    assert_eq!(body.as_ptr(), large.as_ptr());
    assert_eq!((&length[..], &tail[..]), (&[0xad, 2][..], &b"\x06small"[..]));
    assert_eq!(*slot, Chunk::Slot { index: 3, len: 300 });
    let refused = Writer::contiguous(0).records(true, &Records::Slot { index: 0, len: 1 });
    assert_eq!(refused, Err(EncodeError::SlotNotAllowed));
}

#[test]
fn an_abandoned_frame_leaves_what_was_before_it() {
    let large = Bytes::from(vec![7; 5000]);
    for mut writer in [Writer::chunked(), Writer::counting(), Writer::contiguous(0)] {
        writer.i8(1);
        writer.raw_bytes(&large);
        let frame = writer.start_frame();
        writer.raw_bytes(&large);
        writer.i64(0);
        writer.abandon_frame(frame);
        assert_eq!(writer.len(), 5001);
        let frame = writer.start_frame();
        writer.i8(5);
        writer.end_frame(frame).unwrap();
        assert_eq!(writer.len(), 5006);
    }
}

#[test]
fn leaves_have_paths() {
    let tree = Tree::Struct(vec![
        ("name", Tree::Text("a".to_owned())),
        ("none", Tree::List(Vec::new())),
        ("parts", Tree::List(vec![Tree::Struct(vec![("id", Tree::Integer(4))]), Tree::Null])),
    ]);
    let leaves: Vec<String> = tree.leaves().into_iter().map(|(path, _)| path).collect();
    assert_eq!(leaves, ["name", "none", "parts[0].id", "parts[1]"]);
}
