//! AlterReplicaLogDirs, and log directories that are cordoned.

use super::terms::text;
use crate::differ::book::Case;
use ottla_wire::messages::alter_replica_log_dirs_request::{
    AlterReplicaLogDir, AlterReplicaLogDirTopic,
};
use ottla_wire::messages::incremental_alter_configs_request::{
    AlterConfigsResource, AlterableConfig,
};
use ottla_wire::messages::{
    AlterReplicaLogDirsRequest, DescribeLogDirsRequest, IncrementalAlterConfigsRequest,
};

/// What stands for the server's one log directory, whose path differs from side to side.
const HERE: &str = "here";

pub fn cases() -> Vec<Case> {
    vec![moves(), cordoned()]
}

type Wanted = (&'static str, &'static str, &'static [i32]);

fn ask_moves(case: &mut Case, name: &str, wanted: &'static [Wanted]) {
    case.versions(name, move |known, _| {
        let directory = |(path, topic, partitions): &Wanted| AlterReplicaLogDir {
            path: if *path == HERE { known.text(HERE) } else { text(path) },
            topics: vec![AlterReplicaLogDirTopic {
                name: if *topic == "long" { "t".repeat(249) } else { text(topic) },
                partitions: partitions.to_vec(),
                ..Default::default()
            }],
            ..Default::default()
        };
        AlterReplicaLogDirsRequest {
            dirs: wanted.iter().map(directory).collect(),
            ..Default::default()
        }
    });
}

fn learn_directory(case: &mut Case) {
    case.ask(4, "where logs lie", |_| DescribeLogDirsRequest {
        topics: Some(Vec::new()),
        ..Default::default()
    })
    .learn(HERE, "results[0].logDir");
}

fn moves() -> Case {
    let mut case = Case::new("move a log");
    case.topic("moved", 2, &[]);
    learn_directory(&mut case);
    ask_moves(&mut case, "nothing", &[]);
    ask_moves(&mut case, "to where it is", &[(HERE, "moved", &[0])]);
    ask_moves(&mut case, "all partitions", &[(HERE, "moved", &[0, 1])]);
    ask_moves(&mut case, "no partitions", &[(HERE, "moved", &[])]);
    ask_moves(&mut case, "to nowhere", &[("/no/such/directory", "moved", &[0])]);
    ask_moves(&mut case, "to an empty path", &[("", "moved", &[0])]);
    ask_moves(&mut case, "to a relative path", &[("data", "moved", &[0])]);
    ask_moves(&mut case, "a partition that is not there", &[(HERE, "moved", &[2])]);
    ask_moves(&mut case, "a negative partition", &[(HERE, "moved", &[-1])]);
    ask_moves(&mut case, "a topic that is not there", &[(HERE, "not-there", &[0])]);
    ask_moves(&mut case, "a topic without a name", &[(HERE, "", &[0])]);
    ask_moves(&mut case, "a name too long for a copy", &[(HERE, "long", &[0])]);
    ask_moves(&mut case, "a name too long, to nowhere", &[("/nowhere", "long", &[0])]);
    ask_moves(&mut case, "twice", &[(HERE, "moved", &[0, 0])]);
    ask_moves(&mut case, "twice, last to nowhere", &[(HERE, "moved", &[0]), ("/x", "moved", &[0])]);
    ask_moves(
        &mut case,
        "twice, first to nowhere",
        &[("/x", "moved", &[0]), (HERE, "moved", &[0])],
    );
    case
}

fn cordon(case: &mut Case, name: &str, value: &'static str) {
    case.ask(1, name, move |known| {
        let value = if value == HERE { known.text(HERE) } else { text(value) };
        let config = AlterableConfig {
            name: text("cordoned.log.dirs"),
            value: Some(value),
            ..Default::default()
        };
        let resource = AlterConfigsResource {
            resource_type: 4,
            resource_name: text("1"),
            configs: vec![config],
            ..Default::default()
        };
        IncrementalAlterConfigsRequest { resources: vec![resource], ..Default::default() }
    });
}

/// Waits for both brokers: each hears of its own configuration a moment after the answer.
fn heard(case: &mut Case, cordoned: &str) {
    case.ask(5, "the brokers have heard", |_| DescribeLogDirsRequest {
        topics: Some(Vec::new()),
        ..Default::default()
    })
    .until("results[0].isCordoned", cordoned);
}

fn cordoned() -> Case {
    let mut case = Case::new("cordoned directories");
    case.topic("inside", 1, &[]);
    learn_directory(&mut case);
    cordon(&mut case, "the directory", HERE);
    heard(&mut case, "true");
    cordon(&mut case, "a directory that is not there", "/nowhere");
    cordon(&mut case, "two that are not there", "/nowhere,/elsewhere");
    cordon(&mut case, "all and more", "*,/nowhere");
    ask_moves(&mut case, "to nowhere", &[("/nowhere", "inside", &[0])]);
    ask_moves(&mut case, "nothing", &[]);
    ask_moves(&mut case, "to the cordoned one", &[(HERE, "inside", &[0])]);
    ask_moves(&mut case, "a stranger to the cordoned one", &[(HERE, "not-there", &[0])]);
    ask_moves(&mut case, "a long name to the cordoned one", &[(HERE, "long", &[0])]);
    cordon(&mut case, "all directories", "*");
    case.versions("what is told of the directories", |_, _| DescribeLogDirsRequest {
        topics: Some(Vec::new()),
        ..Default::default()
    });
    cordon(&mut case, "no directory", "");
    heard(&mut case, "false");
    case
}
