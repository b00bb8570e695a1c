//! The differences that stay on purpose, each with its row of `docs/compatibility.md`.

use super::book::{Case, Step};
use super::compare::Difference;
use anyhow::{Context, Result, bail};
use std::fmt;
use std::path::Path;

/// API, pattern of the case, pattern of the difference as it is printed, and the first cell of the
/// row that says why. A `*` in a pattern stands for any text.
const EXPECTED: &[(&str, &str, &str, &str)] = &[
    ("ApiVersions", "*", "apiKeys[*]: kafka * | ottla absent", NOT_BUILT),
    ("ApiVersions", "*", "apiKeys[18].maxVersion: kafka 4 | ottla 5", NEWER),
    ("ApiVersions", "*", "apiKeys[28].maxVersion: kafka 5 | ottla 6", NEWER),
    ("ApiVersions", "*", "apiKeys[42].maxVersion: kafka 2 | ottla 3", NEWER),
    ("ApiVersions", "*", "finalizedFeatures[*]: kafka * | ottla absent", FEATURES),
    ("UpdateFeatures", "features / kraft.version to 1", "error*", ONE_CONTROLLER),
    (
        "UpdateFeatures",
        "features / \"metadata.version\" to 7, type 4",
        "errorMessage: *",
        DOWNGRADES,
    ),
    ("CreateTopics", "*", "*[min.insync.replicas].configSource: kafka 3 | ottla 5", FEATURES),
    ("DescribeConfigs", "*", "*[min.insync.replicas].configSource: kafka 3 | ottla 5", FEATURES),
    ("DescribeConfigs", "*", "*[min.insync.replicas].synonyms[*", FEATURES),
    ("DescribeConfigs", "*", "*[4 ].configs[min.insync.replicas]: kafka *", FEATURES),
    ("IncrementalAlterConfigs", "*min.insync.replicas*", "responses[4 1].error*", FEATURES),
    ("DescribeConfigs", "*", "*.documentation: kafka *", DOCUMENTATION),
    ("DescribeConfigs", "*", "results[4 1].configs[*]: kafka {* | ottla absent", ABSENT_KEYS),
    ("DescribeConfigs", "*", "*.configs[ottla.*]: kafka absent *", OWN_KEYS),
    ("CreateTopics", "*", "*.configs[ottla.*]: kafka absent *", OWN_KEYS),
    ("DescribeConfigs", "*", "results[4 1].configs[*.interval.ms]: kafka absent *", OWN_KEYS),
    ("DescribeConfigs", "*", "*[log.initial.task.delay.ms]: kafka absent *", OWN_KEYS),
    ("DescribeConfigs", "*", "*[unstable.api.versions.enable]: kafka absent *", OWN_KEYS),
    ("DescribeConfigs", "*", "results[4 1].configs[*listener*].readOnly: *", LISTENERS),
    ("IncrementalAlterConfigs", "*\"listeners\"*", "responses[4 *].errorMessage: *", LISTENERS),
    ("DescribeConfigs", "*", "results[4 1].configs[broker.id].*", BROKER_ID),
    ("CreateTopics", "* / internal.segment.bytes=*", "topics[config-value].*", OWN_KEYS),
    ("DescribeLogDirs", "*", "*topics[codec-*].partitionSize: *", COMPRESSED),
    ("Fetch", "* / what was produced to corrupt", "*.records[0].offset: kafka 37 *", DELTAS),
    ("Metadata", "* / neither id nor name", "*", FAILS_INSIDE),
    ("DescribeTopicPartitions", "* / an empty name", "topics*", FAILS_INSIDE),
    ("Produce", "* / null records", "answer: kafka \"no answer\" | ottla *", FAILS_INSIDE),
    ("Produce", "* / a length far too long", "*errorCode: kafka -1 *", FAILS_INSIDE),
    ("Fetch", "limits of a fetch / -*", "responses[limits]*", FAILS_INSIDE),
    (
        "IncrementalAlterConfigs",
        "*\"retention.ms\", 4,*",
        "responses[2 alter].error*",
        FAILS_INSIDE,
    ),
    ("IncrementalAlterConfigs", "describe loggers / operation 4", "*error*", FAILS_INSIDE),
    ("IncrementalAlterConfigs", "describe loggers / operation -1", "*error*", FAILS_INSIDE),
    ("Produce", "markers / marked writes *", "*.logStartOffset: kafka -1 | ottla 0", OLD_EPOCH),
    ("WriteTxnMarkers", "markers / of transaction version -1,*", "*errorCode: *", FAILS_INSIDE),
    (
        "AddPartitionsToTxn",
        "* / one of them twice",
        "resultsByTransaction[one #2].topicResults*",
        TRANSACTION_TWICE,
    ),
    ("Fetch", "* / deleted up to 12,*", "*.lastStableOffset: kafka 11 | ottla 12", CUT_TRANSACTION),
    ("ListOffsets", "* / deleted up to 12,*", "*.offset: kafka 11 | ottla 12", CUT_TRANSACTION),
    ("ListOffsets", "transactions in one partition / *", "*: kafka -1 | *", CUT_SEGMENT),
    (
        "IncrementalAlterConfigs",
        "*\"retention.ms\", -1,*",
        "responses[2 alter].error*",
        FAILS_INSIDE,
    ),
];

const ABSENT_KEYS: &str = "keys of Kafka that concern parts not built yet";
const BROKER_ID: &str = "`broker.id` of a node that was given a `node.id`";
const COMPRESSED: &str = "sizes of what the broker compressed";
const CUT_SEGMENT: &str = "an offset for a time after DeleteRecords";
const CUT_TRANSACTION: &str = "the last stable offset where DeleteRecords cut an open transaction";
const DELTAS: &str = "a batch whose records do not count from 0";
const DOCUMENTATION: &str = "documentation of configurations";
const DOWNGRADES: &str = "why a `metadata.version` can't go down";
const FAILS_INSIDE: &str = "requests at which Kafka fails inside";
const FEATURES: &str = "feature levels of a new cluster";
const LISTENERS: &str =
    "`listeners`, `advertised.listeners`, `listener.security.protocol.map` at run time";
const NEWER: &str = "API versions that Kafka 4.4 added";
const NOT_BUILT: &str = "APIs of parts that are not built yet";
const OLD_EPOCH: &str = "`logStartOffset` where a write is refused for its old epoch";
const ONE_CONTROLLER: &str = "raising `kraft.version`";
const OWN_KEYS: &str = "keys that one of the two does not show";
const TRANSACTION_TWICE: &str = "a transactional id twice in one AddPartitionsToTxn";

/// One entry of the list.
#[derive(Clone, Debug)]
pub struct Expected {
    api: &'static str,
    case: &'static str,
    difference: &'static str,
    row: &'static str,
    /// Whether it has explained something in this run.
    pub used: bool,
}

/// The list, once every row it names was found.
pub fn read(root: &Path) -> Result<Vec<Expected>> {
    let page = root.join("docs/compatibility.md");
    let text = std::fs::read_to_string(&page).with_context(|| page.display().to_string())?;
    let rows = rows(&text);
    let mut list = Vec::new();
    for (api, case, difference, row) in EXPECTED {
        if !rows.contains(row) {
            bail!("{} has no row {row:?}", page.display());
        }
        list.push(Expected { api, case, difference, row, used: false });
    }
    Ok(list)
}

impl Expected {
    /// Whether this is the reason of a difference.
    pub fn explains(&self, case: &Case, step: &Step, difference: &Difference) -> bool {
        matches(self.api, step.api.name())
            && matches(self.case, &format!("{} / {}", case.name, step.name))
            && matches(self.difference, &difference.to_string())
    }
}

impl fmt::Display for Expected {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {:?} {:?} ({})", self.api, self.case, self.difference, self.row)
    }
}

/// The first cells of the page's tables.
fn rows(page: &str) -> Vec<&str> {
    page.lines()
        .filter_map(|line| line.strip_prefix("| "))
        .filter_map(|line| line.split(" |").next())
        .collect()
}

/// Whether a text is what a pattern says, where `*` is any text.
fn matches(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((start, rest)) => text.strip_prefix(start).is_some_and(|text| {
            (0..=text.len())
                .filter(|at| text.is_char_boundary(*at))
                .any(|at| matches(rest, &text[at..]))
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns() {
        let cases = [
            ("", "", true),
            ("*", "", true),
            ("*", "abc", true),
            ("a*c", "abbc", true),
            ("a*c", "abb", false),
            ("topics[*].errorCode", "topics[a b].errorCode", true),
            ("topics[*].errorCode", "topics[a].name", false),
        ];
        for (pattern, text, wanted) in cases {
            assert_eq!(matches(pattern, text), wanted, "{pattern} {text}");
        }
    }

    #[test]
    fn rows_are_first_cells() {
        let page = "# A\n\n| what | why |\n|---|---|\n| a `b` | c |\n";
        assert_eq!(rows(page), ["what", "a `b`"]);
    }
}
