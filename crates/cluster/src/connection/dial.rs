//! Resolving `host:port` and connecting, each address in turn.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpSocket, TcpStream, lookup_host};

use crate::config::ClientConfig;
use crate::error::Error;

/// Both directions of a connection.
pub struct Stream {
    /// What the broker writes.
    pub incoming: Box<dyn AsyncRead + Send + Unpin>,
    /// What the broker reads.
    pub outgoing: Box<dyn AsyncWrite + Send + Unpin>,
}

impl fmt::Debug for Stream {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Stream").finish_non_exhaustive()
    }
}

/// A connection on its way.
pub type Connecting<'a> = Pin<Box<dyn Future<Output = io::Result<Stream>> + Send + 'a>>;

/// How brokers are reached: by TCP, or inside a simulation.
pub trait Network: Send + Sync {
    /// Connects to `host:port`; the caller sets the time limit.
    fn connect<'a>(&'a self, address: &'a str, config: &'a ClientConfig) -> Connecting<'a>;
}

/// The real network.
#[derive(Clone, Copy, Debug)]
pub struct Tcp;

impl Network for Tcp {
    fn connect<'a>(&'a self, address: &'a str, config: &'a ClientConfig) -> Connecting<'a> {
        Box::pin(async move {
            let (incoming, outgoing) = attempt_all(address, config).await?.into_split();
            Ok(Stream { incoming: Box::new(incoming), outgoing: Box::new(outgoing) })
        })
    }
}

/// Connects to the first address behind `address` that answers.
pub(super) async fn connect(
    network: &dyn Network,
    address: &str,
    config: &ClientConfig,
) -> Result<Stream, Error> {
    let attempt = network.connect(address, config);
    match tokio::time::timeout(config.connect_timeout, attempt).await {
        Ok(outcome) => outcome.map_err(|source| Error::Connect {
            address: address.to_owned(),
            source: Arc::new(source),
        }),
        Err(_) => Err(Error::ConnectTimeout {
            address: address.to_owned(),
            timeout_ms: u64::try_from(config.connect_timeout.as_millis()).unwrap_or(u64::MAX),
        }),
    }
}

async fn attempt_all(address: &str, config: &ClientConfig) -> io::Result<TcpStream> {
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for resolved in lookup_host(address).await? {
        match attempt(resolved, config).await {
            Ok(stream) => return Ok(stream),
            Err(error) => last = error,
        }
    }
    Err(last)
}

async fn attempt(address: SocketAddr, config: &ClientConfig) -> io::Result<TcpStream> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    // -1 leaves the size to the operating system.
    if let Ok(size) = u32::try_from(config.send_buffer) {
        socket.set_send_buffer_size(size)?;
    }
    if let Ok(size) = u32::try_from(config.receive_buffer) {
        socket.set_recv_buffer_size(size)?;
    }
    let stream = socket.connect(address).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}
