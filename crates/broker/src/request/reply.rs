//! What goes back over the connection: encoded chunks, and the file slices that fill their gaps.

use bytes::Bytes;
use ottla_log::FileSlice;
use ottla_wire::EncodeError;
use ottla_wire::api::ApiKey;
use ottla_wire::codec::{Chunk, Message, Writer};
use ottla_wire::header::encode_response_header;

use super::pending::PendingAnswer;
use crate::api::records::produce_accepted::ProduceAnswer;

/// One piece of a response, in order.
#[derive(Debug)]
pub enum Piece {
    Bytes(Bytes),
    /// Records that stay in their file until the transport sends them.
    File(FileSlice),
}

/// What a request leads to.
#[derive(Debug)]
pub enum Outcome {
    /// A response: its size in bytes, the length prefix not counted, and its pieces.
    Reply { size: u32, pieces: Vec<Piece> },
    /// No response is due (`acks=0`).
    Silent,
    /// The connection is closed: the request can't be understood, or a silent request failed.
    Close(String),
}

/// When a request's outcome is known.
#[derive(Debug)]
pub enum Answer {
    Now(Outcome),
    /// The order of the request's records is fixed: the connection may go on to the next one.
    Later(Box<PendingAnswer>),
}

impl Answer {
    pub(super) fn close(reason: String) -> Answer {
        Answer::Now(Outcome::Close(reason))
    }
}

/// Which request a response answers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Address {
    pub(super) api: ApiKey,
    pub(super) version: i16,
    pub(super) correlation_id: i32,
}

impl Address {
    pub(super) fn reply(self, response: &impl Message) -> Outcome {
        self.encode(&[], |writer| response.encode(writer, self.version))
    }

    pub(super) fn produced(self, answer: ProduceAnswer) -> Outcome {
        match answer {
            ProduceAnswer::Response(response) => self.reply(&response),
            ProduceAnswer::Silent => Outcome::Silent,
            ProduceAnswer::Close(reason) => Outcome::Close(reason),
        }
    }

    pub(super) fn encode(
        self,
        slices: &[FileSlice],
        body: impl FnOnce(&mut Writer) -> Result<(), EncodeError>,
    ) -> Outcome {
        let Address { api, version, correlation_id } = self;
        let mut writer = Writer::chunked();
        let written = encode_response_header(&mut writer, api, version, correlation_id)
            .and_then(|()| body(&mut writer));
        if let Err(error) = written {
            tracing::error!(%api, version, %error, "a response can't be encoded");
            return Outcome::Close(format!("the response to {api} can't be encoded"));
        }
        let Ok(size) = u32::try_from(writer.len()) else {
            return Outcome::Close(format!("the response to {api} is too large"));
        };
        let pieces = writer.into_chunks().into_iter().map(|chunk| match chunk {
            Chunk::Bytes(bytes) => Piece::Bytes(bytes),
            Chunk::Slot { index, .. } => Piece::File(slices[index as usize].clone()),
        });
        Outcome::Reply { size, pieces: pieces.collect() }
    }
}
