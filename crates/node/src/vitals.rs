//! What `/metrics` and `/readyz` show of this node.

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use ottla_broker::Broker;

use crate::http::Vitals;
use crate::network::Limits;

/// A view of the node's parts.
pub(crate) struct NodeVitals {
    pub broker: Arc<Broker>,
    pub limits: Arc<Limits>,
    pub ready: Arc<AtomicBool>,
}

impl Vitals for NodeVitals {
    fn metrics(&self) -> String {
        let mut text = String::new();
        self.broker.write_metrics(&mut text);
        let _ = writeln!(
            text,
            "# HELP kafka_server_connections Open connections.\n\
             # TYPE kafka_server_connections gauge\nkafka_server_connections {}",
            self.limits.count()
        );
        text.push_str("# EOF\n");
        text
    }

    fn ready(&self) -> Result<(), String> {
        if self.ready.load(Ordering::Acquire) {
            Ok(())
        } else {
            Err("the broker does not serve: it starts or stops".to_owned())
        }
    }
}
