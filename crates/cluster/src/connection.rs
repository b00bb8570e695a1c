//! One TCP connection to one broker: requests go out as they come, answers come back in the same order.
//!
//! One task owns the socket. A request is encoded by its caller, queued (at most [`REQUESTS_QUEUED_MAX`]),
//! written, and remembered until its answer arrives; when the connection ends, all that is remembered fails
//! with the reason it ended for. A request that is not answered in time ends the connection, because answers
//! come in order: nothing behind it would arrive either.
//!
//! # Layout
//! - `dial`: resolving and connecting, by TCP or inside a simulation
//! - `exchange`: the task that owns the socket
//! - `frame`: lengths and bytes
//! - `versions`: what the broker speaks

mod dial;
mod exchange;
mod frame;
mod versions;

pub use dial::{Connecting, Network, Stream, Tcp};
pub use versions::{BrokerVersions, Finalized, Supported};

use std::sync::atomic::{AtomicI32, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use ottla_wire::api::Request;
use ottla_wire::codec::{Chunk, Message, Reader, Writer};
use ottla_wire::header::{decode_response_header, encode_request_header};
use ottla_wire::{ApiKey, ErrorCode};
use tokio::sync::{Notify, mpsc, oneshot};

use crate::config::ClientConfig;
use crate::error::Error;
use exchange::{Outgoing, Reply};

/// Requests of one connection that wait to be written.
pub const REQUESTS_QUEUED_MAX: usize = 128;

/// An open connection; clones share it. It closes when the last clone is gone.
#[derive(Clone, Debug)]
pub struct Connection {
    outgoing: mpsc::Sender<Outgoing>,
    shared: Arc<Shared>,
    versions: Arc<BrokerVersions>,
}

/// What the task and its users both see.
#[derive(Debug)]
struct Shared {
    address: String,
    client_id: String,
    next_correlation_id: AtomicI32,
    in_flight: AtomicUsize,
    ended: OnceLock<Error>,
    close: Notify,
}

impl Shared {
    fn end(&self, reason: Error) {
        // The first reason is the true one; what follows is its consequence.
        let _ = self.ended.set(reason);
    }

    fn reason(&self) -> Error {
        self.ended
            .get()
            .cloned()
            .unwrap_or(Error::Disconnected { address: self.address.clone(), detail: String::new() })
    }
}

impl Connection {
    /// Connects to `address` (`host:port`) and asks what the broker speaks.
    pub async fn open(
        network: &dyn Network,
        address: &str,
        config: &ClientConfig,
    ) -> Result<Connection, Error> {
        let stream = dial::connect(network, address, config).await?;
        let shared = Arc::new(Shared {
            address: address.to_owned(),
            client_id: config.client_id.clone(),
            next_correlation_id: AtomicI32::new(0),
            in_flight: AtomicUsize::new(0),
            ended: OnceLock::new(),
            close: Notify::new(),
        });
        let (outgoing, queued) = mpsc::channel(REQUESTS_QUEUED_MAX);
        let task =
            exchange::Exchange::new(stream, queued, Arc::clone(&shared), config.idle_timeout);
        tokio::spawn(task.run());
        let mut connection =
            Connection { outgoing, shared, versions: Arc::new(BrokerVersions::default()) };
        connection.versions = Arc::new(connection.negotiate(config.request_timeout).await?);
        Ok(connection)
    }

    /// `host:port` of the broker.
    pub fn address(&self) -> &str {
        &self.shared.address
    }

    /// What the broker speaks.
    pub fn versions(&self) -> &BrokerVersions {
        &self.versions
    }

    /// Whether it can no longer be used.
    pub fn is_closed(&self) -> bool {
        self.shared.ended.get().is_some() || self.outgoing.is_closed()
    }

    /// Requests that were not answered yet.
    pub fn in_flight(&self) -> usize {
        self.shared.in_flight.load(Ordering::Relaxed)
    }

    /// Ends the connection; what is awaited fails.
    pub fn close(&self, reason: Error) {
        self.shared.end(reason);
        self.shared.close.notify_one();
    }

    /// Sends a request in `version` and awaits its answer.
    pub async fn call<R: Request>(
        &self,
        request: &R,
        version: i16,
        timeout: Duration,
    ) -> Result<R::Response, Error> {
        self.start(request, version).await?.answer(timeout).await
    }

    /// Queues a request in `version`; requests are written in the order in which this returns.
    pub async fn start<R: Request>(
        &self,
        request: &R,
        version: i16,
    ) -> Result<Pending<R::Response>, Error> {
        let (sender, receiver) = oneshot::channel();
        self.queue(request, version, Reply::Answer(sender)).await?;
        Ok(Pending {
            api: R::API_KEY,
            version,
            receiver,
            connection: self.clone(),
            decode: decode_response::<R::Response>,
        })
    }

    /// Writes a request that is never answered (Produce with `acks=0`); returns once it was written.
    pub async fn start_unanswered<R: Request>(
        &self,
        request: &R,
        version: i16,
    ) -> Result<(), Error> {
        let (sender, receiver) = oneshot::channel();
        self.queue(request, version, Reply::Written(sender)).await?;
        receiver.await.map_err(|_| self.shared.reason())
    }

    async fn queue<R: Request>(
        &self,
        request: &R,
        version: i16,
        reply: Reply,
    ) -> Result<(), Error> {
        let correlation_id = self.shared.next_correlation_id.fetch_add(1, Ordering::Relaxed);
        let chunks = encode(&self.shared.client_id, correlation_id, request, version)?;
        self.shared.in_flight.fetch_add(1, Ordering::Relaxed);
        let sent = self.outgoing.send(Outgoing { correlation_id, chunks, reply }).await;
        if sent.is_err() {
            self.shared.in_flight.fetch_sub(1, Ordering::Relaxed);
            return Err(self.shared.reason());
        }
        Ok(())
    }

    async fn negotiate(&self, timeout: Duration) -> Result<BrokerVersions, Error> {
        let mut version = *<versions::Negotiation as Message>::VERSIONS.end();
        loop {
            let response = self.call(&versions::request(), version, timeout).await?;
            match ErrorCode::from_code(response.error_code) {
                ErrorCode::None => return Ok(BrokerVersions::from_response(response)),
                ErrorCode::UnsupportedVersion if version > 0 => {
                    version = versions::fallback(&response, version);
                }
                code => return Err(code.into()),
            }
        }
    }
}

/// An answer on its way.
#[derive(Debug)]
pub struct Pending<T> {
    api: ApiKey,
    version: i16,
    receiver: oneshot::Receiver<Bytes>,
    connection: Connection,
    decode: fn(ApiKey, i16, &Bytes) -> Result<T, String>,
}

impl<T> Pending<T> {
    /// Awaits the answer. If it does not come in time, the connection ends.
    pub async fn answer(self, timeout: Duration) -> Result<T, Error> {
        let shared = &self.connection.shared;
        let bytes = match tokio::time::timeout(timeout, self.receiver).await {
            Ok(Ok(bytes)) => bytes,
            Ok(Err(_)) => return Err(shared.reason()),
            Err(_) => {
                let error = Error::RequestTimeout {
                    api: self.api.name(),
                    address: shared.address.clone(),
                    timeout_ms: u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX),
                };
                self.connection.close(error.clone());
                return Err(error);
            }
        };
        (self.decode)(self.api, self.version, &bytes).map_err(|detail| {
            let error =
                Error::Malformed { api: self.api.name(), address: shared.address.clone(), detail };
            self.connection.close(error.clone());
            error
        })
    }
}

fn encode<R: Request>(
    client_id: &str,
    correlation_id: i32,
    request: &R,
    version: i16,
) -> Result<Vec<Bytes>, Error> {
    let mut writer = Writer::chunked();
    let frame = writer.start_frame();
    encode_request_header(&mut writer, R::API_KEY, version, correlation_id, Some(client_id))
        .and_then(|()| request.encode(&mut writer, version))
        .and_then(|()| writer.end_frame(frame))
        .map_err(|error| Error::Inexpressible {
            api: R::API_KEY.name(),
            version,
            detail: error.to_string(),
        })?;
    let pieces = writer.into_chunks().into_iter().filter_map(|chunk| match chunk {
        Chunk::Bytes(bytes) => Some(bytes),
        // Only a broker keeps records elsewhere; a client's records are bytes.
        Chunk::Slot { .. } => None,
    });
    Ok(pieces.collect())
}

/// Reads a response whose frame length was taken off. The correlation id was checked before.
fn decode_response<T: Message>(api: ApiKey, version: i16, bytes: &Bytes) -> Result<T, String> {
    let mut reader = Reader::new(bytes);
    decode_response_header(&mut reader, api, version).map_err(|error| error.to_string())?;
    let version = match api {
        // A broker that does not know our version answers in version 0, error code first.
        ApiKey::ApiVersions => versions::version_of_answer(&reader, version),
        _ => version,
    };
    T::decode(&mut reader, version).map_err(|error| error.to_string())
}
