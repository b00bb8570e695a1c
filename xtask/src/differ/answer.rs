//! What came back for a request, as a tree of names and values.

use super::batches;
use super::connection::Received;
use bytes::Bytes;
use ottla_wire::codec::{Reader, Tree};
use ottla_wire::header::decode_response_header;
use ottla_wire::messages::ResponseBody;
use ottla_wire::{ApiKey, ErrorCode};

/// What came back.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// A response.
    Body(Tree),
    /// The connection was closed.
    Closed,
    /// Nothing, and the connection stayed open.
    Silent,
    /// Bytes that are no response to the request.
    Unreadable(String),
}

impl Answer {
    /// Reads what a socket gave for a request.
    pub fn read(received: Received, api: ApiKey, version: i16, correlation_id: i32) -> Answer {
        match received {
            Received::Closed => Answer::Closed,
            Received::Nothing => Answer::Silent,
            Received::Frame(frame) => match body(&frame, api, version, correlation_id) {
                Ok(tree) => Answer::Body(tree),
                Err(reason) => Answer::Unreadable(reason),
            },
        }
    }

    /// A tree in any case, so that two answers can always be compared.
    pub fn into_tree(self) -> Tree {
        match self {
            Answer::Body(tree) => tree,
            Answer::Closed => Tree::Text("the connection is closed".to_owned()),
            Answer::Silent => Tree::Text("no answer".to_owned()),
            Answer::Unreadable(reason) => Tree::Text(format!("unreadable: {reason}")),
        }
    }
}

/// The correlation id of a response.
pub fn correlation_id(frame: &Bytes) -> Option<i32> {
    frame.first_chunk::<4>().map(|bytes| i32::from_be_bytes(*bytes))
}

fn body(frame: &Bytes, api: ApiKey, version: i16, sent: i32) -> Result<Tree, String> {
    let mut reader = Reader::new(frame);
    let header = decode_response_header(&mut reader, api, version).map_err(|e| e.to_string())?;
    if header.correlation_id != sent {
        return Err(format!("correlation id {} instead of {sent}", header.correlation_id));
    }
    let version = match api {
        ApiKey::ApiVersions if is_unsupported(&frame[4..]) => 0,
        _ => version,
    };
    let response = ResponseBody::decode(api, &mut reader, version).map_err(|e| e.to_string())?;
    if reader.remaining() > 0 {
        return Err(format!("{} bytes after the response", reader.remaining()));
    }
    Ok(batches::unfold("", response.tree(version)))
}

/// KIP-511: the answer to an unknown version of ApiVersions has the oldest shape.
fn is_unsupported(body: &[u8]) -> bool {
    let code = body.first_chunk::<2>().map(|bytes| i16::from_be_bytes(*bytes));
    code == Some(ErrorCode::UnsupportedVersion.code())
}
