//! The files that say what is to move where, and the JSON that is told. Pure.

use ottla_client::TopicPartition;
use serde_json::Value;

use super::trouble::Trouble;
use crate::json::{array, expected, field, integer, object, text};

/// Stands for a directory of the broker's choice.
const ANY: &str = "any";

/// Replicas of partitions, the first of each preferred.
pub(super) type Assignments = Vec<(TopicPartition, Vec<i32>)>;

/// A replica: its partition and its broker. Shown as Kafka shows it: `topic-0-1`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Replica {
    pub(super) partition: TopicPartition,
    pub(super) broker: i32,
}

impl Replica {
    /// Brokers first.
    pub(super) fn order(&self) -> (i32, TopicPartition) {
        (self.broker, self.partition.clone())
    }
}

impl std::fmt::Display for Replica {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}-{}", self.partition, self.broker)
    }
}

/// What a `--reassignment-json-file` says, in its order.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Plan {
    pub(super) assignments: Assignments,
    /// Replicas that are to lie in a certain directory.
    pub(super) directories: Vec<(Replica, String)>,
}

impl Plan {
    /// Reads a file's text.
    pub(super) fn read(source: &str) -> Result<Self, Trouble> {
        let file: Value = serde_json::from_str(source)
            .map_err(|_| Trouble::failed("The input string is not a valid JSON"))?;
        let mut plan = Self::default();
        let Some(listed) = versioned(&file, "partitions").map_err(Trouble::Failed)? else {
            return Ok(plan);
        };
        for entry in array(listed).map_err(Trouble::Failed)? {
            plan.add(entry).map_err(Trouble::Failed)?;
        }
        Ok(plan)
    }

    fn add(&mut self, entry: &Value) -> Result<(), String> {
        let entry = object(entry)?;
        let topic = text(field(entry, "topic")?)?;
        let key = TopicPartition::new(topic, integer(field(entry, "partition")?)?);
        let replicas: Vec<i32> =
            array(field(entry, "replicas")?)?.iter().map(integer).collect::<Result<_, _>>()?;
        let directories: Vec<String> = match entry.get("log_dirs") {
            None => vec![ANY.to_owned(); replicas.len()],
            Some(listed) => array(listed)?
                .iter()
                .map(|one| one.as_str().map(str::to_owned).ok_or_else(|| expected("String", one)))
                .collect::<Result<_, _>>()?,
        };
        if replicas.len() != directories.len() {
            return Err(format!(
                "Size of replicas list {replicas:?} is different from size of log dirs list [{}] for \
                 partition {key}",
                directories.join(", ")
            ));
        }
        let placed = replicas.iter().zip(directories).filter(|(_, directory)| directory != ANY);
        self.directories.extend(placed.map(|(broker, directory)| {
            (Replica { partition: key.clone(), broker: *broker }, directory)
        }));
        self.assignments.push((key, replicas));
        Ok(())
    }

    /// What can't be executed: nothing at all, nowhere, or the same twice.
    pub(super) fn check(&self) -> Result<(), Trouble> {
        if self.assignments.is_empty() {
            return Err(Trouble::failed("Partition reassignment list cannot be empty"));
        }
        if self.assignments.iter().any(|(_, replicas)| replicas.is_empty()) {
            return Err(Trouble::failed("Partition replica list cannot be empty"));
        }
        let keys: Vec<&TopicPartition> = self.assignments.iter().map(|(key, _)| key).collect();
        let twice = repeated(&keys);
        if !twice.is_empty() {
            let twice = joined(&twice, ",");
            let told =
                format!("Partition reassignment contains duplicate topic partitions: {twice}");
            return Err(Trouble::Failed(told));
        }
        let entries: Vec<String> = self
            .assignments
            .iter()
            .filter_map(|(key, replicas)| {
                let twice = repeated(replicas);
                let told =
                    || format!("{key} contains multiple entries for {}", joined(&twice, ","));
                (!twice.is_empty()).then(told)
            })
            .collect();
        if entries.is_empty() {
            return Ok(());
        }
        Err(Trouble::Failed(format!(
            "Partition replica lists may not contain duplicate entries: {}",
            entries.join(". ")
        )))
    }

    /// The partitions, in order of their names.
    pub(super) fn keys(&self) -> Vec<TopicPartition> {
        let mut keys: Vec<_> = self.assignments.iter().map(|(key, _)| key.clone()).collect();
        keys.sort();
        keys.dedup();
        keys
    }
}

/// The topics that a `--topics-to-move-json-file` names.
pub(super) fn topics(source: &str) -> Result<Vec<String>, Trouble> {
    let file: Value = serde_json::from_str(source)
        .map_err(|_| Trouble::failed("The input string is not a valid JSON"))?;
    let listed = versioned(&file, "topics").map_err(Trouble::Failed)?;
    let entries = listed.map_or(Ok(&[][..]), array).map_err(Trouble::Failed)?;
    let name = |entry: &Value| text(field(object(entry)?, "topic")?).map(str::to_owned);
    entries.iter().map(name).collect::<Result<_, _>>().map_err(Trouble::Failed)
}

/// A list of version 1, the only one there is.
fn versioned<'a>(file: &'a Value, list: &str) -> Result<Option<&'a Value>, String> {
    let file = object(file)?;
    let version = file.get("version").map_or(Ok(1), integer)?;
    if version != 1 {
        return Err(format!("Not supported version field value {version}"));
    }
    Ok(file.get(list))
}

/// What comes more than once.
pub(super) fn repeated<T: PartialEq + Clone>(items: &[T]) -> Vec<T> {
    let mut repeated: Vec<T> = Vec::new();
    for (at, item) in items.iter().enumerate() {
        if items[..at].contains(item) && !repeated.contains(item) {
            repeated.push(item.clone());
        }
    }
    repeated
}

pub(super) fn joined<T: ToString>(items: &[T], separator: &str) -> String {
    items.iter().map(ToString::to_string).collect::<Vec<_>>().join(separator)
}

/// Assignments as a file of them would have them, in order of their names, with the directories of those replicas
/// that have one.
pub(super) fn as_json(assignments: &Assignments, directories: &[(Replica, String)]) -> String {
    let mut sorted: Vec<&(TopicPartition, Vec<i32>)> = assignments.iter().collect();
    sorted.sort();
    let directory = |key: &TopicPartition, broker: i32| {
        let is_it = |(replica, _): &&(Replica, String)| {
            replica.broker == broker && replica.partition == *key
        };
        let found = directories.iter().find(is_it).map(|(_, directory)| directory.as_str());
        Value::from(found.unwrap_or(ANY)).to_string()
    };
    let entries: Vec<String> = sorted
        .iter()
        .map(|(key, replicas)| {
            let topic = Value::from(&*key.topic);
            let places: Vec<String> =
                replicas.iter().map(|broker| directory(key, *broker)).collect();
            format!(
                "{{\"topic\":{topic},\"partition\":{},\"replicas\":[{}],\"log_dirs\":[{}]}}",
                key.partition,
                joined(replicas, ","),
                places.join(",")
            )
        })
        .collect();
    format!("{{\"version\":1,\"partitions\":[{}]}}", entries.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(outcome: Result<Plan, Trouble>) -> String {
        match outcome.and_then(|plan| plan.check().map(|()| plan)) {
            Err(Trouble::Failed(message)) => message,
            other => format!("{other:?}"),
        }
    }

    #[test]
    fn what_is_told_can_be_read_again() {
        let assignments =
            vec![(TopicPartition::new("b", 0), vec![2]), (TopicPartition::new("a", 1), vec![1, 2])];
        let replica = Replica { partition: TopicPartition::new("b", 0), broker: 2 };
        let json = as_json(&assignments, &[(replica, "/x".to_owned())]);
        assert_eq!(
            json,
            "{\"version\":1,\"partitions\":[\
             {\"topic\":\"a\",\"partition\":1,\"replicas\":[1,2],\"log_dirs\":[\"any\",\"any\"]},\
             {\"topic\":\"b\",\"partition\":0,\"replicas\":[2],\"log_dirs\":[\"/x\"]}]}"
        );
        let plan = Plan::read(&json).expect("valid");
        assert_eq!(plan.assignments.len(), 2);
        assert!(plan.directories.len() == 1 && plan.check().is_ok());
    }

    #[test]
    fn what_cannot_be_is_told_as_kafka_tells_it() {
        let one = r#"{"topic":"a","partition":0,"replicas":[1],"log_dirs":["/x"]}"#;
        let plan = Plan::read(&format!(r#"{{"partitions":[{one}]}}"#)).expect("valid");
        assert_eq!(plan.directories[0].0.to_string(), "a-0-1");
        for (entries, wrong) in [
            (String::new(), "Partition reassignment list cannot be empty"),
            (
                format!("{one},{one}"),
                "Partition reassignment contains duplicate topic partitions: a-0",
            ),
            (
                r#"{"topic":"a","partition":0,"replicas":[]}"#.to_owned(),
                "Partition replica list cannot be empty",
            ),
            (
                r#"{"topic":"a","partition":0,"replicas":[1,2,1]}"#.to_owned(),
                "Partition replica lists may not contain duplicate entries: a-0 contains multiple entries for 1",
            ),
            (
                r#"{"topic":"a","partition":0,"replicas":[1],"log_dirs":[]}"#.to_owned(),
                "Size of replicas list [1] is different from size of log dirs list [] for partition a-0",
            ),
            (r#"{"topic":"a"}"#.to_owned(), "No such field exists: `partition`"),
        ] {
            let text = format!(r#"{{"version":1,"partitions":[{entries}]}}"#);
            assert_eq!(refusal(Plan::read(&text)), wrong, "{text}");
        }
        assert_eq!(refusal(Plan::read(r#"{"version":2}"#)), "Not supported version field value 2");
        assert_eq!(topics(r#"{"topics":[{"topic":"a"}]}"#).expect("valid"), ["a"]);
    }
}
