//! Who shall answer a request, and where to begin.

use std::net::ToSocketAddrs;
use std::sync::Arc;

use crate::config::{AddressLookup, ClientConfig, ConfigError};
use crate::error::Error;
use crate::topic_partition::TopicPartition;

/// Who shall answer a request.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Target {
    /// Any broker, the least busy first.
    Any,
    /// This broker.
    Node(i32),
    /// The broker that stands for the controller.
    Controller,
    /// The leader of a partition.
    Leader(TopicPartition),
    /// The coordinator of a group.
    Group(String),
    /// The coordinator of a transactional id.
    Transaction(String),
}

/// Refuses bootstrap lists that can't be addresses, in Kafka's words.
pub(super) fn check_bootstrap(servers: &[String]) -> Result<(), Error> {
    if servers.is_empty() {
        return Err(ConfigError::Conflict {
            detail: "No bootstrap urls given in bootstrap.servers".to_owned(),
        }
        .into());
    }
    for server in servers {
        if host_and_port(server).is_none() {
            let detail = format!("Invalid url in bootstrap.servers: {server}");
            return Err(ConfigError::Conflict { detail }.into());
        }
    }
    Ok(())
}

/// The bootstrap list as `host:port`, with names replaced as `client.dns.lookup` wants it.
pub(super) async fn bootstrap_addresses(config: &ClientConfig) -> Result<Vec<String>, Error> {
    let servers = config.bootstrap_servers.iter().filter_map(|server| host_and_port(server));
    let plain: Vec<String> = servers.map(|(host, port)| format!("{host}:{port}")).collect();
    if config.address_lookup == AddressLookup::AllIps {
        return Ok(plain);
    }
    let addresses = plain.join(", ");
    let resolved = tokio::task::spawn_blocking(move || {
        let mut all = Vec::new();
        for address in plain {
            all.extend(address.to_socket_addrs()?.map(|found| found.to_string()));
        }
        Ok(all)
    });
    resolved
        .await
        .map_err(|_| Error::Closed)?
        .map_err(|source: std::io::Error| Error::Resolve { addresses, source: Arc::new(source) })
}

/// Splits `[PROTOCOL://]host:port`; IPv6 addresses stand in brackets.
fn host_and_port(url: &str) -> Option<(&str, u16)> {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let (host, port) = rest.rsplit_once(':')?;
    let bracketed = host.starts_with('[') && host.ends_with(']');
    if host.is_empty() || (host.contains(':') && !bracketed) {
        return None;
    }
    Some((host, port.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_read_as_kafka_reads_them() {
        let cases = [
            ("localhost:9092", Some(("localhost", 9092))),
            ("PLAINTEXT://10.0.0.1:9092", Some(("10.0.0.1", 9092))),
            ("[::1]:9092", Some(("[::1]", 9092))),
            ("::1:9092", None),
            ("localhost", None),
            ("localhost:", None),
            (":9092", None),
            ("localhost:99999", None),
        ];
        for (url, expected) in cases {
            assert_eq!(host_and_port(url), expected, "{url}");
        }
    }
}
