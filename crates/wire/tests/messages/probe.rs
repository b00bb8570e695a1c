//! A message without its type: what can be done with any of them.

use bytes::{Bytes, BytesMut};
use ottla_wire::codec::Tree;
use ottla_wire::{Chunk, DecodeError, EncodeError, Message, Reader, Writer};

/// The functions of one message type.
pub struct Probe {
    pub first: i16,
    pub last: i16,
    pub flexible_from: Option<i16>,
    pub decode: fn(&Bytes, i16) -> Result<Decoded, DecodeError>,
    pub encode_default: fn(i16) -> Result<Bytes, EncodeError>,
}

/// A message that was read.
pub struct Decoded {
    pub tree: Tree,
    pub remaining: usize,
    /// Writes it again, in a version of choice.
    pub encode: Box<dyn Fn(i16) -> Result<Bytes, EncodeError>>,
}

impl Probe {
    pub fn of<M: Message>() -> Probe {
        Probe {
            first: *M::VERSIONS.start(),
            last: *M::VERSIONS.end(),
            flexible_from: M::FLEXIBLE_FROM,
            decode: decode::<M>,
            encode_default: |version| M::default().encode_to_bytes(version),
        }
    }
}

fn decode<M: Message>(bytes: &Bytes, version: i16) -> Result<Decoded, DecodeError> {
    let mut reader = Reader::new(bytes);
    let message = M::decode(&mut reader, version)?;
    Ok(Decoded {
        tree: message.tree(version),
        remaining: reader.remaining(),
        encode: Box::new(move |version| encode_every_way(&message, version)),
    })
}

/// Contiguous, chunked and counted output have to agree.
fn encode_every_way<M: Message>(message: &M, version: i16) -> Result<Bytes, EncodeError> {
    let contiguous = message.encode_to_bytes(version);
    let length = message.encoded_len(version);
    assert_eq!(length, contiguous.as_ref().map(Bytes::len).map_err(Clone::clone));
    let mut writer = Writer::chunked();
    let chunked = message.encode(&mut writer, version).map(|()| {
        assert_eq!(Ok(writer.len()), length);
        join(writer.into_chunks())
    });
    assert_eq!(chunked, contiguous);
    contiguous
}

fn join(chunks: Vec<Chunk>) -> Bytes {
    let mut joined = BytesMut::new();
    for chunk in chunks {
        match chunk {
            Chunk::Bytes(bytes) => joined.extend_from_slice(&bytes),
            Chunk::Slot { .. } => panic!("nobody put records elsewhere"),
        }
    }
    joined.freeze()
}
