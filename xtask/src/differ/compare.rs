//! Two trees, field by field. Elements of lists meet by what names them, not by their place.

use ottla_wire::codec::Tree;
use ottla_wire::{ApiKey, ErrorCode};
use std::collections::BTreeMap;
use std::fmt;

/// Fields that name an element of a list; an element may have several.
const NAMING: [&str; 21] = [
    "index",
    "name",
    "topic",
    "topicName",
    "groupId",
    "group",
    "key",
    "resourceType",
    "resourceName",
    "configName",
    "memberId",
    "partitionIndex",
    "partition",
    "partitionId",
    "apiKey",
    "nodeId",
    "brokerId",
    "logDir",
    "topicId",
    "producerId",
    "transactionalId",
];

/// Lists that Kafka fills from a hash table: their order says nothing.
const UNORDERED: [(ApiKey, &str); 28] = [
    (ApiKey::Produce, "partitionResponses"),
    (ApiKey::Metadata, "topics"),
    (ApiKey::ListOffsets, "topics"),
    (ApiKey::ListOffsets, "partitions"),
    (ApiKey::DeleteTopics, "responses"),
    (ApiKey::ListGroups, "groups"),
    (ApiKey::DescribeLogDirs, "topics"),
    (ApiKey::DescribeLogDirs, "partitions"),
    (ApiKey::OffsetFetch, "topics"),
    (ApiKey::OffsetFetch, "partitions"),
    (ApiKey::DeleteGroups, "results"),
    (ApiKey::DescribeGroups, "groups"),
    (ApiKey::ListConfigResources, "configResources"),
    (ApiKey::DescribeConfigs, "configs"),
    (ApiKey::ElectLeaders, "replicaElectionResults"),
    (ApiKey::ApiVersions, "supportedFeatures"),
    (ApiKey::ApiVersions, "finalizedFeatures"),
    (ApiKey::JoinGroup, "members"),
    (ApiKey::AddPartitionsToTxn, "resultsByTopicV3AndBelow"),
    (ApiKey::AddPartitionsToTxn, "topicResults"),
    (ApiKey::AddPartitionsToTxn, "resultsByPartition"),
    (ApiKey::WriteTxnMarkers, "markers"),
    (ApiKey::WriteTxnMarkers, "topics"),
    (ApiKey::WriteTxnMarkers, "partitions"),
    (ApiKey::DescribeTransactions, "topics"),
    (ApiKey::DescribeTransactions, "partitions"),
    (ApiKey::ListTransactions, "transactionStates"),
    (ApiKey::ListTransactions, "unknownStateFilters"),
];

/// A field that differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// `topics[a].partitions[0].errorCode`; empty for the whole answer.
    pub path: String,
    pub kafka: String,
    pub ottla: String,
}

impl fmt::Display for Difference {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = if self.path.is_empty() { "answer" } else { &self.path };
        write!(formatter, "{path}: kafka {} | ottla {}", self.kafka, self.ottla)
    }
}

/// Every difference between two answers.
pub fn differences(api: ApiKey, kafka: &Tree, ottla: &Tree) -> Vec<Difference> {
    let mut found = Vec::new();
    walk("", "", kafka, ottla, &mut found);
    let unordered = |difference: &Difference| {
        let list = difference.path.strip_suffix(ORDER).map(last_name);
        list.is_some_and(|list| UNORDERED.contains(&(api, list)))
    };
    found.retain(|difference| !unordered(difference));
    found
}

const ORDER: &str = " order";

/// The field that a path ends with.
fn last_name(path: &str) -> &str {
    path.rsplit(['.', ']']).next().unwrap_or(path)
}

fn walk(path: &str, name: &str, kafka: &Tree, ottla: &Tree, found: &mut Vec<Difference>) {
    match (kafka, ottla) {
        (Tree::Struct(left), Tree::Struct(right)) => {
            for ((name, left), (_, right)) in left.iter().zip(right) {
                let separator = if path.is_empty() { "" } else { "." };
                walk(&format!("{path}{separator}{name}"), name, left, right, found);
            }
        }
        (Tree::List(left), Tree::List(right)) => lists(path, name, left, right, found),
        (left, right) if left == right => {}
        (left, right) => found.push(Difference {
            path: path.to_owned(),
            kafka: shown(name, left),
            ottla: shown(name, right),
        }),
    }
}

fn lists(path: &str, name: &str, kafka: &[Tree], ottla: &[Tree], found: &mut Vec<Difference>) {
    let (left, right) = (named(name, kafka), named(name, ottla));
    let by_name: BTreeMap<&str, &Tree> =
        right.iter().map(|(name, tree)| (name.as_str(), *tree)).collect();
    let mut shared = Vec::new();
    for (key, element) in &left {
        let place = format!("{path}[{key}]");
        match by_name.get(key.as_str()) {
            Some(other) => {
                shared.push(key.as_str());
                walk(&place, name, element, other, found);
            }
            None => found.push(Difference {
                path: place,
                kafka: shown(name, element),
                ottla: "absent".to_owned(),
            }),
        }
    }
    let mut order = Vec::new();
    for (key, element) in &right {
        if shared.contains(&key.as_str()) {
            order.push(key.as_str());
        } else {
            found.push(Difference {
                path: format!("{path}[{key}]"),
                kafka: "absent".to_owned(),
                ottla: shown(name, element),
            });
        }
    }
    if order != shared {
        found.push(Difference {
            path: format!("{path}{ORDER}"),
            kafka: shared.join(" "),
            ottla: order.join(" "),
        });
    }
}

/// The elements of a list with the names they meet by; a name that comes again is counted.
fn named<'t>(list: &str, elements: &'t [Tree]) -> Vec<(String, &'t Tree)> {
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    elements
        .iter()
        .enumerate()
        .map(|(index, element)| {
            let key = naming(list, element).unwrap_or_else(|| index.to_string());
            let times = seen.entry(key.clone()).or_default();
            *times += 1;
            let key = if *times > 1 { format!("{key} #{times}") } else { key };
            (key, element)
        })
        .collect()
}

fn naming(list: &str, element: &Tree) -> Option<String> {
    let fields = match element {
        // Batches and records meet by their place.
        _ if list == "records" => return None,
        Tree::Struct(fields) => fields,
        Tree::List(_) | Tree::Null => return None,
        leaf => return Some(shown("", leaf)),
    };
    let parts: Vec<String> = fields
        .iter()
        .filter(|(name, _)| NAMING.contains(name))
        .filter_map(|(name, field)| match field {
            Tree::Integer(number) => Some(number.to_string()),
            Tree::Text(_) if *name == "topicId" && has_name(fields) => None,
            Tree::Text(text) => Some(text.clone()),
            _ => None,
        })
        .collect();
    (!parts.is_empty()).then(|| parts.join(" "))
}

fn has_name(fields: &[(&'static str, Tree)]) -> bool {
    fields.iter().any(|(name, field)| {
        matches!(*name, "name" | "topic" | "topicName") && matches!(field, Tree::Text(_))
    })
}

/// A value for a person: error codes by their names, structures in one line.
pub fn shown(name: &str, tree: &Tree) -> String {
    match tree {
        Tree::Null => "null".to_owned(),
        Tree::Bool(value) => value.to_string(),
        Tree::Integer(number) if name == "errorCode" => match i16::try_from(*number) {
            Ok(code) => format!("{number} {}", ErrorCode::from_code(code).name()),
            Err(_) => number.to_string(),
        },
        Tree::Integer(number) => number.to_string(),
        Tree::Float(number) => number.to_string(),
        Tree::Text(text) => format!("{text:?}"),
        Tree::Bytes(bytes) => format!("{bytes:?}"),
        Tree::Elsewhere(length) => format!("{length} bytes elsewhere"),
        Tree::Uuid(id) => id.to_string(),
        Tree::List(elements) => {
            let elements: Vec<String> =
                elements.iter().map(|element| shown(name, element)).collect();
            format!("[{}]", elements.join(", "))
        }
        Tree::Struct(fields) => {
            let fields: Vec<String> = fields
                .iter()
                .map(|(name, field)| format!("{name}: {}", shown(name, field)))
                .collect();
            format!("{{{}}}", fields.join(", "))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn topic(name: &str, code: i16) -> Tree {
        Tree::Struct(vec![("name", Tree::from(&name.to_owned())), ("errorCode", Tree::from(code))])
    }

    fn answer(topics: Vec<Tree>) -> Tree {
        Tree::Struct(vec![("topics", Tree::List(topics))])
    }

    #[test]
    fn elements_meet_by_name() {
        let cases = [
            (vec![topic("a", 0)], vec![topic("a", 0)], vec![]),
            (
                vec![topic("a", 3)],
                vec![topic("a", 0)],
                vec!["topics[a].errorCode: kafka 3 UNKNOWN_TOPIC_OR_PARTITION | ottla 0 NONE"],
            ),
            (
                vec![topic("a", 0), topic("b", 0)],
                vec![topic("b", 0), topic("a", 0)],
                vec!["topics order: kafka a b | ottla b a"],
            ),
            (
                vec![topic("a", 0), topic("a", 42)],
                vec![topic("a", 0)],
                vec![
                    "topics[a #2]: kafka {name: \"a\", errorCode: 42 INVALID_REQUEST} | ottla absent",
                ],
            ),
        ];
        for (kafka, ottla, wanted) in cases {
            let found: Vec<String> =
                differences(ApiKey::CreateTopics, &answer(kafka), &answer(ottla))
                    .iter()
                    .map(ToString::to_string)
                    .collect();
            assert_eq!(found, wanted);
        }
    }
}
