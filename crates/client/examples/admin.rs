//! Looks at a cluster from all sides: `cargo run -p ottla-client --example admin -- 127.0.0.1:9092`.

use ottla_client::admin::{
    Admin, AlterConfigOp, ConfigAlteration, ConfigResource, ConfigResourceKind,
    CreateTopicsOptions, DescribeClusterOptions, DescribeConfigsOptions, GroupsFilter,
    IsolationLevel, NewPartitions, NewTopic, OffsetAndMetadata, OffsetSpec, TopicRef,
};
use ottla_client::{ClientConfig, Cluster, Error, TopicPartition};

#[tokio::main]
async fn main() -> Result<(), Error> {
    let bootstrap = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:9092".to_owned());
    let admin = Admin::new(Cluster::new(ClientConfig::new(&bootstrap))?);
    let cluster = admin.describe_cluster(DescribeClusterOptions::default()).await?;
    println!("cluster {} with {} nodes", cluster.cluster_id, cluster.nodes.len());
    for (node, versions) in admin.api_versions().await? {
        println!("{node} speaks {} APIs", versions?.versions.len());
    }
    println!("{:?}", admin.describe_features(None).await?);

    let name = format!("admin-example-{}", std::process::id());
    let topic = NewTopic { name: name.clone(), partitions: Some(2), ..NewTopic::default() };
    let options = CreateTopicsOptions::default();
    println!("create: {:?}", admin.create_topics(std::slice::from_ref(&topic), options).await?);
    println!("again: {:?}", admin.create_topics(&[topic], options).await?);
    let more = NewPartitions { topic: name.clone(), total: 3, assignments: None };
    println!("more: {:?}", admin.create_partitions(&[more], false).await?);

    let resource = ConfigResource { kind: ConfigResourceKind::Topic, name: name.clone() };
    let changes = vec![("retention.ms".to_owned(), AlterConfigOp::Set("12345".to_owned()))];
    let alteration = ConfigAlteration { resource: resource.clone(), changes };
    println!("alter: {:?}", admin.alter_configs(&[alteration], false).await?);
    let described = admin
        .describe_configs(std::slice::from_ref(&resource), &DescribeConfigsOptions::default())
        .await?;
    for (_, entries) in described {
        for entry in entries? {
            println!("  {}={:?} ({})", entry.name, entry.value, entry.source.name());
        }
    }
    let missing = TopicRef::Name("no-such-topic".to_owned());
    let topics = [TopicRef::Name(name.clone()), missing];
    println!("describe: {:#?}", admin.describe_topics(&topics, 2).await?);
    println!("topics: {:?}", admin.list_topics(true).await?);

    let partitions: Vec<_> = (0..3).map(|index| TopicPartition::new(&*name, index)).collect();
    let queries: Vec<_> = partitions.iter().map(|key| (key.clone(), OffsetSpec::Latest)).collect();
    println!("ends: {:?}", admin.list_offsets(&queries, IsolationLevel::ReadCommitted).await?);
    let before: Vec<_> = partitions.iter().map(|key| (key.clone(), -1)).collect();
    println!("delete records: {:?}", admin.delete_records(&before).await?);
    println!("producers: {:?}", admin.describe_producers(&partitions, None).await?);

    let offset = OffsetAndMetadata { offset: 0, ..OffsetAndMetadata::default() };
    let offsets = [(partitions[0].clone(), offset)];
    println!("commit: {:?}", admin.alter_group_offsets("admin-example", &offsets).await?);
    println!("committed: {:?}", admin.list_group_offsets("admin-example", None).await?);
    println!("groups: {:?}", admin.list_groups(&GroupsFilter::default()).await?);
    let groups = ["admin-example".to_owned(), "no-such-group".to_owned()];
    println!("describe groups: {:?}", admin.describe_groups(&groups).await?);
    println!(
        "delete offsets: {:?}",
        admin.delete_group_offsets("admin-example", &partitions[..1]).await?
    );
    println!("delete groups: {:?}", admin.delete_groups(&groups).await?);
    let brokers: Vec<i32> = cluster.nodes.iter().map(|known| known.node.id).collect();
    for (broker, directories) in admin.describe_log_dirs(&brokers, None).await? {
        for (path, directory) in directories? {
            println!("{broker}: {path} has {} replicas", directory?.replicas.len());
        }
    }
    println!("delete: {:?}", admin.delete_topics(&[TopicRef::Name(name)]).await?);
    admin.cluster().close().await;
    Ok(())
}
