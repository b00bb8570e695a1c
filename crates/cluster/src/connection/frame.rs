//! Frames: a 32-bit length and that many bytes. Pure.

use bytes::{Buf, Bytes, BytesMut};

/// How much room is made at once for a frame that was announced but has not arrived.
const RESERVE_BYTES_MAX: usize = 1 << 20;

/// Room that a read always has.
const READ_BYTES_MIN: usize = 16 << 10;

/// Takes the next complete frame off the front of `buffer`.
///
/// An incomplete one gets room to grow into, in proportion to what has arrived: a length that lies costs nothing.
pub(super) fn next_frame(buffer: &mut BytesMut) -> Result<Option<Bytes>, String> {
    let Some(prefix) = buffer.first_chunk::<4>() else {
        buffer.reserve(READ_BYTES_MIN);
        return Ok(None);
    };
    let length = i32::from_be_bytes(*prefix);
    let Ok(length) = usize::try_from(length) else {
        return Err(format!("a frame of {length} bytes"));
    };
    let missing = (length + 4).saturating_sub(buffer.len());
    if missing > 0 {
        let room = missing.min(RESERVE_BYTES_MAX.max(buffer.len()));
        buffer.reserve(room.max(READ_BYTES_MIN));
        return Ok(None);
    }
    buffer.advance(4);
    Ok(Some(buffer.split_to(length).freeze()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_come_out_whole_and_in_order() {
        let bytes = [0, 0, 0, 2, b'a', b'b', 0, 0, 0, 0, 0, 0, 0, 1, b'c'];
        let mut buffer = BytesMut::new();
        let mut frames = Vec::new();
        for byte in bytes {
            buffer.extend_from_slice(&[byte]);
            while let Some(frame) = next_frame(&mut buffer).expect("well formed") {
                frames.push(frame);
            }
        }
        assert_eq!(frames, vec!["ab".as_bytes(), b"", b"c"]);
    }

    #[test]
    fn lengths_that_lie_cost_little_and_negative_ones_are_refused() {
        let mut buffer = BytesMut::from(&i32::MAX.to_be_bytes()[..]);
        assert_eq!(next_frame(&mut buffer), Ok(None));
        assert!(buffer.capacity() <= 2 * RESERVE_BYTES_MAX, "{}", buffer.capacity());
        let mut buffer = BytesMut::from(&(-1i32).to_be_bytes()[..]);
        assert!(next_frame(&mut buffer).is_err());
    }
}
