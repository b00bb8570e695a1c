//! Metrics and health over HTTP, where `ottla.http.listener` asks for it.
//!
//! `/metrics`: Prometheus text. `/healthz`: the process answers. `/readyz`: the broker is
//! registered and serves; 503 with the reason until then and while the node stops.

use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::error::StartError;

/// Metrics that are being gathered.
pub type Metrics<'a> = Pin<Box<dyn Future<Output = String> + Send + 'a>>;

/// What the endpoints show.
pub trait Vitals: Send + Sync + 'static {
    /// All metrics in the Prometheus text format.
    fn metrics(&self) -> Metrics<'_>;

    /// Ready to serve; otherwise why not.
    ///
    /// # Errors
    /// The reason, for a person.
    fn ready(&self) -> Result<(), String>;
}

/// The HTTP server at work.
#[derive(Debug)]
pub struct HttpServer {
    /// Where it listens, with the port that was bound.
    pub address: SocketAddr,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl HttpServer {
    /// Binds `host:port` and serves.
    ///
    /// # Errors
    /// The address can't be bound.
    pub async fn start(listener: &str, vitals: Arc<dyn Vitals>) -> Result<Self, StartError> {
        let failed = |error: std::io::Error| {
            StartError::new(format!("cannot listen on {listener} for HTTP"), error)
                .hint("set ottla.http.listener to a free host:port")
        };
        let address = listener.strip_prefix("http://").unwrap_or(listener);
        let address = match address.strip_prefix(':') {
            Some(port) => format!("[::]:{port}"),
            None => address.to_owned(),
        };
        let socket = TcpListener::bind(&address).await.map_err(failed)?;
        let address = socket.local_addr().map_err(failed)?;
        let (stop, mut stopping) = watch::channel(false);
        let routes = Router::new()
            .route("/metrics", get(metrics))
            .route("/healthz", get(|| async { "ok\n" }))
            .route("/readyz", get(ready))
            .with_state(vitals);
        let task = tokio::spawn(async move {
            let serving = axum::serve(socket, routes).with_graceful_shutdown(async move {
                let _ = stopping.wait_for(|stopping| *stopping).await;
            });
            if let Err(error) = serving.await {
                tracing::error!(%error, "the HTTP server failed");
            }
        });
        Ok(Self { address, stop, task })
    }

    /// Stops and waits for requests that are being answered.
    pub async fn stop(self) {
        let _ = self.stop.send(true);
        let _ = self.task.await;
    }
}

async fn metrics(State(vitals): State<Arc<dyn Vitals>>) -> Response {
    let format = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(header::CONTENT_TYPE, format)], vitals.metrics().await).into_response()
}

async fn ready(State(vitals): State<Arc<dyn Vitals>>) -> Response {
    match vitals.ready() {
        Ok(()) => "ready\n".into_response(),
        Err(reason) => (StatusCode::SERVICE_UNAVAILABLE, format!("{reason}\n")).into_response(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpStream;

    use super::*;

    struct Patient(AtomicBool);

    impl Vitals for Patient {
        fn metrics(&self) -> Metrics<'_> {
            Box::pin(std::future::ready("pulse 60\n# EOF\n".to_owned()))
        }

        fn ready(&self) -> Result<(), String> {
            if self.0.load(Ordering::Relaxed) { Ok(()) } else { Err("asleep".to_owned()) }
        }
    }

    async fn get(address: SocketAddr, path: &str) -> String {
        let mut stream = TcpStream::connect(address).await.expect("a server");
        let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.expect("sent");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.expect("text");
        answer
    }

    #[tokio::test]
    async fn the_pages_show_the_vitals() {
        let patient = Arc::new(Patient(AtomicBool::new(false)));
        let server = HttpServer::start("http://127.0.0.1:0", Arc::clone(&patient) as _)
            .await
            .expect("a free port");
        let metrics = get(server.address, "/metrics").await;
        assert!(metrics.contains("openmetrics-text") && metrics.ends_with("pulse 60\n# EOF\n"));
        assert!(get(server.address, "/healthz").await.ends_with("ok\n"));
        let asleep = get(server.address, "/readyz").await;
        assert!(asleep.starts_with("HTTP/1.1 503") && asleep.ends_with("asleep\n"), "{asleep}");
        patient.0.store(true, Ordering::Relaxed);
        let awake = get(server.address, "/readyz").await;
        assert!(awake.starts_with("HTTP/1.1 200"), "{awake}");
        assert!(get(server.address, "/else").await.starts_with("HTTP/1.1 404"));
        let taken = server.address.to_string();
        assert!(HttpServer::start(&taken, Arc::clone(&patient) as _).await.is_err());
        server.stop().await;
    }
}
