//! Who leads a partition that was asked of the wrong broker, and where that leader listens (KIP-951).

use std::collections::BTreeMap;

use ottla_hosting::Partitions;
use ottla_metadata::MetadataImage;

/// A broker that clients can reach.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Node {
    pub id: i32,
    pub host: String,
    pub port: i32,
    pub rack: Option<String>,
}

/// Collects the leaders that a response names.
pub(super) struct Leaders<'a> {
    partitions: &'a Partitions,
    image: &'a MetadataImage,
    listener: &'a str,
    nodes: BTreeMap<i32, Node>,
}

impl<'a> Leaders<'a> {
    pub(super) fn new(
        partitions: &'a Partitions,
        image: &'a MetadataImage,
        listener: &'a str,
    ) -> Self {
        Self { partitions, image, listener, nodes: BTreeMap::new() }
    }

    /// The leader and its epoch; −1 where not known. Remembers where the leader listens.
    pub(super) fn leader(&mut self, topic: &str, index: i32) -> (i32, i32) {
        let hosted = self.partitions.get(topic, index).map(|partition| partition.leader());
        let leader = hosted.or_else(|| {
            let partition = self.image.topics.by_name(topic)?.partition(index)?;
            Some((partition.leader, partition.leader_epoch))
        });
        let (id, epoch) = leader.unwrap_or((-1, -1));
        if let Some(broker) = self.image.broker(id).filter(|broker| !broker.fenced)
            && let Some(endpoint) = broker.endpoint(self.listener)
        {
            let node = Node {
                id,
                host: endpoint.host.clone(),
                port: i32::from(endpoint.port),
                rack: broker.rack.clone(),
            };
            self.nodes.insert(id, node);
        }
        (id, epoch)
    }

    /// The nodes that were named, by id.
    pub(super) fn into_nodes(self) -> Vec<Node> {
        self.nodes.into_values().collect()
    }
}
