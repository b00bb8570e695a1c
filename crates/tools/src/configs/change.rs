//! `--alter`: setting keys and taking them away.

use std::collections::BTreeMap;

use ottla_client::admin::{Admin, AlterConfigOp, ConfigAlteration, ConfigResource};
use ottla_terminal::connect;
use ottla_terminal::options::Options;
use ottla_terminal::output;

use super::entity::{Entities, Kind};
use super::trouble::Trouble;
use super::{describe, quotas};

/// Runs `--alter`.
pub(super) async fn alter(
    admin: &Admin,
    options: &Options<'_>,
    entities: &Entities,
) -> Result<(), Trouble> {
    let added = to_be_added(options)?;
    let deleted: Vec<String> =
        options.texts("delete-config").iter().map(|key| key.trim().to_owned()).collect();
    let (kind, name) = (entities.kinds[0], &entities.names[0]);
    match kind.resource() {
        None => quotas::alter(admin, entities, &added, &deleted).await?,
        Some((resource, _)) => {
            if kind == Kind::BrokerLoggers {
                check_loggers(admin, name, added.keys().chain(&deleted)).await?;
            }
            let deletions = deleted.into_iter().map(|key| (key, AlterConfigOp::Delete));
            let settings = added.into_iter().map(|(key, value)| (key, AlterConfigOp::Set(value)));
            let alteration = ConfigAlteration {
                resource: ConfigResource { kind: resource, name: name.clone() },
                changes: deletions.chain(settings).collect(),
            };
            for (_, outcome) in admin.alter_configs(&[alteration], false).await? {
                outcome?;
            }
        }
    }
    if name.is_empty() {
        let told = format!("Completed updating default config for {} in the cluster.", kind.name());
        return Ok(output::line(told)?);
    }
    Ok(output::line(format_args!("Completed updating config for {} {name}.", kind.singular()))?)
}

async fn check_loggers(
    admin: &Admin,
    broker: &str,
    named: impl Iterator<Item = &String>,
) -> Result<(), Trouble> {
    let known = describe::entries(admin, Kind::BrokerLoggers, broker, true).await?;
    let is_known = |name: &String| known.iter().any(|entry| entry.name == *name);
    let unknown: Vec<&str> = named.filter(|name| !is_known(name)).map(String::as_str).collect();
    if unknown.is_empty() {
        return Ok(());
    }
    Err(Trouble::Mistake(format!("Invalid broker logger(s): {}", unknown.join(","))))
}

fn to_be_added(options: &Options<'_>) -> Result<BTreeMap<String, String>, Trouble> {
    let mut added = BTreeMap::new();
    if let Some(path) = options.text("add-config-file")? {
        let file = connect::properties_file(path).map_err(|stop| {
            let missing = stop.err.trim_end();
            Trouble::Fault(format!("java.nio.file.NoSuchFileException: {missing}"))
        })?;
        added.extend(file);
    }
    if let Some(text) = options.text("add-config")? {
        added.extend(pairs(text)?);
    }
    let allowed =
        |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '$' | '.' | '_' | '-');
    match added.keys().find(|key| !key.chars().all(allowed)) {
        None => Ok(added),
        Some(key) => {
            Err(Trouble::Mistake(format!("Invalid character found for config key: {key}")))
        }
    }
}

/// `k1=v1,k2=[v1,v2]`: commas and equals signs within brackets belong to the value.
fn pairs(text: &str) -> Result<Vec<(String, String)>, Trouble> {
    let mut parts = split_outside_brackets(text, ',');
    while parts.len() > 1 && parts.last().is_some_and(|part| part.is_empty()) {
        parts.pop();
    }
    let pair = |part: &str| {
        match split_outside_brackets(part, '=').as_slice() {
        [key, value] => {
            let bare: String = value.chars().filter(|letter| !matches!(letter, '[' | ']')).collect();
            Ok((key.trim().to_owned(), bare.trim().to_owned()))
        }
        _ => Err(Trouble::Mistake(
            "requirement failed: Invalid entity config: all configs to be added must be in the format \
             \"key=val\" or  \"key=[val1,val2]\" to group values which contain commas."
                .to_owned(),
        )),
    }
    };
    parts.into_iter().map(pair).collect()
}

fn split_outside_brackets(text: &str, separator: char) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut begun = 0;
    for (at, letter) in text.char_indices() {
        // As Apache's expression has it: outside is where no `]` follows before the next `[`.
        let rest = &text[at + letter.len_utf8()..];
        let is_inside = match (rest.find(']'), rest.find('[')) {
            (Some(close), Some(open)) => close < open,
            (Some(_), None) => true,
            (None, _) => false,
        };
        if letter == separator && !is_inside {
            parts.push(&text[begun..at]);
            begun = at + 1;
        }
    }
    parts.push(&text[begun..]);
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brackets_group_values() {
        for (text, expected) in [
            ("a=1", Some(vec![("a", "1")])),
            ("a=[1,2],b=3", Some(vec![("a", "1,2"), ("b", "3")])),
            ("a=,b=2", Some(vec![("a", ""), ("b", "2")])),
            ("a=[x=y,z=w]", Some(vec![("a", "x=y,z=w")])),
            (" a = 1 ", Some(vec![("a", "1")])),
            ("a=1,", Some(vec![("a", "1")])),
            ("a", None),
            ("a=b=c", None),
        ] {
            let expected = expected.map(|pairs| {
                pairs.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
            });
            assert_eq!(pairs(text).ok(), expected, "{text}");
        }
    }
}
