//! What is configured: types and names as the command line gives them, and the checks of Apache's tool.

use ottla_client::admin::{ConfigResourceKind, ConfigSource};
use ottla_terminal::options::{Options, Stop};

/// Options that name a type and an entity of it.
const NAMED: [(&str, Kind); 8] = [
    ("topic", Kind::Topics),
    ("client", Kind::Clients),
    ("user", Kind::Users),
    ("broker", Kind::Brokers),
    ("broker-logger", Kind::BrokerLoggers),
    ("ip", Kind::Ips),
    ("client-metrics", Kind::ClientMetrics),
    ("group", Kind::Groups),
];

/// Options that name a type and mean its defaults.
const DEFAULTS: [(&str, Kind); 4] = [
    ("client-defaults", Kind::Clients),
    ("user-defaults", Kind::Users),
    ("broker-defaults", Kind::Brokers),
    ("ip-defaults", Kind::Ips),
];

/// The type of an entity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Topics,
    Clients,
    Users,
    Brokers,
    Ips,
    ClientMetrics,
    Groups,
    BrokerLoggers,
}

impl Kind {
    const ALL: [Self; 8] = [
        Self::Topics,
        Self::Clients,
        Self::Users,
        Self::Brokers,
        Self::Ips,
        Self::ClientMetrics,
        Self::Groups,
        Self::BrokerLoggers,
    ];

    /// As `--entity-type` has it.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Topics => "topics",
            Self::Clients => "clients",
            Self::Users => "users",
            Self::Brokers => "brokers",
            Self::Ips => "ips",
            Self::ClientMetrics => "client-metrics",
            Self::Groups => "groups",
            Self::BrokerLoggers => "broker-loggers",
        }
    }

    /// One entity of the type: the name without its last letter.
    pub(super) fn singular(self) -> &'static str {
        let name = self.name();
        &name[..name.len() - 1]
    }

    /// The resource, for types whose configuration is one, and the source of what was set on it.
    pub(super) const fn resource(self) -> Option<(ConfigResourceKind, Option<ConfigSource>)> {
        Some(match self {
            Self::Topics => (ConfigResourceKind::Topic, Some(ConfigSource::DynamicTopic)),
            Self::Brokers => (ConfigResourceKind::Broker, Some(ConfigSource::DynamicBroker)),
            Self::ClientMetrics => {
                (ConfigResourceKind::ClientMetrics, Some(ConfigSource::ClientMetrics))
            }
            Self::Groups => (ConfigResourceKind::Group, Some(ConfigSource::Group)),
            Self::BrokerLoggers => (ConfigResourceKind::BrokerLogger, None),
            Self::Users | Self::Clients | Self::Ips => return None,
        })
    }

    /// Whether there are defaults for all entities of the type.
    const fn has_defaults(self) -> bool {
        matches!(self, Self::Users | Self::Clients | Self::Brokers | Self::Ips)
    }
}

/// The entities that a command line is about. An empty name means the defaults of the type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entities {
    pub(super) kinds: Vec<Kind>,
    pub(super) names: Vec<String>,
}

impl Entities {
    /// Reads and checks them.
    pub(super) fn of(options: &Options<'_>) -> Result<Self, Stop> {
        if options.has("alter") == options.has("describe") {
            let message = "Command must include exactly one action: --describe, --alter";
            return Err(options.usage(message));
        }
        options.forbid_with("describe", &["alter", "add-config", "delete-config"])?;
        let (servers, controllers) =
            (options.has("bootstrap-server"), options.has("bootstrap-controller"));
        let types = types(options)?;
        let repeated = repeated(&types);
        if !repeated.is_empty() {
            let message = format!("Duplicate entity type(s) specified: {}", repeated.join(","));
            return Err(Stop::refused(message));
        }
        if !servers && !controllers {
            return Err(Stop::refused(
                "Either --bootstrap-server or --bootstrap-controller must be specified.",
            ));
        }
        let kinds = types.iter().map(|name| kind(name)).collect::<Result<Vec<Kind>, Stop>>()?;
        let both = [Kind::Users, Kind::Clients];
        match kinds.as_slice() {
            [] => return Err(Stop::refused("At least one entity type must be specified")),
            [_] => {}
            [first, second] if both.contains(first) && both.contains(second) => {}
            _ => {
                return Err(Stop::refused(
                    "Only 'users' and 'clients' entity types may be specified together",
                ));
            }
        }
        let by_type =
            ["entity-name", "entity-type", "entity-default"].iter().any(|name| options.has(name));
        let by_flag = NAMED.iter().chain(&DEFAULTS).any(|(name, _)| options.has(name));
        if by_type && by_flag {
            return Err(Stop::refused(
                "--entity-{type,name,default} should not be used in conjunction with specific entity flags",
            ));
        }
        if servers && controllers {
            return Err(Stop::refused(
                "Only one of --bootstrap-server or --bootstrap-controller can be specified",
            ));
        }
        let entities = Self { kinds, names: names(options)? };
        entities.check_names(options)?;
        if options.has("alter") {
            entities.check_alter(options)?;
        }
        Ok(entities)
    }

    /// The types for a message.
    fn listed(&self) -> String {
        let names: Vec<&str> = self.kinds.iter().map(|kind| kind.name()).collect();
        names.join(",")
    }

    fn has_name(&self) -> bool {
        self.names.iter().any(|name| !name.is_empty())
    }

    fn check_names(&self, options: &Options<'_>) -> Result<(), Stop> {
        let first = self.kinds[0];
        if matches!(first, Kind::Brokers | Kind::BrokerLoggers) {
            let mut named = self.names.iter().filter(|name| !name.is_empty());
            if let Some(wrong) = named.find(|name| name.parse::<i32>().is_err()) {
                return Err(Stop::refused(format!(
                    "The entity name for {} must be a valid integer broker id, but it is: {wrong}",
                    first.name()
                )));
            }
        }
        if options.has("alter") {
            return Ok(());
        }
        if options.has("entity-default") && !self.kinds.iter().any(|kind| kind.has_defaults()) {
            return Err(Stop::refused(format!(
                "--entity-default must not be specified with --describe of {}",
                self.listed()
            )));
        }
        if first == Kind::BrokerLoggers && !self.has_name() {
            return Err(Stop::refused(format!(
                "An entity name must be specified with --describe of {}",
                self.listed()
            )));
        }
        Ok(())
    }

    fn check_alter(&self, options: &Options<'_>) -> Result<(), Stop> {
        if self.kinds.iter().any(|kind| kind.has_defaults()) {
            if self.names.is_empty() {
                return Err(Stop::refused(
                    "An entity-name or default entity must be specified with --alter of users, clients, \
                     brokers or ips",
                ));
            }
        } else if !self.has_name() {
            return Err(Stop::refused(format!(
                "An entity name must be specified with --alter of {}",
                self.listed()
            )));
        }
        let (added, file) = (options.has("add-config"), options.has("add-config-file"));
        if added && file {
            return Err(Stop::refused(
                "Only one of --add-config or --add-config-file must be specified",
            ));
        }
        if !added && !file && !options.has("delete-config") {
            return Err(Stop::refused(
                "At least one of --add-config, --add-config-file, or --delete-config must be specified \
                 with --alter",
            ));
        }
        if self.kinds.len() != self.names.len() {
            return Err(Stop::refused("An entity name must be specified for every entity type"));
        }
        Ok(())
    }
}

fn types(options: &Options<'_>) -> Result<Vec<String>, Stop> {
    let mut types = options.texts("entity-type").to_vec();
    let flags = NAMED.iter().chain(&DEFAULTS);
    types.extend(
        flags.filter(|(name, _)| options.has(name)).map(|(_, kind)| kind.name().to_owned()),
    );
    Ok(types)
}

fn names(options: &Options<'_>) -> Result<Vec<String>, Stop> {
    let given = options.in_order(&["entity-name", "entity-default"]);
    let mut names: Vec<String> =
        given.into_iter().map(|(_, name)| name.unwrap_or_default().to_owned()).collect();
    for (name, _) in NAMED.iter().filter(|(name, _)| options.has(name)) {
        names.extend(options.text(name)?.map(str::to_owned));
    }
    names.extend(DEFAULTS.iter().filter(|(name, _)| options.has(name)).map(|_| String::new()));
    Ok(names)
}

fn repeated(types: &[String]) -> Vec<&str> {
    let mut repeated: Vec<&str> = Vec::new();
    for (at, name) in types.iter().enumerate() {
        if types[..at].contains(name) && !repeated.contains(&name.as_str()) {
            repeated.push(name);
        }
    }
    repeated
}

fn kind(name: &str) -> Result<Kind, Stop> {
    Kind::ALL.into_iter().find(|kind| kind.name() == name).ok_or_else(|| {
        let known: Vec<&str> = Kind::ALL.iter().map(|kind| kind.name()).collect();
        Stop::refused(format!(
            "Invalid entity type {name}, the entity type must be one of {} with a --bootstrap-server or \
             --bootstrap-controller argument",
            known.join(", ")
        ))
    })
}
