//! Binds the listeners and accepts connections, within the limits on them.
//!
//! At `max.connections` accepting pauses until a connection ends; over `max.connections.per.ip` a
//! connection is closed at once. Without file descriptors accepting pauses and goes on.

use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use ottla_broker::{Broker, Connection};
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::connection::{End, Terms, serve};
use super::endpoint::Endpoint;
use super::limits::Limits;
use crate::error::StartError;

/// How often it is said that descriptors are short.
const COMPLAINT_PAUSE: Duration = Duration::from_secs(10);

/// How long accepting pauses when the system refuses, for example for want of descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Sizes of a socket's buffers and queue, as configured.
#[derive(Clone, Copy, Debug)]
pub struct SocketOptions {
    /// `None` leaves the size to the system, which lets it grow with the connection's speed.
    pub send_buffer_bytes: Option<usize>,
    /// As above.
    pub receive_buffer_bytes: Option<usize>,
    pub backlog: i32,
}

/// A bound listener that does not accept yet.
#[derive(Debug)]
pub struct Bound {
    pub endpoint: Endpoint,
    /// Whether it serves the controller's APIs.
    pub is_controller: bool,
    /// The port, also where the configuration asked for any.
    pub port: u16,
    listener: TcpListener,
}

impl Bound {
    /// Binds one endpoint.
    ///
    /// # Errors
    /// The address can't be resolved, or the port is taken.
    pub fn bind(
        endpoint: Endpoint,
        is_controller: bool,
        options: SocketOptions,
    ) -> Result<Self, StartError> {
        let failed = |error: &dyn std::fmt::Display| {
            StartError::new(format!("cannot listen on {endpoint}"), error)
        };
        let address = resolve(&endpoint).map_err(|error| {
            failed(&error).hint("write a host name or address of this machine, or none for all")
        })?;
        let bound = open(address, options).and_then(|socket| {
            let listener = TcpListener::from_std(socket.into())?;
            let port = listener.local_addr()?.port();
            Ok((listener, port))
        });
        let (listener, port) = bound.map_err(|error| {
            failed(&error).hint(format!(
                "is another server running? choose another port with --override listeners={}://{}:PORT",
                endpoint.name,
                if endpoint.host.is_empty() { "localhost" } else { &endpoint.host },
            ))
        })?;
        Ok(Self { endpoint, is_controller, port, listener })
    }
}

fn resolve(endpoint: &Endpoint) -> std::io::Result<SocketAddr> {
    if endpoint.host.is_empty() {
        return Ok(SocketAddr::from(([0, 0, 0, 0, 0, 0, 0, 0], endpoint.port)));
    }
    let mut all: Vec<_> = (endpoint.host.as_str(), endpoint.port).to_socket_addrs()?.collect();
    // An IPv4 address first: `localhost` in a copied file means 127.0.0.1 to most clients.
    all.sort_by_key(SocketAddr::is_ipv6);
    all.into_iter().next().ok_or_else(|| std::io::Error::other("the name has no address"))
}

fn open(address: SocketAddr, options: SocketOptions) -> std::io::Result<Socket> {
    let socket = match Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))
    {
        Ok(socket) => socket,
        // A machine without IPv6 still serves every IPv4 address.
        Err(_) if address.is_ipv6() && address.ip().is_unspecified() => {
            return open(SocketAddr::from(([0, 0, 0, 0], address.port())), options);
        }
        Err(error) => return Err(error),
    };
    if address.is_ipv6() {
        socket.set_only_v6(false)?;
    }
    socket.set_reuse_address(true)?;
    // Accepted sockets inherit both.
    if let Some(bytes) = options.receive_buffer_bytes {
        socket.set_recv_buffer_size(bytes)?;
    }
    if let Some(bytes) = options.send_buffer_bytes {
        socket.set_send_buffer_size(bytes)?;
    }
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(options.backlog)?;
    Ok(socket)
}

/// The listeners at work.
#[derive(Debug)]
pub struct Network {
    accepting: JoinSet<()>,
    stop: watch::Sender<bool>,
}

/// What the network needs of the node's configuration.
#[derive(Clone, Debug)]
pub struct NetworkOptions {
    pub request_bytes_max: usize,
    pub idle: Duration,
    /// `queued.max.request.bytes`.
    pub queued_bytes_max: i64,
}

impl Network {
    /// Begins to accept on every bound listener.
    #[must_use]
    pub fn serve(
        bound: Vec<Bound>,
        broker: &Arc<Broker>,
        limits: &Arc<Limits>,
        options: &NetworkOptions,
    ) -> Self {
        let (stop, stopping) = watch::channel(false);
        let terms = Terms {
            request_bytes_max: options.request_bytes_max,
            idle: options.idle,
            first_kept: super::descriptors::claim(),
            budget: super::budget::Budget::new(options.queued_bytes_max),
            stopping,
        };
        let mut accepting = JoinSet::new();
        for listener in bound {
            accepting.spawn(accept(
                listener,
                Arc::clone(broker),
                Arc::clone(limits),
                terms.clone(),
            ));
        }
        Self { accepting, stop }
    }

    /// Stops accepting, lets every connection finish the request it is at, and waits for that up
    /// to `patience`.
    pub async fn stop(mut self, patience: Duration) {
        let _ = self.stop.send(true);
        let all = async { while self.accepting.join_next().await.is_some() {} };
        if tokio::time::timeout(patience, all).await.is_err() {
            tracing::warn!("connections did not finish in time and are closed");
            self.accepting.shutdown().await;
        }
    }
}

static NEXT_CONNECTION: AtomicU64 = AtomicU64::new(0);

async fn accept(bound: Bound, broker: Arc<Broker>, limits: Arc<Limits>, terms: Terms) {
    let Bound { endpoint, is_controller, listener, .. } = bound;
    let mut stopping = terms.stopping.clone();
    let mut connections = JoinSet::new();
    let mut complaints = Complaints::default();
    loop {
        let next = tokio::select! {
            biased;
            _ = stopping.wait_for(|stopping| *stopping) => break,
            Some(_) = connections.join_next() => continue,
            next = accept_within(&listener, &limits) => next,
        };
        let (stream, peer) = match next {
            Ok(next) => next,
            Err(error) => {
                complaints.about(&endpoint, &error);
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        if u64::try_from(stream.as_raw_fd()).is_ok_and(|number| number >= terms.first_kept) {
            complaints.about(&endpoint, &"the last file descriptors are kept for the logs");
            continue;
        }
        let address = canonical(peer.ip());
        let Some(place) = limits.enter(address) else {
            tracing::info!(listener = endpoint.name, %address, "too many connections from this address");
            continue;
        };
        let _ = stream.set_nodelay(true);
        let connection = Arc::new(Connection {
            id: NEXT_CONNECTION.fetch_add(1, Ordering::Relaxed),
            peer: address,
            peer_port: peer.port(),
            listener: endpoint.name.clone(),
            principal: "User:ANONYMOUS".to_owned(),
            is_controller_listener: is_controller,
        });
        let broker = Arc::clone(&broker);
        let terms = terms.clone();
        connections.spawn(async move {
            let _place = place;
            let end = serve(stream, broker, Arc::clone(&connection), terms).await;
            match end {
                End::Closed | End::Idle => {
                    tracing::debug!(connection = connection.id, ?end, "connection ended");
                }
                End::Refused(reason) => {
                    tracing::warn!(peer = %connection.peer, reason, "connection closed: bad request");
                }
                End::Failed(error) => {
                    tracing::warn!(peer = %connection.peer, error, "connection failed");
                }
            }
        });
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}

/// Says why connections are not taken, and not for each of them.
#[derive(Default)]
struct Complaints {
    last: Option<Instant>,
}

impl Complaints {
    fn about(&mut self, endpoint: &Endpoint, reason: &dyn std::fmt::Display) {
        let now = Instant::now();
        if self.last.is_none_or(|last| now.duration_since(last) >= COMPLAINT_PAUSE) {
            self.last = Some(now);
            tracing::warn!(
                listener = endpoint.name, %reason,
                "cannot take a connection; hint: raise the limit of open files (ulimit -n), \
                 or lower max.connections"
            );
        }
    }
}

/// Waits for room under `max.connections`, then for a connection.
async fn accept_within(
    listener: &TcpListener,
    limits: &Limits,
) -> std::io::Result<(TcpStream, SocketAddr)> {
    limits.room().await;
    listener.accept().await
}

/// An IPv4 peer of an IPv6 socket is shown by its IPv4 address.
fn canonical(address: IpAddr) -> IpAddr {
    address.to_canonical()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffers_have_the_size_that_was_asked_for_or_the_systems() {
        let address = SocketAddr::from(([127, 0, 0, 1], 0));
        let sizes = |send_buffer_bytes, receive_buffer_bytes| {
            let options = SocketOptions { send_buffer_bytes, receive_buffer_bytes, backlog: 1 };
            let socket = open(address, options).expect("a port");
            let sizes = (socket.send_buffer_size(), socket.recv_buffer_size());
            (sizes.0.expect("a size"), sizes.1.expect("a size"))
        };
        let untouched = Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::TCP)).expect("one");
        let system = (untouched.send_buffer_size(), untouched.recv_buffer_size());
        assert_eq!(sizes(None, None), (system.0.expect("a size"), system.1.expect("a size")));
        // Linux counts its own overhead in: twice what was asked for.
        assert_eq!(sizes(Some(10_240), Some(20_480)), (20_480, 40_960));
    }
}
