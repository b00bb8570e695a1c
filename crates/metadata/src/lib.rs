//! Pure. What is true of the cluster: the metadata image, its deltas and the table of configuration keys.
//!
//! # Layout
//! - [`image`]: every fact of the metadata log at one offset, immutable and cheap to share
//! - [`delta`]: one image, the records after it, and what they changed
//! - [`replayer`]: follows a log: batches and metadata transactions in, deltas out
//! - [`version`]: feature levels, and the record versions that each metadata.version writes
//! - [`topic_name`]: what a topic may be called
//! - [`config`]: the table of configuration keys
pub mod config;
pub mod delta;
pub mod image;
pub mod replayer;
pub mod topic_name;
pub mod version;

pub use delta::{Changes, MetadataDelta, TopicChange, TopicFate};
pub use image::{
    ApplyError, BrokerImage, ConfigResource, Endpoint, LeaderRecovery, MetadataImage, NO_LEADER,
    PartitionImage, Provenance, ResourceType, TopicImage, Topics, directory,
};
pub use replayer::Replayer;
pub use version::MetadataVersion;
