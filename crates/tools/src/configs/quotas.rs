//! Quotas of users, clients and addresses, and which SCRAM credentials a user has.

use std::collections::BTreeMap;

use ottla_client::admin::Admin;
use ottla_client::{ApiError, Target};
use ottla_terminal::output;
use ottla_wire::messages::alter_client_quotas_request::{
    EntityData as AlteredEntity, EntryData as Alteration, OpData,
};
use ottla_wire::messages::describe_client_quotas_request::ComponentData;
use ottla_wire::messages::describe_client_quotas_response::EntryData;
use ottla_wire::messages::describe_user_scram_credentials_request::UserName;
use ottla_wire::messages::{
    AlterClientQuotasRequest, DescribeClientQuotasRequest, DescribeUserScramCredentialsRequest,
};

use super::entity::{Entities, Kind};
use super::quota_names::{CLIENT, IP};
use super::trouble::Trouble;

/// How a filter matches an entity: this name, the default, or any name.
const EXACT: i8 = 0;
const DEFAULT: i8 = 1;
const ANY: i8 = 2;

/// `--describe` of users, clients or addresses.
pub(super) async fn describe(admin: &Admin, entities: &Entities) -> Result<(), Trouble> {
    for entry in quotas(admin, entities).await? {
        let values: Vec<String> =
            entry.values.iter().map(|value| format!("{}={:?}", value.key, value.value)).collect();
        let shown = shown(&entry);
        output::line(format_args!("Quota configs for {shown} are {}", values.join(", ")))?;
    }
    let about_users = entities.kinds == [Kind::Users];
    if about_users && !entities.names.iter().any(String::is_empty) {
        credentials(admin, &entities.names).await?;
    }
    Ok(())
}

async fn quotas(admin: &Admin, entities: &Entities) -> Result<Vec<EntryData>, Trouble> {
    if entities.names.len() > entities.kinds.len() {
        return Err(Trouble::Mistake("More entity names specified than entity types".to_owned()));
    }
    let component = |(at, kind): (usize, &Kind)| {
        let (match_type, name) = match entities.names.get(at) {
            None => (ANY, None),
            Some(name) if name.is_empty() => (DEFAULT, None),
            Some(name) => (EXACT, Some(name.clone())),
        };
        ComponentData {
            entity_type: entity_type(*kind).to_owned(),
            match_type,
            r#match: name,
            ..ComponentData::default()
        }
    };
    let request = DescribeClientQuotasRequest {
        components: entities.kinds.iter().enumerate().map(component).collect(),
        strict: true,
        ..DescribeClientQuotasRequest::default()
    };
    let response = admin.cluster().send(&Target::Any, &request).await?;
    ApiError::check(response.error_code, response.error_message)?;
    Ok(response.entries.unwrap_or_default())
}

fn entity_type(kind: Kind) -> &'static str {
    match kind {
        Kind::Users => "user",
        Kind::Clients => "client-id",
        _ => "ip",
    }
}

fn shown(entry: &EntryData) -> String {
    let parts = [("user", "user-principal"), ("client-id", "client-id"), ("ip", "ip")];
    let named = parts.iter().filter_map(|(kind, shown)| {
        let entity = entry.entity.iter().find(|entity| entity.entity_type == *kind)?;
        Some(match entity.entity_name.as_deref() {
            None | Some("") => format!("the default {shown}"),
            Some(name) => format!("{shown} '{name}'"),
        })
    });
    named.collect::<Vec<String>>().join(", ")
}

async fn credentials(admin: &Admin, users: &[String]) -> Result<(), Trouble> {
    let request = DescribeUserScramCredentialsRequest {
        users: (!users.is_empty()).then(|| {
            users
                .iter()
                .map(|name| UserName { name: name.clone(), ..UserName::default() })
                .collect()
        }),
        ..DescribeUserScramCredentialsRequest::default()
    };
    let response = admin.cluster().send(&Target::Any, &request).await?;
    ApiError::check(response.error_code, response.error_message)?;
    for result in response.results {
        // Who has none is no user of SCRAM.
        if result.error_code != 0 {
            continue;
        }
        let listed: Vec<String> = result
            .credential_infos
            .iter()
            .map(|info| format!("{}=iterations={}", mechanism(info.mechanism), info.iterations))
            .collect();
        output::line(format_args!(
            "SCRAM credential configs for user-principal '{}' are {}",
            result.user,
            listed.join(", ")
        ))?;
    }
    Ok(())
}

fn mechanism(id: i8) -> &'static str {
    match id {
        1 => "SCRAM-SHA-256",
        2 => "SCRAM-SHA-512",
        _ => "UNKNOWN",
    }
}

/// `--alter` of users, clients or addresses.
pub(super) async fn alter(
    admin: &Admin,
    entities: &Entities,
    added: &BTreeMap<String, String>,
    deleted: &[String],
) -> Result<(), Trouble> {
    check_keys(entities, added, deleted)?;
    let present: Vec<String> = quotas(admin, entities)
        .await?
        .into_iter()
        .next()
        .map(|entry| entry.values.into_iter().map(|value| value.key).collect())
        .unwrap_or_default();
    let absent: Vec<&str> =
        deleted.iter().filter(|key| !present.contains(key)).map(String::as_str).collect();
    if !absent.is_empty() {
        return Err(Trouble::Mistake(format!("Invalid config(s): {}", absent.join(","))));
    }
    let mut operations = Vec::new();
    for (key, value) in added {
        let parsed = value.parse().map_err(|_| {
            let what = "Cannot parse quota configuration value for";
            Trouble::Mistake(format!("{what} {key}: {value}"))
        })?;
        operations.push(OpData { key: key.clone(), value: parsed, ..OpData::default() });
    }
    operations.extend(deleted.iter().map(|key| OpData {
        key: key.clone(),
        remove: true,
        ..OpData::default()
    }));
    let entity = entities.kinds.iter().zip(&entities.names).map(|(kind, name)| AlteredEntity {
        entity_type: entity_type(*kind).to_owned(),
        entity_name: (!name.is_empty()).then(|| name.clone()),
        ..AlteredEntity::default()
    });
    let request = AlterClientQuotasRequest {
        entries: vec![Alteration {
            entity: entity.collect(),
            ops: operations,
            ..Alteration::default()
        }],
        validate_only: false,
        ..AlterClientQuotasRequest::default()
    };
    let response = admin.cluster().send(&Target::Controller, &request).await?;
    for entry in response.entries {
        ApiError::check(entry.error_code, entry.error_message)?;
    }
    Ok(())
}

fn check_keys(
    entities: &Entities,
    added: &BTreeMap<String, String>,
    deleted: &[String],
) -> Result<(), Trouble> {
    let about_addresses = entities.kinds == [Kind::Ips];
    let known: &[&str] = if about_addresses { &IP } else { &CLIENT };
    let unknown = |keys: &mut dyn Iterator<Item = &String>| -> Vec<String> {
        keys.filter(|key| !known.contains(&key.as_str())).cloned().collect()
    };
    let refuse = |what: &str, unknown: &[String]| {
        let about = if about_addresses { "connection quota" } else { "quota" };
        let kind = if about_addresses {
            "ips"
        } else if entities.kinds.contains(&Kind::Clients) {
            "clients"
        } else {
            "users"
        };
        let listed = if about_addresses {
            unknown.join(", ")
        } else {
            // As Scala shows a set.
            format!("Set({})", unknown.join(", "))
        };
        Trouble::Mistake(format!(
            "Only {about} configs can be {what} for '{kind}' using --bootstrap-server. Unexpected config \
             names: {listed}"
        ))
    };
    let wrong = unknown(&mut added.keys());
    if entities.kinds == [Kind::Users] && wrong.iter().any(|key| key.starts_with("SCRAM-")) {
        return Err(Trouble::Mistake(
            "error: SCRAM credentials need SASL, which this version does not serve\n  \
             hint: set quotas only"
                .to_owned(),
        ));
    }
    if !wrong.is_empty() {
        return Err(refuse("added", &wrong));
    }
    let wrong = unknown(&mut deleted.iter());
    if wrong.is_empty() { Ok(()) } else { Err(refuse("deleted", &wrong)) }
}
