//! A producer's properties.

use std::collections::BTreeMap;
use std::time::Duration;

use ottla_cluster::ClientConfig;
use ottla_cluster::config::{ConfigError, Configured, Properties, invalid};
use ottla_wire::records::{Compression, CompressionType};

/// How many replicas must have a record before it is acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Acks {
    /// None: the broker does not even answer.
    None,
    /// The leader.
    Leader,
    /// All that are in sync.
    All,
}

impl Acks {
    /// The number on the wire.
    pub const fn id(self) -> i16 {
        match self {
            Self::None => 0,
            Self::Leader => 1,
            Self::All => -1,
        }
    }
}

/// How records find their partition when the caller names none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Partitioning {
    /// By the hash of the key; without one, a partition for as long as it takes to fill a batch (KIP-794).
    BuiltIn {
        /// `partitioner.ignore.keys`.
        ignore_keys: bool,
        /// `partitioner.adaptive.partitioning.enable`: prefer partitions with short queues.
        adaptive: bool,
    },
    /// Each partition in turn, whatever the key.
    RoundRobin,
}

/// How a producer works.
#[derive(Clone, Debug)]
pub struct ProducerConfig {
    /// How to reach the cluster.
    pub client: ClientConfig,
    /// `acks`.
    pub acks: Acks,
    /// `batch.size`, in bytes.
    pub batch_size: usize,
    /// `linger.ms`.
    pub linger: Duration,
    /// `buffer.memory`, in bytes.
    pub buffer_memory: usize,
    /// `max.block.ms`.
    pub max_block: Duration,
    /// `max.request.size`, in bytes.
    pub request_size_max: usize,
    /// `compression.type` and its level.
    pub compression: Compression,
    /// `delivery.timeout.ms`.
    pub delivery_timeout: Duration,
    /// `max.in.flight.requests.per.connection`.
    pub in_flight_max: usize,
    /// `enable.idempotence`.
    pub idempotence: bool,
    /// `partitioner.class` and its settings.
    pub partitioning: Partitioning,
}

/// More requests than this under way would make an idempotent producer's sequences ambiguous: a broker
/// remembers so many batches of a producer, and knows older ones no more when they are sent again.
pub(super) const IDEMPOTENT_IN_FLIGHT_MAX: usize = 5;

impl ProducerConfig {
    /// Defaults, for the given `host:port` addresses.
    pub fn new(bootstrap_servers: &str) -> Self {
        Self {
            client: defaults(bootstrap_servers),
            acks: Acks::All,
            batch_size: 16_384,
            linger: Duration::from_millis(5),
            buffer_memory: 33_554_432,
            max_block: Duration::from_mins(1),
            request_size_max: 1_048_576,
            compression: Compression::NONE,
            delivery_timeout: Duration::from_mins(2),
            in_flight_max: 5,
            idempotence: true,
            partitioning: Partitioning::BuiltIn { ignore_keys: false, adaptive: true },
        }
    }

    /// Reads Kafka's producer properties.
    pub fn from_properties(
        values: &BTreeMap<String, String>,
    ) -> Result<Configured<ProducerConfig>, ConfigError> {
        let mut properties = Properties::new(values);
        if let Some(id) = properties.text("transactional.id") {
            let detail = format!("transactional.id={id}: transactions are not supported yet");
            return Err(ConfigError::Conflict { detail });
        }
        let client = ClientConfig::read(&mut properties, defaults(""))?;
        let (acks, idempotence) = acks_and_idempotence(&mut properties)?;
        let in_flight_max =
            properties.int("max.in.flight.requests.per.connection", 5, 1)?.unsigned_abs() as usize;
        let linger = Duration::from_millis(properties.millis("linger.ms", 5)?);
        let mut config = ProducerConfig {
            acks,
            batch_size: size(properties.int("batch.size", 16_384, 0)?),
            linger,
            buffer_memory: usize::try_from(properties.number(
                "buffer.memory",
                33_554_432,
                0..=i64::MAX,
            )?)
            .unwrap_or(usize::MAX),
            max_block: Duration::from_millis(properties.millis("max.block.ms", 60_000)?),
            request_size_max: size(properties.int("max.request.size", 1_048_576, 0)?),
            compression: compression(&mut properties)?,
            delivery_timeout: delivery_timeout(&mut properties, linger, &client)?,
            in_flight_max,
            idempotence: false,
            partitioning: partitioning(&mut properties)?,
            client,
        };
        config.idempotence = config.settle_idempotence(idempotence)?;
        Ok(properties.finish(config))
    }

    /// `asked` is what the user set; unset, idempotence gives way to what contradicts it.
    fn settle_idempotence(&self, asked: Option<bool>) -> Result<bool, ConfigError> {
        if asked == Some(false) {
            return Ok(false);
        }
        let contradiction = if self.acks != Acks::All {
            "Must set acks to all in order to use the idempotent producer. Otherwise we cannot guarantee idempotence."
        } else if self.client.retries == 0 {
            "Must set retries to non-zero when using the idempotent producer."
        } else if self.in_flight_max > IDEMPOTENT_IN_FLIGHT_MAX {
            "Must set max.in.flight.requests.per.connection to at most 5 to use the idempotent producer."
        } else {
            return Ok(true);
        };
        match asked {
            Some(true) => Err(ConfigError::Conflict { detail: contradiction.to_owned() }),
            _ => Ok(false),
        }
    }
}

fn defaults(bootstrap_servers: &str) -> ClientConfig {
    ClientConfig {
        idle_timeout: Some(Duration::from_mins(9)),
        receive_buffer: 32_768,
        ..ClientConfig::new(bootstrap_servers)
    }
}

fn size(number: i32) -> usize {
    number.unsigned_abs() as usize
}

fn acks_and_idempotence(
    properties: &mut Properties<'_>,
) -> Result<(Acks, Option<bool>), ConfigError> {
    let choices = [("all", Acks::All), ("-1", Acks::All), ("0", Acks::None), ("1", Acks::Leader)];
    let acks = properties.choice("acks", &choices)?;
    let asked = match properties.text("enable.idempotence") {
        None => None,
        Some(_) => Some(properties.flag("enable.idempotence", true)?),
    };
    Ok((acks, asked))
}

fn compression(properties: &mut Properties<'_>) -> Result<Compression, ConfigError> {
    let kinds = CompressionType::ALL.map(|kind| (kind.name(), kind));
    let kind = properties.choice("compression.type", &kinds)?;
    let mut compression = Compression::of(kind);
    for (key, leveled) in [
        ("compression.gzip.level", CompressionType::Gzip),
        ("compression.lz4.level", CompressionType::Lz4),
        ("compression.zstd.level", CompressionType::Zstd),
    ] {
        let Some(text) = properties.text(key) else { continue };
        let level = text.parse::<i32>().ok();
        let chosen = level.and_then(|level| Compression::with_level(leveled, level));
        let chosen =
            chosen.ok_or_else(|| invalid(key, text, "the codec has no such level".to_owned()))?;
        if leveled == kind {
            compression = chosen;
        }
    }
    Ok(compression)
}

fn delivery_timeout(
    properties: &mut Properties<'_>,
    linger: Duration,
    client: &ClientConfig,
) -> Result<Duration, ConfigError> {
    let least = linger.saturating_add(client.request_timeout);
    let is_set = properties.text("delivery.timeout.ms").is_some();
    let asked = Duration::from_millis(properties.millis("delivery.timeout.ms", 120_000)?);
    if asked >= least {
        return Ok(asked);
    }
    if is_set {
        return Err(ConfigError::Conflict {
            detail: "delivery.timeout.ms should be equal to or larger than linger.ms + request.timeout.ms"
                .to_owned(),
        });
    }
    Ok(least)
}

fn partitioning(properties: &mut Properties<'_>) -> Result<Partitioning, ConfigError> {
    let ignore_keys = properties.flag("partitioner.ignore.keys", false)?;
    let adaptive = properties.flag("partitioner.adaptive.partitioning.enable", true)?;
    let built_in = Partitioning::BuiltIn { ignore_keys, adaptive };
    match properties.text("partitioner.class") {
        None | Some("" | "null") => Ok(built_in),
        Some(class) if class.rsplit('.').next() == Some("RoundRobinPartitioner") => {
            Ok(Partitioning::RoundRobin)
        }
        Some(class) => {
            Err(invalid("partitioner.class", class, format!("Class {class} could not be found.")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(entries: &[(&str, &str)]) -> Result<ProducerConfig, String> {
        let mut values: BTreeMap<String, String> =
            entries.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        values.insert("bootstrap.servers".to_owned(), "a:1".to_owned());
        let read = ProducerConfig::from_properties(&values);
        read.map(|configured| configured.config).map_err(|error| error.to_string())
    }

    #[test]
    fn idempotence_gives_way_unless_it_was_asked_for() {
        // properties, idempotent or refused
        let cases: [(&[(&str, &str)], Option<bool>); 7] = [
            (&[], Some(true)),
            (&[("acks", "1")], Some(false)),
            (&[("acks", "-1")], Some(true)),
            (&[("retries", "0")], Some(false)),
            (&[("max.in.flight.requests.per.connection", "6")], Some(false)),
            (&[("acks", "1"), ("enable.idempotence", "true")], None),
            (&[("enable.idempotence", "false")], Some(false)),
        ];
        for (entries, expected) in cases {
            let found = read(entries).map(|config| config.idempotence);
            assert_eq!(found.clone().ok(), expected, "{entries:?} {found:?}");
        }
    }

    #[test]
    fn values_are_kafkas() {
        let config = read(&[
            ("compression.type", "zstd"),
            ("compression.zstd.level", "7"),
            ("linger.ms", "200000"),
        ])
        .expect("valid");
        assert_eq!(config.compression.level(), 7);
        assert_eq!(config.delivery_timeout, Duration::from_secs(230));
        let refused = [
            ("compression.type", "brotli"),
            ("compression.zstd.level", "99"),
            ("acks", "2"),
            ("delivery.timeout.ms", "1"),
            ("partitioner.class", "com.example.Mine"),
            ("transactional.id", "t"),
        ];
        for (key, value) in refused {
            assert!(read(&[(key, value)]).is_err(), "{key}={value}");
        }
    }
}
