//! `ottla broker-api-versions`: which requests each broker takes, as `kafka-broker-api-versions.sh` prints it.

use std::collections::BTreeMap;
use std::process::ExitCode;

use ottla_client::admin::{Admin, ApiVersionRange};
use ottla_terminal::connect;
use ottla_terminal::failure::Failure;
use ottla_terminal::options::{Parser, Stop, end};
use ottla_terminal::output;
use ottla_wire::ApiKey;
use ottla_wire::api::ListenerScope;

/// The last API that the tool of Kafka 4.3.1 knows: where a broker lacks a later one, that is no news.
const LAST_EXPECTED_API: i16 = 92;

/// Runs the verb.
pub fn run(arguments: &[String]) -> ExitCode {
    end(broker_api_versions(arguments))
}

fn broker_api_versions(arguments: &[String]) -> Result<(), Stop> {
    let mut parser = Parser::new();
    parser
        .value("command-config", "A property file containing configs to be passed to Admin Client.")
        .described_as("command config property file");
    parser
        .value("bootstrap-server", "REQUIRED: The server to connect to.")
        .described_as("server(s) to use for bootstrapping");
    let options = parser.parse(arguments)?;
    options.help_or_version("This tool helps to retrieve broker version information.")?;
    options.require(&["bootstrap-server"])?;
    let mut properties = match options.text("command-config")? {
        Some(path) => connect::properties_file(path)?,
        None => connect::Properties::new(),
    };
    // The tool does not wait for brokers as long as other clients do.
    for timeout in ["request.timeout.ms", "default.api.timeout.ms"] {
        properties.entry(timeout.to_owned()).or_insert_with(|| "5000".to_owned());
    }
    let servers = options.text("bootstrap-server")?;
    connect::block_on(async {
        let admin = connect::admin(servers, properties)?;
        print(&admin, servers.unwrap_or_default()).await
    })
}

async fn print(admin: &Admin, servers: &str) -> Result<(), Stop> {
    let brokers = admin.api_versions().await.map_err(|_| {
        let asked = servers.split(',').enumerate().map(|(at, server)| {
            format!("{} (id: -{} rack: null isFenced: false)", server.trim(), at + 1)
        });
        let asked: Vec<String> = asked.collect();
        Stop::refused(format!("Request METADATA failed on brokers [{}]", asked.join(", ")))
    })?;
    for (node, versions) in brokers {
        let rack = node.rack.as_deref().unwrap_or("null");
        let broker = format!("{} (id: {} rack: {rack} isFenced: false)", node.address(), node.id);
        match versions {
            Ok(versions) => output::line(format!("{broker} -> {}", table(&versions.versions)))?,
            Err(error) => {
                output::line(format!("{broker} -> ERROR: {}", Failure::from(error).message))?;
            }
        }
    }
    Ok(())
}

/// The APIs of a broker by key, those included that it lacks.
fn table(versions: &[ApiVersionRange]) -> String {
    let mut rows: BTreeMap<i16, String> = BTreeMap::new();
    for api in ApiKey::ALL.iter().copied() {
        if api.is_on(ListenerScope::Broker) && api.number() <= LAST_EXPECTED_API {
            rows.insert(api.number(), format!("{}({}): UNSUPPORTED", api.name(), api.number()));
        }
    }
    rows.extend(versions.iter().map(|range| (range.key, row(range))));
    let rows: Vec<String> = rows.into_values().collect();
    format!("(\n\t{}\n)", rows.join(",\n\t"))
}

fn row(range: &ApiVersionRange) -> String {
    let versions = match range.min == range.max {
        true => range.min.to_string(),
        false => format!("{} to {}", range.min, range.max),
    };
    let Some(api) = range.api() else { return format!("UNKNOWN({}): {versions}", range.key) };
    let usable = match range.usable {
        Some(version) => format!("usable: {version}"),
        None if *api.stable_versions().end() < range.min => "unusable: node too new".to_owned(),
        None => "unusable: node too old".to_owned(),
    };
    format!("{}({}): {versions} [{usable}]", api.name(), range.key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_tells_what_can_be_used() {
        let range = |key, min, max, usable| ApiVersionRange { key, min, max, usable };
        for (range, expected) in [
            (range(0, 0, 13, Some(13)), "Produce(0): 0 to 13 [usable: 13]"),
            (range(46, 0, 0, Some(0)), "ListPartitionReassignments(46): 0 [usable: 0]"),
            (range(1, 100, 101, None), "Fetch(1): 100 to 101 [unusable: node too new]"),
            (range(1, 0, 1, None), "Fetch(1): 0 to 1 [unusable: node too old]"),
            (range(30_000, 1, 2, None), "UNKNOWN(30000): 1 to 2"),
        ] {
            assert_eq!(row(&range), expected);
        }
        let table = table(&[range(0, 0, 13, Some(13))]);
        assert!(
            table.starts_with("(\n\tProduce(0): 0 to 13 [usable: 13],\n\tFetch(1): UNSUPPORTED,\n")
        );
        assert!(!table.contains("ControlledShutdown"), "{table}");
    }
}
