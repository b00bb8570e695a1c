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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::Reader;
    use crate::header::{decode_request_header, decode_response_header};
    use crate::messages::{ApiVersionsRequest, HeartbeatResponse, MetadataRequest};

    fn joined(chunks: Vec<Chunk>) -> BytesMut {
        let mut bytes = BytesMut::new();
        for chunk in chunks {
            match chunk {
                Chunk::Bytes(chunk) => bytes.extend_from_slice(&chunk),
                Chunk::Slot { .. } => panic!("no records here"),
            }
        }
        bytes
    }

    #[test]
    fn frames_come_out_when_they_are_complete() {
        let request = MetadataRequest::default();
        let mut bytes = joined(request_chunks(&request, 12, 7, Some("me")).unwrap());
        bytes.extend_from_slice(&joined(
            request_chunks(&ApiVersionsRequest::default(), 3, 8, None).unwrap(),
        ));
        let mut received = BytesMut::new();
        let mut seen = Vec::new();
        for byte in bytes {
            received.extend_from_slice(&[byte]);
            while let Some(frame) = take_frame(&mut received, 100).unwrap() {
                let mut reader = Reader::new(&frame);
                let start = decode_request_header(&mut reader).unwrap();
                seen.push((start.api_key, start.header.correlation_id, start.header.client_id));
                let version = start.header.request_api_version;
                let body = crate::api::RequestBody::decode(start.api_key, &mut reader, version);
                assert_eq!(body.unwrap().api_key(), start.api_key);
                assert_eq!(reader.remaining(), 0);
            }
        }
        assert_eq!(
            seen,
            [(ApiKey::Metadata, 7, Some("me".to_owned())), (ApiKey::ApiVersions, 8, None)]
        );
        assert!(received.is_empty());
    }

    #[test]
    fn lengths_have_bounds() {
        assert_eq!(frame_length(&[0, 0, 0], 9), Ok(None));
        assert_eq!(frame_length(&[0, 0, 0, 9], 9), Ok(Some(9)));
        let refused = FrameError::TooLarge { length: 10, length_max: 9 };
        assert_eq!(frame_length(&[0, 0, 0, 10], 9), Err(refused));
        assert_eq!(frame_length(&[0xff; 4], 9), Err(FrameError::Negative { length: -1 }));
        assert_eq!(take_frame(&mut BytesMut::from(&[0, 0, 0, 0][..]), 9), Ok(Some(Bytes::new())));
    }

    #[test]
    fn a_refused_response_leaves_nothing() {
        let mut writer = Writer::chunked();
        let response =
            HeartbeatResponse { throttle_time_ms: 1, error_code: 2, ..Default::default() };
        write_response(&mut writer, &response, ApiKey::Heartbeat, 4, 9).unwrap();
        let length = writer.len();
        assert!(write_response(&mut writer, &response, ApiKey::Heartbeat, 99, 10).is_err());
        assert_eq!(writer.len(), length);
        let frame = joined(writer.into_chunks()).split_off(LENGTH_BYTES).freeze();
        let mut reader = Reader::new(&frame);
        let header = decode_response_header(&mut reader, ApiKey::Heartbeat, 4).unwrap();
        assert_eq!(header.correlation_id, 9);
        assert_eq!(HeartbeatResponse::decode(&mut reader, 4), Ok(response));
    }
}
