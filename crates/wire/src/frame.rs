//! Frames: requests and responses on a connection, each behind its length as 32 bits.

use crate::api::{ApiKey, Request};
use crate::codec::{Chunk, EncodeError, Message, Writer};
use crate::header::{encode_request_header, encode_response_header};
use bytes::{Buf, Bytes, BytesMut};

/// The bytes before a frame.
pub const LENGTH_BYTES: usize = 4;

/// A length that no frame can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FrameError {
    /// A length below zero.
    #[error("Invalid receive (size = {length})")]
    Negative {
        /// The length.
        length: i32,
    },
    /// A frame larger than is allowed.
    #[error("Invalid receive (size = {length} larger than {length_max})")]
    TooLarge {
        /// The length.
        length: usize,
        /// The largest that is allowed.
        length_max: usize,
    },
}

/// The length of the frame that starts in `received`, or `None` while that is not known.
pub fn frame_length(received: &[u8], length_max: usize) -> Result<Option<usize>, FrameError> {
    let Some(prefix) = received.first_chunk::<LENGTH_BYTES>() else { return Ok(None) };
    let length = i32::from_be_bytes(*prefix);
    let length = usize::try_from(length).map_err(|_| FrameError::Negative { length })?;
    match length > length_max {
        true => Err(FrameError::TooLarge { length, length_max }),
        false => Ok(Some(length)),
    }
}

/// Takes the first frame off `received`, without its length, or `None` while it is not complete.
///
/// The frame shares memory with `received`; nothing is copied.
pub fn take_frame(received: &mut BytesMut, length_max: usize) -> Result<Option<Bytes>, FrameError> {
    match frame_length(received, length_max)? {
        Some(length) if received.len() - LENGTH_BYTES >= length => {
            received.advance(LENGTH_BYTES);
            Ok(Some(received.split_to(length).freeze()))
        }
        _ => Ok(None),
    }
}

/// Writes a request as a frame.
pub fn write_request<R: Request>(
    writer: &mut Writer,
    request: &R,
    version: i16,
    correlation_id: i32,
    client_id: Option<&str>,
) -> Result<(), EncodeError> {
    write_frame(writer, |writer| {
        encode_request_header(writer, R::API_KEY, version, correlation_id, client_id)?;
        request.encode(writer, version)
    })
}

/// Writes the response to a request of `api_key` in `version` as a frame.
pub fn write_response<M: Message>(
    writer: &mut Writer,
    response: &M,
    api_key: ApiKey,
    version: i16,
    correlation_id: i32,
) -> Result<(), EncodeError> {
    write_frame(writer, |writer| {
        encode_response_header(writer, api_key, version, correlation_id)?;
        response.encode(writer, version)
    })
}

/// Writes what `content` writes as a frame. On an error nothing of it stays in the writer.
pub fn write_frame(
    writer: &mut Writer,
    content: impl FnOnce(&mut Writer) -> Result<(), EncodeError>,
) -> Result<(), EncodeError> {
    let frame = writer.start_frame();
    match content(writer) {
        Ok(()) => writer.end_frame(frame),
        Err(error) => {
            writer.abandon_frame(frame);
            Err(error)
        }
    }
}

/// A request as the chunks of one frame.
pub fn request_chunks<R: Request>(
    request: &R,
    version: i16,
    correlation_id: i32,
    client_id: Option<&str>,
) -> Result<Vec<Chunk>, EncodeError> {
    let mut writer = Writer::chunked();
    write_request(&mut writer, request, version, correlation_id, client_id)?;
    Ok(writer.into_chunks())
}

/// A response as the chunks of one frame.
pub fn response_chunks<M: Message>(
    response: &M,
    api_key: ApiKey,
    version: i16,
    correlation_id: i32,
) -> Result<Vec<Chunk>, EncodeError> {
    let mut writer = Writer::chunked();
    write_response(&mut writer, response, api_key, version, correlation_id)?;
    Ok(writer.into_chunks())
}
