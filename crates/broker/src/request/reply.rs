//! What goes back over the connection: encoded chunks, and the file slices that fill their gaps.

use bytes::Bytes;
use ottla_log::FileSlice;

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
