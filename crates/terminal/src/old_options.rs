//! Options of older Kafkas that old scripts still use: each works, with a warning that says what
//! happens instead. They stay out of the help.

use crate::output;

/// Where brokers listen when only the address of a ZooKeeper is known.
const BROKER_PORT: u16 = 9092;

/// Puts `--bootstrap-server` in the place of `--zookeeper` and `--broker-list`.
pub fn translate(arguments: &[String]) -> Vec<String> {
    let (translated, warnings) = translated(arguments);
    warnings.iter().for_each(output::warn);
    translated
}

fn translated(arguments: &[String]) -> (Vec<String>, Vec<String>) {
    let named = |option: &str| {
        let joined = format!("{option}=");
        arguments.iter().any(|word| word == option || word.starts_with(&joined))
    };
    let has_bootstrap = named("--bootstrap-server") || named("--broker-list");
    let (mut kept, mut warnings) = (Vec::new(), Vec::new());
    let mut rest = arguments.iter();
    while let Some(word) = rest.next() {
        let (option, joined) = match word.split_once('=') {
            Some((option, value)) => (option, Some(value.to_owned())),
            None => (word.as_str(), None),
        };
        if option != "--zookeeper" && option != "--broker-list" {
            kept.push(word.clone());
            continue;
        }
        let Some(value) = joined.or_else(|| rest.next().cloned()) else {
            kept.push(word.clone());
            break;
        };
        if option == "--broker-list" {
            warnings.push("--broker-list is the old name of --bootstrap-server".to_owned());
            kept.extend(["--bootstrap-server".to_owned(), value]);
        } else if has_bootstrap {
            warnings.push("--zookeeper is ignored: there is no ZooKeeper".to_owned());
        } else {
            let brokers = brokers(&value);
            warnings.push(format!(
                "--zookeeper {value}: there is no ZooKeeper; asking the brokers at {brokers} instead, \
                 as --bootstrap-server {brokers} would"
            ));
            kept.extend(["--bootstrap-server".to_owned(), brokers]);
        }
    }
    (kept, warnings)
}

/// The hosts of a ZooKeeper connection string, with the port of brokers.
fn brokers(zookeeper: &str) -> String {
    let hosts = zookeeper.split('/').next().unwrap_or_default().split(',');
    let brokers: Vec<String> = hosts
        .map(|host| {
            let name = host.trim().rsplit_once(':').map_or(host.trim(), |(name, _)| name);
            format!("{name}:{BROKER_PORT}")
        })
        .collect();
    brokers.join(",")
}

#[cfg(test)]
mod tests {
    use super::translated;

    #[test]
    fn old_options_name_brokers() {
        for (before, after) in [
            ("--list --zookeeper localhost:2181", "--list --bootstrap-server localhost:9092"),
            ("--zookeeper=a:1,[::1]:2/x", "--bootstrap-server a:9092,[::1]:9092"),
            ("--zookeeper a --bootstrap-server b:1", "--bootstrap-server b:1"),
            ("--broker-list b:1 --topic t", "--bootstrap-server b:1 --topic t"),
            ("--zookeeper", "--zookeeper"),
        ] {
            let words: Vec<String> = before.split(' ').map(str::to_owned).collect();
            let (words, warnings) = translated(&words);
            assert_eq!(words.join(" "), after);
            assert_eq!(warnings.is_empty(), before == after, "{before}");
        }
    }
}
