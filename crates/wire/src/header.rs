//! Headers: what stands before every request and response.

use crate::api::ApiKey;
use crate::codec::{DecodeError, EncodeError, Message, Reader, Writer};
use crate::messages::{RequestHeader, ResponseHeader};

/// A request header that was read, with its API.
#[derive(Clone, Debug, PartialEq)]
pub struct RequestStart {
    /// Which API the request is for.
    pub api_key: ApiKey,
    /// The header itself. Its version of the API is whatever the client sent: nobody has compared
    /// it with the versions that exist.
    pub header: RequestHeader,
}

/// Why the start of a request is not a header.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HeaderError {
    /// No API has this key, so not even the version of the header is known.
    #[error("unknown API key {key} with version {version}")]
    UnknownApi {
        /// The key.
        key: i16,
        /// The version of the API.
        version: i16,
    },
    /// The bytes are no header.
    #[error("request header of {api}: {error}")]
    Malformed {
        /// Which API it seemed to be for.
        api: ApiKey,
        /// What is wrong.
        error: DecodeError,
    },
    /// There are not even four bytes.
    #[error("request header is too short: {0}")]
    TooShort(DecodeError),
}

/// Reads the header of a request; the reader is at its body afterwards.
pub fn decode_request_header(reader: &mut Reader<'_>) -> Result<RequestStart, HeaderError> {
    let mut ahead = reader.clone();
    let key = ahead.i16().map_err(HeaderError::TooShort)?;
    let version = ahead.i16().map_err(HeaderError::TooShort)?;
    let Ok(api_key) = ApiKey::try_from(key) else {
        return Err(HeaderError::UnknownApi { key, version });
    };
    match RequestHeader::decode(reader, api_key.request_header_version(version)) {
        Ok(header) => Ok(RequestStart { api_key, header }),
        Err(error) => Err(HeaderError::Malformed { api: api_key, error }),
    }
}

/// Writes the header of a request.
pub fn encode_request_header(
    writer: &mut Writer,
    api_key: ApiKey,
    version: i16,
    correlation_id: i32,
    client_id: Option<&str>,
) -> Result<(), EncodeError> {
    let header = RequestHeader {
        request_api_key: api_key.number(),
        request_api_version: version,
        correlation_id,
        client_id: client_id.map(str::to_owned),
        ..RequestHeader::default()
    };
    header.encode(writer, api_key.request_header_version(version))
}

/// Reads the header of the response to a request in `version`; the reader is at its body
/// afterwards.
pub fn decode_response_header(
    reader: &mut Reader<'_>,
    api_key: ApiKey,
    version: i16,
) -> Result<ResponseHeader, DecodeError> {
    ResponseHeader::decode(reader, api_key.response_header_version(version))
}

/// Writes the header of the response to a request in `version`.
pub fn encode_response_header(
    writer: &mut Writer,
    api_key: ApiKey,
    version: i16,
    correlation_id: i32,
) -> Result<(), EncodeError> {
    let header = ResponseHeader { correlation_id, ..ResponseHeader::default() };
    header.encode(writer, api_key.response_header_version(version))
}
