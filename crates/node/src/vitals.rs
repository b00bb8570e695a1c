//! What `/metrics` and `/readyz` show of this node.

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use ottla_broker::Broker;

use crate::http::{Metrics, Vitals};
use crate::network::Limits;

/// A view of the node's parts.
pub(crate) struct NodeVitals {
    pub broker: Arc<Broker>,
    pub limits: Arc<Limits>,
    pub ready: Arc<AtomicBool>,
}

impl Vitals for NodeVitals {
    fn metrics(&self) -> Metrics<'_> {
        Box::pin(self.text())
    }

    fn ready(&self) -> Result<(), String> {
        if self.ready.load(Ordering::Acquire) {
            Ok(())
        } else {
            Err("the broker does not serve: it starts or stops".to_owned())
        }
    }
}

impl NodeVitals {
    async fn text(&self) -> String {
        let mut text = String::new();
        self.broker.write_metrics(&mut text).await;
        let _ = writeln!(
            text,
            "# HELP kafka_server_connections Open connections.\n\
             # TYPE kafka_server_connections gauge\nkafka_server_connections {}",
            self.limits.count()
        );
        text.push_str("# EOF\n");
        text
    }
}
