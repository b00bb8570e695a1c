//! What producer, consumer and admin have in common: how to reach the cluster.

use std::collections::BTreeMap;
use std::time::Duration;

use super::properties::{ConfigError, Configured, Properties};

/// `client.dns.lookup`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AddressLookup {
    /// Try each address a name resolves to.
    AllIps,
    /// Also resolve each bootstrap address back to its canonical name.
    CanonicalBootstrap,
}

/// `metadata.recovery.strategy` (KIP-899).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MetadataRecovery {
    /// When no known node answers, begin again with the bootstrap list.
    Rebootstrap,
    /// Keep to the nodes last heard of.
    Keep,
}

/// How to reach a cluster. Defaults are those of Kafka's admin client.
#[derive(Clone, Debug)]
pub struct ClientConfig {
    /// `bootstrap.servers`: `host:port`, comma-separated.
    pub bootstrap_servers: Vec<String>,
    /// `client.dns.lookup`.
    pub address_lookup: AddressLookup,
    /// `client.id`.
    pub client_id: String,
    /// `request.timeout.ms`.
    pub request_timeout: Duration,
    /// `default.api.timeout.ms`: an operation with all its attempts.
    pub api_timeout: Duration,
    /// `retries`: attempts after the first.
    pub retries: u32,
    /// `retry.backoff.ms`.
    pub retry_backoff: Duration,
    /// `retry.backoff.max.ms`.
    pub retry_backoff_max: Duration,
    /// `reconnect.backoff.ms`.
    pub reconnect_backoff: Duration,
    /// `reconnect.backoff.max.ms`.
    pub reconnect_backoff_max: Duration,
    /// `socket.connection.setup.timeout.ms`.
    pub connect_timeout: Duration,
    /// `connections.max.idle.ms`; `None` never closes an idle connection.
    pub idle_timeout: Option<Duration>,
    /// `metadata.max.age.ms`.
    pub metadata_max_age: Duration,
    /// `metadata.recovery.strategy`.
    pub metadata_recovery: MetadataRecovery,
    /// `send.buffer.bytes`; -1 leaves it to the operating system.
    pub send_buffer: i32,
    /// `receive.buffer.bytes`; -1 leaves it to the operating system.
    pub receive_buffer: i32,
    /// `client.rack`.
    pub rack: String,
}

impl ClientConfig {
    /// Defaults, for the given `host:port` addresses.
    pub fn new(bootstrap_servers: &str) -> Self {
        let list = bootstrap_servers.split(',').map(str::trim).filter(|entry| !entry.is_empty());
        Self {
            bootstrap_servers: list.map(str::to_owned).collect(),
            address_lookup: AddressLookup::AllIps,
            client_id: String::new(),
            request_timeout: Duration::from_secs(30),
            api_timeout: Duration::from_secs(60),
            retries: i32::MAX.unsigned_abs(),
            retry_backoff: Duration::from_millis(100),
            retry_backoff_max: Duration::from_secs(1),
            reconnect_backoff: Duration::from_millis(50),
            reconnect_backoff_max: Duration::from_secs(1),
            connect_timeout: Duration::from_secs(10),
            idle_timeout: Some(Duration::from_mins(5)),
            metadata_max_age: Duration::from_mins(5),
            metadata_recovery: MetadataRecovery::Rebootstrap,
            send_buffer: 131_072,
            receive_buffer: 65_536,
            rack: String::new(),
        }
    }

    /// Reads an admin client's properties.
    pub fn from_properties(
        values: &BTreeMap<String, String>,
    ) -> Result<Configured<ClientConfig>, ConfigError> {
        let mut properties = Properties::new(values);
        let config = Self::read(&mut properties, ClientConfig::new(""))?;
        Ok(properties.finish(config))
    }

    /// Reads the common keys; `defaults` differ between producer, consumer and admin.
    pub fn read(
        properties: &mut Properties<'_>,
        defaults: ClientConfig,
    ) -> Result<ClientConfig, ConfigError> {
        refuse_what_is_not_spoken(properties)?;
        let bootstrap_servers = properties.list("bootstrap.servers");
        if bootstrap_servers.is_empty() {
            return Err(ConfigError::Missing { key: "bootstrap.servers" });
        }
        let mut duration = |key, default: Duration| {
            let default = u64::try_from(default.as_millis()).unwrap_or(u64::MAX);
            properties.millis(key, default).map(Duration::from_millis)
        };
        let request_timeout = duration("request.timeout.ms", defaults.request_timeout)?;
        let api_timeout = duration("default.api.timeout.ms", defaults.api_timeout)?;
        let retry_backoff = duration("retry.backoff.ms", defaults.retry_backoff)?;
        let retry_backoff_max = duration("retry.backoff.max.ms", defaults.retry_backoff_max)?;
        let reconnect_backoff = duration("reconnect.backoff.ms", defaults.reconnect_backoff)?;
        let reconnect_backoff_max =
            duration("reconnect.backoff.max.ms", defaults.reconnect_backoff_max)?;
        let connect_timeout =
            duration("socket.connection.setup.timeout.ms", defaults.connect_timeout)?;
        let metadata_max_age = duration("metadata.max.age.ms", defaults.metadata_max_age)?;
        let idle_default = defaults.idle_timeout.map_or(-1, |idle| idle.as_millis() as i64);
        let idle = properties.number("connections.max.idle.ms", idle_default, ..)?;
        let retries = properties.int("retries", i32::MAX, 0)?.unsigned_abs();
        Ok(ClientConfig {
            bootstrap_servers,
            address_lookup: properties.choice(
                "client.dns.lookup",
                &[
                    ("use_all_dns_ips", AddressLookup::AllIps),
                    ("resolve_canonical_bootstrap_servers_only", AddressLookup::CanonicalBootstrap),
                ],
            )?,
            client_id: properties.text("client.id").map_or(defaults.client_id, str::to_owned),
            request_timeout,
            api_timeout,
            retries,
            retry_backoff: retry_backoff.min(retry_backoff_max),
            retry_backoff_max,
            reconnect_backoff: reconnect_backoff.min(reconnect_backoff_max),
            reconnect_backoff_max,
            connect_timeout,
            idle_timeout: u64::try_from(idle).ok().map(Duration::from_millis),
            metadata_max_age,
            metadata_recovery: properties.choice(
                "metadata.recovery.strategy",
                &[("rebootstrap", MetadataRecovery::Rebootstrap), ("none", MetadataRecovery::Keep)],
            )?,
            send_buffer: properties.int("send.buffer.bytes", defaults.send_buffer, -1)?,
            receive_buffer: properties.int("receive.buffer.bytes", defaults.receive_buffer, -1)?,
            rack: properties.text("client.rack").unwrap_or_default().to_owned(),
        })
    }
}

fn refuse_what_is_not_spoken(properties: &mut Properties<'_>) -> Result<(), ConfigError> {
    let protocol = properties.text("security.protocol").unwrap_or("PLAINTEXT");
    if protocol.eq_ignore_ascii_case("PLAINTEXT") {
        return Ok(());
    }
    let known = ["SSL", "SASL_PLAINTEXT", "SASL_SSL"];
    let detail = if known.iter().any(|name| name.eq_ignore_ascii_case(protocol)) {
        format!("security.protocol={protocol} is not supported yet, only PLAINTEXT is")
    } else {
        format!(
            "Invalid value {protocol} for configuration security.protocol: String must be one of \
             (case insensitive): SASL_SSL, PLAINTEXT, SSL, SASL_PLAINTEXT"
        )
    };
    Err(ConfigError::Conflict { detail })
}
