//! Connections without sockets: each is a pipe with a broker at its other end.

use std::io;
use std::sync::Arc;

use ottla_client::ClientConfig;
use ottla_client::cluster::Cluster;
use ottla_client::connection::{Connecting, Network, Stream};
use ottla_world::Random;
use ottla_world::memory::ManualClock;
use tokio::io::duplex;

use crate::broker;
use crate::scene::{Scene, Welcome, pass};

/// What a pipe holds before a writer has to wait.
const PIPE_BYTES: usize = 1 << 20;

/// A scene's cluster, as a client knows it.
pub fn cluster(scene: &Arc<Scene>, config: &ClientConfig) -> Cluster {
    let cluster = Cluster::in_world(
        config.clone(),
        Arc::new(ManualClock::new(1_700_000_000_000)),
        Arc::clone(&scene.dice.0) as Arc<dyn Random>,
        Arc::new(Pipes(Arc::clone(scene))),
    );
    cluster.expect("an address")
}

/// The way to the brokers of a scene.
struct Pipes(Arc<Scene>);

impl Network for Pipes {
    fn connect<'a>(&'a self, address: &'a str, _config: &'a ClientConfig) -> Connecting<'a> {
        let scene = Arc::clone(&self.0);
        Box::pin(async move {
            let (delay, welcome) = scene.welcome(address);
            pass(delay).await;
            let node = match welcome {
                Welcome::Open(node) => node,
                Welcome::Refuse => return Err(io::ErrorKind::ConnectionRefused.into()),
                Welcome::Ignore => std::future::pending().await,
            };
            let (ours, theirs) = duplex(PIPE_BYTES);
            tokio::spawn(broker::serve(scene, node, theirs));
            let (incoming, outgoing) = tokio::io::split(ours);
            Ok(Stream { incoming: Box::new(incoming), outgoing: Box::new(outgoing) })
        })
    }
}
