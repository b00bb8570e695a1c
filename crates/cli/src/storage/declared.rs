//! Subcommands and arguments of `kafka-storage.sh`.

use ottla_terminal::options::{Argument, Command};

const RELEASES: &str = "The minimum is 3.3-IV3; the default is 4.3-IV0";

const MAPPING: &str = "Look up the corresponding features for a given metadata version. Using the \
                       command with no --release-version  argument will return the mapping for the \
                       latest stable metadata version";

const DEPENDENCIES: &str = "Look up dependencies for a given feature version. If the feature is not \
                            known or the version not yet defined, an error is thrown. Multiple features \
                            can be specified.";

pub(super) fn command() -> Command {
    let config =
        || Argument::new(&["--config", "-c"], "The Kafka configuration file to use.").required();
    let info = Command::new("info")
        .help("Get information about the Kafka log directories on this node.")
        .argument(config());
    let mapping = Command::new("version-mapping").help(MAPPING).argument(Argument::new(
        &["--release-version", "-r"],
        format!("The release version to use for the corresponding feature mapping. {RELEASES}"),
    ));
    let dependencies = Command::new("feature-dependencies").help(DEPENDENCIES).argument(
        Argument::new(
            &["--feature", "-f"],
            "The features and their versions to look up dependencies for, in feature=version format. \
             For example: `metadata.version=5`.",
        )
        .required()
        .append(),
    );
    Command::new("kafka-storage")
        .description("The Kafka storage tool.")
        .subcommand(info)
        .subcommand(format(config()))
        .subcommand(mapping)
        .subcommand(dependencies)
        .subcommand(Command::new("random-uuid").help("Print a random UUID."))
}

fn format(config: Argument) -> Command {
    let format = Command::new("format")
        .help("Format the Kafka log directories on this node.")
        .argument(config)
        .argument(Argument::new(&["--cluster-id", "-t"], "The cluster ID to use.").required())
        .argument(
            Argument::new(
                &["--add-scram", "-S"],
                "A SCRAM_CREDENTIAL to add to the __cluster_metadata log e.g.\n\
                 'SCRAM-SHA-256=[name=alice,password=alice-secret]'\n\
                 'SCRAM-SHA-512=[name=alice,iterations=8192,salt=\"N3E=\",saltedpassword=\"YCE=\"]'",
            )
            .append(),
        )
        .argument(
            Argument::new(
                &["--ignore-formatted", "-g"],
                "When this option is passed, the format command will skip over already formatted \
                 directories rather than failing.",
            )
            .flag(),
        )
        .argument(Argument::new(
            &["--release-version", "-r"],
            format!("The release version to use for the initial feature settings. {RELEASES}"),
        ))
        .argument(
            Argument::new(
                &["--feature", "-f"],
                "The setting to use for a specific feature, in feature=level format. For example: \
                 `kraft.version=1`.",
            )
            .append(),
        );
    format.exclusive(false, "", quorum())
}

fn quorum() -> [Argument; 3] {
    [
        Argument::new(
            &["--standalone", "-s"],
            "Used to initialize a controller as a single-node dynamic quorum. When setting this flag, \
             the controller.quorum.voters config must not be set, and \
             controller.quorum.bootstrap.servers is set instead.",
        )
        .flag(),
        Argument::new(
            &["--no-initial-controllers", "-N"],
            "Used to initialize a server without specifying a dynamic quorum. When setting this flag, \
             the controller.quorum.voters config should not be set, and \
             controller.quorum.bootstrap.servers is set instead.",
        )
        .flag(),
        Argument::new(
            &["--initial-controllers", "-I"],
            "Used to initialize a server with the specified dynamic quorum. The argument is a \
             comma-separated list of id@hostname:port:directory. The same values must be used to format \
             all nodes. For example:\n0@example.com:8082:JEXY6aqzQY-32P5TStzaFg,\
             1@example.com:8083:MvDxzVmcRsaTz33bUuRU6A,2@example.com:8084:07R5amHmR32VDA6jHkGbTA\n. When setting this flag, the controller.quorum.voters \
             config must not be set, and controller.quorum.bootstrap.servers is set instead.",
        ),
    ]
}
