//! A blocking connection that sends one request and reads its answer.

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use ottla_wire::api::Request;
use ottla_wire::frame::write_request;
use ottla_wire::header::decode_response_header;
use ottla_wire::{Message, Reader, Writer};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// The name that the load gives itself.
pub const CLIENT_ID: &str = "ottla-load";

/// How long an answer may take before the server counts as stuck.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// A connection to the server.
#[derive(Debug)]
pub struct Peer {
    stream: TcpStream,
    next_id: i32,
}

impl Peer {
    /// Connects.
    pub fn connect(bootstrap: &str) -> Result<Peer> {
        let stream = TcpStream::connect(bootstrap).with_context(|| bootstrap.to_owned())?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(Peer { stream, next_id: 0 })
    }

    /// Sends a request and waits for its answer.
    pub fn call<R: Request>(&mut self, request: &R, version: i16) -> Result<R::Response> {
        let id = self.next_id;
        self.next_id = id.wrapping_add(1);
        self.stream.write_all(&encoded(request, version, id)?)?;
        let mut length = [0; 4];
        self.stream.read_exact(&mut length)?;
        let mut frame = vec![0; usize::try_from(u32::from_be_bytes(length))?];
        self.stream.read_exact(&mut frame)?;
        let frame = Bytes::from(frame);
        let mut reader = Reader::new(&frame);
        let header = decode_response_header(&mut reader, R::API_KEY, version)?;
        ensure!(header.correlation_id == id, "an answer to another request");
        Ok(R::Response::decode(&mut reader, version)?)
    }
}

/// A request as the bytes of its frame, length included.
pub fn encoded<R: Request>(request: &R, version: i16, correlation_id: i32) -> Result<Vec<u8>> {
    let mut writer = Writer::contiguous(1024);
    write_request(&mut writer, request, version, correlation_id, Some(CLIENT_ID))?;
    Ok(writer.into_bytes().to_vec())
}
