//! Who is asking: what a handler may know of the connection and the request's header.

use std::net::IpAddr;
use std::sync::Arc;

/// One connection's identity, shared by all its requests.
#[derive(Debug)]
pub struct Connection {
    /// Unique while the process lives.
    pub id: u64,
    pub peer: IpAddr,
    pub peer_port: u16,
    /// The listener it came in by, upper case, as in `listeners`. Metadata and FindCoordinator answer
    /// with the advertised endpoints of that listener.
    pub listener: String,
    /// `User:ANONYMOUS` without authentication.
    pub principal: String,
    /// Whether the controller's APIs are served on it, and the broker's are not.
    pub is_controller_listener: bool,
}

/// One request's origin.
#[derive(Clone, Debug)]
pub struct Caller {
    pub connection: Arc<Connection>,
    pub client_id: Option<String>,
    /// The request's API version.
    pub version: i16,
}

impl Caller {
    /// The client id as coordinators record it: empty when the client gave none.
    #[must_use]
    pub fn client_id(&self) -> &str {
        self.client_id.as_deref().unwrap_or_default()
    }

    /// The client's address as Kafka prints it: `/127.0.0.1`.
    #[must_use]
    pub fn client_host(&self) -> String {
        format!("/{}", self.connection.peer)
    }
}
