//! What our brokers tell of groups beyond Kafka's protocol, from a client's joining to the tool's table.

use std::process::Command;
use std::time::Duration;

use ottla_client::consumer::{Consumer, ConsumerConfig, OffsetReset};

use crate::consumer::{POLL, read};
use crate::node::Node;

fn config(node: &Node, client_id: &str) -> ConsumerConfig {
    let mut config = ConsumerConfig {
        offset_reset: OffsetReset::Earliest,
        heartbeat_interval: Duration::from_millis(100),
        ..ConsumerConfig::new(&node.address, Some("g"))
    };
    config.client.client_id = client_id.to_owned();
    config
}

fn describe(node: &Node, options: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ottla"));
    command.args(["consumer-groups", "--describe", "--group", "g", "--bootstrap-server"]);
    let output = command.arg(&node.address).args(options).output().expect("the binary starts");
    String::from_utf8(output.stdout).expect("text")
}

/// The lines of a table that hold `text`, in words.
fn rows<'a>(table: &'a str, text: &str) -> Vec<Vec<&'a str>> {
    let lines = table.lines().filter(|line| line.contains(text));
    lines.map(|line| line.split_whitespace().collect()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_group_tells_why_it_rebalanced_and_when_its_offsets_expire() {
    let node = Node::start();
    node.create("t", 1).await;
    node.write("t", 0, 0..10).await;
    let mut stays = Consumer::new(config(&node, "stays")).expect("valid");
    stays.subscribe(["t"]).await.expect("possible");
    assert_eq!(read(&mut stays, 10).await.len(), 10);
    stays.commit().await.expect("committed");
    node.write("t", 0, 10..13).await;
    let mut leaves = Consumer::new(config(&node, "leaves")).expect("valid");
    leaves.subscribe(["t"]).await.expect("possible");
    // Two members, one partition: once both have settled one of them has nothing.
    let patience = tokio::time::Instant::now() + POLL;
    while rows(&describe(&node, &["--rebalances"]), "completed").len() < 2 {
        assert!(tokio::time::Instant::now() < patience, "the group never settles");
        for consumer in [&mut stays, &mut leaves] {
            consumer.poll(Duration::from_millis(20)).await.expect("readable");
        }
    }
    leaves.close(POLL).await.expect("closed");
    let patience = tokio::time::Instant::now() + POLL;
    let table = loop {
        let table = describe(&node, &["--rebalances"]);
        if rows(&table, "completed").iter().any(|row| row.contains(&"member-left")) {
            break table;
        }
        assert!(tokio::time::Instant::now() < patience, "the group never settles:\n{table}");
        stays.poll(Duration::from_millis(20)).await.expect("readable");
    };
    let joined = rows(&table, "member-joined");
    assert!(joined.len() >= 2 && table.contains("stays/127.0.0.1"), "{table}");
    let left = rows(&table, "member-left").pop().expect("seen above");
    assert!(left.contains(&"leaves/127.0.0.1") && left.contains(&"1"), "{table}");

    stays.commit().await.expect("committed");
    let table = describe(&node, &["--expiry", "--rates"]);
    let row = rows(&table, " t ").pop().expect("a row");
    assert!(table.contains("RECORDS/S") && row[7..9] == ["in", "use"], "{table}");
    stays.close(POLL).await.expect("closed");
    let table = describe(&node, &["--offsets", "--expiry"]);
    let row = rows(&table, " t ").pop().expect("a row");
    assert!(row[6].ends_with('Z') && !table.contains("RECORDS/S"), "{table}");
    let table = describe(&node, &["--state", "--rates"]);
    assert!(table.contains("LAG") && table.contains("RECORDS/S"), "{table}");
    let plain = describe(&node, &["--offsets"]);
    assert!(!plain.contains("EXPIRES") && !plain.contains("RECORDS/S"), "{plain}");
}
