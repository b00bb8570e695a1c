//! From `--bootstrap-server` and `--command-config` to a client, and from a client's error to the text
//! that Apache's tools print.

use std::collections::BTreeMap;
use std::future::Future;

use ottla_client::admin::Admin;
use ottla_client::{ClientConfig, Cluster, Error};
use ottla_metadata::config::properties;

use crate::options::Stop;
use crate::output;

/// Client properties by name.
pub type Properties = BTreeMap<String, String>;

/// Reads a `.properties` file of client settings. The message of a refusal is the path, as Java has it.
pub fn properties_file(path: &str) -> Result<Properties, Stop> {
    let text = std::fs::read(path).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => Stop::refused(path),
        _ => Stop::refused(format!("{path}: {error}")),
    })?;
    let entries = properties::parse(&String::from_utf8_lossy(&text));
    Ok(entries.into_iter().map(|entry| (entry.key, entry.value)).collect())
}

/// An admin client for `bootstrap_servers`, with the settings of `properties`. Settings that mean
/// nothing are named on standard error. Must be called inside [`block_on`].
pub fn admin(bootstrap_servers: Option<&str>, mut properties: Properties) -> Result<Admin, Stop> {
    if let Some(servers) = bootstrap_servers {
        properties.insert("bootstrap.servers".to_owned(), servers.to_owned());
    }
    let configured = ClientConfig::from_properties(&properties).map_err(Stop::refused)?;
    for warning in &configured.warnings {
        output::warn(warning);
    }
    let cluster = Cluster::new(configured.config).map_err(|error| {
        Stop::refused(format!("Failed to create new KafkaAdminClient: {error}"))
    })?;
    Ok(Admin::new(cluster))
}

/// Runs a tool's work on this thread.
pub fn block_on<T>(work: impl Future<Output = Result<T, Stop>>) -> Result<T, Stop> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Stop::refused(format!("cannot start: {error}")))?;
    output::log_to_stderr();
    let outcome = runtime.block_on(work);
    // Connections need no farewell, and a name being looked up must not hold up the exit.
    runtime.shutdown_background();
    outcome
}

/// What Java's `getMessage()` says of this error.
pub fn message(error: &Error) -> String {
    match error {
        Error::Timeout { operation, last: Some(last), .. } if is_unreachable(last) => {
            format!("Timed out waiting for a node assignment. Call: {operation}")
        }
        other => other.to_string(),
    }
}

/// What Java's `toString()` says of this error: class and message.
pub fn exception(error: &Error) -> String {
    let class = match error {
        Error::Timeout { .. } | Error::RequestTimeout { .. } | Error::ConnectTimeout { .. } => {
            "org.apache.kafka.common.errors.TimeoutException"
        }
        Error::Disconnected { .. } | Error::Connect { .. } => {
            "org.apache.kafka.common.errors.DisconnectException"
        }
        Error::NoOffset { .. } => "org.apache.kafka.clients.consumer.NoOffsetForPartitionException",
        Error::Config(_) => "org.apache.kafka.common.config.ConfigException",
        other => match other.code() {
            Some(code) => return format!("{}: {}", code.exception_name(), message(error)),
            None => "org.apache.kafka.common.KafkaException",
        },
    };
    format!("{class}: {}", message(error))
}

fn is_unreachable(error: &Error) -> bool {
    matches!(error, Error::Connect { .. } | Error::ConnectTimeout { .. } | Error::Resolve { .. })
}
