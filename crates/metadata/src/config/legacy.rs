//! Keys of older Kafkas, and what became of them.

use super::resolve::Values;
use super::server::Notice;

/// Keys that Kafka removed, each with what holds now.
const REMOVED: &[(&str, &str)] = &[
    ("inter.broker.protocol.version", "the feature level metadata.version took its place"),
    ("log.message.format.version", "records are always stored in format 2"),
    ("log.message.downconversion.enable", "records are never converted to older formats"),
    (
        "log.message.timestamp.difference.max.ms",
        "use log.message.timestamp.before.max.ms and log.message.timestamp.after.max.ms",
    ),
    ("broker.id.generation.enable", "the node's id is 1 when nobody gives one"),
    ("reserved.broker.max.id", "every node id from 0 on is allowed"),
    ("control.plane.listener.name", "controllers have listeners of their own"),
    ("delegation.token.master.key", "use delegation.token.secret.key"),
    ("offsets.commit.required.acks", "an offset commit always waits for all in-sync replicas"),
];

/// Puts today's names in the place of old ones, and says so.
pub(super) fn translate(given: &mut Values, notices: &mut Vec<Notice>) {
    endpoint(given, notices, ("host.name", "port"), "listeners");
    endpoint(given, notices, ("advertised.host.name", "advertised.port"), "advertised.listeners");
    let zookeeper: Vec<String> =
        given.keys().filter(|name| name.starts_with("zookeeper.")).cloned().collect();
    for name in zookeeper {
        given.remove(&name);
        notices.push(Notice::Warn(format!(
            "{name} is ignored: there is no ZooKeeper; the node keeps the cluster's metadata in its own quorum"
        )));
    }
    for (name, now) in REMOVED {
        if given.remove(*name).is_some() {
            notices.push(Notice::Warn(format!("{name} is ignored: {now}")));
        }
    }
    if given.contains_key("broker.id") && !given.contains_key("node.id") {
        notices.push(Notice::Info("broker.id is the old name of node.id".to_owned()));
        // -1 asked old brokers to make up an id.
        if given.get("broker.id").is_some_and(|id| id.trim() == "-1") {
            given.remove("broker.id");
        }
    }
}

fn endpoint(
    given: &mut Values,
    notices: &mut Vec<Notice>,
    (host_key, port_key): (&str, &str),
    today: &str,
) {
    let host = given.remove(host_key);
    let port = given.remove(port_key);
    if host.is_none() && port.is_none() {
        return;
    }
    let old: Vec<&str> = [(host_key, &host), (port_key, &port)]
        .into_iter()
        .filter(|(_, value)| value.is_some())
        .map(|(name, _)| name)
        .collect();
    let old = old.join(" and ");
    if given.contains_key(today) {
        notices.push(Notice::Warn(format!("{old} is ignored: {today} is set and wins")));
        return;
    }
    let host = host.unwrap_or_default();
    let port = port.unwrap_or_else(|| "9092".to_owned());
    let value = format!("PLAINTEXT://{}:{}", host.trim(), port.trim());
    notices.push(Notice::Warn(format!("{old} is an old spelling: it became {today}={value}")));
    given.insert(today.to_owned(), value);
}
