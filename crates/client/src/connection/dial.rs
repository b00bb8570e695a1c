//! Resolving `host:port` and connecting, each address in turn.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::{TcpSocket, TcpStream, lookup_host};

use crate::config::ClientConfig;
use crate::error::Error;

/// Connects to the first address behind `address` that answers.
pub(super) async fn connect(address: &str, config: &ClientConfig) -> Result<TcpStream, Error> {
    let attempt = attempt_all(address, config);
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
