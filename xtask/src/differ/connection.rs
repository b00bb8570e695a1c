//! A socket to one side: frames out, frames in.

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

const ANSWER_SECONDS: u64 = 15;
const FRAME_BYTES_MAX: usize = 64 << 20;

/// What a socket gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Received {
    /// A frame without its length.
    Frame(Bytes),
    /// The other end has closed the connection.
    Closed,
    /// Nothing came in time.
    Nothing,
}

/// A connection that is opened again when the other end has closed it.
#[derive(Debug)]
pub struct Connection {
    address: String,
    stream: Option<TcpStream>,
}

impl Connection {
    pub fn new(address: &str) -> Connection {
        Connection { address: address.to_owned(), stream: None }
    }

    /// Sends a frame, on a new connection if there is none.
    pub fn send(&mut self, frame: &[u8]) -> Result<()> {
        let stream = match &mut self.stream {
            Some(stream) => stream,
            none => {
                let stream = TcpStream::connect(&self.address)
                    .with_context(|| format!("cannot connect to {}", self.address))?;
                stream.set_nodelay(true)?;
                stream.set_read_timeout(Some(Duration::from_secs(ANSWER_SECONDS)))?;
                none.insert(stream)
            }
        };
        let mut bytes = Vec::with_capacity(frame.len() + 4);
        bytes.extend_from_slice(&u32::try_from(frame.len())?.to_be_bytes());
        bytes.extend_from_slice(frame);
        // A connection that ends while a frame goes out is seen when its answer is read.
        match stream.write_all(&bytes) {
            Err(error) if !is_end(error.kind()) => Err(error.into()),
            _ => Ok(()),
        }
    }

    /// The next frame.
    pub fn receive(&mut self) -> Result<Received> {
        let Some(stream) = &mut self.stream else { bail!("nothing was sent") };
        let mut length = [0; 4];
        let read = stream.read_exact(&mut length).and_then(|()| {
            let length = u32::from_be_bytes(length) as usize;
            let mut frame = vec![0; length.min(FRAME_BYTES_MAX)];
            stream.read_exact(&mut frame).map(|()| Bytes::from(frame))
        });
        match read {
            Ok(frame) => Ok(Received::Frame(frame)),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                self.stream = None;
                Ok(Received::Nothing)
            }
            Err(error) if is_end(error.kind()) => {
                self.stream = None;
                Ok(Received::Closed)
            }
            Err(error) => Err(error.into()),
        }
    }
}

fn is_end(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::UnexpectedEof
            | ErrorKind::ConnectionReset
            | ErrorKind::ConnectionAborted
            | ErrorKind::BrokenPipe
    )
}
