//! `listeners`, `advertised.listeners` and the protocol map, parsed and checked against each other.

use std::fmt;

use ottla_metadata::config::ServerConfig;

use crate::error::StartError;

/// One `NAME://host:port`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// The listener's name, upper case.
    pub name: String,
    /// Empty: every address.
    pub host: String,
    /// 0: any free port.
    pub port: u16,
}

impl fmt::Display for Endpoint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(formatter, "{}://[{}]:{}", self.name, self.host, self.port)
        } else {
            write!(formatter, "{}://{}:{}", self.name, self.host, self.port)
        }
    }
}

/// What the node listens on and what it tells others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoints {
    /// Listeners that serve the broker's APIs.
    pub broker: Vec<Endpoint>,
    /// Listeners that serve the controller's APIs.
    pub controller: Vec<Endpoint>,
    /// What clients are told, one for each broker listener; port 0 follows the bound port.
    pub advertised: Vec<Endpoint>,
    /// The name of the listener that other brokers use.
    pub inter_broker: String,
}

impl Endpoints {
    /// Reads and checks the endpoints of a configuration.
    ///
    /// # Errors
    /// A malformed or contradictory entry, with what to write instead.
    pub fn from_config(config: &ServerConfig) -> Result<Self, StartError> {
        let all = parse_all("listeners", &config.list("listeners"))?;
        let controller_names: Vec<String> =
            config.list("controller.listener.names").iter().map(|name| upper(name)).collect();
        for endpoint in &all {
            require_plaintext(config, endpoint)?;
        }
        unique(&all, "listeners")?;
        let is_controller = |endpoint: &Endpoint| controller_names.contains(&endpoint.name);
        let (controller, broker): (Vec<_>, Vec<_>) = all.into_iter().partition(is_controller);
        if broker.is_empty() {
            return Err(StartError::config("listeners", "names no listener for the broker")
                .hint("add one, for example PLAINTEXT://:9092"));
        }
        let advertised = advertised(config, &broker, &controller_names)?;
        let inter_broker = inter_broker(config, &broker)?;
        Ok(Self { broker, controller, advertised, inter_broker })
    }
}

fn advertised(
    config: &ServerConfig,
    broker: &[Endpoint],
    controller_names: &[String],
) -> Result<Vec<Endpoint>, StartError> {
    let key = "advertised.listeners";
    let mut given = parse_all(key, &config.list(key))?;
    given.retain(|endpoint| !controller_names.contains(&endpoint.name));
    for endpoint in &given {
        if matches!(endpoint.host.as_str(), "" | "0.0.0.0" | "::") {
            return Err(StartError::config(
                key,
                format!("{endpoint} can't be reached by a client"),
            )
            .hint("write a host name or address that clients can connect to"));
        }
        if !broker.iter().any(|listener| listener.name == endpoint.name) {
            return Err(StartError::config(key, format!("{} is not in listeners", endpoint.name))
                .hint("advertise only names that listeners binds"));
        }
    }
    if given.is_empty() {
        given = broker.iter().map(|endpoint| reachable(endpoint.clone())).collect();
    }
    Ok(given)
}

/// A listener on every address is advertised by the machine's own name, as Kafka does.
fn reachable(mut endpoint: Endpoint) -> Endpoint {
    if matches!(endpoint.host.as_str(), "" | "0.0.0.0" | "::") {
        endpoint.host = own_host_name();
    }
    endpoint
}

/// The machine's host name where it resolves, `localhost` otherwise.
fn own_host_name() -> String {
    use std::net::ToSocketAddrs;
    let name = rustix::system::uname().nodename().to_string_lossy().into_owned();
    let resolves = (name.as_str(), 0).to_socket_addrs().is_ok_and(|mut all| all.next().is_some());
    if resolves { name } else { "localhost".to_owned() }
}

fn inter_broker(config: &ServerConfig, broker: &[Endpoint]) -> Result<String, StartError> {
    let key = "inter.broker.listener.name";
    match config.text(key) {
        Some(name) if broker.iter().any(|endpoint| endpoint.name == upper(name)) => Ok(upper(name)),
        Some(name) => Err(StartError::config(key, format!("{name} is not in listeners"))
            .hint("name one of the listeners that the broker binds")),
        None => Ok(broker[0].name.clone()),
    }
}

fn require_plaintext(config: &ServerConfig, endpoint: &Endpoint) -> Result<(), StartError> {
    let map = config.list("listener.security.protocol.map");
    let mapped = map.iter().find_map(|entry| {
        let (name, protocol) = entry.split_once(':')?;
        (upper(name) == endpoint.name).then(|| upper(protocol))
    });
    let controllers = config.list("controller.listener.names");
    let protocol = match mapped {
        Some(protocol) => protocol,
        None if controllers.iter().any(|name| upper(name) == endpoint.name) => {
            "PLAINTEXT".to_owned()
        }
        None => {
            let detail = format!("{} has no security protocol", endpoint.name);
            return Err(StartError::config("listeners", detail).hint(format!(
                "add {}:PLAINTEXT to listener.security.protocol.map",
                endpoint.name
            )));
        }
    };
    match protocol.as_str() {
        "PLAINTEXT" => Ok(()),
        "SSL" | "SASL_PLAINTEXT" | "SASL_SSL" => {
            let detail = format!("{} asks for {protocol}, which is not built yet", endpoint.name);
            Err(StartError::config("listeners", detail).hint("use PLAINTEXT on a trusted network"))
        }
        other => Err(StartError::config(
            "listener.security.protocol.map",
            format!("{other} is not a security protocol"),
        )
        .hint("write PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL")),
    }
}

fn unique(endpoints: &[Endpoint], key: &str) -> Result<(), StartError> {
    for (at, endpoint) in endpoints.iter().enumerate() {
        let earlier = &endpoints[..at];
        if earlier.iter().any(|other| other.name == endpoint.name) {
            return Err(StartError::config(key, format!("{} stands twice", endpoint.name))
                .hint("each listener needs a name of its own"));
        }
        let same_port = |other: &&Endpoint| other.port == endpoint.port && endpoint.port != 0;
        if let Some(other) = earlier.iter().find(same_port)
            && other.host == endpoint.host
        {
            let detail = format!("{other} and {endpoint} share a port");
            return Err(StartError::config(key, detail).hint("give each listener its own port"));
        }
    }
    Ok(())
}

fn parse_all(key: &str, entries: &[String]) -> Result<Vec<Endpoint>, StartError> {
    entries
        .iter()
        .map(|entry| {
            parse(entry).ok_or_else(|| {
                StartError::config(key, format!("{entry} is not an endpoint"))
                    .hint("write NAME://host:port, for example PLAINTEXT://localhost:9092")
            })
        })
        .collect()
}

/// Reads `NAME://host:port`; the host may be empty or a bracketed IPv6 address.
fn parse(entry: &str) -> Option<Endpoint> {
    let (name, address) = entry.trim().split_once("://")?;
    let (host, port) = address.rsplit_once(':')?;
    let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    let valid_name =
        !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || "_-.".contains(c));
    let port: u16 = port.parse().ok()?;
    valid_name.then(|| Endpoint { name: upper(name), host: host.to_owned(), port })
}

fn upper(name: &str) -> String {
    name.trim().to_ascii_uppercase()
}

#[cfg(test)]
mod tests {
    use ottla_metadata::config::properties;

    use super::*;

    fn endpoints(file: &str) -> Result<Endpoints, StartError> {
        let (config, _) = ServerConfig::new(properties::parse(file)).expect("valid values");
        Endpoints::from_config(&config)
    }

    #[test]
    fn several_listeners_are_told_apart() {
        let read = endpoints(
            "listeners=PLAINTEXT://127.0.0.1:9092,EXTERNAL://:9094,CONTROLLER://[::1]:9093\n\
             controller.listener.names=CONTROLLER\n\
             advertised.listeners=PLAINTEXT://localhost:9092,EXTERNAL://broker.test:19094\n\
             listener.security.protocol.map=PLAINTEXT:PLAINTEXT,external:PLAINTEXT\n",
        )
        .expect("valid");
        let told = |all: &[Endpoint]| all.iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(told(&read.broker), ["PLAINTEXT://127.0.0.1:9092", "EXTERNAL://:9094"]);
        assert_eq!(told(&read.controller), ["CONTROLLER://[::1]:9093"]);
        assert_eq!(
            told(&read.advertised),
            ["PLAINTEXT://localhost:9092", "EXTERNAL://broker.test:19094"]
        );
        assert_eq!(read.inter_broker, "PLAINTEXT");
    }

    #[test]
    fn contradictions_are_refused_with_a_hint() {
        let cases = [
            ("listeners=localhost:9092", "is not an endpoint"),
            ("listeners=PLAINTEXT://h:70000", "is not an endpoint"),
            ("listeners=A://h:1", "has no security protocol"),
            ("listeners=SSL://h:1", "not built yet"),
            ("listeners=PLAINTEXT://h:1,PLAINTEXT://h:2", "stands twice"),
            (
                "listeners=PLAINTEXT://h:1,B://h:1\nlistener.security.protocol.map=B:PLAINTEXT,PLAINTEXT:PLAINTEXT",
                "share a port",
            ),
            (
                "listeners=PLAINTEXT://h:1\nadvertised.listeners=PLAINTEXT://0.0.0.0:1",
                "can't be reached",
            ),
            ("listeners=PLAINTEXT://h:1\nadvertised.listeners=X://a:1", "is not in listeners"),
            ("inter.broker.listener.name=X", "is not in listeners"),
            ("listeners=C://h:1\ncontroller.listener.names=C", "names no listener for the broker"),
        ];
        for (file, detail) in cases {
            let error = endpoints(file).expect_err(file);
            assert!(error.to_string().contains(detail), "{file}: {error}");
            assert!(error.hint.is_some(), "{file}");
        }
    }
}
