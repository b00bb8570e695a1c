//! Metrics and health over HTTP, where `ottla.http.listener` asks for it.
//!
//! `/metrics`: Prometheus text. `/healthz`: the process answers. `/readyz`: the broker is
//! registered and serves; 503 with the reason until then and while the node stops.

use std::net::SocketAddr;
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

/// What the endpoints show.
pub trait Vitals: Send + Sync + 'static {
    /// All metrics in the Prometheus text format.
    fn metrics(&self) -> String;

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
    ([(header::CONTENT_TYPE, format)], vitals.metrics()).into_response()
}

async fn ready(State(vitals): State<Arc<dyn Vitals>>) -> Response {
    match vitals.ready() {
        Ok(()) => "ready\n".into_response(),
        Err(reason) => (StatusCode::SERVICE_UNAVAILABLE, format!("{reason}\n")).into_response(),
    }
}
