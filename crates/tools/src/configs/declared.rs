//! The options of `kafka-configs.sh`.

use ottla_metadata::config::group::{CLIENT_METRICS_KEYS, GROUP_KEYS};
use ottla_metadata::config::{broker, topic};
use ottla_terminal::options::Parser;

use super::quota_names::{CLIENT, IP, USER};

pub(super) fn parser() -> Parser {
    let mut parser = Parser::new();
    parser
        .value("bootstrap-server", "The Kafka servers to connect to.")
        .described_as("server to connect to");
    parser
        .value("bootstrap-controller", "The Kafka controllers to connect to.")
        .described_as("controller to connect to");
    parser
        .value(
            "command-config",
            "Property file containing configs to be passed to Admin Client. This is used only with \
             --bootstrap-server option for describing and altering broker configs.",
        )
        .described_as("command config property file");
    parser.flag("alter", "Alter the configuration for the entity.");
    parser.flag("describe", "List configs for the given entity.");
    parser.flag(
        "all",
        "List all configs for the given entity, including static configs if available.",
    );
    changes(&mut parser);
    entities(&mut parser);
    parser
}

fn changes(parser: &mut Parser) {
    parser.value("add-config", keys());
    parser.value(
        "add-config-file",
        "Path to a properties file with configs to add. See add-config for a list of valid \
         configurations.",
    );
    parser.value("delete-config", "config keys to remove 'k1,k2'").separated_by(',');
}

fn entities(parser: &mut Parser) {
    parser.value(
        "entity-type",
        "Type of entity (topics/clients/users/brokers/broker-loggers/ips/client-metrics/groups)",
    );
    parser.value(
        "entity-name",
        "Name of entity (topic name/client id/user principal name/broker id/ip/client metrics/group id)",
    );
    parser.flag(
        "entity-default",
        "Default entity name for clients/users/brokers/ips (applies to corresponding entity type)",
    );
    parser.value("topic", "The topic's name.");
    parser.value("client", "The client's ID.");
    parser.flag("client-defaults", "The config defaults for all clients.");
    parser.value("user", "The user's principal name.");
    parser.flag("user-defaults", "The config defaults for all users.");
    parser.value("broker", "The broker's ID.");
    parser.flag("broker-defaults", "The config defaults for all brokers.");
    parser.value("broker-logger", "The broker's ID for its logger config.");
    parser.flag("ip-defaults", "The config defaults for all IPs.");
    parser.value("ip", "The IP address.");
    parser.value("group", "The group's ID.");
    parser.value("client-metrics", "The client metrics config resource name.");
}

fn keys() -> String {
    let topic: Vec<&str> = topic::kafka_names().collect();
    let mut text = String::from(
        "Key Value pairs of configs to add. Square brackets can be used to group values which contain \
         commas: 'k1=v1,k2=[v1,v2,v2],k3=v3'. The following is a list of valid configurations: ",
    );
    let client_metrics: Vec<&str> = CLIENT_METRICS_KEYS.iter().map(|key| key.name).collect();
    let group: Vec<&str> = GROUP_KEYS.iter().map(|entry| entry.key.name).collect();
    let kinds: [(&str, &[&str]); 7] = [
        ("topics", &topic),
        ("brokers", &broker::dynamic()),
        ("users", &USER),
        ("clients", &CLIENT),
        ("ips", &IP),
        ("client-metrics", &client_metrics),
        ("groups", &group),
    ];
    for (kind, names) in kinds {
        text.push_str(&format!("For entity-type '{kind}': \n\t{}\n", names.join("\n\t")));
    }
    text.push_str(
        "Entity types 'users' and 'clients' may be specified together to update config for clients of a \
         specific user.",
    );
    text
}
