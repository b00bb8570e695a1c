//! `cordoned.log.dirs` (KIP-1066): the directories of `log.dirs` that take no new logs.

/// The value that stands for every directory.
const ALL: &str = "*";

/// Why Kafka refuses a list of cordoned directories, in its words; `None` when it takes it.
#[must_use]
pub fn refusal(cordoned: &[String], log_dirs: &[String]) -> Option<String> {
    if cordoned.iter().any(|item| item == ALL) {
        let message = "When cordoned.log.dirs is set to *, it must not contain other values";
        return (cordoned.len() > 1).then(|| message.to_owned());
    }
    let missing: Vec<&str> =
        cordoned.iter().filter(|item| !log_dirs.contains(item)).map(String::as_str).collect();
    (!missing.is_empty()).then(|| {
        format!(
            "All entries in cordoned.log.dirs must be present in log.dirs or log.dir. Missing entries : {}",
            missing.join(", ")
        )
    })
}

/// Whether the list cordons a directory, named as `log.dirs` names it.
#[must_use]
pub fn cordons(cordoned: &[String], log_dir: &str) -> bool {
    cordoned.iter().any(|item| item == ALL || item == log_dir)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(items: &[&str]) -> Vec<String> {
        items.iter().map(|item| (*item).to_owned()).collect()
    }

    #[test]
    fn lists_are_judged_as_kafka_does() {
        let log_dirs = list(&["/a", "/b"]);
        for (cordoned, complaint) in [
            (list(&[]), None),
            (list(&["/a"]), None),
            (list(&["/b", "/b"]), None),
            (list(&["*"]), None),
            (list(&["*", "/a"]), Some("must not contain other values")),
            (list(&["/a", "/x", "/y"]), Some("Missing entries : /x, /y")),
        ] {
            let refusal = refusal(&cordoned, &log_dirs);
            assert_eq!(refusal.is_some(), complaint.is_some(), "{cordoned:?}");
            let told = refusal.unwrap_or_default();
            assert!(told.contains(complaint.unwrap_or_default()), "{told}");
        }
        assert!(cordons(&list(&["*"]), "/a"));
        assert!(cordons(&list(&["/a"]), "/a"));
        assert!(!cordons(&list(&["/b"]), "/a"));
    }
}
