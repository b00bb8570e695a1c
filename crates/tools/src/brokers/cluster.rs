//! `ottla cluster`: the cluster's id and brokers, as `kafka-cluster.sh` shows them, and forgetting a broker.

use std::process::ExitCode;

use ottla_client::Error;
use ottla_client::admin::{Admin, ClusterNode, DescribeClusterOptions};
use ottla_terminal::connect;
use ottla_terminal::failure::Failure;
use ottla_terminal::options::{Argument, Arguments, Command, Stop, end};
use ottla_terminal::output;

/// Runs the verb.
pub fn run(arguments: &[String]) -> ExitCode {
    end(cluster(arguments))
}

fn cluster(arguments: &[String]) -> Result<(), Stop> {
    let command = command();
    let arguments = command.parse(arguments)?;
    let properties = properties(&arguments)?;
    if arguments.has("bootstrap-controller") {
        return Err(Stop::refused(
            "error: controllers can't be asked directly yet\n  hint: name a broker with --bootstrap-server",
        ));
    }
    connect::block_on(async {
        let admin = connect::admin(arguments.text("bootstrap-server"), properties)?;
        let outcome = match arguments.subcommand {
            Some("unregister") => unregister(&admin, arguments.number("id").unwrap_or(-1)).await,
            Some("list-endpoints") => {
                list_endpoints(&admin, arguments.has("include-fenced-brokers")).await
            }
            _ => cluster_id(&admin).await,
        };
        outcome.map_err(|failure| Stop::refused(failure.exception))
    })
}

fn command() -> Command {
    let subcommands = [
        ("cluster-id", "Get information about the ID of a cluster."),
        ("unregister", "Unregister a broker."),
        ("list-endpoints", "List endpoints"),
    ];
    let mut command = Command::new("kafka-cluster")
        .show_defaults()
        .help_code(1)
        .description("The Kafka cluster tool.");
    for (name, help) in subcommands {
        let mut subcommand = Command::new(name)
            .help_code(1)
            .help(help)
            .exclusive(true, "", [
                Argument::new(
                    &["--bootstrap-server", "-b"],
                    "A list of host/port pairs to use for establishing the connection to the Kafka cluster.",
                ),
                Argument::new(
                    &["--bootstrap-controller", "-C"],
                    "A list of host/port pairs to use for establishing the connection to the KRaft controllers.",
                ),
            ])
            .argument(Argument::new(
                &["--config"],
                "(DEPRECATED) A property file containing configurations for the Admin client. This option will be removed in a future version. Use --command-config instead.",
            ))
            .argument(Argument::new(
                &["--command-config", "-c"],
                "Config properties file for the Admin client.",
            ));
        if name == "unregister" {
            let id = Argument::new(&["--id", "-i"], "The ID of the broker to unregister.");
            subcommand = subcommand.argument(id.number::<i32>("Integer").required());
        }
        if name == "list-endpoints" {
            let help = "Whether to include fenced brokers when listing broker endpoints";
            let fenced = Argument::new(&["--include-fenced-brokers"], help).flag();
            subcommand = subcommand.argument(fenced);
        }
        command = command.subcommand(subcommand);
    }
    command
}

fn properties(arguments: &Arguments) -> Result<connect::Properties, Stop> {
    let path = match (arguments.text("config"), arguments.text("command-config")) {
        (Some(_), Some(_)) => {
            return Err(Stop::refused(
                "--config and --command-config cannot be specified together.",
            ));
        }
        (Some(old), None) => {
            output::line(
                "Option --config has been deprecated and will be removed in a future version. Use --command-config instead.",
            )?;
            Some(old)
        }
        (None, path) => path,
    };
    path.map_or_else(|| Ok(connect::Properties::new()), connect::properties_file)
}

async fn cluster_id(admin: &Admin) -> Result<(), Failure> {
    let cluster = admin.describe_cluster(DescribeClusterOptions::default()).await?;
    let told = match cluster.cluster_id.as_str() {
        "" => "No cluster ID found. The Kafka version is probably too old.".to_owned(),
        id => format!("Cluster ID: {id}"),
    };
    Ok(output::line(told)?)
}

async fn unregister(admin: &Admin, id: i32) -> Result<(), Failure> {
    match admin.unregister_broker(id).await {
        Ok(()) => Ok(output::line(format!("Broker {id} is no longer registered."))?),
        Err(error) => {
            if matches!(error, Error::UnsupportedVersion { .. }) {
                output::line("The target cluster does not support the broker unregistration API.")?;
            }
            Err(error.into())
        }
    }
}

async fn list_endpoints(admin: &Admin, include_fenced_brokers: bool) -> Result<(), Failure> {
    let options = DescribeClusterOptions { include_fenced_brokers };
    let cluster = admin.describe_cluster(options).await?;
    Ok(output::line(endpoints(&cluster.nodes))?)
}

fn endpoints(nodes: &[ClusterNode]) -> String {
    let widest =
        |lengths: &mut dyn Iterator<Item = usize>, none: usize| lengths.max().unwrap_or(none);
    let host_width = widest(&mut nodes.iter().map(|known| known.node.host.chars().count()), 100);
    let racks = nodes.iter().filter_map(|known| known.node.rack.as_deref());
    let rack_width = widest(&mut racks.map(|rack| rack.chars().count()), 10);
    let row = |[id, host, port, rack, state, kind]: [&str; 6]| {
        format!(
            "{id:<10} {host:<host_width$} {port:<10} {rack:<rack_width$} {state:<10} {kind:<15}"
        )
    };
    let mut rows = vec![row(["ID", "HOST", "PORT", "RACK", "STATE", "ENDPOINT_TYPE"])];
    for known in nodes {
        let node = &known.node;
        let state = if known.is_fenced { "fenced" } else { "unfenced" };
        let rack = node.rack.as_deref().unwrap_or("null");
        let (id, port) = (node.id.to_string(), node.port.to_string());
        rows.push(row([&id, &node.host, &port, rack, state, "broker"]));
    }
    rows.join("\n")
}

#[cfg(test)]
mod tests {
    use ottla_client::cluster::Node;

    use super::*;

    #[test]
    fn columns_are_as_wide_as_what_they_hold() {
        let node = |id, host: &str, rack: Option<&str>| Node {
            id,
            host: host.to_owned(),
            port: 31_092,
            rack: rack.map(str::to_owned),
        };
        let nodes = [
            ClusterNode { node: node(1, "127.0.0.1", None), is_fenced: false },
            ClusterNode { node: node(2, "h", Some("rack-b")), is_fenced: true },
        ];
        assert_eq!(
            endpoints(&nodes[..1]),
            "ID         HOST      PORT       RACK       STATE      ENDPOINT_TYPE  \n\
             1          127.0.0.1 31092      null       unfenced   broker         "
        );
        assert_eq!(
            endpoints(&nodes).lines().last(),
            Some("2          h         31092      rack-b fenced     broker         ")
        );
    }
}
