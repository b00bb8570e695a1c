//! Which value is in force, and where it comes from.
//!
//! A topic's own value wins; then the broker's dynamic value, the cluster-wide dynamic default, the
//! server's properties file, and the key's default, in that order (KIP-226).

use std::collections::BTreeMap;

use super::group::GroupKey;
use super::key::Key;
use super::topic::{Synonym, TopicKey, Unit};

/// Values by key name.
pub type Values = BTreeMap<String, String>;

/// Where a value comes from, with the codes of DescribeConfigs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    Topic,
    DynamicBroker,
    DynamicDefaultBroker,
    StaticBroker,
    Default,
    BrokerLogger,
    ClientMetrics,
    Group,
}

impl Source {
    /// The code in a DescribeConfigs response.
    #[must_use]
    pub const fn code(self) -> i8 {
        match self {
            Self::Topic => 1,
            Self::DynamicBroker => 2,
            Self::DynamicDefaultBroker => 3,
            Self::StaticBroker => 4,
            Self::Default => 5,
            Self::BrokerLogger => 6,
            Self::ClientMetrics => 7,
            Self::Group => 8,
        }
    }
}

/// One value that is in force, or would be if those before it were not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layer {
    pub name: String,
    pub value: Option<String>,
    pub source: Source,
}

/// The layers that a broker's and its topics' values come from.
#[derive(Clone, Copy, Debug)]
pub struct Layers<'a> {
    /// Set for this broker at run time.
    pub broker: Option<&'a Values>,
    /// Set for all brokers at run time.
    pub cluster: Option<&'a Values>,
    /// The server's properties file and command line.
    pub file: &'a Values,
}

impl Layers<'_> {
    /// Every layer that gives `name` a value, nearest first, the default not included.
    fn of(&self, name: &str, unit: Unit) -> Vec<Layer> {
        let layers = [
            (self.broker, Source::DynamicBroker),
            (self.cluster, Source::DynamicDefaultBroker),
            (Some(self.file), Source::StaticBroker),
        ];
        let mut found = Vec::new();
        for (values, source) in layers {
            if let Some(value) = values.and_then(|values| values.get(name)) {
                found.push(Layer {
                    name: name.to_owned(),
                    value: Some(unit.convert(value)),
                    source,
                });
            }
        }
        found
    }
}

/// The layers of a topic key, nearest first; the first one is in force. Never empty.
#[must_use]
pub fn topic(entry: &TopicKey, own: Option<&Values>, layers: Layers<'_>) -> Vec<Layer> {
    let mut all = Vec::new();
    if let Some(value) = own.and_then(|own| own.get(entry.key.name)) {
        let name = entry.key.name.to_owned();
        all.push(Layer { name, value: Some(value.clone()), source: Source::Topic });
    }
    for synonym in entry.synonyms {
        all.extend(layers.of(synonym.name, synonym.unit));
    }
    let fallback = entry.synonyms.last().map_or(entry.key.name, |synonym| synonym.name);
    all.push(default_layer(fallback, &entry.key));
    all
}

/// The layers of a topic key as Kafka tells of them, nearest first. A key that comes in several units is
/// told of by the one in its own unit and by those behind it: where a file has `log.retention.hours`
/// alone, nothing is told, and `retention.ms` counts as a default.
#[must_use]
pub fn topic_told(entry: &TopicKey, own: Option<&Values>, layers: Layers<'_>) -> Vec<Layer> {
    let [first, _, ..] = entry.synonyms else {
        let mut all = topic(entry, own, layers);
        // The default of a key that the server does not have is nobody's synonym.
        all.retain(|layer| !entry.synonyms.is_empty() || layer.source != Source::Default);
        return all;
    };
    let synonyms = entry.synonyms.iter();
    let mut others: Vec<Layer> =
        synonyms.clone().flat_map(|synonym| layers.of(synonym.name, Unit::Same)).collect();
    others.sort_by_key(|layer| layer.source.code());
    let defaults = synonyms.filter_map(|synonym| super::broker::find(synonym.name));
    others.extend(defaults.map(|entry| default_layer(entry.key.name, &entry.key)));
    others.retain(|layer| layer.value.is_some());
    let known = others.into_iter().skip_while(|layer| layer.name != first.name);
    let own = topic(entry, own, layers).into_iter().filter(|layer| layer.source == Source::Topic);
    own.chain(known).collect()
}

/// The layers of a broker key, nearest first; the first one is in force. Never empty.
#[must_use]
pub fn broker(key: &Key, synonyms: &[Synonym], layers: Layers<'_>) -> Vec<Layer> {
    let mut all = layers.of(key.name, Unit::Same);
    for synonym in synonyms.iter().filter(|synonym| synonym.name != key.name) {
        all.extend(layers.of(synonym.name, Unit::Same));
    }
    all.push(default_layer(key.name, key));
    all
}

/// The layers of a group key, nearest first; the first one is in force. Never empty.
#[must_use]
pub fn group(entry: &GroupKey, own: Option<&Values>, layers: Layers<'_>) -> Vec<Layer> {
    let mut all = Vec::new();
    if let Some(value) = own.and_then(|own| own.get(entry.key.name)) {
        let name = entry.key.name.to_owned();
        all.push(Layer { name, value: Some(value.clone()), source: Source::Group });
    }
    if let Some(synonym) = entry.synonym {
        all.extend(layers.of(synonym, Unit::Same));
    }
    all.push(default_layer(entry.synonym.unwrap_or(entry.key.name), &entry.key));
    all
}

/// The layers of a key of a subscription to client metrics: only what is set has a name.
#[must_use]
pub fn client_metrics(key: &Key, own: Option<&Values>) -> Option<Layer> {
    let value = own?.get(key.name)?;
    Some(Layer {
        name: key.name.to_owned(),
        value: Some(value.clone()),
        source: Source::ClientMetrics,
    })
}

fn default_layer(name: &str, key: &Key) -> Layer {
    let value = key.default.map(str::to_owned);
    Layer { name: name.to_owned(), value, source: Source::Default }
}

/// The value of a topic key that is in force.
#[must_use]
pub fn topic_value(entry: &TopicKey, own: Option<&Values>, layers: Layers<'_>) -> String {
    let nearest = topic(entry, own, layers).into_iter().next();
    nearest.and_then(|layer| layer.value).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::super::topic::find;
    use super::*;

    fn values(pairs: &[(&str, &str)]) -> Values {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn the_nearest_layer_wins_and_hours_become_milliseconds() {
        let retention = find("retention.ms").expect("a topic key");
        let none = values(&[]);
        let hours = values(&[("log.retention.hours", "2")]);
        let dynamic = values(&[("log.retention.ms", "5")]);
        let own = values(&[("retention.ms", "9")]);
        let cases = [
            (None, None, &none, "604800000", Source::Default),
            (None, None, &hours, "7200000", Source::StaticBroker),
            (None, Some(&dynamic), &hours, "5", Source::DynamicDefaultBroker),
            (Some(&own), Some(&dynamic), &hours, "9", Source::Topic),
        ];
        for (own, cluster, file, value, source) in cases {
            let layers = topic(retention, own, Layers { broker: None, cluster, file });
            assert_eq!(layers[0].value.as_deref(), Some(value));
            assert_eq!(layers[0].source, source);
            assert_eq!(layers.last().map(|layer| layer.source), Some(Source::Default));
        }
    }

    #[test]
    fn values_in_other_units_are_told_behind_one_in_the_keys_own() {
        let retention = find("retention.ms").expect("a topic key");
        let told = |own: &[(&str, &str)], file: &[(&str, &str)]| {
            let (own, file) = (values(own), values(file));
            let layers = Layers { broker: None, cluster: None, file: &file };
            let told = topic_told(retention, Some(&own), layers).into_iter();
            told.map(|layer| {
                format!(
                    "{}={} {}",
                    layer.name,
                    layer.value.unwrap_or_default(),
                    layer.source.code()
                )
            })
            .collect::<Vec<_>>()
        };
        let (hours, ms) = (("log.retention.hours", "2"), ("log.retention.ms", "5"));
        let default = "log.retention.hours=168 5";
        assert_eq!(told(&[], &[]), [""; 0]);
        assert_eq!(told(&[], &[hours]), [""; 0]);
        assert_eq!(
            told(&[], &[hours, ms]),
            ["log.retention.ms=5 4", "log.retention.hours=2 4", default]
        );
        assert_eq!(told(&[("retention.ms", "9")], &[hours]), ["retention.ms=9 1"]);
    }
}
