//! How topics lie in the cluster: DescribeTopicPartitions page by page, or Metadata from brokers without it.

use std::collections::BTreeSet;

use ottla_wire::messages::describe_topic_partitions_request::{Cursor, TopicRequest};
use ottla_wire::messages::describe_topic_partitions_response::{
    DescribeTopicPartitionsResponsePartition, DescribeTopicPartitionsResponseTopic,
};
use ottla_wire::messages::metadata_request::MetadataRequestTopic;
use ottla_wire::messages::metadata_response::MetadataResponseTopic;
use ottla_wire::messages::{DescribeTopicPartitionsRequest, MetadataRequest};
use ottla_wire::{Message, Uuid};

use super::routing::{in_order_of, told};
use super::{Admin, TopicRef};
use crate::cluster::{MetadataImage, Node, Target, Topics};
use crate::error::{ApiError, Error, PerItem};

/// A topic and its partitions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicDescription {
    /// Its name.
    pub name: String,
    /// Its id.
    pub topic_id: Uuid,
    /// Whether it is internal.
    pub is_internal: bool,
    /// Its partitions, by index.
    pub partitions: Vec<PartitionDescription>,
    /// Operations the caller may do, as Kafka's bit field; `None` when not asked for.
    pub authorized_operations: Option<i32>,
}

/// One partition and its replicas.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartitionDescription {
    /// Partition index.
    pub partition: i32,
    /// The leader, if there is one.
    pub leader: Option<Node>,
    /// The leader's epoch, -1 if unknown.
    pub leader_epoch: i32,
    /// All replicas, in order of preference.
    pub replicas: Vec<Node>,
    /// Replicas in sync.
    pub in_sync: Vec<Node>,
    /// Replicas on offline brokers or directories.
    pub offline: Vec<Node>,
    /// Eligible leader replicas (KIP-966); `None` where the broker does not tell.
    pub eligible_leaders: Option<Vec<Node>>,
    /// The last known ones (KIP-966).
    pub last_known_eligible_leaders: Option<Vec<Node>>,
}

impl Admin {
    /// Describes topics; `page_size` is `--partition-size-limit-per-response` (Kafka's default: 2000).
    ///
    /// Topics named by id are looked up with Metadata, which is the only API that takes ids.
    pub async fn describe_topics(
        &self,
        topics: &[TopicRef],
        page_size: i32,
    ) -> Result<PerItem<TopicRef, TopicDescription>, Error> {
        let by_name: Vec<String> = topics
            .iter()
            .filter_map(|topic| match topic {
                TopicRef::Name(name) => Some(name.clone()),
                TopicRef::Id(_) => None,
            })
            .collect();
        let by_id: Vec<&TopicRef> =
            topics.iter().filter(|topic| matches!(topic, TopicRef::Id(_))).collect();
        let mut results = Vec::new();
        if !by_name.is_empty() {
            match self.describe_in_pages(&by_name, page_size).await {
                Err(Error::UnsupportedVersion { .. }) => {
                    let names: Vec<TopicRef> = by_name.into_iter().map(TopicRef::Name).collect();
                    results.extend(
                        self.describe_by_metadata(&names.iter().collect::<Vec<_>>()).await?,
                    );
                }
                pages => results.extend(pages?),
            }
        }
        if !by_id.is_empty() {
            results.extend(self.describe_by_metadata(&by_id).await?);
        }
        Ok(in_order_of(topics.iter().cloned(), results))
    }

    async fn describe_in_pages(
        &self,
        names: &[String],
        page_size: i32,
    ) -> Result<PerItem<TopicRef, TopicDescription>, Error> {
        // The broker answers in order of name, and its cursor makes sense in that order only.
        let mut left: BTreeSet<String> = names.iter().cloned().collect();
        let nodes = self.cluster().refresh(Topics::None).await?;
        let mut results: PerItem<TopicRef, TopicDescription> = Vec::new();
        let mut cursor = None;
        while !left.is_empty() {
            let request = DescribeTopicPartitionsRequest {
                topics: left
                    .iter()
                    .map(|name| TopicRequest { name: name.clone(), ..TopicRequest::default() })
                    .collect(),
                response_partition_limit: page_size,
                cursor: cursor.take(),
                ..DescribeTopicPartitionsRequest::default()
            };
            let response = self.cluster().send(&Target::Any, &request).await?;
            for topic in response.topics {
                let name = topic.name.clone().unwrap_or_default();
                add_page(&mut results, name, topic, &nodes);
            }
            let Some(next) = response.next_cursor else { break };
            left = left.split_off(&next.topic_name);
            cursor = Some(Cursor {
                topic_name: next.topic_name,
                partition_index: next.partition_index,
                ..Cursor::default()
            });
        }
        Ok(results)
    }

    async fn describe_by_metadata(
        &self,
        topics: &[&TopicRef],
    ) -> Result<PerItem<TopicRef, TopicDescription>, Error> {
        let request = MetadataRequest {
            topics: Some(topics.iter().map(|topic| metadata_topic(topic)).collect()),
            allow_auto_topic_creation: false,
            ..MetadataRequest::default()
        };
        let by_id = topics.iter().any(|topic| matches!(topic, TopicRef::Id(_)));
        // Topic ids are understood from version 12 on; auto-creation can be declined from version 4 on.
        let least = if by_id { 12 } else { 4 };
        let build = |_| request.clone();
        let versions = least..=*<MetadataRequest as Message>::VERSIONS.end();
        let (response, _) = self.cluster().send_versioned(&Target::Any, versions, build).await?;
        let nodes = self.cluster().refresh(Topics::None).await?;
        let results = response.topics.into_iter().map(|topic| {
            let named =
                topic.name.clone().map(TopicRef::Name).filter(|name| topics.contains(&name));
            let key = named.unwrap_or(TopicRef::Id(topic.topic_id));
            let outcome = ApiError::check(topic.error_code, None);
            (key, outcome.map(|()| from_metadata(topic, &nodes)))
        });
        Ok(results.collect())
    }
}

fn add_page(
    results: &mut PerItem<TopicRef, TopicDescription>,
    name: String,
    page: DescribeTopicPartitionsResponseTopic,
    nodes: &MetadataImage,
) {
    let key = TopicRef::Name(name.clone());
    if let Err(refusal) = ApiError::check(page.error_code, None) {
        results.push((key, Err(refusal)));
        return;
    }
    let partitions = page.partitions.into_iter().map(|partition| paged(partition, nodes));
    match results.last_mut() {
        // A topic that is larger than a page goes on in the next one.
        Some((last, Ok(description))) if *last == key => description.partitions.extend(partitions),
        _ => results.push((
            key,
            Ok(TopicDescription {
                name,
                topic_id: page.topic_id,
                is_internal: page.is_internal,
                partitions: partitions.collect(),
                authorized_operations: told(page.topic_authorized_operations),
            }),
        )),
    }
}

fn paged(
    partition: DescribeTopicPartitionsResponsePartition,
    nodes: &MetadataImage,
) -> PartitionDescription {
    let named = |ids: Vec<i32>| ids.into_iter().map(|id| nodes.node(id)).collect::<Vec<_>>();
    PartitionDescription {
        partition: partition.partition_index,
        leader: Some(partition.leader_id).filter(|id| *id >= 0).map(|id| nodes.node(id)),
        leader_epoch: partition.leader_epoch,
        replicas: named(partition.replica_nodes),
        in_sync: named(partition.isr_nodes),
        offline: named(partition.offline_replicas),
        eligible_leaders: partition.eligible_leader_replicas.map(named),
        last_known_eligible_leaders: partition.last_known_elr.map(named),
    }
}

fn metadata_topic(topic: &TopicRef) -> MetadataRequestTopic {
    match topic {
        TopicRef::Name(name) => {
            MetadataRequestTopic { name: Some(name.clone()), ..MetadataRequestTopic::default() }
        }
        TopicRef::Id(topic_id) => MetadataRequestTopic {
            topic_id: *topic_id,
            name: None,
            ..MetadataRequestTopic::default()
        },
    }
}

fn from_metadata(topic: MetadataResponseTopic, nodes: &MetadataImage) -> TopicDescription {
    let named = |ids: Vec<i32>| ids.into_iter().map(|id| nodes.node(id)).collect::<Vec<_>>();
    let mut partitions: Vec<PartitionDescription> = topic
        .partitions
        .into_iter()
        .map(|partition| PartitionDescription {
            partition: partition.partition_index,
            leader: Some(partition.leader_id).filter(|id| *id >= 0).map(|id| nodes.node(id)),
            leader_epoch: partition.leader_epoch,
            replicas: named(partition.replica_nodes),
            in_sync: named(partition.isr_nodes),
            offline: named(partition.offline_replicas),
            eligible_leaders: None,
            last_known_eligible_leaders: None,
        })
        .collect();
    partitions.sort_by_key(|partition| partition.partition);
    TopicDescription {
        name: topic.name.unwrap_or_default(),
        topic_id: topic.topic_id,
        is_internal: topic.is_internal,
        partitions,
        authorized_operations: told(topic.topic_authorized_operations),
    }
}
