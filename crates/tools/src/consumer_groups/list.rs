//! `--list`: which groups there are, and their types and states.

use ottla_client::admin::{Admin, GroupListing, GroupsFilter};
use ottla_terminal::java_order::sort_as_hash_map;
use ottla_terminal::options::Options;
use ottla_terminal::output;

use super::failure::Failure;

/// States that a consumer group may be in.
const STATES: [&str; 7] = [
    "Empty",
    "PreparingRebalance",
    "CompletingRebalance",
    "Assigning",
    "Reconciling",
    "Stable",
    "Dead",
];
/// Types of groups that this tool is about.
const TYPES: [&str; 2] = ["Consumer", "Classic"];

/// Consumer groups, in the order of Kafka's tool.
pub(super) async fn groups(
    admin: &Admin,
    states: Vec<String>,
    types: Vec<String>,
) -> Result<Vec<GroupListing>, Failure> {
    let types = if types.is_empty() { TYPES.map(str::to_owned).to_vec() } else { types };
    let protocol_types = vec![String::new(), "consumer".to_owned()];
    let filter = GroupsFilter { states, types, protocol_types };
    let (mut groups, errors) = admin.list_groups(&filter).await.map_err(Failure::wrapped)?;
    if let Some(error) = errors.into_iter().next() {
        return Err(Failure::wrapped(error));
    }
    sort_as_hash_map(&mut groups, |group| &group.group_id);
    Ok(groups)
}

/// Ids of all consumer groups, or of those that `--group` names.
pub(super) async fn chosen(admin: &Admin, options: &Options<'_>) -> Result<Vec<String>, Failure> {
    if options.has("all-groups") {
        let groups = groups(admin, Vec::new(), Vec::new()).await?;
        return Ok(groups.into_iter().map(|group| group.group_id).collect());
    }
    let mut chosen: Vec<String> = Vec::new();
    for group in options.texts("group") {
        if !chosen.contains(group) {
            chosen.push(group.clone());
        }
    }
    Ok(chosen)
}

/// Runs the action.
pub(super) async fn list(admin: &Admin, options: &Options<'_>) -> Result<(), Failure> {
    let (shows_type, shows_state) = (options.has("type"), options.has("state"));
    let states = filter(options, "state", &STATES, "state", "states")?;
    let types = filter(options, "type", &TYPES, "types", "types")?;
    let groups = groups(admin, states, types).await?;
    if !shows_type && !shows_state {
        for group in groups {
            output::line(group.group_id)?;
        }
        return Ok(());
    }
    let longest = groups.iter().map(|group| group.group_id.chars().count()).max().unwrap_or(0);
    let width = longest.max(15) + 10;
    let row = |group: &str, group_type: &str, state: &str| {
        let mut row = format!("{group:<width$}");
        for (shown, text) in [(shows_type, group_type), (shows_state, state)] {
            if shown {
                row.push_str(&format!(" {text:<20}"));
            }
        }
        row
    };
    output::line(row("GROUP", "TYPE", "STATE"))?;
    for group in groups {
        let group_type = spelled(&TYPES, &group.group_type);
        output::line(row(&group.group_id, group_type, spelled(&STATES, &group.state)))?;
    }
    Ok(())
}

/// A name in Kafka's spelling; brokers write some of them small.
fn spelled<'a>(names: &[&'a str], name: &str) -> &'a str {
    names.iter().find(|known| known.eq_ignore_ascii_case(name)).copied().unwrap_or("Unknown")
}

/// Names in the value of an option, in Kafka's spelling.
fn filter(
    options: &Options<'_>,
    option: &str,
    valid: &[&str],
    singular: &str,
    plural: &str,
) -> Result<Vec<String>, Failure> {
    let given = options.text(option).map_err(|stop| Failure::Usage(stop.err.trim().to_owned()))?;
    let Some(given) = given.filter(|given| !given.is_empty()) else { return Ok(Vec::new()) };
    let names = given.split(',').map(str::trim);
    let known = names.map(|name| valid.iter().find(|known| known.eq_ignore_ascii_case(name)));
    let known: Option<Vec<String>> =
        known.map(|name| name.map(|name| (*name).to_owned())).collect();
    known.ok_or_else(|| {
        Failure::Usage(format!(
            "Invalid {singular} list '{given}'. Valid {plural} are: {}",
            valid.join(", ")
        ))
    })
}
